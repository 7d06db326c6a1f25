"""The board's site in Chromium, from files: sorted, filtered, opened and read, with keyboard and mouse, on a phone.

Skipped where no browser is installed: WGBENCH_CHROMIUM, or chromium, chromium-browser or google-chrome on the PATH.
"""

import json
import os
import shutil

import pytest
from committed import BOARD, committed

from wgbench.results import building
from wgbench.results.board import Board, Measured
from wgbench.site.board import build, numbers, words

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install '.[dev]'")

NAMES = ("chromium", "chromium-browser", "google-chrome")
PHONE, DESK = {"width": 390, "height": 780}, {"width": 1280, "height": 900}
DATASET = "colored-digits-v1/index.html"


@pytest.fixture(scope="module")
def browser():
    found = os.environ.get("WGBENCH_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip("no Chromium: install it, or name one in WGBENCH_CHROMIUM")
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


@pytest.fixture
def page(browser):
    """A page that must not complain, nor ask for anything but files."""
    context = browser.new_context(viewport=DESK)
    opened, wrong = context.new_page(), []
    opened.on("console", lambda message: wrong.append(message.text))
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("request", lambda request: request.url.startswith("file:") or wrong.append(request.url))
    yield opened
    context.close()
    assert wrong == []


@pytest.fixture(scope="module")
def rows(board):
    content = Board.model_validate_json((board / "colored-digits-v1.json").read_bytes())
    return {row.algorithm.name: row for row in content.rows if isinstance(row, Measured)}


def url(site, name, fragment=""):
    return (site / name).as_uri() + fragment


def shown(page):
    """Names of the algorithms in the table, from above, as far as they are visible."""
    names = page.locator("table.board tbody tr:visible th.name a").all_inner_texts()
    return [name.strip() for name in names]


def header(page, key):
    return page.locator(f"table.board th[data-key={key}]")


def ordered(rows, name, reverse):
    """Names by a score as the table should have them: those without it last, ties and those in the board's order."""
    known = [n for n, row in rows.items() if row.scores[name]]
    ranked = sorted(known, key=lambda n: rows[n].scores[name].mean, reverse=reverse)
    return ranked + [n for n in rows if n not in known]


def test_clicks_sort_with_missing_values_last_in_both_directions(page, site, rows):
    page.goto(url(site, DATASET))
    assert shown(page) == list(rows)
    assert rows["dfr"].scores["overfit_drop"] is None
    for reverse, direction in ((True, "descending"), (False, "ascending")):
        header(page, "overfit_drop").get_by_role("button").click()
        assert header(page, "overfit_drop").get_attribute("aria-sort") == direction
        assert shown(page) == ordered(rows, "overfit_drop", reverse)
    assert page.locator("th[aria-sort]:not([aria-sort=none])").count() == 1


def test_the_keyboard_sorts_too(page, site, rows):
    page.goto(url(site, DATASET))
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    button = header(page, "wga_early").get_by_role("button")
    button.focus()
    page.keyboard.press("Enter")
    assert shown(page) == ordered(rows, "wga_early", reverse=True)
    page.keyboard.press("Space")
    assert header(page, "wga_early").get_attribute("aria-sort") == "ascending"
    assert shown(page) == ordered(rows, "wga_early", reverse=False)


def test_filters_narrow_the_table_and_a_link_keeps_them(page, site, rows):
    page.goto(url(site, DATASET))
    page.get_by_label("Search").fill("GDRO")
    assert shown(page) == ["gdro"]
    assert page.get_by_role("status").inner_text() == f"1 of {len(rows)} rows shown"
    page.get_by_role("button", name="Reset").click()
    page.get_by_label("complete only").check()
    assert "chi2" not in shown(page)
    page.get_by_label("Verified at least to").select_option("full")
    header(page, "wga_selected").get_by_role("button").click()
    assert shown(page) == ["gdro"]
    kept = page.url
    assert kept.endswith("#level=3&complete=1&sort=wga_selected&dir=descending")
    page.goto(url(site, "index.html"))
    page.goto(kept)
    assert shown(page) == ["gdro"]
    assert header(page, "wga_selected").get_attribute("aria-sort") == "descending"
    page.goto(url(site, DATASET, "#needs=val+groups%2C+val+labels"))
    assert shown(page) == ["dfr"]
    page.goto(url(site, DATASET, "#q=nothing-of-that-name"))
    assert page.get_by_text("No row matches").is_visible()


def test_rows_of_one_algorithm_are_told_apart_by_their_loss(page, tmp_path):
    for loss in ("cross-entropy", "squared"):
        folder = committed("gdro", loss)
        shutil.copytree(folder, tmp_path / "board" / folder.relative_to(BOARD))
    building.write(tmp_path / "board", building.boards(building.placed(tmp_path / "board", {})))
    build(tmp_path / "board", tmp_path / "site")
    page.goto(url(tmp_path / "site", DATASET))
    names = page.locator("table.board tbody th.name")
    assert [" ".join(text.split()) for text in names.all_inner_texts()] == ["gdro", "gdro loss squared"]
    page.get_by_label("Loss").select_option("squared")
    assert page.get_by_role("status").inner_text() == "1 of 2 rows shown"
    assert page.url.endswith("#loss=squared")
    page.locator("table.board").get_by_role("link", name="gdro").click()
    assert page.locator("h1").inner_text() == "gdro, loss squared on colored-digits"


def test_the_table_and_an_entry_show_the_numbers_of_the_json(page, site, rows):
    page.goto(url(site, "index.html"))
    page.get_by_role("link", name="colored-digits").click()
    line = page.locator(f"tr[data-id='{rows['gdro'].id}']")
    columns = [column.key for column in words.COLUMNS]
    scores = rows["gdro"].scores
    for name in ("wga_early", "wga_selected", "wga_final", "overfit_drop", "wd_worst", "erm_excess_final"):
        cell = line.locator("th, td").nth(columns.index(name))
        assert float(cell.get_attribute("data-value")) == scores[name].mean
        assert cell.inner_text().startswith(numbers.shown(scores[name].mean, words.SCORES[name].unit))
    line.get_by_role("link", name="gdro").click()
    for name in ("wga_early", "wga_selected", "wga_final", "overfit_drop"):
        card = page.locator(f".card[data-score={name}]")
        assert float(card.get_attribute("data-value")) == scores[name].mean
        assert numbers.shown(scores[name].mean, words.SCORES[name].unit) in card.inner_text()
    for name, value in scores.items():
        cell = page.locator(f"tr[data-score={name}] td").first
        assert cell.inner_text().strip() == numbers.shown(value.mean if value else None, words.SCORES[name].unit)
    assert page.get_by_text(f"wgbench replay leaderboards/{rows['gdro'].path} --seed 2002", exact=True).count() == 1


def test_curves_are_read_with_the_keyboard_and_switched(page, site, rows):
    page.goto(url(site, f"colored-digits-v1/entry-{rows['gdro'].id}.html"))
    chart = page.locator("figure[data-chart=accuracy]")
    data = json.loads(page.locator("#curves").text_content())["accuracy"]
    plot = chart.get_by_role("slider")
    plot.focus()
    for key, epoch in (("Home", 1), ("ArrowRight", 2), ("PageUp", 12), ("End", 300), ("ArrowLeft", 299)):
        page.keyboard.press(key)
        assert plot.get_attribute("aria-valuenow") == str(epoch)
        assert chart.locator("caption").inner_text() == f"Epoch {epoch}"
        (test,) = (s["mean"] for s in data["series"] if (s["metric"], s["split"], s["wd"]) == (0, 2, 0))
        row = chart.locator("tbody tr", has_text="worst group, test")
        assert row.locator("td").first.inner_text() == f"{test[epoch - 1] / 100:.1f}"
        assert f"worst group, test {test[epoch - 1] / 100:.1f} %" in plot.get_attribute("aria-valuetext")
    drawn = chart.locator("path.line").count()
    chart.get_by_label("0.05").check()
    assert chart.locator("path.line").count() == 2 * drawn
    for box in chart.get_by_role("checkbox").all():
        box.uncheck()
    assert chart.locator("path.line").count() == 0
    plot.hover(position={"x": 60, "y": 60})
    assert plot.get_attribute("aria-valuetext").endswith("no curve is switched on")


@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
def test_no_page_is_wider_than_the_screen(page, site, viewport):
    page.set_viewport_size(viewport)
    for path in sorted(site.rglob("*.html")):
        page.goto(path.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"], path.name


def test_hostile_text_is_shown_and_does_nothing(page, site):
    for path in sorted(site.rglob("evil*/*.html"), reverse=True):  # the table, then the entry
        page.goto(path.as_uri())
        assert page.evaluate("typeof window.hacked") == "undefined"
        assert "<script>window.hacked = 1</script>" in page.locator("main").inner_text()
    assert page.locator("figure.chart legend").first.is_visible()  # the page's own script ran

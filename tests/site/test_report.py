"""The report: the numbers that entries state, text that stays text, nothing loaded from elsewhere."""

import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest
from committed import committed

from wgbench.cli.main import outcome
from wgbench.results import ground, stored
from wgbench.results.side_by_side import side_by_side
from wgbench.site.report import build, page
from wgbench.site.report.plates import of_ground

BOARD = Path(__file__).parents[2] / "leaderboards" / "results" / "colored-digits-v1" / "mlp"
DATA = "data:image/svg+xml,"
NASTY = '<script>alert("x")</script> & $\\frac{$'


@pytest.fixture(scope="module")
def entries():
    return [stored.load(committed(name)) for name in ("gdro", "erm")]


@pytest.fixture(scope="module")
def made(entries, tmp_path_factory):
    """A report of two committed entries, and what it holds."""
    out = tmp_path_factory.mktemp("report")
    return build(ground.grounds(entries), out, side_by_side([s.entry for s in entries]))


def edited(found, **changes):
    return stored.Stored(found.entry.model_copy(update=changes), found.folder)


def words(entries, paper=()):
    """The page without its figures, which take their time."""
    grounds = ground.grounds(entries)
    return page.html(grounds, [([], [[] for _ in g.entries]) for g in grounds], paper).decode()


class Tags(HTMLParser):
    """Every tag with its attributes."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def table_rows(text):
    """Cells of every table row, as text."""
    rows = re.findall(r"<tr>(.*?)</tr>", text, re.S)
    return [
        [unescape(re.sub(r"<[^>]+>", "", c)).strip() for c in re.findall(r"<t[hd].*?</t[hd]>", r, re.S)] for r in rows
    ]


def test_the_tables_hold_what_the_entries_state(made, entries):
    rows = table_rows(made.read_text(encoding="utf-8"))
    gdro = entries[0].entry.scores
    (summary,) = [r for r in rows if r[0] == "gdro" and len(r) == 10]
    half = (gdro.wga_final.high - gdro.wga_final.low) / 2
    assert summary[3] == f"{100 * gdro.wga_final.mean:.1f} \u00b1 {100 * half:.1f}" == "70.9 \u00b1 1.6"
    assert summary[4] == "13.0 \u00b1 1.7"
    assert summary[5] == "+7.1 \u00b1 2.9"
    assert summary[8:] == ["0 of 4", "5"]
    (groups,) = [r for r in rows if r[0] == "gdro" and len(r) == 5]
    counts = [
        entries[0].counts(s, 0.0)[1, e, "test"][1] for s in entries[0].entry.protocol.seeds for e in range(291, 301)
    ]
    assert groups[2].startswith(f"{100 * sum(counts) / len(counts) / 153:.1f} \u00b1")


def test_command_environment_and_cost_are_there(made, entries):
    text = unescape(made.read_text(encoding="utf-8"))
    for found in entries:
        assert f"<code>{found.entry.command}</code>" in text
        assert found.entry.environment["revision"] in text
        cost = found.entry.cost
        assert f"{cost.seconds / 60:.1f} min on {cost.device}; {cost.images_per_second:,.0f} examples a second" in text
    assert "24 of 24 cells were not run" in text


def test_figures_lie_beside_the_page_and_in_it(made):
    folder = made.parent / "figures"
    names = sorted(p.stem for p in folder.rglob("*.png"))
    assert names == sorted(p.stem for p in folder.rglob("*.svg"))
    assert {
        "accuracy",
        "early-selected-final",
        "groups",
        "robustness",
        f"gdro-{committed('gdro').name[:6]}-weights",
    } <= set(names)
    images = [a for tag, a in Tags(made.read_text(encoding="utf-8")).found if tag == "img"]
    assert len(images) == len(names)
    assert all(len(a["alt"]) > 20 for a in images)


def test_nothing_is_loaded_from_elsewhere(made):
    text = made.read_text(encoding="utf-8")
    for tag, attributes in Tags(text).found:
        assert tag not in ("script", "link", "iframe", "object", "embed", "base", "form")
        assert attributes.get("src", DATA).startswith(DATA)
        assert attributes.get("href", "#").startswith("#")
        assert not any(name.startswith("on") for name in attributes)
    style = re.search(r"<style>(.*?)</style>", text, re.S).group(1)
    assert "url(" not in style
    assert "@import" not in style
    assert "default-src 'none'; img-src data:; style-src 'sha256-" in unescape(text)


def test_tables_have_headers_and_figures_captions(made):
    tags = [tag for tag, _ in Tags(made.read_text(encoding="utf-8")).found]
    assert tags.count("figure") == tags.count("figcaption") == tags.count("img")
    headers = [a for tag, a in Tags(made.read_text(encoding="utf-8")).found if tag == "th"]
    assert headers
    assert all(a["scope"] in ("row", "col") for a in headers)


def test_every_link_leads_somewhere(made):
    found = Tags(made.read_text(encoding="utf-8")).found
    ids = [a["id"] for _, a in found if "id" in a]
    assert len(ids) == len(set(ids))
    assert {a["href"][1:] for tag, a in found if tag == "a"} <= set(ids)


def test_what_entries_say_is_text(entries):
    one = entries[0].entry
    nasty = edited(
        entries[0],
        note=NASTY,
        submitter=NASTY,
        command=NASTY,
        partial=(NASTY,),
        algorithm=one.algorithm.model_copy(update={"name": NASTY, "options": {NASTY: NASTY}}),
        dataset=one.dataset.model_copy(update={"name": NASTY, "group_names": (NASTY, "b", "c", "d")}),
        environment={NASTY: {NASTY: NASTY}},
    )
    text = words([nasty])
    assert "<script" not in text
    assert text.count("&lt;script&gt;") >= 10
    assert all("<" not in plate.name for plate in of_ground(ground.Ground("t", (nasty, entries[1]))))


def test_partial_entries_and_differences_are_said_loudly(entries):
    recipe = entries[0].entry.recipe.model_copy(update={"lr": 0.01})
    text = words([edited(entries[0], partial=("1 of 5 seeds",), recipe=recipe), entries[1]])
    assert "Partial: 1 of 2 entries lack a part of the protocol." in text
    assert "<li>gdro (partial): 1 of 5 seeds</li>" in text
    assert '<span class="badge">partial</span>' in text
    assert ["recipe.lr", "0.01: gdro (partial)0.02: erm"] in table_rows(text)


def test_only_one_ground_is_compared_in_one_figure(entries):
    other = entries[1].entry.backbone.model_copy(update={"name": "cnn"})
    text = words([entries[0], edited(entries[1], backbone=other)])
    assert text.count("<h3>Scores</h3>") == 2
    assert "There is one entry." in text


def test_the_paper_beside_entries_of_its_dataset(entries):
    dataset = entries[0].entry.dataset.model_copy(update={"name": "waterbirds"})
    changed = edited(entries[0], dataset=dataset)
    text = words([changed], side_by_side([changed.entry]))
    found = [r for r in table_rows(text) if r[:3] == ["waterbirds", "0", "gdro"]]
    train, worst = ["100.0 \u00b1 0.0", "100.0 \u00b1 0.0", "0.0 [0.0, 0.0]"], ["64.5 \u00b1 1.6", "70.9 \u00b1 1.6"]
    assert found == [["waterbirds", "0", "gdro", *train, *worst, "+6.4 [+4.5, +8.3]"]]
    assert "Not the paper&#39;s setting" in text or "Not the paper's setting" in text
    assert "backbone mlp instead of timm:resnet18.tv_in1k; epochs 300 instead of 500" in text
    assert "20 of 24 cells were not run" in text
    assert "0.001 (inferred)" in text


def test_the_same_entries_give_the_same_bytes(entries, tmp_path):
    for name in ("a", "b"):
        build(ground.grounds(entries[1:]), tmp_path / name)
    files = sorted(p.relative_to(tmp_path / "a") for p in (tmp_path / "a").rglob("*") if p.is_file())
    assert len(files) == 9  # four figures, twice, and the page
    assert all((tmp_path / "a" / f).read_bytes() == (tmp_path / "b" / f).read_bytes() for f in files)


def test_the_verb_shows_the_summary_and_says_where_the_page_is(tmp_path, capsys, monkeypatch, entries):
    monkeypatch.setenv("COLUMNS", "200")
    out = tmp_path / "here"
    assert outcome(["report", str(entries[1].folder), "--against", "paper", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert re.search(r"^erm +43\.0 \u00b1 1\.2 +60\.3 \u00b1 3\.6 +63\.7 \u00b1 1\.9 ", said, re.M)
    assert "NOT RUN 24 of 24" in said
    assert "not run" not in said, "what the paper alone has is on the page"
    assert "96.5" in (out / "report.html").read_text(encoding="utf-8")
    assert f"erm: {entries[1].folder}\n" in said
    assert said.strip().endswith(f"report: {out / 'report.html'}")
    assert (out / "report.html").is_file()


def test_a_folder_without_entries_is_one_line(tmp_path, capsys):
    assert outcome(["report", str(tmp_path)]) == 2
    assert "there are none; give an entry's folder" in capsys.readouterr().err

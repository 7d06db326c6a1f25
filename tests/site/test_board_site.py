"""The board's site as files: numbers of the JSON, text that stays text, the same bytes again."""

import base64
import hashlib
import json
import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from committed import committed
from made_entries import rewritten

from wgbench.cli.main import outcome
from wgbench.errors import BadEntry, StoreFailed
from wgbench.results import building, schema, stored
from wgbench.results.board import SCORES as BOARD_SCORES
from wgbench.results.board import Board, Measured, Value
from wgbench.site.board import build, curves, entry, html, numbers, pages, rows, words

SMALL = 500_000  # bytes of a page


class Seen(HTMLParser):
    """Elements with their attributes, scripts, and all text."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.scripts, self.text = [], [], ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data):
        if self.cdata_elem == "script":
            self.scripts[-1] += data
        else:
            self.text += data


def parsed(path):
    return Seen(path.read_text(encoding="utf-8"))


def files(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def board_of(where, pattern):
    (path,) = where.glob(f"{pattern}.json")
    return Board.model_validate_json(path.read_bytes())


def measured(where, pattern="colored-digits-v1"):
    return [row for row in board_of(where, pattern).rows if isinstance(row, Measured)]


def entry_of(where, name):
    (row,) = (r for r in measured(where) if r.algorithm.name == name)
    return row, stored.load(where / row.path)


def test_the_same_board_gives_the_same_bytes(board, site, tmp_path):
    build(board, tmp_path / "again")
    assert files(tmp_path / "again") == files(site)


def test_pages_have_plain_names_and_stay_small(site):
    for name, content in files(site).items():
        assert re.fullmatch(r"([a-z0-9._-]+/)?[a-z0-9._-]+\.(html|json)", name)
        assert len(content) < SMALL


def test_a_table_shows_the_numbers_of_the_json(board, site):
    page = parsed(site / "colored-digits-v1" / "index.html")
    values = {attrs["data-value"] for tag, attrs in page.tags if tag == "td" and "data-value" in attrs}
    for row in measured(board):
        for name in ("wga_early", "wga_selected", "wga_final", "overfit_drop", "wd_worst", "erm_excess_final"):
            if value := row.scores[name]:
                assert json.dumps(value.mean) in values
                assert numbers.shown(value.mean, words.SCORES[name].unit) in page.text


def test_reported_rows_are_apart_and_have_no_rank(site):
    page = parsed(site / "waterbirds-v1" / "index.html")
    kinds = [attrs["data-kind"] for tag, attrs in page.tags if tag == "tr" and "data-kind" in attrs]
    assert set(kinds) == {"reported"}
    assert "Never ranked" in page.text
    assert "No entry yet" in page.text
    assert "67.6 ± 1.1" in page.text  # importance weighting without weight decay


def test_hostile_text_is_text_on_every_page(board, site):
    (row,) = measured(board, "evil*")
    found = [path for path in site.rglob("*.html") if "hacked" in path.read_text(encoding="utf-8")]
    assert len(found) == 3  # index, dataset, entry
    for path in found:
        page = parsed(path)
        assert row.algorithm.name in page.text
        assert "{{ 7 * 7 }}" in page.text
        assert not [tag for tag, _ in page.tags if tag in ("img", "b", "iframe", "link")]
        assert not [key for _, attrs in page.tags for key in attrs if key.startswith("on") or key == "style"]
        assert not [script for script in page.scripts if "hacked" in script and not script.startswith("{")]
    (about,) = (parsed(path) for path in found if path.name.startswith("entry-"))
    assert row.note in about.text
    assert row.submitter in about.text
    assert row.command.replace("\u2028", r"\u2028").replace("\u202e", r"\u202e") in about.text
    assert len(about.scripts) == 2
    data = json.loads(about.scripts[0])
    assert tuple(data["groups"]["facets"][0]["options"]) == board_of(board, "evil*").dataset.group_names


def test_json_in_a_page_cannot_end_its_element():
    data = {"x": "</script><!--<script>\u2028\u2029&"}
    text = str(html.embedded(data))
    assert not set(text) & set("<>&\u2028\u2029")
    assert json.loads(text) == data


def test_the_policy_allows_the_script_and_style_of_the_page_and_nothing_else(site):
    for path in site.rglob("*.html"):
        page = parsed(path)
        (policy,) = (attrs["content"] for _, attrs in page.tags if attrs.get("http-equiv"))
        directives = dict(part.split(" ", 1) for part in policy.split("; "))
        code = [script for script in page.scripts if not script.startswith("{")]
        named = [f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in code]
        assert directives["default-src"] == "'none'"
        assert directives["script-src"].split() == (named or ["'none'"])
        assert "unsafe" not in policy
        assert not [v for _, attrs in page.tags for v in attrs.values() if v and re.match(r"(https?:)?//", v)]


def test_every_link_leads_to_a_page_of_the_site(site):
    for path in site.rglob("*.html"):
        for _, attrs in parsed(path).tags:
            if (href := attrs.get("href")) and not href.startswith("#"):
                assert (path.parent / href).resolve().is_relative_to(site.resolve())
                assert (path.parent / href).is_file()


def test_a_second_build_takes_away_what_is_no_longer_there(board, tmp_path):
    smaller, out = tmp_path / "board", tmp_path / "site"
    smaller.mkdir()
    for path in board.glob("[!e]*.json"):
        (smaller / path.name).write_bytes(path.read_bytes())
    (smaller / "results").symlink_to(board / "results")
    build(board, out)
    (evil,) = out.glob("evil*")
    build(smaller, out)
    assert not evil.exists()
    assert (out / "colored-digits-v1" / "index.html").is_file()


def test_a_folder_with_something_else_is_left_alone(board, tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(StoreFailed, match=r"holds no site\.json .* give a folder of its own"):
        build(board, tmp_path)
    assert files(tmp_path) == {"thesis.tex": b"x"}


def test_a_path_that_leads_out_of_the_board_is_refused(board, tmp_path):
    content = json.loads((board / "colored-digits-v1.json").read_text())
    content["rows"][0]["path"] = "../../secrets"
    (tmp_path / "board").mkdir()
    (tmp_path / "board" / "x-v1.json").write_text(json.dumps(content))
    with pytest.raises(BadEntry, match="leads out of the board"):
        build(tmp_path / "board", tmp_path / "site")


def test_a_folder_without_boards_says_what_to_run(tmp_path):
    with pytest.raises(BadEntry, match="run `wgbench leaderboard build`"):
        pages.read(tmp_path)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.70888, "share", "70.9"),
        (0.0, "share", "0.0"),
        (-0.0004, "difference", "0.0"),
        (0.0714, "difference", "+7.1"),
        (-0.035, "loss", "\N{MINUS SIGN}3.5"),
        (33.4, "epoch", "33.4"),
        (12.0, "epoch", "12"),
        (None, "share", "\N{EN DASH}"),
    ],
)
def test_numbers(value, unit, text):
    assert numbers.shown(value, unit) == text


@pytest.mark.parametrize(("seconds", "text"), [(4.2, "4 s"), (73.2, "1.2 min"), (5400, "1.5 h"), (200_000, "2.3 d")])
def test_durations(seconds, text):
    assert numbers.duration(seconds) == text


def test_a_command_shows_signs_that_turn_its_direction():
    assert numbers.plain("run \u202ex\nrm é") == r"run \u202ex\u000arm é"


def test_an_interval_that_begins_at_zero_is_drawn_from_there():
    assert rows.bar(Value(mean=0.2, low=0.0, high=1.3, n=5)) == (0.2, 0.0, 1.0)
    assert rows.bar(Value(mean=0.2, n=1)) == (0.2, 0.2, 0.2)


def test_bins_keep_the_first_epochs_and_cover_all():
    epochs = np.arange(1, 1001)
    found = curves.bins(epochs, 150)
    assert len(found) == 150
    assert [part.tolist() for part in found[: curves.EXACT]] == [[e] for e in range(1, curves.EXACT + 1)]
    assert np.concatenate(found).tolist() == epochs.tolist()
    assert [part.tolist() for part in curves.bins(np.array([3, 9]), 150)] == [[3], [9]]


def test_thinned_curves_are_means_over_seeds_and_epochs_with_their_range():
    values = np.array([[0.5, 0.25, 0.75, np.nan], [0.75, 0.75, 0.25, np.nan]])
    found = curves.thinned(values, [np.array([1]), np.array([2, 3]), np.array([4])])
    assert found == {"mean": [6250, 5000, None], "low": [5000, 2500, None], "high": [7500, 7500, None]}
    assert curves.thinned(values[:1], [np.array([1])]) == {"mean": [5000]}


def test_charts_follow_from_the_stored_curves(board):
    row, kept = entry_of(board, "gdro")
    chart = curves.charts(kept)["accuracy"]
    (series,) = (s for s in chart["series"] if (s["metric"], s["split"], s["wd"]) == (0, 2, 0))
    worst = np.array([kept.curves[seed, 0.0].test.worst_group_acc for seed in row.seeds])
    assert series["mean"] == pytest.approx(10_000 * worst.mean(axis=0), abs=0.51)
    assert series["high"] == pytest.approx(10_000 * worst.max(axis=0), abs=0.51)
    assert [(w["from"], w["to"]) for w in chart["windows"]] == [(11, 20), (291, 300)]


def test_epochs_that_were_not_scored_are_not_drawn(board):
    chart = curves.charts(entry_of(board, "dfr")[1])["accuracy"]
    assert chart["last"] == [*range(11, 21), *range(291, 301)]
    assert all(None not in series["mean"] for series in chart["series"])


def test_runs_that_diverged_at_once_are_zero_from_the_first_epoch(tmp_path):
    def diverged(content):
        content["cells"] = [{**cell, "diverged_at": 1} for cell in content["cells"]]

    folder = tmp_path / "results" / "colored-digits-v1" / "mlp" / "iw" / "0000000000000000"
    rewritten(committed("iw"), folder, diverged)
    pq.write_table(pa.table({}), folder / schema.CURVES)
    found = curves.charts(stored.load(folder))
    assert all(set(series["mean"]) == {0} for series in found["accuracy"]["series"])
    assert {line.final.mean for line in entry.group_lines(stored.load(folder))} == {0.0}
    building.write(tmp_path, building.boards(building.placed(tmp_path, {})))
    build(tmp_path, tmp_path / "site")
    (page,) = (tmp_path / "site").rglob("entry-*.html")
    assert "diverged at epoch 1" in parsed(page).text
    assert "Weight per group" not in parsed(page).text


@pytest.mark.filterwarnings("error")
def test_groups_have_no_value_where_a_window_does_not_fit(board):
    held = entry_of(board, "gdro")[1]
    protocol = held.entry.protocol.model_copy(update={"early": (400, 500), "last": 400})
    lines = entry.group_lines(stored.Stored(held.entry.model_copy(update={"protocol": protocol}), held.folder))
    assert len(lines) == len(held.entry.dataset.group_names)
    assert {(line.early, line.final) for line in lines} == {(None, None)}


def test_rows_that_differ_in_an_option_say_which(board):
    row, _ = entry_of(board, "gdro")
    told = row.model_copy(update={"label": "gdro, loss vs, nu 0.1", "apart": ("loss vs", "nu 0.1")})
    line = rows.Line(told, (), "", "")
    assert line.variant == "loss vs, nu 0.1"
    assert rows.Line(row, (), "", "").variant == ""


def test_a_partial_row_names_what_was_narrowed(board):
    row, _ = entry_of(board, "gdro")
    partial = ("seeds 2002 instead of 2002,2022", "weight decays 0 instead of 0,0.1", "no ERM baseline")
    line = rows.Line(row.model_copy(update={"partial": partial}), (), "", "")
    assert (line.badge, line.lacks) == ("partial", "seeds, weight decays, no ERM baseline")


@pytest.mark.parametrize(
    ("partial", "apart", "badge"),
    [
        ((), (), ""),
        (("loss vs instead of cross-entropy",), ("loss vs",), ""),
        (("lr 0.1 instead of 0.02",), (), "other lr"),
        (("lr 0.1 instead of 0.02",), ("lr 0.1",), ""),
    ],
)
def test_a_row_of_other_settings_is_not_called_partial(board, partial, apart, badge):
    row, _ = entry_of(board, "gdro")
    line = rows.Line(row.model_copy(update={"partial": partial, "apart": apart}), (), "", "")
    assert (line.badge, line.lacks) == (badge, "")


def test_the_overview_has_the_end_of_each_rows_own_erm(board):
    gdro, erm = (entry_of(board, name)[0] for name in ("gdro", "erm"))
    scores = gdro.scores | {"erm_excess_final": None}
    alone = gdro.model_copy(update={"id": "a" * 16, "baseline": None, "scores": scores})
    lines = [rows.Line(row, (), "", "") for row in (gdro, erm, alone)]
    end = erm.scores["wga_final"].mean
    assert [kept.erm for kept in rows.overview(lines)] == [pytest.approx(end), end, None]


def test_an_entrys_page_lists_departures_by_their_kind(board):
    partial = ("weight decays 0 instead of 0,0.1", "lr 0.1 instead of 0.2", "dataset.examples 5 instead of 8")
    assert entry.departures(partial) == [
        ("Run in part", ["weight decays 0 instead of 0,0.1"]),
        ("Data", ["dataset.examples 5 instead of 8"]),
        ("Other settings", ["lr 0.1 instead of 0.2"]),
    ]


def test_the_site_has_words_for_every_score():
    assert set(words.SCORES) == set(BOARD_SCORES)


def test_the_verb_builds_the_site_of_a_board(board, tmp_path, capsys):
    shutil.copytree(board / "results" / "colored-digits-v1", tmp_path / "board" / "results" / "colored-digits-v1")
    out = tmp_path / "site"
    assert outcome(["leaderboard", "build", "--board", str(tmp_path / "board"), "--out", str(out)]) == 0
    assert f"built {out / 'index.html'}" in capsys.readouterr().out
    assert {path.name for path in out.iterdir() if path.is_dir()} >= {"colored-digits-v1", "waterbirds-v1"}

"""A suite run as one queue: what is shared, resumed, skipped, refused; and how far it says it is."""

import itertools
import json
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass

import pytest
from typer.testing import CliRunner

from wgbench import algorithms, protocol, runs, suite_status
from wgbench.algorithms.base import Algorithm
from wgbench.checks.toy import Interrupted
from wgbench.cli import standing
from wgbench.cli.main import app, outcome
from wgbench.cli.values import parsed
from wgbench.drafting import foreseen, needed
from wgbench.errors import AlgorithmFailed, SuiteFailed, UnknownName
from wgbench.launch import work
from wgbench.launch.speed import Speeds, brief, longest_first, reached
from wgbench.request import Observer, Request
from wgbench.results.schema import read
from wgbench.suite_plans import FILE, Plans
from wgbench.suite_status import standings

SUITE = """
title: toy
entries:
  - datasets: [toy]
    epochs: 22
    seeds: [1, 2]
    variants:
      - {algorithms: [iw], weight_decays: [0]}
      - {algorithms: [gdro], weight_decays: [0, 0.1], label: weight decay}
      - {algorithms: [erm], weight_decays: [0]}
"""
CELLS = 2 + 4 + 2  # of iw, gdro, erm: shared with their baselines


@dataclass(frozen=True)
class Doomed(Algorithm):
    """Cannot be trained."""

    def run(self, fit, data):
        raise AlgorithmFailed("algorithm doomed", "no luck", "take another")


@pytest.fixture
def doomed():
    algorithms.register("doomed", Doomed)
    yield
    algorithms.registry._registered.pop("doomed")


class Watching(Observer):
    """Keeps what it is told; stops training after some epochs."""

    def __init__(self, after=10**9):
        self.after, self.epochs, self.todo, self.refusals, self.entries = after, 0, None, [], []

    def planned(self, cells, todo):
        self.todo = [c.id for c in todo]

    def progress(self, progress):
        self.epochs += 1
        if self.epochs == self.after:
            raise Interrupted

    def refused(self, request, problem):
        self.refusals.append((request.algorithm, str(problem)))

    def concluded(self, request, result):
        self.entries.append(request.algorithm)


def request(algorithm, store, **changes):
    given = {"seeds": (1, 2), "weight_decays": (0.0,), "epochs": 22, "jobs": 1, "checkpoint_every": 0.0}
    return Request(algorithm, "toy", store=store, **{**given, **changes})


def three(store, **changes):
    """The requests of the suite above."""
    wider = request("gdro", store, weight_decays=(0.0, 0.1), **changes)
    return [request("iw", store, **changes), wider, request("erm", store, **changes)]


def content(store):
    """Every entry of a store without what depends on the clock."""
    found = {}
    for path in store.glob("entries/*"):
        entry = read(path).model_dump(mode="json")
        entry["cost"], entry["cells"] = None, [{**c, "seconds": 0} for c in entry["cells"]]
        found[path.name] = entry
    return found


def test_shared_cells_are_trained_once_and_every_entry_is_written(tmp_path):
    seen = Watching()
    results = protocol.run_all(three(tmp_path), seen)
    assert len(set(seen.todo)) == len(seen.todo) == CELLS
    assert seen.epochs == CELLS * 22
    assert [r.entry.algorithm.name for r in results] == ["iw", "gdro", "erm"]
    assert results[0].entry.baseline == results[1].entry.baseline == results[2].entry.id
    alone = protocol.run(request("iw", tmp_path / "alone")).entry
    assert alone.id == results[0].entry.id
    assert alone.scores == results[0].entry.scores


@pytest.mark.parametrize(("vectorize", "done"), [("off", 3), ("auto", 2)])  # two of IW's cells, then four of gdro's
def test_an_interrupted_suite_goes_on_and_ends_in_the_same_entries(vectorize, done, tmp_path):
    whole = protocol.run_all(three(tmp_path / "whole", vectorize=vectorize))
    with pytest.raises(Interrupted):
        protocol.run_all(three(tmp_path / "cut", vectorize=vectorize), Watching(after=22 * 3 + 7))
    before = len(list((tmp_path / "cut").glob("*/*/*/*/result.json")))
    assert before == done
    seen = Watching()
    protocol.run_all(three(tmp_path / "cut", vectorize=vectorize), seen)
    assert len(seen.todo) == CELLS - before
    assert seen.epochs <= (CELLS - before) * 22 - 6, "the half done cell goes on from its checkpoint"
    assert content(tmp_path / "cut") == content(tmp_path / "whole")
    assert len(content(tmp_path / "whole")) == len(whole)


def test_a_finished_suite_runs_and_writes_nothing(tmp_path):
    first = protocol.run_all(three(tmp_path))
    times = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.json")}
    seen = Watching()
    second = protocol.run_all(three(tmp_path), seen)
    assert (seen.todo, seen.epochs, seen.entries) == ([], 0, [])
    assert {p: p.stat().st_mtime_ns for p in times} == times
    assert [r.entry.scores for r in second] == [r.entry.scores for r in first]
    (first[1].folder / "entry.json").unlink()
    seen = Watching()
    protocol.run_all(three(tmp_path), seen)
    assert (seen.todo, seen.entries) == ([], ["gdro"]), "an entry that is missing is written again"


def test_entries_are_written_as_soon_as_their_cells_are_done(tmp_path):
    class Eager(Watching):
        def concluded(self, request, result):
            super().concluded(request, result)
            self.at = [*getattr(self, "at", []), self.epochs]

    seen = Eager()
    protocol.run_all(three(tmp_path), seen)
    assert min(seen.at) < seen.epochs


@pytest.mark.parametrize("order", [("gdro", "erm"), ("erm", "gdro")])
def test_an_entry_waits_for_the_whole_grid_of_erm(order, tmp_path):
    seen = Watching()
    results = protocol.run_all([request(name, tmp_path, weight_decays=(0.0, 0.1)) for name in order], seen)
    of = {r.entry.algorithm.name: r for r in results}
    assert of["gdro"].entry.baseline == of["erm"].entry.id
    assert set(content(tmp_path)) == {r.entry.id for r in results}, "none of weight decay 0 alone beside it"
    before = read(of["erm"].folder)
    shutil.rmtree(of["erm"].folder)
    assert protocol.run(request("gdro", tmp_path, weight_decays=(0.0, 0.1))).entry.baseline == before.id
    again = read(of["erm"].folder)
    assert (again.scores, again.partial, again.command) == (before.scores, before.partial, before.command)


def test_an_entry_does_not_fail_with_the_rest_of_erms_grid(tmp_path, monkeypatch):
    real = work.run

    def run(job, *rest):
        if job.cell.recipe.weight_decay and job.cell.algorithm.name == "erm":
            raise AlgorithmFailed("algorithm erm", "no luck", "take another")
        return real(job, *rest)

    monkeypatch.setattr(work, "run", run)
    options = {"vectorize": "off", "weight_decays": (0.0, 0.1)}
    wanted = [request("gdro", tmp_path, **options), request("erm", tmp_path, **options)]
    good, failed = protocol.run_all(wanted, Watching(), keep_going=True)
    assert "no luck" in str(failed)
    assert read(tmp_path / "entries" / good.entry.baseline).protocol.weight_decays == (0.0,)


def test_what_stands_in_the_way_is_said_of_all_entries_before_training(tmp_path):
    wanted = [*three(tmp_path), request("iw", tmp_path, settings={"nu": 1}), request("erm", tmp_path, backbone="bag")]
    seen = Watching()
    with pytest.raises(SuiteFailed, match=r"2 of 5 entries cannot be run.*no option 'nu'.*add --keep-going"):
        protocol.run_all(wanted, seen)
    assert [name for name, _ in seen.refusals] == ["iw", "erm"]
    assert "does not read tables" in seen.refusals[1][1]
    assert seen.todo is None
    with pytest.raises(SuiteFailed, match=r"1 of 2 entries cannot be run.*did you mean gdro"):
        protocol.run_all([request("grdo", tmp_path), request("erm", tmp_path)], Watching())
    with pytest.raises(UnknownName, match="did you mean gdro"):  # alone, it is said as it is
        protocol.run_all([request("grdo", tmp_path)], Watching(), keep_going=True)


def test_keep_going_runs_the_others(tmp_path, doomed):
    wanted = [request("doomed", tmp_path), request("iw", tmp_path), request("iw", tmp_path, settings={"nu": 1})]
    with pytest.raises(SuiteFailed, match="1 of 3"):
        protocol.run_all(wanted)
    with pytest.raises(AlgorithmFailed, match="no luck"):
        protocol.run_all(wanted[:2])
    seen = Watching()
    failed, good, refused = protocol.run_all(wanted, seen, keep_going=True)
    assert "no luck" in str(failed)
    assert "no option 'nu'" in str(refused)
    assert good.entry.algorithm.name == "iw"
    assert [name for name, _ in seen.refusals] == ["iw", "doomed"]


def test_two_processes_give_the_entries_of_one(tmp_path):
    here = protocol.run_all(three(tmp_path / "here")[::2])
    there = protocol.run_all([Request(**{**vars(r), "jobs": 2}) for r in three(tmp_path / "there")[::2]])
    assert [r.entry.scores for r in there] == [r.entry.scores for r in here]


def test_a_search_among_others_is_served_with_them(tmp_path):
    wanted = [request("gdro", tmp_path, tune=2, baseline=False), request("iw", tmp_path, baseline=False)]
    (undecided, _), before = standings(wanted)
    assert before.counts == {"to do": 2 + 2 + 2}
    assert not undecided.written
    tuned, plain = protocol.run_all(wanted)
    assert tuned.entry.tuning.label == "searched(2)"
    assert tuned.entry.id == protocol.run(wanted[0]).entry.id
    assert plain.entry.tuning.label == "default"
    found, after = standings(wanted)
    assert after.counts == {"done": 6}
    assert [s.written for s in found] == [True, True]


# How far


def test_status_counts_cells_and_estimates_what_is_left(tmp_path):
    wanted = three(tmp_path, vectorize="off")
    found, together = standings(wanted)
    assert [s.part.counts for s in found] == [{"to do": 4}, {"to do": 6}, {"to do": 2}]  # ERM's are in each
    assert together.counts == {"to do": CELLS}
    assert (together.left, together.unknown) == (None, CELLS)
    assert not (tmp_path / "toy-v1").exists()
    with pytest.raises(Interrupted):
        protocol.run_all(wanted, Watching(after=22 * 2 + 5))
    found, together = standings(wanted)
    assert together.counts == {"done": 2, "half done": 1, "to do": CELLS - 3}
    (half,) = (p.parent for p in tmp_path.glob("*/*/*/*/curves.jsonl") if not runs.finished(p.parent))
    at = reached(half)
    assert at.epoch == 5
    lines = runs.read_lines(half / "curves.jsonl")
    spent = sorted(sum(line["seconds"].values()) for line in lines)
    assert at.seconds == pytest.approx(spent[2])
    cells = {c.id: c for r in wanted for c in needed(r, foreseen(r))}
    speeds = Speeds(tmp_path)
    expected = 17 * at.seconds
    for cell in cells.values():
        if not (runs.folder(tmp_path, cell) / "curves.jsonl").exists():
            expected += 22 * speeds.per_epoch(brief(cell))
    assert together.left == pytest.approx(expected)
    protocol.run_all(wanted)
    found, together = standings(wanted)
    assert together.counts == {"done": CELLS}
    assert together.left == 0
    assert all(s.written for s in found)


def test_folders_are_the_truth_and_the_index_a_cache(tmp_path, monkeypatch):
    wanted = three(tmp_path, epochs=2)
    protocol.run_all(wanted)
    path = tmp_path / FILE
    assert path.is_file()
    whole = standings(wanted)
    monkeypatch.setattr(suite_status, "_worked_out", lambda request: pytest.fail("it was remembered"))
    assert standings(wanted) == whole
    monkeypatch.undo()
    for spoil in (path.unlink, lambda: path.write_bytes(b"x" * 5000), lambda: path.write_bytes(path.read_bytes()[:90])):
        spoil()
        assert standings(wanted) == whole
        assert path.is_file()
    first, second, third, fourth = sorted(p.parent for p in tmp_path.glob("*/*/*/*/result.json"))[:4]
    (first / "result.json").unlink()  # as a process leaves it that was killed before its end
    for file in ("result.json", "curves.jsonl"):  # and in its first epoch
        (second / file).unlink()
    shutil.rmtree(third)
    (fourth / "result.json").rename(fourth / "failed.json")
    assert standings(wanted)[1].counts == {"done": CELLS - 4, "half done": 1, "to do": 2, "failed": 1}


def test_what_another_installation_remembered_does_not_count(tmp_path, doomed):
    wanted = [request("iw", tmp_path, baseline=False)]
    (before,), _ = standings(wanted)
    algorithms.register("iw-by-hand", Doomed)
    try:
        assert Plans(tmp_path).recall(wanted) == [None]
    finally:
        algorithms.registry._registered.pop("iw-by-hand")
    assert Plans(tmp_path).recall(wanted) != [None]
    assert before.part.counts == {"to do": 2}


def curve(store, cell, seconds, epochs=30):
    """A run folder with a curve of a known speed."""
    folder = runs.folder(store, cell)
    folder.mkdir(parents=True)
    (folder / "cell.json").write_text(json.dumps({"cell": cell.model_dump(mode="json")}))
    lines = [
        {"stage": 1, "epoch": e, "seconds": {"train": 0.75 * seconds, "eval": 0.25 * seconds}}
        for e in range(1, epochs + 1)
    ]
    (folder / "curves.jsonl").write_text("".join(json.dumps(x) + "\n" for x in lines) + '{"stage": 1, "ep')


def test_speed_is_that_of_the_same_algorithm_then_of_others_and_of_equal_options_first(tmp_path, toy_cell):
    speeds = Speeds(tmp_path)
    assert speeds.per_epoch(brief(toy_cell("gdro"))) is None
    curve(tmp_path, toy_cell("erm"), 2.0)
    assert Speeds(tmp_path).per_epoch(brief(toy_cell("gdro"))) == pytest.approx(2.0)
    curve(tmp_path, toy_cell("gdro", width=64), 9.0)
    assert Speeds(tmp_path).per_epoch(brief(toy_cell("gdro"))) == pytest.approx(9.0)
    curve(tmp_path, toy_cell("gdro", seed=2, weight_decay=0.1), 3.0)
    assert Speeds(tmp_path).per_epoch(brief(toy_cell("gdro"))) == pytest.approx(3.0)
    assert Speeds(tmp_path).left(brief(toy_cell("gdro", epochs=100))) == pytest.approx(300.0)
    assert Speeds(tmp_path).left(brief(toy_cell("gdro", seed=2, weight_decay=0.1, epochs=24))) == 0
    assert Speeds(tmp_path).per_epoch(brief(toy_cell("gdro", backbone="linear"))) is None
    assert reached(runs.folder(tmp_path, toy_cell("erm"))).epoch == 30  # the torn line does not count


def test_the_longest_cells_come_first_and_equals_keep_their_order(tmp_path, toy_cell):
    curve(tmp_path, toy_cell("erm"), 1.0)
    curve(tmp_path, toy_cell("gdro"), 5.0)
    cells = [toy_cell("erm", seed=s, epochs=40) for s in (7, 8)] + [toy_cell("gdro", seed=s, epochs=40) for s in (8, 7)]
    unknown = toy_cell("erm", backbone="linear")
    ordered = longest_first([*cells, unknown], tmp_path)
    assert ordered == [unknown, *cells[2:], *cells[:2]]


# The command line


@pytest.fixture
def cli(tmp_path, monkeypatch):
    (tmp_path / "mine.yaml").write_text(SUITE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    return lambda *words: CliRunner().invoke(app, ["suite", *words], catch_exceptions=False)


def test_run_and_status_on_the_command_line(cli, tmp_path):
    before = json.loads(cli("status", "mine.yaml", "--json").stdout)
    assert before["together"] == {
        "done": 0, "half_done": 0, "to_do": CELLS, "failed": 0, "seconds_left": None, "of_unknown_speed": CELLS,
    }  # fmt: skip
    done = cli("run", "mine.yaml", "--jobs", "1")
    assert done.exit_code == 0
    assert "gdro on toy, weight decay" in done.stdout
    assert "8 of 8 cells are done already" in cli("run", "mine.yaml", "--jobs", "1").stderr
    shown = cli("status", "mine.yaml", "--jobs", "2").stdout
    assert shown.count("entry written") == 3
    assert "weight decay" in shown
    only = json.loads(cli("run", "mine.yaml", "--only", "weight*", "--jobs", "1", "--json").stdout)
    assert [row["label"] for row in only] == ["weight decay"]
    assert (tmp_path / only[0]["entry"] / "entry.json").is_file()
    assert json.loads((tmp_path / only[0]["entry"] / "entry.json").read_text())["note"] == "weight decay"
    narrow = json.loads(cli("status", "mine.yaml", "--seeds", "1", "--wd", "0", "--epochs", "30", "--json").stdout)
    assert narrow["together"]["to_do"] == 3
    assert narrow["together"]["of_unknown_speed"] == 0


def test_of_many_entries_those_with_cells_to_train_are_listed(cli, monkeypatch):
    monkeypatch.setattr(standing, "MOST", 2)
    shown = cli("status", "mine.yaml").stdout
    assert "listed are 2 of the 3 entries with cells to train, of 3; --only narrows it" in shown
    assert "erm on toy" not in shown
    cli("run", "mine.yaml", "--only", "iw", "--jobs", "1")
    shown = cli("status", "mine.yaml").stdout
    assert "listed are 1 of the 1 entries with cells to train, of 3" in shown
    assert "gdro on toy" in shown
    assert "iw on toy" not in shown


def test_mistakes_on_the_command_line_are_one_line(cli, capsys):
    for words, said in (
        (["run", "embeded"], "did you mean embedded?"),
        (
            ["status", "mine.yaml", "--only", "nothing"],
            "no entry of suite mine.yaml fits; take one of toy, weight decay",
        ),
        (["status", "mine.yaml", "--seeds", "x"], "write --seeds 2002,2022"),
    ):
        assert outcome(["suite", *words]) == 2
        err = capsys.readouterr().err
        assert said in err
        assert err.count("\n") == 1


def test_missing_data_is_a_row_of_status_and_stops_a_run_before_training(cli, tmp_path, capsys):
    (tmp_path / "data").mkdir()
    text = (
        SUITE + "  - {algorithms: [erm], datasets: ['folder:gone', waterbirds], backbones: [cnn], pretrained: false}\n"
    )
    (tmp_path / "mine.yaml").write_text(text)
    rows = json.loads(cli("status", "mine.yaml", "--json").stdout)["entries"]
    assert [bool(row["problem"]) for row in rows] == [False] * 3 + [True, False]
    assert rows[4]["to_do"] == 25, "pinned data need not be there to be counted"
    assert outcome(["suite", "run", "mine.yaml", "--jobs", "1", "--data-dir", "data"]) == 2
    err = capsys.readouterr().err
    assert "erm on waterbirds, cnn: waterbirds" in " ".join(err.split())
    assert "2 of 5 entries cannot be run" in err
    assert not list((tmp_path / "runs").glob("toy*"))
    kept = cli("run", "mine.yaml", "--jobs", "1", "--data-dir", "data", "--keep-going")
    assert kept.exit_code == 2
    assert kept.stdout.count("failed") == 2
    assert len(list((tmp_path / "runs" / "entries").glob("*"))) == 3


def test_status_needs_no_torch_once_the_cells_are_known(tmp_path):
    """In a process of its own: which modules are loaded is what counts."""
    words = [sys.executable, "-c"]
    words += ["import sys; from wgbench.cli.main import outcome; outcome(['suite', 'status', 'smoke']);"
              "print('torch' in sys.modules)"]  # fmt: skip
    said = [subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True).stdout for _ in range(2)]
    assert [text.split()[-1] for text in said] == ["True", "False"]
    assert said[0].splitlines()[:-1] == said[1].splitlines()[:-1]


def test_commands_of_suites_can_be_typed_again():
    views = {"size": 64, "scale": None, "flip": False, "eval": [["resize", 64]]}
    settings = {"nu": 0.5, "recipe.views": views, "dataset.subset": True, "recipe.loss": "vs"}
    words = shlex.split(Request("gdro", "toy", settings=settings).command())
    pairs = [b for a, b in itertools.pairwise(words) if a == "--set"]
    assert parsed(pairs) == settings

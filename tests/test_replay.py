"""Cells of entries trained again: equal where nothing was changed, found out where something was."""

import hashlib
import json
import shutil

import pyarrow.parquet as pq
import pytest

from wgbench import protocol, runs
from wgbench.cli.main import outcome
from wgbench.errors import BadData, BadEntry, BadOption, MissingData, MissingWeights
from wgbench.replay import Wanted, record, replay
from wgbench.request import Request
from wgbench.results import schema
from wgbench.results.source import source_of

SETTINGS = {"gdro": {"recipe.schedule": "cosine"}, "jtt": {}, "dfr": {}}


@pytest.fixture(scope="module")
def entries(tmp_path_factory, _toy):
    """Folders of entries by algorithm: one stage, two, and one that is scored at some epochs only."""
    store, made = tmp_path_factory.mktemp("entries"), {}

    def entry(name):
        if name not in made:
            request = Request(name, "toy", seeds=(1, 2), weight_decays=(0.0, 0.1), jobs=1, store=store, baseline=False)
            made[name] = protocol.run(Request(**{**vars(request), "settings": SETTINGS[name]})).folder
        return made[name]

    return entry


@pytest.fixture
def gdro(entries, tmp_path):
    """A copy of Group DRO's entry, to change."""
    return shutil.copytree(entries("gdro"), tmp_path / "entry")


def edited(folder, edit):
    """Change `entry.json`."""
    entry = json.loads((folder / schema.ENTRY).read_text())
    edit(entry)
    (folder / schema.ENTRY).write_text(json.dumps(entry))


def rewritten(folder, name, change):
    """Change a table of an entry, and its hash, as somebody would who wants it to look whole."""
    table = pq.read_table(folder / name).to_pydict()
    change(table)
    kept = pq.read_schema(folder / name)
    pq.write_table(type(pq.read_table(folder / name)).from_pydict(table, schema=kept), folder / name)
    digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    edited(folder, lambda entry: entry["files"].update({name: digest}))


def raised(by, epoch=7, seed=1, split="test"):
    """Raise the first group's correct count at an epoch without weight decay."""

    def change(table):
        keys = list(zip(table["seed"], table["weight_decay"], table["epoch"], table["split"], strict=True))
        row = keys.index((seed, 0.0, epoch, split))
        table["correct"][row] = [table["correct"][row][0] + by, *table["correct"][row][1:]]

    return change


@pytest.mark.parametrize(("name", "epochs"), [("gdro", 12), ("jtt", 5 + 12), ("dfr", 2)])
def test_the_first_epochs_are_reproduced_under_the_whole_recipe(entries, name, epochs, tmp_path):
    done = replay(Wanted(entries(name), epochs=12, store=tmp_path))
    assert str(done.verdict) == "reproduced exactly"
    assert (done.verdict.rule, done.verdict.epochs, done.epochs) == ("exact", epochs, 12)
    assert done.cell.id in {cell.id for cell in done.entry.cells}
    folder = runs.folder(tmp_path / "replays", done.cell)
    assert not runs.finished(folder)
    assert max(line["epoch"] for line in runs.read_lines(folder / runs.CURVES)) == 12
    assert done.verification().level == "replay"


@pytest.mark.parametrize("name", ["gdro", "jtt", "dfr"])
def test_a_whole_horizon_is_full_with_scores_and_predictions(entries, name):
    done = replay(Wanted(entries(name), seed=2, epochs=None))
    assert str(done.verdict) == "reproduced exactly"
    assert done.verification().model_dump(exclude={"revision", "date"}) == {
        "level": "full",
        "seed": 2,
        "epochs": 24,
        "exact": True,
        "files": done.entry.files,
    }


def test_with_weight_decay_there_are_no_predictions_so_it_is_never_full(entries):
    done = replay(Wanted(entries("gdro"), weight_decay=0.1, epochs=24))
    assert str(done.verdict) == "reproduced exactly"
    assert done.verification().level == "replay"


def test_a_stopped_replay_goes_on_in_its_store(entries, tmp_path):
    seen = []
    replay(Wanted(entries("gdro"), epochs=3, store=tmp_path))
    done = replay(Wanted(entries("gdro"), epochs=None, store=tmp_path), seen.append)
    assert done.verification().level == "full"
    assert str(done.verdict) == "reproduced exactly"
    again = len(seen)
    replay(Wanted(entries("gdro"), epochs=None, store=tmp_path), seen.append)
    assert len(seen) == again == 24


def test_a_changed_count_is_found_with_its_place(gdro, capsys, tmp_path):
    rewritten(gdro, schema.CURVES, raised(1))
    board = tmp_path / "board"
    assert outcome(["replay", str(gdro), "--epochs", "10", "--record", str(board)]) == 2
    out = capsys.readouterr().out
    assert "not reproduced: stage 1, epoch 7, test, group no-0: stated " in out
    assert "rule: exact, since machine and packages are the same" in out
    assert not board.exists()
    assert outcome(["replay", str(gdro), "--epochs", "6"]) == 0  # before the change
    assert outcome(["replay", str(gdro), "--epochs", "10", "--seed", "2"]) == 0  # beside it


def test_changed_predictions_and_scores_are_found_over_the_whole_horizon(gdro):
    def flip(table):
        table["final-1"][0] = 1 - table["final-1"][0]

    rewritten(gdro, schema.PREDICTIONS, flip)
    assert str(replay(Wanted(gdro)).verdict) == "reproduced exactly"
    said = str(replay(Wanted(gdro, epochs=None)).verdict)
    assert said == "not reproduced: final predictions that agree: stated 80, found 79"
    edited(gdro, lambda entry: entry["cells"][0]["scores"].update(wga_final=0.99))
    assert str(replay(Wanted(gdro, epochs=None)).verdict).startswith("not reproduced: wga_final: stated 0.9900")


def test_an_entry_of_another_machine_is_held_to_a_tolerance(gdro, capsys):
    edited(gdro, lambda entry: entry["environment"].update(device="Another (CPU)"))
    assert str(replay(Wanted(gdro)).verdict) == "reproduced exactly"
    rewritten(gdro, schema.CURVES, raised(-3))
    done = replay(Wanted(gdro))
    assert (str(done.verdict), done.elsewhere) == ("reproduced within tolerance", ("device",))
    assert not done.verification().exact
    assert outcome(["replay", str(gdro)]) == 0
    assert "rule: tolerance, since the processor's model differs from the entry's\n" in capsys.readouterr().out
    assert str(replay(Wanted(gdro, rule="exact")).verdict).startswith("not reproduced: stage 1, epoch 7")
    rewritten(gdro, schema.CURVES, raised(-1))
    assert str(replay(Wanted(gdro)).verdict).startswith("not reproduced: stage 1, epoch 7, test, group no-0")


def test_a_board_keeps_the_fuller_verification(entries, tmp_path):
    whole, part = (replay(Wanted(entries("gdro"), epochs=n)) for n in (None, 3))
    path = record(part, tmp_path)
    assert path == tmp_path / "verified" / f"{part.entry.id}.json"
    assert json.loads(path.read_text())["level"] == "replay"
    assert record(whole, tmp_path) == path
    assert record(part, tmp_path) is None
    kept = json.loads(path.read_text())
    assert kept["level"] == "full"
    assert set(kept) == {"level", "seed", "epochs", "exact", "revision", "date", "files"}


def test_what_stands_in_the_way_is_said(entries, gdro):
    with pytest.raises(BadOption, match=r"no such seed; take one of 1, 2"):
        replay(Wanted(gdro, seed=3))
    with pytest.raises(BadOption, match=r"no such weight decay; take one of 0, 0\.1"):
        replay(Wanted(gdro, weight_decay=0.2))
    with pytest.raises(BadOption, match=r"--epochs 5: the entry has no scores that early; take more epochs"):
        replay(Wanted(entries("dfr"), epochs=5))
    edited(gdro, lambda entry: entry["dataset"].update(fingerprint="1" * 16))
    with pytest.raises(BadData, match=r"its fingerprint is 0{16}, the entry's 1{16}; give the same files"):
        replay(Wanted(gdro))


def test_other_versions_and_other_weights_are_refused(gdro, monkeypatch, tmp_path):
    from wgbench.algorithms.gdro import GroupDRO

    monkeypatch.setattr(GroupDRO, "version", 2)
    with pytest.raises(BadEntry, match=r"gdro: the entry has version 1, installed is version 2; install the release"):
        replay(Wanted(gdro))
    monkeypatch.undo()
    entry = schema.read(gdro)
    cell = protocol_cell(entry).model_copy(update={"weights": "ab" * 32})
    from wgbench.replay import _weights

    with pytest.raises(MissingWeights, match=r"SHA-256 abababababababab\.\.\.; give it: --weights FILE"):
        _weights(cell, None)
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(MissingWeights, match=r"not the file that the entry names"):
        _weights(cell, tmp_path / "file")


def protocol_cell(entry):
    from wgbench.results.identity import subject_of

    return subject_of(entry).cells()[0]


def test_private_data_has_to_be_pointed_at(gdro, tmp_path):
    given = schema.read(gdro).dataset
    options = {"target": "y", "attribute": "place", "split": "split", "image": "img_filename"}
    private = given.model_copy(update={"name": "folder:0123456789abcdef", "options": options})
    with pytest.raises(MissingData, match=r"private \(fingerprint 0123456789abcdef\); say where it lies: --data-dir"):
        source_of(private, None)
    found = source_of(private, tmp_path)
    assert (found.name, found.options["path"], found.options["target"]) == (f"folder:{tmp_path}", str(tmp_path), "y")
    assert source_of(given, None).name == "toy"


def test_json_says_what_was_compared(gdro, capsys):
    assert outcome(["replay", str(gdro), "--epochs", "3", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {k: found[k] for k in ("level", "seed", "epochs", "exact", "reproduced", "verdict")} == {
        "level": "replay",
        "seed": 1,
        "epochs": 3,
        "exact": True,
        "reproduced": True,
        "verdict": "reproduced exactly",
    }
    assert outcome(["replay", str(gdro), "--epochs", "some"]) == 2
    assert "write --epochs 20 or --epochs all" in capsys.readouterr().err

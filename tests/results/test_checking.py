"""Entries that are not what they say: each kind of tampering is named."""

import json
import shutil
import sys

import pyarrow as pa
import pytest
from hostility import little_memory

from wgbench import protocol
from wgbench.cli.main import outcome
from wgbench.config import Mode, Plugin
from wgbench.errors import BadEntry, StoreFailed
from wgbench.evaluation.cell_scores import cell_scores
from wgbench.request import Request
from wgbench.results import building, leaderboard, schema, stored
from wgbench.results.checking import check, check_any, check_board, require
from wgbench.results.claims import overstated
from wgbench.results.identity import subject_of
from wgbench.results.known import labels
from wgbench.results.limits import unusable
from wgbench.results.rescoring import rescore
from wgbench.types import Root

CELL = "seed 2002, wd 0"
SHORTS = pa.array([0] * 80, pa.int16())


@pytest.fixture
def at_hand(cache):
    return labels(Root(cache, None))


@pytest.fixture
def problems(board, gdro, at_hand):
    """What is wrong with Group DRO's entry."""
    return lambda: check(gdro, board, at_hand).problems


def test_an_entry_that_was_not_touched_is_counted_again(board, at_hand):
    reports = check_board(board, at_hand)
    assert [(r.entry.algorithm.name, r.level, r.problems, r.remarks) for r in reports] == [
        ("erm", "recount", (), ()),
        ("gdro", "recount", (), ()),
    ]


def test_without_the_data_or_the_baseline_it_is_said_what_was_not_looked_at(gdro, tmp_path):
    report = check(shutil.copytree(gdro, tmp_path / "alone"))
    assert (report.level, report.problems) == ("recount", ())
    assert "excess over ERM not counted" in report.remarks[0]
    assert "data is not at hand" in report.remarks[1]


def test_in_a_store_the_baseline_lies_beside_it(toy_entries, at_hand):
    assert check(toy_entries["gdro"], None, at_hand).remarks == ()
    narrowed = check(toy_entries["narrowed"], None, at_hand)
    assert (narrowed.level, narrowed.problems) == ("recount", ())
    assert narrowed.remarks[0].startswith("partial: seeds 2002,2022 instead of")


def at(*path, to):
    """A change of one value: `at("scores", "wga_final", "mean", to=.9)`; a function is applied to the old one."""

    def change(content):
        *outer, last = path
        for key in outer:
            content = content[key]
        content[last] = to(content[last]) if callable(to) else to

    return change


def more_of_the_first_group(counts):
    """Counts of a split with one example more."""
    first, *others = counts["total"]
    return {"total": [first + 1, *others], "n": counts["n"] + 1}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (at("scores", "wga_final", "mean", to=0.99), "wga_final.mean: stated 0.99, counted 0."),
        (at("scores", "wga_early", "per_seed", "2022", to=0.99), "wga_early.per_seed.2022: stated 0.99, counted 0."),
        (at("scores", "wga_selected", "bootstrap", 0, to=0.99), "wga_selected.bootstrap.0: stated 0.99, counted 0."),
        (at("scores", "erm_excess_final", "low", to=0.5), "erm_excess_final.low: stated 0.5, counted "),
        (at("scores", "erm_agreement_final", 1, "reference", to=0.1), "erm_agreement_final.1.reference: stated 0.1,"),
        (at("scores", "wd_curve", 1, "wga", "mean", to=0.99), "wd_curve.1.wga.mean: stated 0.99, counted 0."),
        (at("scores", "train_acc_final", to=None), "train_acc_final: stated nothing, counted {"),
        (at("cells", 0, "scores", "wga_final", to=0.99), f"{CELL}, wga_final: stated 0.99, counted 0."),
        (at("cells", 0, "scores", "interpolation_epoch", to=1), f"{CELL}, interpolation_epoch: stated 1, counted "),
        (at("cells", 0, "selected_epoch", to=3), f"{CELL}: selected_epoch is 3 here and "),
        (at("cells", 0, "diverged_at", to=20), f"{CELL}, stage 1, train: its epochs are not 1, 2, ..., each once"),
        (at("cells", 0, "seconds", to=-5.0), f"{CELL}: it took -5 seconds in 1 stages"),
        (at("cost", "seconds", to=1.0), "its cost is 1 seconds, and its cells took "),
        (at("cells", 0, "id", to="0" * 16), f"{CELL}: its id {'0' * 16} does not follow from the entry"),
        (at("cells", 0, "seed", to=7), "seed 7, wd 0: the protocol has no such cell"),
        (at("cells", to=lambda cells: cells[1:]), f"{CELL}: the protocol has this cell, and the entry has not"),
        (at("cells", to=lambda cells: [*cells, cells[0]]), f"{CELL}: it is there twice"),
        (at("cells", 0, "epochs", to=20), f"{CELL}: its scored stage has 20 epochs, and the recipe 24"),
        (at("cells", 0, "diverged_at", to=99), f"{CELL}: it diverged at epoch 99 of 24"),
        (at("cells", 0, "diverged_at", to=2**53), f"{CELL}: it diverged at epoch 9007199254740992 of 24"),
        (at("cells", 0, "stages", to=2**53), f"{CELL}: rows of stages [1], and 9007199254740992 are stated"),
        (at("recipe", "weight_decay", to=0.1), "its recipe has weight decay 0.1: that belongs into the grid"),
        (at("recipe", "lr", to=0.2), "does not follow from what it says it ran"),
        (at("dataset", "counts", "test", "total", 1, to=10), "test, group no-1: it has 10 examples, and "),
        (at("dataset", "counts", "test", "n", to=90), "test: groups and classes do not fit into 90 examples"),
        (at("dataset", "counts", "train", to=lambda c: {**c, "total": c["total"][:3]}), "train: counts of 3 groups"),
        (
            at("dataset", "counts", "test", to=more_of_the_first_group),
            "test: it has 81 examples, and 80 when registered",
        ),
        (at("dataset", "counts", to=lambda c: {"train": c["train"]}), "its dataset has counts of train, and not of tr"),
        (at("dataset", "classes", to=[]), "it has 4 groups and 0 classes: 1 to 10000 are possible"),
        (at("dataset", "group_names", 0, to="best"), "its group_names are not those of the registered dataset"),
        (at("dataset", "fingerprint", to="1" * 16), f"its data has fingerprint {'1' * 16}, and ours {'0' * 16}"),
        (at("backbone", "start", to="pretrained"), "its network starts 'pretrained', and by its recipe 'from scratch'"),
        (at("backbone", "parameters", to=10), "10 parameters on 80 examples are not "),
        (at("algorithm", "needs", to=[]), "it needs nothing, and by its algorithm and loss train_group"),
        (at("baseline", to=None), "it is partial and does not say so: no ERM baseline"),
        (at("baseline", to="1" * 16), f"its baseline, ERM's entry {'1' * 16}, is not on this board"),
        (at("partial", to=["seeds 1 instead of 2"]), "it says that it is partial, and is not: seeds 1 instead of 2"),
        (
            at("protocol", "last", to=5),
            "its windows are epochs (11, 20) and the last 5: the rules' are",
        ),
        (at("rules", to="2.0"), "it is made under rules 2.0 and its protocol under 1.0"),
        (at("cells", 0, "totals", to={"test": {"total": [1] * 4, "n": 4}}), f"{CELL}, test: it is scored in part"),
        (at("tuning", to={"selected_on": "val"}), "its tuning has no configurations, and yet something was chosen"),
        (at("files", to={"curves.parquet": "0"}), "it names files curves.parquet, and not curves.parquet and pred"),
        (at("files", "curves.parquet", to="0" * 64), "curves.parquet is not the file that was scored: its SHA-256 is "),
        (at("environment", "threads", to="all"), "its environment has 'all' threads"),
        (at("environment", "packages", to=[1]), "its environment has '1' threads, and packages '[1]'"),
        (at("environment", "packages", to={"x": "y" * 20_000}), "its environment is too long"),
        (at("data", to="1" * 16), f"its data has fingerprint {'0' * 16}, and its cells were made of {'1' * 16}"),
        (at("data", to="1" * 16), "it names data that its dataset pins down"),
        (at("cost", "images_per_second", to=-1.0), "it trained -1 images per second"),
        (at("note", to="x" * 5000), "its note is longer than 4000 characters"),
        (at("recipe", "epochs", to=10**12), "cells of up to 1000000000000 epochs: more than a board takes"),
        (at("schema", to=2), "schema: it should be 1"),
        (at("more", to=1), "more: Extra inputs are not permitted"),
        (at("cost", "images_per_second", to=float("inf")), "no JSON (Infinity is no number)"),
        (at("environment", "x", to=float("nan")), "no JSON (NaN is no number)"),
    ],
)
def test_a_changed_statement_is_named(gdro, problems, tamper, change, said):
    tamper.entry(gdro, change)
    found = problems()
    assert any(said in line for line in found), found
    assert all("\n" not in line for line in found)


@pytest.mark.parametrize("number", [2**53, -(2**40), 0, 1e300])
def test_no_stated_number_makes_anything_of_its_size(gdro, tamper, number):
    before = (gdro / schema.ENTRY).read_bytes()
    for place in _numbers(json.loads(before)):
        tamper.entry(gdro, at(*place, to=number))
        with little_memory():
            check(gdro)
        (gdro / schema.ENTRY).write_bytes(before)


def _numbers(value, place=()):
    """Places of all numbers, and of what may be one; of a list the first of its kind."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _numbers(inner, (*place, key))
    elif isinstance(value, list):
        for inner in value[:1]:
            yield from _numbers(inner, (*place, 0))
    elif value is None or isinstance(value, int | float):
        yield place


def test_an_early_entry_without_classes_is_asked_for_nothing_more(gdro):
    dataset = schema.read(gdro).dataset
    counts = {split: {"total": c["total"], "n": c["n"]} for split, c in dataset.counts.items()}
    dataset = dataset.model_copy(update={"classes": (), "counts": counts})
    found = list(unusable(schema.read(gdro).model_copy(update={"dataset": dataset})))
    assert found == ["it has 4 groups and 0 classes: 1 to 10000 are possible"]


def test_several_changes_are_all_named(gdro, problems, tamper):
    tamper.entry(gdro, at("cells", 0, "seconds", to=-5.0))
    tamper.entry(gdro, at("cells", 0, "selected_epoch", to=999))
    tamper.entry(gdro, at("scores", "wga_final", "mean", to=0.99))
    found = problems()
    for said in (f"{CELL}: it took -5 seconds", f"{CELL}: selected_epoch is 999", "wga_final.mean: stated 0.99"):
        assert any(line.startswith(said) for line in found), found


def counts(**changes):
    """A change of the first group's or class's counts at epoch 7 on test, by how much."""

    def change(columns, row):
        for name, by in changes.items():
            old = columns[name][row]
            columns[name][row] = [old[0] + by, *old[1:]] if isinstance(old, list) else old + by

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (counts(correct=1), "epoch 7: correct predictions per group do not add up to those of all"),
        (counts(acc_correct=-1), "epoch 7: correct predictions per class do not add up to those of all"),
        (counts(correct=99), "epoch 7: "),
        (counts(correct=-99), "epoch 7: -"),
        (counts(predicted=1), "epoch 7: predicted classes do not add up to 80"),
        (counts(class_correct=60, acc_correct=60), "epoch 7: more of a class is correct than there is"),
    ],
)
def test_a_changed_count_is_named_though_its_hash_was_changed_too(gdro, problems, tamper, change, said):
    tamper.table(gdro, schema.CURVES, lambda columns: change(columns, tamper.row(columns)))
    assert any(line.startswith(f"{CELL}, stage 1, test") and said in line for line in problems())


def test_a_changed_curve_file_is_named(gdro, problems, tamper):
    tamper.table(gdro, schema.CURVES, lambda columns: None, sign=False)  # written anew: the same rows in other bytes
    (line,) = problems()
    assert line.startswith("curves.parquet is not the file that was scored")


def test_counts_that_add_up_are_found_by_the_scores_and_forged_together_by_replay_alone(gdro, problems, tamper):
    def change(columns):
        row = tamper.row(columns, epoch=20)
        columns["correct"][row] = [min(n, 3) for n in columns["correct"][row]]
        totals = [sum(columns["correct"][row][:2]), sum(columns["correct"][row][2:])]
        columns["class_correct"][row], columns["acc_correct"][row] = totals, sum(totals)

    tamper.table(gdro, schema.CURVES, change)
    found = problems()
    assert any(line.startswith("predictions.parquet, early-2002: correct ") for line in found)
    assert any(line.startswith(f"{CELL}, wga_early: stated ") for line in found)
    assert any(line.startswith("wga_early.mean: stated ") for line in found)


def test_counts_scores_and_hashes_forged_together_are_consistent(board, gdro, problems, tamper, at_hand):
    """What checking cannot find, and replaying does."""

    def change(columns):
        row = tamper.row(columns, epoch=9)
        columns["correct"][row] = [min(n, 3) for n in columns["correct"][row]]
        totals = [sum(columns["correct"][row][:2]), sum(columns["correct"][row][2:])]
        columns["class_correct"][row], columns["acc_correct"][row] = totals, sum(totals)

    tamper.table(gdro, schema.CURVES, change)
    rescore(gdro, board, at_hand)
    assert problems() == ()


def test_a_changed_prediction_is_named(gdro, problems, tamper):
    def flip(columns):
        columns["final-2002"][0] = 1 - columns["final-2002"][0]

    tamper.table(gdro, schema.PREDICTIONS, flip)
    (line,) = [x for x in problems() if x.startswith("predictions.parquet")]
    assert line.startswith("predictions.parquet, final-2002: classes [")


def test_predictions_that_were_swapped_are_named_where_labels_are_at_hand(board, gdro, problems, tamper):
    def swap(columns):
        classes = columns["final-2002"]
        i, j = classes.index(0), classes.index(1)
        classes[i], classes[j] = 1, 0

    tamper.table(gdro, schema.PREDICTIONS, swap)
    assert any(line.startswith("predictions.parquet, final-2002: correct [") for line in problems())
    assert check(gdro, board).problems == ()  # without the data


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        (schema.PREDICTIONS, lambda c: c.pop("early-2002") and None, "column 'early-2002' is missing"),
        (schema.PREDICTIONS, lambda c: c.update({"final-9": SHORTS}), "column 'final-9' is one too many"),
        (schema.PREDICTIONS, lambda c: {k: v[1:] for k, v in c.items()}, "it has 79 rows, and the test split 80"),
        (schema.PREDICTIONS, lambda c: c["final-2002"].__setitem__(0, 2), "has classes outside 0 to 1"),
        (schema.PREDICTIONS, lambda c: c["final-2002"].__setitem__(0, None), "column 'final-2002' has holes"),
        (
            schema.PREDICTIONS,
            lambda c: c.update({"final-2002": pa.array([0.0] * 80)}),
            "is double, and should be int16",
        ),
        (schema.CURVES, lambda c: {k: v[1:] for k, v in c.items()}, f"{CELL}, stage 1, train: epoch 1 is missing"),
        (schema.CURVES, lambda c: {k: [*v, v[0]] for k, v in c.items()}, f"{CELL}, stage 1, train: its epochs are not"),
        (schema.CURVES, lambda c: c.update(state=pa.array([[1]] * len(c["seed"]))), "'state' is list<int64>, and"),
        (schema.CURVES, lambda c: {k: [] for k in c}, "rows of stages [], and 1 are stated"),
        (schema.CURVES, lambda c: c.pop("loss") and None, "curves.parquet: column 'loss' is missing"),
        (schema.CURVES, lambda c: c.update(more=c["seed"]), "curves.parquet: 'more' is one too many"),
        (schema.CURVES, lambda c: c["seed"].__setitem__(0, 9), "has rows of seed 9, wd 0, which is no cell"),
        (schema.CURVES, lambda c: c["split"].__setitem__(0, "dev"), "split 'dev' is none of train, val, test"),
        (schema.CURVES, lambda c: c["correct"].__setitem__(0, [1, 2]), "'correct' has lists that are not 4 long"),
        (schema.CURVES, lambda c: c["correct"].__setitem__(0, [1, 2, 3, None]), "column 'correct' has holes"),
        (schema.CURVES, lambda c: c["mass"].__setitem__(0, None), "column 'mass' must have values for train"),
        (schema.CURVES, lambda c: c["state"].__setitem__(0, "x" * 70_000), "a state is longer than 65536"),
    ],
)
def test_a_table_that_is_no_such_thing_is_named(gdro, problems, tamper, name, change, said):
    tamper.table(gdro, name, change)
    found = problems()
    assert any(said in line for line in found), found


def test_files_that_are_no_tables_or_do_not_belong_are_named(gdro, problems, tmp_path):
    def only(said):
        assert any(said in line for line in problems()), problems()

    (gdro / "curves.parquet").write_bytes(b"PAR1 and no more")
    only("curves.parquet: it cannot be read")
    (gdro / "curves.parquet").unlink()
    only("curves.parquet is missing")
    (tmp_path / "elsewhere").write_text("secret")
    (gdro / "curves.parquet").symlink_to(tmp_path / "elsewhere")
    only("curves.parquet is no plain file")
    (gdro / "run.sh").write_text("true")
    only("'run.sh' is no file of an entry")


def test_a_file_and_a_link_are_no_entry(gdro, tmp_path):
    (tmp_path / "link").symlink_to(gdro)
    for path in (gdro / schema.CURVES, tmp_path / "link"):
        assert check(path).problems == ("it is no folder",)


def test_predictions_of_a_network_that_had_diverged_are_named(gdro, problems, tamper):
    def cut(columns):
        cells = zip(columns["seed"], columns["weight_decay"], columns["epoch"], strict=True)
        kept = [i for i, (seed, decay, epoch) in enumerate(cells) if (seed, decay) != (2002, 0.0) or epoch < 23]
        return {name: [values[i] for i in kept] for name, values in columns.items()}

    tamper.table(gdro, schema.CURVES, cut)
    tamper.entry(gdro, at("cells", 0, "diverged_at", to=23))
    assert "predictions.parquet, final-2002: training had diverged, and there are predictions" in problems()


def test_deep_or_large_json_is_refused(gdro, problems):
    (gdro / schema.ENTRY).write_text("[" * 200_000)
    (line,) = problems()
    assert line == "entry.json holds no JSON (nested too deeply)"
    (gdro / schema.ENTRY).write_bytes(b" " * (schema.LARGEST + 1))
    assert "is larger than" in problems()[0]
    (gdro / schema.ENTRY).write_text('{"rules": 1e999}')
    assert problems() == ("entry.json holds no JSON (1e999 is too large)",)


def test_a_table_that_unpacks_to_more_than_it_should_is_not_unpacked(gdro, problems, tamper, monkeypatch):
    from wgbench.results import tables

    monkeypatch.setattr(tables, "MOST", 1000)
    assert "curves.parquet: it unpacks to more than 1000 numbers" in problems()


def test_a_narrowed_run_that_is_presented_as_complete_is_named(toy_entries, tmp_path, tamper, at_hand):
    folder = shutil.copytree(toy_entries["narrowed"], tmp_path / "entry")
    tamper.entry(folder, at("partial", to=[]))
    assert check(folder, None, at_hand).problems == (
        "it is partial and does not say so: seeds 2002,2022 instead of 2002,2022,2042,2062,2082",
        "it is partial and does not say so: epochs 22 instead of 24",
    )


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("gdro", {"settings": {"recipe.lr": 1e30}}),  # diverges at once: no rows at all
        ("gdro", {"settings": {"recipe.lr": 30.0}}),  # diverges later, after losses that float32 does not hold
        ("dfr", {}),  # scored at some epochs, and on half of val
        ("jtt", {}),  # two stages
        ("gdro", {"tune": 3}),
        ("gdro", {"weight_decays": (0.1,)}),  # no predictions, no baseline
        ("gdro", {"epochs": 5}),  # no window
    ],
)
def test_entries_of_every_shape_are_sound(name, changes, tmp_path, at_hand):
    asked = Request(name, "toy", **{"seeds": (1,), "weight_decays": (0.0,), "jobs": 1, "store": tmp_path, **changes})
    report = check(protocol.run(asked).folder, None, at_hand)
    assert (report.level, report.problems) == ("recount", ())


def renamed(folder, **plugins):
    """An entry with other plug-ins, with ids that follow from it."""
    entry = schema.read(folder)
    changed = {k: getattr(entry, k).model_copy(update={"name": v}) for k, v in plugins.items()}
    entry = entry.model_copy(update=changed)
    ids = {(c.seed, c.weight_decay): c.id for c in subject_of(entry).cells()}
    cells = tuple(c.model_copy(update={"id": ids[c.seed, c.weight_decay]}) for c in entry.cells)
    entry = entry.model_copy(update={"id": subject_of(entry).digest(), "cells": cells})
    (folder / schema.ENTRY).write_text(entry.to_json())


def test_a_plug_in_that_is_not_installed_is_no_obstacle(board, gdro, at_hand, tamper):
    renamed(gdro, algorithm="os")  # a name that could be imported, and must not be
    tamper.entry(gdro, at("algorithm", "distribution", to="theirs 1.0"))
    before = set(sys.modules)
    report = check(gdro, None, at_hand)
    assert (report.level, report.problems) == ("recount", ())
    assert not {name for name in set(sys.modules) - before if name.startswith("theirs")}


def test_an_entry_on_data_that_is_not_registered_reaches_the_first_level_only(gdro, at_hand):
    renamed(gdro, dataset="not-here")
    report = check(gdro, None, at_hand)
    assert (report.level, report.problems) == ("schema", ())
    assert "dataset not-here version 1 is not registered here" in report.remarks[0]


def test_other_rules_are_not_counted_under_ours(gdro, tamper):
    tamper.entry(gdro, lambda e: (e.update(rules="0.9"), e["protocol"].update(rules="0.9")))
    renamed(gdro)
    report = check(gdro)
    assert (report.level, report.problems) == ("schema", ())
    assert report.remarks[0].startswith("made under rules 0.9")


def test_a_baseline_under_other_conditions_is_none(board, gdro, problems, tamper):
    (erm,) = (board / "results" / "toy-v1" / "mlp" / "erm").iterdir()
    entry = schema.read(erm)
    entry = entry.model_copy(update={"recipe": entry.recipe.model_copy(update={"lr": 0.5})})
    entry = entry.model_copy(update={"id": subject_of(entry).digest()})
    other = shutil.copytree(erm, erm.parent / entry.id)
    (other / schema.ENTRY).write_text(entry.to_json())
    tamper.entry(gdro, at("baseline", to=entry.id))
    assert f"its baseline {entry.id} is not ERM with the same data, network, recipe and seeds" in problems()


def test_a_search_has_to_follow_from_what_it_drew(gdro, problems, tamper):
    subject = subject_of(schema.read(gdro))
    options = {"nu": 0.01}, {"nu": 0.5}

    def cell_of(drawn):
        algorithm = Plugin(**{**subject.algorithm.model_dump(), "options": {**subject.algorithm.options, **drawn}})
        protocol = subject.protocol.model_copy(update={"seeds": (1999,), "weight_decays": (0.0,)})
        alone = {"algorithm": algorithm, "protocol": protocol, "mode": Mode()}
        return subject.model_copy(update=alone).cells()[0].id

    drawn = [{"options": o, "cell": cell_of(o), "val": v} for o, v in zip(options, (0.7, 0.6), strict=True)]
    tuning = {"configurations": 2, "selected_on": "val", "seed": 1999, "drawn": drawn, "chosen": 0}
    tamper.entry(gdro, at("tuning", to=tuning))
    assert problems() == ()
    for change, said in (
        (at("tuning", "chosen", to=1), "its tuning chose configuration 1, and 0 is the best on val"),
        (at("tuning", "drawn", 1, "val", to=0.9), "its tuning chose configuration 0, and 1 is the best on val"),
        (at("tuning", "configurations", to=8), "its tuning states 8 configurations and lists 2"),
        (at("tuning", "seed", to=2002), "its tuning used seed 2002, which is none of its own"),
        (at("tuning", "drawn", 1, "options", "nu", to=0.4), "configuration 1 of its tuning: its id does not follow"),
        (at("tuning", "drawn", 0, "options", "nu", to=0.4), "its options are not those that its tuning chose"),
    ):
        tamper.entry(gdro, at("tuning", to=json.loads(json.dumps(tuning))))
        tamper.entry(gdro, change)
        assert any(said in line for line in problems()), said


def test_paths_and_addresses_are_pointed_out(board, gdro, tamper, at_hand):
    tamper.entry(gdro, lambda e: e.update(note="from /home/somebody/data", submitter="somebody@host.example"))
    report = check(gdro, board, at_hand)
    assert report.problems == ()
    assert report.remarks == (
        "its note may show a path or an address: '/home/somebody/data'",
        "its submitter may show a path or an address: 'somebody@host.example'",
    )


def test_on_a_board_everything_lies_where_it_belongs(board, gdro, at_hand):
    (board / "verified").mkdir()
    (board / "verified" / f"{'0' * 16}.json").write_text("{}")
    (board / "verified" / f"{gdro.name}.json").write_text('{"level": "full"}')
    shutil.move(gdro, gdro.parent.parent / "erm" / gdro.name)
    lines = [f"{r.name}: {line}" for r in check_board(board, at_hand) for line in r.problems]
    moved = f"results/toy-v1/mlp/erm/{gdro.name}"
    assert lines == [
        f"{moved}: it belongs to results/toy-v1/mlp/gdro/{gdro.name}",
        f"{moved}: verified/{gdro.name}.json is no replay of these files: replay it again",
        f"verified/{'0' * 16}.json: no entry of this board has that id",
    ]


def test_a_recorded_replay_is_the_level_as_long_as_the_files_are_those(board, gdro, at_hand, tamper):
    entry = schema.read(gdro)
    kept = {"level": "full", "seed": 2002, "epochs": 24, "exact": True, "revision": None, "date": "2026-01-01"}
    (board / "verified").mkdir()
    (board / "verified" / f"{entry.id}.json").write_text(json.dumps({**kept, "files": dict(entry.files)}))
    assert check(gdro, board, at_hand).level == "full"
    assert [
        (row.algorithm.name, row.rank) for row in building.boards(building.placed(board, {}))["toy-v1.json"].rows
    ] == [
        ("gdro", 1),
        ("erm", None),
    ]
    tamper.table(gdro, schema.CURVES, lambda columns: None)
    assert f"verified/{entry.id}.json is no replay of these files: replay it again" in check(gdro, board).problems


def test_what_is_wrong_is_neither_added_nor_built(board, gdro, tmp_path, tamper):
    tamper.entry(gdro, at("scores", "wga_final", "mean", to=0.99))
    with pytest.raises(BadEntry, match=r"wga_final\.mean: stated 0\.99, counted .*; see `wgbench leaderboard check`"):
        leaderboard.add(gdro, tmp_path / "other")
    with pytest.raises(BadEntry, match=r"lists everything that is wrong"):
        building.read(board)
    assert not (tmp_path / "other").exists()
    with pytest.raises(BadEntry, match="neither an entry"):
        check_any(tmp_path)


def test_another_result_with_the_id_of_one_on_the_board_is_not_put_over_it(board, gdro, toy_entries, tamper):
    tamper.entry(gdro, at("note", to="mine is better"))
    before = (gdro / schema.ENTRY).read_bytes()
    with pytest.raises(StoreFailed, match=r"another result with this id is on the board; compare them, and delete /"):
        leaderboard.add(toy_entries["gdro"], board)
    assert (gdro / schema.ENTRY).read_bytes() == before


def test_require_gives_the_entry(gdro):
    assert require(gdro) == schema.read(gdro)


def test_the_verb_names_entry_and_problem_and_exits_with_2(board, gdro, capsys, tamper):
    assert outcome(["leaderboard", "check", str(board)]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[1] == f"results/toy-v1/mlp/gdro/{gdro.name}: recount"
    assert out[-1] == "2 entries checked, nothing contradicts anything"
    tamper.entry(gdro, at("scores", "wga_final", "mean", to=0.99))
    assert outcome(["leaderboard", "check", str(gdro)]) == 2
    out = capsys.readouterr().out
    assert f"{gdro}: wga_final.mean: stated 0.99, counted " in out
    assert out.endswith("1 entry checked, 1 with problems\n")
    assert outcome(["leaderboard", "check", str(board), "--json"]) == 2
    found = json.loads(capsys.readouterr().out)
    assert [(r["level"], len(r["problems"])) for r in found] == [("recount", 0), (None, 1)]


def test_curves_of_the_store_and_of_the_entry_score_alike(toy_entries):
    """The recount starts from other files than the run did."""
    entry = stored.load(toy_entries["gdro"])
    for cell in entry.entry.cells:
        assert cell_scores(entry.curves[cell.seed, cell.weight_decay], (11, 20), 10) == cell.scores


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("folder:photos", "its data is the user's own, or a repository that may change"),
        ("theirs", "its name and version do not pin its data down"),
    ],
)
def test_data_that_nothing_pins_down_is_never_complete(gdro, name, said):
    entry = schema.read(gdro)
    other = entry.model_copy(update={"data": "f" * 16, "dataset": entry.dataset.model_copy(update={"name": name})})
    assert list(overstated(other, None)) == [f"it says that it is complete, and {said}"]
    assert list(overstated(other.model_copy(update={"partial": ("the data is the user's own",)}), None)) == []

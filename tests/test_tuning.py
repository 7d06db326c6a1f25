"""A declared search: the same draws for everybody, chosen on val, said in the entry."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import pytest

from wgbench import algorithms, protocol, runs
from wgbench.algorithms.base import Algorithm
from wgbench.algorithms.ranges import Choices, LogUniform, Range, Uniform
from wgbench.cli.main import outcome
from wgbench.errors import AlgorithmFailed, BadOption
from wgbench.options import dump
from wgbench.planning import plan
from wgbench.registry import BUILT_IN
from wgbench.request import Observer, Request
from wgbench.results import identity, schema
from wgbench.tuning import SEED, draws

OURS = [name for name in algorithms.names() if algorithms.registry.listing(name).owner == BUILT_IN]
SEARCHED = [name for name in OURS if algorithms.registry.find(name).target.search]
NU = {"nu": LogUniform(0.001, 0.1)}


def request(name, store, **changes):
    given = {"seeds": (1, 2), "weight_decays": (0.0,), "jobs": 1, "store": store, "baseline": False}
    return Request(name, "toy", **{**given, **changes})


@dataclass(frozen=True)
class Fragile(Algorithm):
    """Trains at small strengths alone."""

    strength: float = 0.2
    search: ClassVar[Mapping[str, Range]] = {"strength": Uniform(0, 1)}

    def run(self, fit, data):
        if self.strength > 0.5:
            raise AlgorithmFailed("algorithm fragile", "too strong", "take less")
        return fit(self)


@pytest.fixture
def fragile():
    algorithms.register("fragile", Fragile)
    yield
    algorithms.registry._registered.pop("fragile")


def test_ranges_take_shares_to_values():
    assert [Uniform(0.1, 0.9).at(u) for u in (0.0, 0.5)] == [0.1, 0.5]
    assert [LogUniform(0.001, 0.1).at(u) for u in (0.0, 0.5, 0.75)] == [0.001, 0.01, 0.0316]
    assert [Choices((1, 5, 9)).at(u) for u in (0.0, 0.34, 0.99)] == [1, 5, 9]


def test_draws_are_the_same_for_everybody_and_the_default_is_the_first():
    found = draws("gdro", 1, NU, {"nu": 0.01}, 4)
    assert found == [{"nu": 0.01}, {"nu": 0.00172}, {"nu": 0.0171}, {"nu": 0.00319}]
    assert draws("gdro", 1, NU, {"nu": 0.01}, 3) == found[:3]
    assert draws("gdro", 2, NU, {"nu": 0.01}, 4)[1:] != found[1:]
    both = draws("gdro", 1, {**NU, "alpha": Uniform(0, 1)}, {"nu": 0.01, "alpha": 0.2}, 4)
    assert [d["nu"] for d in both] == [d["nu"] for d in found]  # another option changes nothing


def test_configurations_differ_and_a_small_set_runs_out():
    found = draws("x", 1, {"a": Choices((1, 2, 3))}, {"a": 2}, 8)
    assert found[0] == {"a": 2}
    assert sorted(d["a"] for d in found) == [1, 2, 3]


@pytest.mark.parametrize("name", SEARCHED)
def test_every_range_is_of_an_option_and_holds_values_that_it_takes(name):
    ranges = algorithms.registry.find(name).target.search
    default = dump(algorithms.make(name))
    assert ranges.keys() <= default.keys()
    for options in draws(name, 1, ranges, {o: default[o] for o in ranges}, 20):
        assert dump(algorithms.make(name, **options)) == {**default, **options}


def test_what_has_hyper_parameters_can_be_searched():
    assert set(SEARCHED) >= {"gdro", "cvar", "chi2", "cvar-doro", "chi2-doro", "label-cvar", "jtt", "lff"}
    assert not {"erm", "iw", "subg", "dfr"} & set(SEARCHED)  # DFR tunes by itself


def test_the_best_on_val_becomes_the_entry_which_says_so(tmp_path):
    result = protocol.run(request("gdro", tmp_path, tune=3, baseline=True))
    entry = schema.read(result.folder)
    tuning = entry.tuning
    assert (tuning.label, tuning.selected_on, tuning.seed, tuning.configurations) == ("searched(3)", "val", SEED, 3)
    values = [c.val for c in tuning.drawn]
    assert tuning.chosen == values.index(max(values))
    assert entry.algorithm.options["nu"] == tuning.drawn[tuning.chosen].options["nu"]
    assert entry.protocol.seeds == (1, 2)
    assert entry.command == "wgbench run gdro toy --seeds 1,2 --wd 0 --tune 3"
    identity.check(result.folder, entry)
    erm = schema.read(tmp_path / "entries" / entry.baseline)
    assert (erm.tuning.label, erm.command) == ("default", "wgbench run erm toy --seeds 1,2 --wd 0")
    for candidate in tuning.drawn:
        (folder,) = tmp_path.rglob(candidate.cell)
        found = runs.read_lines(folder / runs.CURVES)[-10:]
        worst = [min(c / 20 for c in line["val"]["correct"]) for line in found]
        assert candidate.val == pytest.approx(sum(worst) / 10)


def test_the_search_goes_on_where_it_was_and_is_not_run_twice(tmp_path):
    class Counting(Observer):
        epochs = 0

        def progress(self, progress):
            self.epochs += 1

    observer = Counting()
    first = protocol.run(request("gdro", tmp_path, tune=2), observer)
    assert observer.epochs == (2 + 2) * 24
    assert protocol.run(request("gdro", tmp_path, tune=2), observer).entry == first.entry
    assert observer.epochs == (2 + 2) * 24
    third = protocol.run(request("gdro", tmp_path, tune=3), observer).entry
    new = 0 if third.algorithm == first.entry.algorithm else 2
    assert observer.epochs == (2 + 2 + 1 + new) * 24  # one configuration more, and its seeds if it wins


def test_options_set_by_hand_are_not_searched(tmp_path):
    entry = protocol.run(request("cvar-doro", tmp_path, tune=3, settings={"alpha": 0.5})).entry
    assert [set(c.options) for c in entry.tuning.drawn] == [{"eps"}] * 3
    assert entry.algorithm.options["alpha"] == 0.5
    assert "--set alpha=0.5" in entry.command


def test_a_configuration_that_cannot_be_trained_is_out_and_the_search_goes_on(tmp_path, fragile):
    entry = protocol.run(request("fragile", tmp_path, tune=5)).entry
    strong = [c for c in entry.tuning.drawn if c.options["strength"] > 0.5]
    assert 0 < len(strong) < 5
    assert all(c.val is None for c in strong)
    assert all(c.val is not None for c in entry.tuning.drawn if c not in strong)
    again = protocol.run(request("fragile", tmp_path, tune=5)).entry
    assert again.tuning == entry.tuning


def test_a_search_of_failures_alone_is_an_error(tmp_path, fragile, monkeypatch):
    monkeypatch.setattr(Fragile, "search", {"strength": Uniform(0.6, 1)})
    monkeypatch.setattr(Fragile.__init__, "__defaults__", (0.9,))
    with pytest.raises(AlgorithmFailed, match=r"none of 2 configurations could be trained; choose options by hand"):
        protocol.run(request("fragile", tmp_path, tune=2))


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("erm", {}, r"--tune 3: erm declares no ranges: there is nothing to search; run without --tune"),
        ("gdro", {"settings": {"nu": 0.5}}, r"gdro declares no ranges but for what --set fixes"),
        ("gdro", {"seeds": (1, SEED)}, r"--seeds 1999: the search uses that seed; take another one"),
        ("gdro", {"epochs": 9}, r"last 10 epochs, and there are 9; take --epochs 10 or more"),
    ],
)
def test_what_cannot_be_searched_is_said_before_anything_is_trained(name, changes, said, tmp_path):
    with pytest.raises(BadOption, match=said):
        protocol.run(request(name, tmp_path, tune=3, **changes))
    assert not list(tmp_path.rglob("curves.jsonl"))


def test_the_default_of_a_search_is_that_of_the_dataset(tmp_path):
    from wgbench.tuning import jobs

    first, *others = jobs(request("jtt", tmp_path, tune=3))
    usual, _ = plan(request("jtt", tmp_path))
    assert first.cell.algorithm == usual.subject.algorithm  # the toy's own, not the class's
    assert (first.cell.seed, first.cell.weight_decay, first.may_fail) == (SEED, 0.0, True)
    assert all(job.cell.algorithm != usual.subject.algorithm for job in others)


def test_the_verb_takes_it(tmp_path, capsys):
    words = ["run", "cvar", "toy", "--tune", "2", "--seeds", "1", "--wd", "0", "--jobs", "1", "--no-baseline"]
    assert outcome([*words, "--runs", str(tmp_path)]) == 0
    found = capsys.readouterr()
    assert "hyper-parameters: searched(2), alpha=" in found.out
    assert "searched(2) chose alpha=" in found.err

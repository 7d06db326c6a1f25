"""Cells trained together: what each of them would have been by itself, whatever happens to the others."""

from dataclasses import dataclass, replace

import pytest
import torch

from wgbench import algorithms, losses, runs
from wgbench.algorithms.base import Algorithm
from wgbench.checks.toy import Interrupted, Memory
from wgbench.config import Mode, Plugin
from wgbench.engine import fit, replicas
from wgbench.errors import AlgorithmFailed
from wgbench.launch import work
from wgbench.options import dump

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")
OPTIONS = {"jtt": {"epochs": 2, "up": 3, "lr": 0.01, "weight_decay": 0.0}, "dfr": {"refits": 2}}


@pytest.fixture
def cells(toy_cell):
    """Cells of one entry: `cells("gdro", seeds=(1, 2), decays=(0.0, 0.1), lr=0.1)`."""

    def make(name="erm", seeds=(1, 2), decays=(0.0, 0.1), **changes):
        made = algorithms.make(name, **OPTIONS.get(name, {}))
        algorithm = Plugin(name=name, version=made.version, options=dump(made))
        found = [toy_cell(seed=s, weight_decay=wd, **changes) for wd in decays for s in seeds]
        return [cell.model_copy(update={"algorithm": algorithm}) for cell in found]

    return make


@pytest.fixture
def parts(job):
    return lambda cell: work.assemble(job(cell))


def alone(cell, parts):
    sink = Memory()
    return fit.train(cell, parts, CPU, sink), sink


def kept(outcome, sink):
    """Everything that a cell leaves behind, but for timings."""
    lines = [{k: v for k, v in line.items() if k != "seconds"} for line in sink.lines]
    return lines, outcome.info, outcome.totals, {k: v.tolist() for k, v in outcome.predictions.items()}


def together(cells, parts, sinks=None):
    sinks = sinks or [Memory() for _ in cells]
    outcomes = replicas.train(cells, parts, CPU, sinks)
    return [kept(*pair) for pair in zip(outcomes, sinks, strict=True)], sinks


def networks(sink):
    """Parameters at the end of the last stage, one vector per name."""
    end = sink.ends[max(sink.ends)]
    return {k: v for k, v in end.tensors.items() if k.startswith(("networks/", "optimizer/"))}


def assert_close(sinks, cells, parts, tolerance=1e-5):
    for sink, cell in zip(sinks, cells, strict=True):
        _, single = alone(cell, parts)
        ours, theirs = networks(sink), networks(single)
        assert ours.keys() == theirs.keys()
        for name in ours:
            assert torch.allclose(ours[name], theirs[name], rtol=0, atol=tolerance), name
        for a, b in zip(sink.lines, single.lines, strict=True):
            assert a["train"] is None or a["train"]["loss"] == pytest.approx(b["train"]["loss"], abs=80 * tolerance)
            assert a["weights"].keys() == b["weights"].keys()
            for name, value in a["weights"].items():
                assert value == pytest.approx(b["weights"][name], abs=10 * tolerance), name


@pytest.mark.parametrize("name", algorithms.names())
def test_over_twenty_steps_together_is_one_by_one(name, cells, parts):
    made = cells(name, epochs=4)  # of five steps
    found, sinks = together(made, parts(made[0]))
    assert [len(lines) for lines, *_ in found] == [6 if name == "jtt" else 4] * 4
    assert_close(sinks, made, parts(made[0]))


RECIPES = {
    "pull": {"l2_to_init": 0.1},
    "clipped": {"clip_norm": 0.05},
    "cosine": {"schedule": "cosine", "warmup_epochs": 2},
    "adamw": {"optimizer": "adamw", "lr": 0.001},
    "all": {"l2_to_init": 0.1, "clip_norm": 0.05, "schedule": "cosine", "optimizer": "adamw", "lr": 0.001},
}


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_every_recipe_is_followed(recipe, cells, parts):
    made = cells("gdro", epochs=4, **recipe)
    assert_close(together(made, parts(made[0]))[1], made, parts(made[0]))


@pytest.mark.parametrize("loss", losses.names())
def test_every_loss_is_computed(loss, cells, parts):
    made = cells("cvar", epochs=4, loss=loss, lr=0.02)
    assert_close(together(made, parts(made[0]))[1], made, parts(made[0]))


@pytest.mark.parametrize("name", ["gdro", "jtt", "lff", "chi2-doro"])
def test_company_does_not_matter_to_the_bit(name, cells, parts):
    """On a CPU: every cell's part is computed by the same kernel, alone or among others."""
    made = cells(name, seeds=(1, 2, 3), epochs=8)
    whole, _ = together(made, parts(made[0]))
    assert together(made, parts(made[0]))[0] == whole  # and it repeats
    for part in ([0], [4], [1, 5], [5, 3, 0, 2]):
        assert together([made[i] for i in part], parts(made[0]))[0] == [whole[i] for i in part]


def test_the_wrong_decay_would_be_noticed(cells, parts):
    """The control: cells that are told apart by their weight decay alone do differ."""
    made = cells("erm", seeds=(1,), epochs=4)
    _, sinks = together(made, parts(made[0]))
    with pytest.raises(AssertionError):
        assert_close(sinks, made[::-1], parts(made[0]))


def test_one_that_diverges_leaves_the_others_as_they_are(cells, parts):
    made = cells("gdro", seeds=(1, 2), decays=(0.0, 30.0), epochs=12, lr=1.0)
    whole, sinks = together(made, parts(made[0]))
    ends = [info["diverged_at"] for _, info, *_ in whole]
    assert ends[:2] == [None, None]
    for (lines, info, _, predictions), cell in zip(whole[2:], made[2:], strict=True):
        (_, single, _, lost), theirs = kept(*alone(cell, parts(cell))), alone(cell, parts(cell))[1]
        assert info["diverged_at"] == single["diverged_at"] == len(lines) + 1 <= 12
        assert predictions["final"] == lost["final"] == [-1] * 80
        assert sinks[2].ends[1].lines == theirs.ends[1].lines
    assert together(made[:2], parts(made[0]))[0] == whole[:2]


def test_when_all_diverge_that_is_the_outcome(cells, parts):
    made = cells("erm", epochs=12, lr=1e18)
    whole, _ = together(made, parts(made[0]))
    assert all(info["diverged_at"] == len(lines) + 1 for lines, info, *_ in whole)


@pytest.mark.parametrize("moment", [(1, 1), (1, 5), (2, 3), (2, 24)])
@pytest.mark.parametrize("which", [0, 2])
def test_a_diverged_one_stays_so_through_an_interruption(which, moment, cells, parts):
    """Interrupted at the line of one of them, so that the others are a line ahead or behind."""
    made = cells("jtt", decays=(0.0, 30.0), epochs=24, lr=0.4)
    whole, _ = together(made, parts(made[0]))
    assert {info["diverged_at"] is None for _, info, *_ in whole} == {True, False}
    sinks = [Memory() for _ in made]
    sinks[which].stop = lambda line: (line["stage"], line["epoch"]) == moment
    try:
        together(made, parts(made[0]), sinks)
    except Interrupted:
        sinks[which].stop = lambda _: False
    assert together(made, parts(made[0]), sinks)[0] == whole


@dataclass(frozen=True)
class Choosy(Algorithm):
    """Later stages differ from cell to cell: in horizon, and in number."""

    def run(self, fit, data):
        first = fit(self, recipe={"epochs": 2})
        wrong = int((first.logits(data.train).argmax(1) != data.train.label).sum())
        fit.note("wrong", wrong)
        if int(torch.randint(2, (1,), generator=fit.generator(1))):
            return fit(self, recipe={"epochs": 3})
        fit(self, recipe={"epochs": 4}, start=first)
        return fit(self, recipe={"epochs": 3, "lr": 0.01})


def test_cells_whose_stages_differ_are_trained_all_the_same(cells, parts):
    algorithms.register("choosy", Choosy)
    made = cells("choosy", seeds=(1, 2, 3, 4), decays=(0.0,))
    whole, sinks = together(made, parts(made[0]))
    assert {info["stages"] for _, info, *_ in whole} == {2, 3}
    assert_close(sinks, made, parts(made[0]))


@dataclass(frozen=True)
class Stubborn(Algorithm):
    """Asks for a number, which vmap does not give."""

    def weigh(self, losses, batch, state):
        return torch.full_like(losses, 1 / losses.shape[-1] if losses.max().item() > 0 else 1.0), state


def test_an_algorithm_that_does_not_vectorise_says_what_to_do(cells, parts):
    algorithms.register("stubborn", Stubborn)
    made = cells("stubborn")
    with pytest.raises(AlgorithmFailed, match=r"its weigh does not run under vmap \(.*\); take --vectorize off"):
        together(made, parts(made[0]))


# In run folders


@pytest.fixture
def group(cells, job):
    """The job of a group of cells, in a store of its own."""

    def make(name, store, **changes):
        made = [c.model_copy(update={"mode": Mode(vectorized=True)}) for c in cells(name, **changes)]
        return job(made[0], store, others=tuple(made[1:]), group=tuple(c.id for c in made))

    return make


def outcomes(job):
    """Everything that must not depend on how it came about."""
    found = []
    for cell in job.cells:
        folder = runs.folder(job.store, cell)
        lines = [{k: v for k, v in line.items() if k != "seconds"} for line in runs.read_lines(folder / runs.CURVES)]
        result = {k: v for k, v in runs.read_json(folder / runs.RESULT).items() if k != "seconds"}
        said = runs.read_json(folder / runs.CELL)
        found.append((lines, result, (folder / runs.PREDICTIONS).read_bytes(), said["cell"], said["group"]))
    return found


class Stop(Exception):
    pass


def interrupt_at(job, which, epoch, stage=1):
    def report(progress):
        if (progress.cell, progress.stage, progress.epoch) == (job.cells[which].id, stage, epoch):
            raise Stop

    return report


@pytest.mark.parametrize("name", ["gdro", "jtt", "lff", "subg"])
def test_an_interrupted_group_ends_like_an_undisturbed_one(name, group):
    whole, torn = group(name, "whole"), group(name, "torn")
    work.run(whole)
    last = 2 if name == "jtt" else 1
    for which, moment in ((1, (5, last)), (0, (6, last)), (3, (17, last))):
        with pytest.raises(Stop):
            work.run(torn, interrupt_at(torn, which, *moment))
    work.run(torn)
    assert outcomes(torn) == outcomes(whole)
    assert outcomes(torn)[0][-1] == [[1, 0.0], [2, 0.0], [1, 0.1], [2, 0.1]]
    left = {p.name for cell in torn.cells for p in runs.folder(torn.store, cell).iterdir()}
    assert left == {"cell.json", "curves.jsonl", "lock", "predictions.parquet", "result.json"}


def test_one_damaged_checkpoint_takes_all_of_them_back(group):
    whole, torn = group("gdro", "whole"), group("gdro", "torn")
    work.run(whole)
    with pytest.raises(Stop):
        work.run(torn, interrupt_at(torn, 2, 9))
    folder = runs.folder(torn.store, torn.cells[1])
    states = sorted(folder.glob("state-*"), key=lambda p: int(p.stem.split("-")[2]))
    assert [p.name for p in states] == ["state-1-7.safetensors", "state-1-8.safetensors"]
    states[-1].write_bytes(b"")
    seen = []
    work.run(torn, lambda p: seen.append(p.epoch))
    assert seen[:5] == [8, 8, 8, 8, 9]
    assert outcomes(torn) == outcomes(whole)


def test_what_was_ended_for_some_is_ended_for_the_others_without_training(group, monkeypatch):
    whole, torn = group("gdro", "whole"), group("gdro", "torn")
    work.run(whole)
    finish, done = runs.RunFolder.finish, []

    def once(self, *arguments):
        if done:
            raise Stop
        done.append(self.cell)
        finish(self, *arguments)

    with monkeypatch.context() as m:
        m.setattr(runs.RunFolder, "finish", once)
        with pytest.raises(Stop):
            work.run(torn)
    work.run(torn, lambda _: pytest.fail("trained again"))
    assert outcomes(torn) == outcomes(whole)


def test_in_other_company_a_cell_starts_again(group, job):
    torn = group("gdro", "torn")
    with pytest.raises(Stop):
        work.run(torn, interrupt_at(torn, 0, 9))
    seen = []
    single = job(torn.cells[1], "torn", group=(torn.cells[1].id,))
    work.run(single, lambda p: seen.append(p.epoch))
    assert seen == list(range(1, 25))
    assert outcomes(single)[0][-1] == [[2, 0.0]]
    work.run(torn)  # the others, in their turn
    assert outcomes(torn)[0][-1] == [[1, 0.0], [1, 0.1], [2, 0.1]]


def test_a_job_stops_when_all_its_cells_have_the_line(group):
    stopped = group("jtt", "stopped")
    work.run(replace(stopped, stop=(2, 3)))
    for cell in stopped.cells:
        lines = runs.read_lines(runs.folder(stopped.store, cell) / runs.CURVES)
        assert (lines[-1]["stage"], lines[-1]["epoch"]) == (2, 3)
        assert not runs.finished(runs.folder(stopped.store, cell))

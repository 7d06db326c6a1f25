"""The loop as a whole: what is recorded, what repeats, what an outcome is."""

from dataclasses import dataclass

import pytest
import torch

from wgbench import algorithms, losses, runs
from wgbench.algorithms.base import Algorithm
from wgbench.errors import AlgorithmFailed
from wgbench.launch import work


def lines(job):
    return runs.read_lines(runs.folder(job.store, job.cell) / runs.CURVES)


def result(job):
    return runs.read_json(runs.folder(job.store, job.cell) / runs.RESULT)


def trained(job):
    work.run(job)
    return lines(job)


def test_an_epoch_is_n_over_b_steps_and_counts_are_those_of_the_data(toy_cell, job):
    j = job(toy_cell("gdro", epochs=3, batch_size=30))
    seen = trained(j)
    assert [(x["stage"], x["epoch"]) for x in seen] == [(1, 1), (1, 2), (1, 3)]
    assert result(j)["steps_per_epoch"] == 2  # 80 // 30
    totals = result(j)["totals"]
    for line in seen:
        for split in ("train", "val", "test"):
            part = line[split]
            assert sum(part["correct"]) == part["acc_correct"] == sum(part["class_correct"])
            assert sum(part["predicted"]) == totals[split]["n"] == 80
            assert sum(part["loss"]) == pytest.approx(part["acc_loss"])
            assert all(c <= n for c, n in zip(part["correct"], totals[split]["total"], strict=True))


def test_a_batch_larger_than_the_data_is_cut(toy_cell, job):
    j = job(toy_cell(epochs=1, batch_size=500))
    work.run(j)
    assert (result(j)["batch_size"], result(j)["steps_per_epoch"]) == (80, 1)


def test_erm_steps_are_those_of_plain_pytorch(toy_cell, job):
    """Twelve steps on the same stream, written out with autograd and torch's own SGD."""
    from wgbench.engine import stream
    from wgbench.engine.stream import For
    from wgbench.types import Sampling

    cell = toy_cell(epochs=3, batch_size=20, weight_decay=0.01)
    j = job(cell, keep=True)
    seen = trained(j)
    parts = work.assemble(j)
    torch.manual_seed(stream.torch_seed(cell.seed, 0, For.INIT))
    network = parts.backbone.build(parts.spec)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01)
    train = parts.splits["train"]
    for epoch in (1, 2, 3):
        everyone = Sampling(torch.ones(80, dtype=torch.int64))
        visits = stream.order(everyone, 80, cell.seed, 1, epoch, For.ORDER)
        for index in visits.view(4, 20):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(network(train.x[index]), train.label[index]).backward()
            optimizer.step()
    test = parts.splits["test"]
    loss = torch.nn.functional.cross_entropy(network(test.x), test.label, reduction="sum")
    assert seen[-1]["test"]["acc_loss"] == pytest.approx(loss.item(), rel=1e-5)


def test_weights_are_logged_by_group_with_the_state(toy_cell, job):
    (line,) = trained(job(toy_cell("gdro", epochs=1)))
    assert sum(line["weights"]["mass"]) == pytest.approx(line["weights"]["sum"])
    q = torch.tensor(line["state"]["log_q"]).exp()
    assert float(q.sum()) == pytest.approx(1, rel=1e-5)
    (plain,) = trained(job(toy_cell("erm", epochs=1)))
    assert plain["weights"]["ess"] == pytest.approx(1)
    assert plain["weights"]["sum"] == pytest.approx(1)


def test_effective_weights_of_erm_and_iw_are_known(toy_cell, job):
    erm, iw = job(toy_cell("erm", epochs=40)), job(toy_cell("iw", epochs=40))
    work.run(erm)
    work.run(iw)
    assert result(erm)["weights_settle"] == pytest.approx({"largest_change": 0, "smallest": 1, "share_zero": 0})
    largest = max(result(iw)["totals"]["train"]["total"])
    assert result(iw)["weights_settle"]["smallest"] == pytest.approx(80 / (4 * largest))


def test_equal_seeds_repeat_and_others_do_not(toy_cell, job):
    a, b, c = (job(toy_cell(seed=s), store) for s, store in ((1, "a"), (1, "b"), (2, "c")))
    for j in (a, b, c):
        work.run(j)
    assert result(a)["model"] == result(b)["model"] != result(c)["model"]


def test_algorithms_of_a_seed_start_from_the_same_network(toy_cell, job):
    nets = []
    for name in ("erm", "gdro"):
        j = job(toy_cell(name, lr=1e-30, epochs=1, momentum=0.0))
        work.run(j)
        nets.append(result(j)["model"])
    assert nets[0] == nets[1]


def test_divergence_is_an_outcome(toy_cell, job):
    j = job(toy_cell(lr=1e18, epochs=12))
    seen = trained(j)
    assert result(j)["diverged_at"] == len(seen) + 1 <= 12
    assert work.run(j) is None  # done: not run again


def test_collapse_to_one_class_is_reported(toy_cell, job):
    j = job(toy_cell(weight_decay=5.0, epochs=30))
    work.run(j)
    assert result(j)["collapsed"] is True
    assert result(j)["diverged_at"] is None


@dataclass(frozen=True)
class Twice(Algorithm):
    """Trains a second network on what the first got wrong, from the same start."""

    def run(self, fit, data):
        first = fit(self, recipe={"epochs": 4, "lr": 0.01})
        assert first.logits(data.train).shape == (80, 2)
        assert first.features(data.val).shape == (80, 16)
        wrong = first.logits(data.train).argmax(1) != data.train.label
        from wgbench.types import Sampling

        return fit(self, sampling=Sampling(1 + wrong.long()))


@dataclass(frozen=True)
class Confused(Algorithm):
    """Returns the wrong stage."""

    def run(self, fit, data):
        first = fit(self)
        fit(self)
        return first


def test_stages_have_their_own_lines_and_resume_in_each(toy_cell, job):
    algorithms.register("twice", Twice)
    whole, torn = job(toy_cell("twice"), "whole"), job(toy_cell("twice"), "torn")
    seen = trained(whole)
    assert [(x["stage"], x["epoch"]) for x in seen] == [(1, e) for e in range(1, 5)] + [(2, e) for e in range(1, 25)]

    def stop_at(stage, epoch):
        def report(progress):
            if (progress.stage, progress.epoch) == (stage, epoch):
                raise KeyboardInterrupt

        return report

    for stage, epoch in ((1, 3), (2, 1), (2, 7)):
        with pytest.raises(KeyboardInterrupt):
            work.run(torn, stop_at(stage, epoch))
    again = trained(torn)
    strip = lambda xs: [{k: v for k, v in x.items() if k != "seconds"} for x in xs]  # noqa: E731
    assert strip(again) == strip(seen)
    assert result(torn)["model"] == result(whole)["model"]


def test_an_algorithm_must_return_its_last_stage(toy_cell, job):
    algorithms.register("confused", Confused)
    with pytest.raises(AlgorithmFailed, match="return the result of the last fit"):
        work.run(job(toy_cell("confused", epochs=1)))


def test_float64_is_float64(toy_cell, job):
    from wgbench.config import Mode

    cell = toy_cell(epochs=1).model_copy(update={"mode": Mode(precision="fp64")})
    j = job(cell, keep=True)
    work.run(j)
    from safetensors.torch import load_file

    (path,) = runs.folder(j.store, cell).glob("stage-1.safetensors")
    assert {t.dtype for k, t in load_file(path).items() if k.startswith("networks/")} == {torch.float64}


@pytest.mark.parametrize("loss", losses.names())
@pytest.mark.parametrize("name", ["erm", "gdro", "chi2", "jtt", "lff", "dfr"])
def test_any_algorithm_trains_with_any_loss_and_every_regulariser(name, loss, toy_cell, job):
    options = {"epochs": 2, "lr": 0.01} if name == "jtt" else {}
    cell = toy_cell(name, loss=loss, **options)
    recipe = cell.recipe.model_copy(update={"epochs": 12, "lr": 0.02, "l2_to_init": 0.01, "weight_decay": 0.001})
    j = job(cell.model_copy(update={"recipe": recipe}))
    work.run(j)
    assert result(j)["diverged_at"] is None
    last = lines(j)[-1]
    assert all(x is not None for split in ("train", "val", "test") for x in last[split]["loss"])


def test_l2_to_init_keeps_the_network_near_its_start(toy_cell, job):
    """Eq. 12: the stronger mu, the nearer to theta(0)."""
    from safetensors.torch import load_file

    from wgbench.engine import stream
    from wgbench.engine.stream import For

    distances = []
    for mu in (0.0, 0.1, 5.0):
        cell = toy_cell("iw", l2_to_init=mu, momentum=0.0)
        j = job(cell, f"mu{mu}", keep=True)
        work.run(j)
        end = load_file(runs.folder(j.store, cell) / "stage-1.safetensors")
        torch.manual_seed(stream.torch_seed(cell.seed, 0, For.INIT))
        start = work.assemble(j).backbone.build(work.assemble(j).spec).state_dict()
        distances.append(sum(float((end[f"networks/0.{k}"] - v).square().sum()) for k, v in start.items()) ** 0.5)
    assert distances[0] > distances[1] > 2 * distances[2] > 0

"""Methods with stages or several networks, against their published rules."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from wgbench import algorithms
from wgbench.algorithms.base import Algorithm
from wgbench.errors import AlgorithmFailed
from wgbench.launch import work
from wgbench.types import Batch, Data, Split


def split(group, n_classes=2, features=4, seed=0):
    group = torch.as_tensor(group)
    x = torch.randn(len(group), features, generator=torch.Generator().manual_seed(seed))
    return Split(x, group // 2, group, n_classes=n_classes, n_groups=2 * n_classes)


class Stub:
    """`fit` without training: keeps what it was asked for, gives out predictions that were decided before."""

    def __init__(self, online=None, logits=None):
        self.online, self.given, self.calls, self.notes = online, logits, [], {}

    def __call__(self, algorithm, **words):
        self.calls.append((algorithm, words))
        return self

    def recorded(self, name):
        assert name == "online_predictions"
        return self.online

    def logits(self, split):
        return self.given

    def note(self, name, value):
        self.notes[name] = value

    def generator(self, purpose):
        return torch.Generator().manual_seed(purpose)


TRAIN = split([0, 0, 0, 1, 2, 3, 3, 3])  # labels 0 0 0 0 1 1 1 1
ONLINE = torch.tensor([0, 0, -1, 1, 0, 1, 1, 1])  # example 2 was not visited; 3 and 4 are wrong


def test_jtt_repeats_the_errors_of_its_first_stage():
    fit = Stub(online=ONLINE)
    algorithms.make("jtt", epochs=7, up=5, lr=0.3, weight_decay=0.2).run(fit, Data(TRAIN, TRAIN))
    (_, first), (_, second) = fit.calls
    assert first["recipe"] == {"epochs": 7, "lr": 0.3, "weight_decay": 0.2}
    assert first["record"] == ("online_predictions",)
    assert second["sampling"].weight.tolist() == [1, 1, 1, 6, 6, 1, 1, 1]  # an error appears up + 1 times
    assert second.get("start", "init") == "init"
    assert "recipe" not in second  # the cell's own, with the grid's weight decay
    assert fit.notes["error_set"] == {
        "size": 2,
        "precision": [0, 0.5, 0.5, 0],
        "recall": [0, 1, 1, 0],
        "members": [3, 4],
    }


def test_jtt_can_take_its_errors_from_an_evaluation_pass():
    logits = torch.nn.functional.one_hot(torch.tensor([0, 0, 1, 0, 1, 1, 1, 1]), 2).float()
    fit = Stub(logits=logits, online=ONLINE)
    algorithms.make("jtt", errors="evaluation", up=1).run(fit, Data(TRAIN, TRAIN))
    assert fit.calls[1][1]["sampling"].weight.tolist() == [1, 1, 2, 1, 1, 1, 1, 1]


@pytest.mark.parametrize(
    ("online", "said"),
    [(TRAIN.label, "0 of 8 training examples wrong.*train it shorter"), (1 - TRAIN.label, "8 of 8.*train it longer")],
)
def test_jtt_says_when_there_is_nothing_to_upweight(online, said):
    with pytest.raises(AlgorithmFailed, match=said):
        algorithms.make("jtt").run(Stub(online=online), Data(TRAIN, TRAIN))


@pytest.mark.parametrize(("name", "key"), [("subg", "group"), ("suby", "label")])
def test_subsampling_cuts_everyone_to_the_smallest(name, key):
    train = split([0] * 20 + [1] * 3 + [2] * 5 + [3] * 9)
    weight = algorithms.make(name).sampling(train, torch.Generator().manual_seed(1)).weight
    kept = getattr(train, key)[weight.bool()]
    smallest = int(torch.bincount(getattr(train, key)).min())
    assert torch.bincount(kept).tolist() == [smallest] * len(getattr(train, key).unique())
    assert set(weight.tolist()) == {0, 1}
    other = algorithms.make(name).sampling(train, torch.Generator().manual_seed(2)).weight
    assert not torch.equal(weight, other)


def test_an_empty_group_is_left_out_of_subsampling():
    weight = algorithms.make("subg").sampling(split([0] * 5 + [3] * 2), torch.Generator()).weight
    assert int(weight.sum()) == 4


@pytest.mark.parametrize(("name", "key"), [("rwg", "group"), ("rwy", "label")])
def test_resampling_draws_everyone_equally_often(name, key):
    train = split([0] * 20 + [1] * 3 + [2] * 5 + [3] * 9)
    sampling = algorithms.make(name).sampling(train, torch.Generator())
    mass = torch.zeros(4, dtype=torch.float64).index_add(0, getattr(train, key), sampling.probability)
    n = len(getattr(train, key).unique())
    assert mass[:n].tolist() == pytest.approx([1 / n] * n)
    assert sampling.weight.is_floating_point()


def test_rwg_is_iw():
    train = split([0] * 20 + [1] * 3 + [2] * 5 + [3] * 9)
    a, b = (algorithms.make(n).sampling(train, torch.Generator()).weight for n in ("rwg", "iw"))
    assert torch.equal(a, b)


def test_lff_follows_its_rule_over_two_steps():
    """Running means per example, divided by the largest of the class; generalised cross-entropy on the biased net."""
    train = split([0, 0, 2, 2])
    algorithm = algorithms.make("lff", q=0.7, decay=0.7)
    state = algorithm.init(train)
    one = torch.tensor([[0.2, 1.0, 0.5], [0.4, 0.6, 0.3]])
    w, state = algorithm.weigh(one, Batch(torch.tensor([0, 1, 2]), train.label[:3], train.group[:3]), state)
    assert w[0].tolist() == pytest.approx((np.exp(-0.7 * one[0].numpy()) / 3).tolist())  # p^q, p = exp(-loss)
    # Class 0 peaks at 1.0 and .6, class 1 at .5 and .3: the losses themselves in the first visit.
    b, d = np.array([0.2, 1.0, 1.0]), np.array([0.4 / 0.6, 1.0, 1.0])
    assert w[1].tolist() == pytest.approx((b / (b + d) / 3).tolist(), rel=1e-5)
    two = torch.tensor([[2.0], [0.1]])
    w, state = algorithm.weigh(two, Batch(torch.tensor([0]), train.label[:1], train.group[:1]), state)
    assert state["running"][:, 0].tolist() == pytest.approx([0.7 * 0.2 + 0.3 * 2.0, 0.7 * 0.4 + 0.3 * 0.1])
    b, d = 0.74 / 1.0, 0.31 / 0.6
    assert float(w[1, 0]) == pytest.approx(b / (b + d), rel=1e-5)


def dfr_head(val, train_features, val_features, **options):
    fit = Stub()
    algorithms.make("dfr", **options).run(fit, Data(val, val))
    refit = fit.calls[0][1]["refit"]
    return refit, *refit.head(train_features, val_features, torch.Generator().manual_seed(4))


def test_dfr_fits_a_balanced_half_of_val_and_scores_the_other():
    val = split([0] * 40 + [1] * 8 + [2] * 12 + [3] * 30, features=3)
    # The label is in column 0; column 1 is the attribute, useful only where groups are unbalanced; column 2 is noise.
    z = val.x.clone()
    z[:, 0] += 1.5 * (2 * val.label - 1)
    z[:, 1] += 6 * (2 * (val.group % 2) - 1)
    refit, weight, bias = dfr_head(val, z, z)
    fitted = ~refit.scored
    assert torch.bincount(val.group[fitted]).tolist() == [20, 4, 6, 15]  # half of every group
    direction = weight[1] - weight[0]
    assert float(direction[0]) > 5 * float(direction[1].abs())
    right = (z @ weight.T + bias).argmax(1) == val.label
    assert float(right[refit.scored].float().mean()) > 0.8


def test_one_refit_at_one_strength_is_scikit_learns_solution():
    from sklearn.linear_model import LogisticRegression

    from wgbench.algorithms.dfr import _balanced
    from wgbench.algorithms.logistic import _l1

    val = split([0] * 20 + [1] * 10 + [2] * 10 + [3] * 20, features=5)
    train_features = torch.randn(50, 5, generator=torch.Generator().manual_seed(9)) * 3 + 1
    refit, weight, bias = dfr_head(val, train_features, val.x, strengths=(0.7,), refits=1)
    rows = _balanced(val, ~refit.scored, torch.Generator().manual_seed(4))
    z = ((val.x - train_features.mean(0)) / train_features.std(0)).double().numpy()
    model = LogisticRegression(C=0.7, **_l1(2)).fit(z[rows], val.label.numpy()[rows])
    logits = val.x @ weight.T + bias
    assert (logits[:, 1] - logits[:, 0]).tolist() == pytest.approx(model.decision_function(z).tolist(), abs=1e-4)


def test_dfr_handles_more_than_two_classes():
    val = split([0] * 10 + [1] * 10 + [2] * 10 + [3] * 10 + [4] * 10 + [5] * 10, n_classes=3, features=4)
    z = val.x + 4 * torch.nn.functional.one_hot(val.label, 4)
    refit, weight, bias = dfr_head(val, z, z, refits=2)
    assert weight.shape == (3, 4)
    assert float(((z @ weight.T + bias).argmax(1) == val.label)[refit.scored].float().mean()) > 0.8


def test_dfr_needs_two_examples_of_every_group():
    val = split([0] * 10 + [1] + [2] * 10 + [3] * 10)
    with pytest.raises(AlgorithmFailed, match="group 1 has 1 validation example"):
        algorithms.make("dfr").run(Stub(), Data(val, val))


def test_dfr_is_scored_at_the_windows_alone_and_on_the_half_it_did_not_fit(toy_cell, job):
    from wgbench import runs
    from wgbench.launch import work

    j = job(toy_cell("dfr", epochs=24, refits=2))
    work.run(j)
    folder = runs.folder(j.store, j.cell)
    scored = [line["epoch"] for line in runs.read_lines(folder / runs.CURVES) if line["test"] is not None]
    assert scored == list(range(11, 25))
    assert runs.read_json(folder / runs.RESULT)["totals"]["val"]["n"] == 40


def test_own_epochs_are_passes_over_the_subset(toy_cell, job):
    from wgbench import runs
    from wgbench.launch import work

    steps = []
    for own in (False, True):
        j = job(toy_cell("subg", epochs=1, own_epochs=own, batch_size=8))
        work.run(j)
        steps.append(runs.read_json(runs.folder(j.store, j.cell) / runs.RESULT)["steps_per_epoch"])
    assert steps == [10, 2]  # 80 // 8, and 16 // 8


@dataclass(frozen=True)
class Asks(Algorithm):
    """Trains, and asks for what there is not."""

    what: str = "record"

    def weigh(self, losses, batch, state):
        return torch.full_like(losses, 1 / len(losses)), state

    def run(self, fit, data):
        trained = fit(self, record=("offline",) if self.what == "record" else ())
        if self.what == "logits":
            trained.logits(replace(data.val))
        return trained


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("record", r"fit\(record=\('offline',\)\): nothing is recorded under that name; write 'online_predictions'"),
        ("logits", r"the split is none of the cell's; pass data\.train or data\.val"),
    ],
)
def test_authors_of_stages_are_told_what_there_is(what, said, toy_cell, job, monkeypatch):
    monkeypatch.setattr(algorithms.registry, "_registered", {})
    algorithms.register("asks", Asks)
    with pytest.raises(AlgorithmFailed, match=said):
        work.run(job(toy_cell("asks", what=what, epochs=2)))

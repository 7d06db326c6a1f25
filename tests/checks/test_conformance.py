"""The conformance suite over every registered name, and a broken plug-in for every check."""

from dataclasses import dataclass, field
from typing import ClassVar

import pytest
import torch
from torch import nn

from wgbench import algorithms, backbones, datasets, losses
from wgbench.algorithms.base import Algorithm
from wgbench.backbones.base import Backbone
from wgbench.backbones.small import Headed
from wgbench.checks import CheckFailed, checks
from wgbench.checks import algorithms as algorithm_checks
from wgbench.checks import backbones as backbone_checks
from wgbench.checks import datasets as dataset_checks
from wgbench.checks import losses as loss_checks
from wgbench.checks.toy import Toy
from wgbench.losses.base import Loss
from wgbench.types import Root, Sampling, Spec, Split

ALL = [("algorithms", n) for n in algorithms.names()] + [("losses", n) for n in losses.names()]
ALL += [("datasets", "colored-digits"), ("datasets", "toy"), ("backbones", "resnet18"), ("backbones", "timm:test_vit")]
ALL += [("backbones", n) for n in backbones.names() if ":" not in n]
ALL += [("backbones", f"linearized:{n}") for n in ("mlp", "cnn", "ntk-mlp", "bag", "timm:test_vit")]


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_every_registered_name_conforms(kind, name):
    datasets.register("toy", Toy)
    for check in checks(kind, name):
        check()


@pytest.mark.wgbench("algorithms", "gdro")
def test_the_pytest_plugin_runs_the_checks(wgbench_check):
    wgbench_check()
    assert str(wgbench_check) in {f.__name__.replace("_", " ") for f in algorithm_checks.CHECKS}


def test_vector_scaling_by_group_declares_its_groups():
    by_group = losses.make("vs", by="group")
    assert by_group.needs == {"train_group"}
    for check in loss_checks.CHECKS:
        check(by_group)


def test_kinds_are_understood_in_singular_and_plural():
    assert [str(c) for c in checks("algorithm", "erm")] == [str(c) for c in checks("algorithms", "erm")]
    assert len(checks("loss", "squared")) == len(loss_checks.CHECKS)


# --- a broken algorithm per check: published 2020 ---


class Loose(Algorithm):
    """Not a dataclass, 2020."""


@dataclass(frozen=True)
class Undocumented(Algorithm):
    pass


Undocumented.__doc__ = None


@dataclass(frozen=True)
class Overreaching(Algorithm):
    """Wants test groups, 2020."""

    needs: ClassVar[frozenset[str]] = frozenset({"test_group"})


@dataclass(frozen=True)
class Untranslatable(Algorithm):
    """An option that JSON turns into something else, 2020."""

    pair: list = field(default_factory=lambda: (1, 2))


@dataclass(frozen=True)
class Impure(Algorithm):
    """Writes into its input, 2020."""

    def weigh(self, losses, batch, state):
        losses[0] += 1
        return losses / losses.sum().clamp(min=1e-9), state


@dataclass(frozen=True)
class Fragile(Algorithm):
    """Divides by a sum that can be 0, 2020."""

    def weigh(self, losses, batch, state):
        return losses / losses.sum(), state


@dataclass(frozen=True)
class Negative(Algorithm):
    """Centres the losses, 2020."""

    def weigh(self, losses, batch, state):
        return losses - losses.mean(), state


@dataclass(frozen=True)
class Scalar(Algorithm):
    """One weight for all, 2020."""

    def weigh(self, losses, batch, state):
        return losses.mean(), state


@dataclass(frozen=True)
class Growing(Algorithm):
    """A state that grows, 2020."""

    def init(self, train):
        return {"seen": torch.zeros(1)}

    def weigh(self, losses, batch, state):
        return torch.full_like(losses, 1 / len(losses)), {"seen": torch.cat([state["seen"], torch.zeros(1)])}


@dataclass(frozen=True)
class Positional(Algorithm):
    """Prefers the front of the batch, 2020."""

    def weigh(self, losses, batch, state):
        return torch.linspace(1, 0, losses.shape[-1]).to(losses), state


@dataclass(frozen=True)
class Itemised(Algorithm):
    """Asks for a number in Python, 2020."""

    def weigh(self, losses, batch, state):
        top = losses.max().item()
        return (losses >= top).to(losses), state


@dataclass(frozen=True)
class Branching(Algorithm):
    """Takes a branch that depends on the data, 2020."""

    def weigh(self, losses, batch, state):
        if losses.max() > 1:
            return torch.ones_like(losses), state
        return torch.zeros_like(losses), state


@dataclass(frozen=True)
class Empty(Algorithm):
    """Draws nobody, 2020."""

    def sampling(self, train, rng):
        return Sampling(torch.zeros(len(train), dtype=torch.int64))


DRAWN = []


@dataclass(frozen=True)
class Forgetful(Algorithm):
    """Remembers outside of the state, 2020."""

    def run(self, fit, data):
        DRAWN.append(1)
        return fit(self, recipe={"lr": 0.1 / len(DRAWN)})


@dataclass(frozen=True)
class Secretive(Algorithm):
    """Uses groups without saying so, 2020."""

    def weigh(self, losses, batch, state):
        return (1.0 + batch.group).to(losses) / losses.shape[-1], state


@dataclass(frozen=True)
class Pretentious(Algorithm):
    """Declares groups that it does not use, 2020."""

    needs: ClassVar[frozenset[str]] = frozenset({"train_group"})


BROKEN = [
    (Loose(), "form", "no frozen dataclass; decorate it"),
    (Undocumented(), "form", "no docstring; say in a line"),
    (Overreaching(), "form", "choose among"),
    (Untranslatable(), "form", "change on the way through JSON"),
    (Impure(), "weigh_is_pure", "write nothing in place"),
    (Fragile(), "weights_are_finite_non_negative_and_detached", "not finite on .*; guard divisions"),
    (Negative(), "weights_are_finite_non_negative_and_detached", "negative on .*; clamp at 0"),
    (Scalar(), "weights_are_finite_non_negative_and_detached", "return one weight per loss"),
    (Growing(), "state_keeps_keys_shapes_and_types", "create every tensor in init"),
    (Positional(), "order_of_the_batch_does_not_matter", "rely on no position"),
    (Itemised(), "vmap_over_seeds_equals_the_loop", "vmap"),
    (Branching(), "compiles_once", "mend that first"),
    (Empty(), "sampling_is_valid", "let at least one example be drawn"),
    (Forgetful(), "a_seed_repeats", "draw from the generators"),
    (Forgetful(), "interrupted_runs_end_the_same", "keep everything that lasts in the state"),
    (Secretive(), "supervision_is_what_needs_says", "uses train_group without declaring it; add 'train_group'"),
    (Pretentious(), "supervision_is_what_needs_says", "declares train_group and does not use it; take"),
]


@pytest.mark.parametrize(
    ("broken", "name", "sentence"), BROKEN, ids=lambda v: v if isinstance(v, str) else type(v).__name__
)
def test_a_broken_algorithm_fails_its_check_with_its_sentence(broken, name, sentence):
    from wgbench.checks import Check

    with pytest.raises(CheckFailed, match=sentence):
        Check(name, broken, getattr(algorithm_checks, name))()


def test_every_algorithm_check_has_a_broken_plugin():
    assert {name for _, name, _ in BROKEN} == {f.__name__ for f in algorithm_checks.CHECKS}


# --- losses ---


@dataclass(frozen=True)
class Mean(Loss):
    """The batch's mean of log, for everyone."""

    def per_example(self, logits, label, group, epoch, state):
        return nn.functional.cross_entropy(logits, label).expand(len(label))


@dataclass(frozen=True)
class Reversed(Loss):
    """Cross-entropy with the wrong sign of its log."""

    def per_example(self, logits, label, group, epoch, state):
        return -nn.functional.cross_entropy(logits, label, reduction="none")


@dataclass(frozen=True)
class Overflowing(Loss):
    """exp without its log-sum-exp form."""

    def per_example(self, logits, label, group, epoch, state):
        return logits.exp().square().exp().sum(1)


@dataclass(frozen=True)
class Grouped(Loss):
    """Cross-entropy, -log p, scaled by a group that nobody declared."""

    def per_example(self, logits, label, group, epoch, state):
        return nn.functional.cross_entropy(logits, label, reduction="none") * (1 + group)


class Boastful(Reversed):
    """Declares what it does not use."""

    needs = frozenset({"train_group"})


@pytest.mark.parametrize(
    ("broken", "name", "sentence"),
    [
        (Loss(), "form", "no frozen dataclass"),
        (Overflowing(), "one_finite_number_per_example", "log-sum-exp"),
        (Mean(), "examples_do_not_mix", "compute what is shared in init"),
        (Reversed(), "a_better_logit_costs_less", "check its sign"),
        (Grouped(), "supervision_is_what_needs_says", "uses train_group without declaring it"),
        (Boastful(), "supervision_is_what_needs_says", "declares train_group and does not use it"),
    ],
)
def test_a_broken_loss_fails_its_check(broken, name, sentence):
    with pytest.raises(CheckFailed, match=sentence):
        getattr(loss_checks, name)(broken)


# --- backbones ---


class Detour(Headed):
    """forward is not the head of the features."""

    def forward(self, x):
        return super().forward(x) + 1


class Idle(Headed):
    """Has a parameter that nothing uses."""

    def __init__(self):
        super().__init__(nn.Flatten(), 192, 2)
        self.unused = nn.Parameter(torch.zeros(1))


class Constant(Headed):
    """Always the same weights."""

    def __init__(self):
        super().__init__(nn.Flatten(), 192, 2)
        for p in self.parameters():
            nn.init.ones_(p)


class Hidden(Headed):
    """Keeps a number outside of its state."""

    def __init__(self):
        super().__init__(nn.Flatten(), 192, 2)
        self.shift = float(torch.rand(1))

    def features(self, x):
        return super().features(x) + self.shift


class Counting(Headed):
    """Training changes its buffers."""

    def __init__(self):
        super().__init__(nn.Flatten(), 192, 2)
        self.register_buffer("seen", torch.zeros(()))

    def features(self, x):
        self.seen += 1
        return super().features(x)


class Evened(Headed):
    """Computes something else under vmap."""

    def __init__(self):
        super().__init__(nn.Flatten(), 192, 2)

    def features(self, x):
        return super().features(x) * (1 if torch._C._functorch.is_batchedtensor(x) else 2)


@dataclass(frozen=True)
class Wraps(Backbone):
    network: type = Headed
    stackable: ClassVar[bool] = True

    def build(self, spec):
        return self.network() if self.network is not Detour else Detour(nn.Flatten(), 192, 2)


@pytest.mark.parametrize(
    ("network", "name", "sentence"),
    [
        (Detour, "the_output_is_the_head_of_the_features", "let forward be the head"),
        (Idle, "every_parameter_gets_a_gradient", "unused.* get no gradient"),
        (Constant, "weights_follow_from_the_seed", "draw them at random"),
        (Counting, "stacked_networks_compute_what_each_does", "training changes its buffers; declare stackable"),
        (Evened, "stacked_networks_compute_what_each_does", "compute something else than each by itself; avoid what"),
        (Hidden, "state_makes_the_round_trip", "keep all that matters in the state"),
    ],
)
def test_a_broken_backbone_fails_its_check(network, name, sentence):
    with pytest.raises(CheckFailed, match=sentence):
        getattr(backbone_checks, name)(backbone_checks.Built(Wraps(network), Spec((3, 8, 8), 2)))


# --- datasets ---


class Silent(Toy):
    licence = ""


class Miscounted(Toy):
    def load(self, root, split, preprocess):
        s = super().load(root, split, preprocess)
        return Split(s.x, s.label, s.group + 1, s.n_classes, s.n_groups)


class Bare(Toy):
    def load(self, root, split, preprocess):
        s = super().load(root, split, preprocess)
        return Split(s.x, s.label, s.label, s.n_classes, s.n_groups)


class Leaky(Toy):
    def load(self, root, split, preprocess):
        return super().load(root, "train", preprocess)


class Coarse(Toy):
    """So few values that people coincide, as in COMPAS."""

    def load(self, root, split, preprocess):
        s = super().load(root, split, preprocess)
        return Split(s.x.round(), s.label, s.group, s.n_classes, s.n_groups)


def test_people_may_coincide(tmp_path):
    dataset_checks.splits_are_disjoint(dataset_checks.Prepared(Coarse(), Root(tmp_path)))


class Restless(Toy):
    def prepare(self, root):
        (root.cache / "file").write_text("again")


class Unlike(Toy):
    def sample(self, n, seed):
        s = super().sample(n, seed)
        return Split(s.x if n > 8 else s.x[:, :2], s.label, s.group, s.n_classes, s.n_groups)


@pytest.mark.parametrize(
    ("broken", "name", "sentence"),
    [
        (Silent, "it_says_what_it_is", "does not say its licence"),
        (Miscounted, "labels_and_groups_fit", "number them from 0"),
        (Bare, "groups_are_there_to_be_scored", "choose splits in which every group occurs"),
        (Leaky, "splits_are_disjoint", "is in train too"),
        (Restless, "preparing_again_does_nothing", "return early when done"),
        (Unlike, "samples_look_like_the_data", "make them like the data's"),
    ],
)
def test_a_broken_dataset_fails_its_check(broken, name, sentence, tmp_path):
    prepared = dataset_checks.Prepared(broken(), Root(tmp_path))
    prepared.dataset.prepare(prepared.root)
    with pytest.raises(CheckFailed, match=sentence):
        getattr(dataset_checks, name)(prepared)

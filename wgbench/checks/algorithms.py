"""What every algorithm promises."""

import dataclasses
import inspect
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from wgbench import algorithms, options
from wgbench.algorithms.base import Algorithm
from wgbench.backbones.small import MLP
from wgbench.checks import require
from wgbench.checks.toy import Interrupted, Memory, Toy
from wgbench.config import Cell, Plugin
from wgbench.datasets.base import SPLITS
from wgbench.engine import fit
from wgbench.engine.prepared import Parts
from wgbench.engine.sink import Line
from wgbench.losses.cross_entropy import CrossEntropy
from wgbench.types import Batch, Preprocess, Root, Spec, Split, State

SUPERVISION = frozenset({"train_group", "val_group", "val_label"})
B = 16


def subject(name: str) -> Algorithm:
    """The algorithm, with the options that suit the toy data."""
    return algorithms.make(name, **Toy.tuned.get(algorithms.info(name).name, {}))


def form(algorithm: Algorithm) -> None:
    """A frozen dataclass, typed, documented with its reference; options survive JSON."""
    cls = type(algorithm)
    frozen = dataclasses.is_dataclass(cls) and cls.__dataclass_params__.frozen
    require(frozen, f"{cls.__name__} is no frozen dataclass", "decorate it with @dataclass(frozen=True)")
    module = inspect.getmodule(cls)
    text = f"{inspect.getdoc(cls)} {inspect.getdoc(module) if module else ''}"
    require(bool(cls.__doc__), f"{cls.__name__} has no docstring", "say in a line what it is")
    published = re.search(r"\b(19|20)\d\d\b", text) is not None
    require(published, "its docstring names no publication", "name the paper and its year")
    needs = frozenset(cls.needs)
    require(needs <= SUPERVISION, f"needs has {sorted(needs - SUPERVISION)}", f"choose among {sorted(SUPERVISION)}")
    again = options.build(cls, json.loads(json.dumps(options.dump(algorithm))), "options read back from JSON")
    require(again == algorithm, "its options change on the way through JSON", "use numbers, strings, booleans, tuples")


def weights_are_finite_non_negative_and_detached(algorithm: Algorithm) -> None:
    """Also in degenerate batches."""
    for what, losses, batch in batches(algorithm):
        weights, _ = algorithm.weigh(losses, batch, algorithm.init(train()))
        require(weights.shape == losses.shape, f"weights have another shape on {what}", "return one weight per loss")
        finite = bool(torch.isfinite(weights).all())
        require(finite, f"a weight is not finite on {what}", "guard divisions and logarithms")
        require(bool((weights >= 0).all()), f"a weight is negative on {what}", "clamp at 0, or rethink the rule")
        require(not weights.requires_grad, f"a weight has a gradient on {what}", "compute with the losses as given")


def weigh_is_pure(algorithm: Algorithm) -> None:
    """The same inputs give the same outputs, and stay as they are."""
    losses, batch, state = ordinary(algorithm)
    kept, kept_state = losses.clone(), {k: v.clone() for k, v in state.items()}
    first, _ = algorithm.weigh(losses, batch, state)
    second, _ = algorithm.weigh(losses, batch, state)
    remedy = "keep everything that changes in the returned state, and write nothing in place"
    require(torch.equal(first, second), "weigh gives other weights for the same inputs", remedy)
    same = torch.equal(losses, kept) and all(torch.equal(state[k], v) for k, v in kept_state.items())
    require(same, "weigh changes its inputs in place", remedy)


def state_keeps_keys_shapes_and_types(algorithm: Algorithm) -> None:
    """So that it can be checkpointed and stacked."""
    losses, batch, state = ordinary(algorithm)
    for _ in range(2):
        before = {k: (v.shape, v.dtype) for k, v in state.items()}
        _, state = algorithm.weigh(losses, batch, state)
        after = {k: (v.shape, v.dtype) for k, v in state.items()}
        remedy = "create every tensor in init, in its final shape and type"
        require(before == after, "weigh changes keys, shapes or types of the state", remedy)


def order_of_the_batch_does_not_matter(algorithm: Algorithm) -> None:
    """Permuting a batch permutes its weights."""
    permutation = torch.randperm(B, generator=torch.Generator().manual_seed(3))
    for what, losses, batch in batches(algorithm):
        if losses.shape[-1] != B:
            continue
        weights, _ = algorithm.weigh(losses, batch, algorithm.init(train()))
        shuffled = Batch(*(part[permutation] for part in batch))
        again, _ = algorithm.weigh(losses[..., permutation], shuffled, algorithm.init(train()))
        same = torch.allclose(weights[..., permutation], again, rtol=1e-5, atol=1e-8)
        remedy = "let equal losses share their mass, and rely on no position in the batch"
        require(same, f"weights depend on the order of the batch ({what})", remedy)


def vmap_over_seeds_equals_the_loop(algorithm: Algorithm) -> None:
    """Several seeds at once: what vectorised training does."""
    rng = torch.Generator().manual_seed(5)
    cases = [_ordinary(algorithm, rng) for _ in range(3)]
    losses = torch.stack([c[0] for c in cases])
    batch = Batch(*(torch.stack(parts) for parts in zip(*(c[1] for c in cases), strict=True)))
    state = {k: torch.stack([c[2][k] for c in cases]) for k in cases[0][2]}
    weights, after = torch.func.vmap(algorithm.weigh)(losses, batch, state)
    for i, case in enumerate(cases):
        alone, state_alone = algorithm.weigh(*case)
        same = torch.allclose(weights[i], alone, rtol=1e-5, atol=1e-7)
        same = same and all(torch.allclose(after[k][i].double(), v.double(), rtol=1e-5) for k, v in state_alone.items())
        require(same, "vmap over seeds gives other weights than a loop", "avoid operations that vmap cannot batch")


def compiles_once(algorithm: Algorithm) -> None:
    """`torch.compile(fullgraph=True)`, and no second compilation on the second call."""
    import torch._dynamo

    torch._dynamo.reset()
    compiled = torch.compile(algorithm.weigh, fullgraph=True, backend="eager", dynamic=False)
    losses, batch, state = ordinary(algorithm)
    plain, _ = algorithm.weigh(losses, batch, state)
    weights, state = compiled(losses, batch, state)
    with torch._dynamo.config.patch(error_on_recompile=True):
        compiled(losses.flip(-1), batch, state)
    torch._dynamo.reset()
    require(
        torch.allclose(weights, plain, rtol=1e-5), "compiled weights differ", "avoid .item() and data-dependent ifs"
    )


def sampling_is_valid(algorithm: Algorithm) -> None:
    """Counts or probabilities over all training examples, a function of the generator alone."""
    first, again = (algorithm.sampling(train(), torch.Generator().manual_seed(1)).weight for _ in range(2))
    require(first.shape == (len(train()),), "sampling has not one weight per training example", "return N weights")
    kinds = (torch.int64, torch.float32, torch.float64)
    require(first.dtype in kinds, f"sampling weights are {first.dtype}", "int64 counts or float probabilities")
    valid = bool(torch.isfinite(first.double()).all() and (first >= 0).all() and first.sum() > 0)
    require(valid, "sampling weights are negative, not finite, or all 0", "let at least one example be drawn")
    require(torch.equal(first, again), "sampling differs for equal generators", "draw from `rng` and nothing else")


def a_seed_repeats(algorithm: Algorithm) -> None:
    """The same seed twice gives the same run."""
    first, again = run(algorithm), run(algorithm)
    require(first == again, "the same seed gives another run", "draw from the generators that are passed in")


def interrupted_runs_end_the_same(algorithm: Algorithm) -> None:
    """Stopped in every stage and resumed: nothing may differ."""
    undisturbed = run(algorithm)
    stages = max(line["stage"] for line in undisturbed["lines"])
    for stage in range(1, stages + 1):
        sink = Memory(stop=_after(stage, 3))
        try:
            run(algorithm, sink)
        except Interrupted:
            sink.stop = lambda _: False
        remedy = "keep everything that lasts in the state: attributes and globals are lost"
        same = run(algorithm, sink) == undisturbed
        require(same, f"interrupted in stage {stage} and resumed, it ends elsewhere", remedy)


def supervision_is_what_needs_says(algorithm: Algorithm) -> None:
    """Labels that are not declared are replaced by zeros, and nothing may change; declared ones must matter."""
    whole = _blinded(run(algorithm))
    for kind in sorted(SUPERVISION):
        try:
            blind = _blinded(run(algorithm, blind=kind))
        except Exception:  # it cannot even run without these labels: they matter
            blind = None
        if kind in algorithm.needs:
            require(blind != whole, f"it declares {kind} and does not use it", f"take {kind} out of needs")
        else:
            require(blind == whole, f"it uses {kind} without declaring it", f"add {kind!r} to needs")


CHECKS: tuple[Callable[[Algorithm], None], ...] = (
    form,
    weigh_is_pure,
    weights_are_finite_non_negative_and_detached,
    state_keeps_keys_shapes_and_types,
    order_of_the_batch_does_not_matter,
    vmap_over_seeds_equals_the_loop,
    compiles_once,
    sampling_is_valid,
    a_seed_repeats,
    interrupted_runs_end_the_same,
    supervision_is_what_needs_says,
)


def run(algorithm: Algorithm, sink: Memory | None = None, blind: str = "") -> dict[str, Any]:
    """A short run on the toy data, in memory: curves without timings, result and predictions."""
    sink = sink or Memory()
    toy = Toy(blind=blind)
    splits: dict[str, Split] = {s: toy.load(Root(Path()), s, Preprocess()) for s in SPLITS}
    recipe = Toy.recipe.model_copy(update={"epochs": 24})
    plugin = Plugin(name="checked", version=1)
    cell = Cell(dataset=plugin, backbone=plugin, algorithm=plugin, loss=plugin, recipe=recipe, seed=7)
    parts = Parts(algorithm, MLP(width=16), CrossEntropy(), splits, Spec((3,), 2))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        outcome = fit.train(cell, parts, torch.device("cpu"), sink)
    finally:
        torch.set_num_threads(threads)
    lines = [{k: v for k, v in line.items() if k != "seconds"} for line in sink.lines]
    predictions = {k: v.tolist() for k, v in outcome.predictions.items()}
    return {"lines": lines, "info": outcome.info, "predictions": predictions}


def _after(stage: int, epoch: int) -> Callable[[Line], bool]:
    """Whether a line is that of a stage's epoch."""
    return lambda line: bool((line["stage"], line["epoch"]) == (stage, epoch))


def _blinded(outcome: dict[str, Any]) -> Any:
    """What of a run must not change with labels that the algorithm does not see: no counts by group, nothing on val."""
    shown = ("acc_correct", "acc_loss", "predicted", "class_correct")
    lines = [
        [[line[s][k] for k in shown] if line[s] else None for s in ("train", "test")]
        + [line["stage"], line["weights"]["loss"], line["weights"]["ess"]]
        for line in outcome["lines"]
    ]
    return lines, outcome["info"]["model"], outcome["predictions"]["final"]


def train() -> Split:
    """The toy's training split."""
    return Toy().load(Root(Path()), "train", Preprocess())


def ordinary(algorithm: Algorithm) -> tuple[Tensor, Batch, State]:
    """A batch as training meets it, and the initial state."""
    return _ordinary(algorithm, torch.Generator().manual_seed(1))


def _ordinary(algorithm: Algorithm, rng: torch.Generator) -> tuple[Tensor, Batch, State]:
    data = train()
    index = torch.randperm(len(data), generator=rng)[:B]
    losses = -torch.rand(_shape(algorithm, B), generator=rng).log()
    return losses, Batch(index, data.label[index], data.group[index]), algorithm.init(data)


def _shape(algorithm: Algorithm, n: int) -> tuple[int, ...]:
    return (n,) if algorithm.members == 1 else (algorithm.members, n)


def batches(algorithm: Algorithm) -> Iterator[tuple[str, Tensor, Batch]]:
    """Batches as training hardly ever meets them: each with a name for messages."""
    data = train()
    shape = _shape(algorithm, B)
    index = torch.arange(B)
    groups = data.group[:B]
    batch = Batch(index, data.label[:B], groups)
    ramp = torch.logspace(-6, 6, B).expand(shape)
    spike = torch.zeros(shape)
    spike[..., 3] = 1e4
    tied = (torch.arange(B) // 4).float().expand(shape)
    yield "ordinary losses", ordinary(algorithm)[0], batch
    yield "equal losses", torch.full(shape, 0.7), batch
    yield "losses that are all 0", torch.zeros(shape), batch
    yield "one loss of 1e4 among zeros", spike, batch
    yield "losses from 1e-6 to 1e6", ramp, batch
    yield "losses in ties", tied, batch
    one = torch.zeros(B, dtype=torch.int64)
    yield "a single group and class", ramp, Batch(index, one, one)
    yield "absent groups", ramp, Batch(index, one, one + index % 2)
    yield "the same example throughout", torch.full(shape, 0.3), Batch(one, one, one)
    yield "a batch of one", torch.full(_shape(algorithm, 1), 0.3), Batch(*(part[:1] for part in batch))

"""A request made concrete: plug-ins built, recipe and protocol settled, data and weights at hand, cells listed."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from platformdirs import user_cache_path
from pydantic import ValidationError

from wgbench import algorithms, backbones, datasets, losses
from wgbench import options as opts
from wgbench.algorithms.base import Algorithm
from wgbench.backbones.base import Backbone
from wgbench.config import Cell, Plugin, Protocol, Recipe, replaced
from wgbench.datasets.base import SPLITS, Dataset
from wgbench.engine import precision
from wgbench.errors import BadOption, MissingWeights
from wgbench.evaluation.metrics import tally
from wgbench.launch.job import Job
from wgbench.launch.work import shape_of
from wgbench.losses.base import Loss
from wgbench.options import dump, first_problem
from wgbench.registry import Registry
from wgbench.request import Request
from wgbench.results import schema
from wgbench.results.entry import Described, Subject, Target
from wgbench.types import Root, Spec, Split


@dataclass(frozen=True)
class Plan:
    """Everything that a request comes down to."""

    request: Request
    subject: Subject
    source: Plugin  # the dataset with what is private
    dataset: Dataset
    backbone: Backbone
    algorithm: Algorithm
    root: Root
    device: torch.device
    fingerprint: str  # of the data

    @cached_property
    def splits(self) -> Mapping[str, Split]:
        """The data, loaded: counts for the entry, labels for its scores."""
        preprocess = self.backbone.preprocess()
        return {name: self.dataset.load(self.root, name, preprocess) for name in SPLITS}

    @property
    def baselines(self) -> list[Subject]:
        """ERM under the same recipe: the full grid, or weight decay 0 alone. Empty where this is ERM."""
        if (
            self.subject.algorithm.name == "erm"
            or not self.request.baseline
            or 0 not in self.subject.protocol.weight_decays
        ):
            return []
        erm = self.subject.model_copy(update={"algorithm": _plugin(algorithms.registry, "erm", {})[1]})
        plain = self.subject.protocol.model_copy(update={"weight_decays": (0.0,)})
        return [erm, erm.model_copy(update={"protocol": plain})]

    def job(self, cell: Cell) -> Job:
        """A cell with the circumstances of this request."""
        r = self.request
        return Job(
            cell,
            self.source,
            r.store,
            self.root.cache,
            self.root.data,
            str(self.device),
            r.threads,
            r.deterministic,
            r.keep,
            r.weights,
            r.checkpoint_every,
        )

    def described(self, subject: Subject) -> Described:
        """What an entry of this plan says beside its scores."""
        own = subject.algorithm == self.subject.algorithm
        name = subject.algorithm.name
        info = algorithms.info(name)
        request = (
            self.request
            if own
            else Request(
                **{
                    **vars(self.request),
                    "algorithm": name,
                    "weight_decays": subject.protocol.weight_decays,
                    "note": "",
                    "settings": {k: v for k, v in self.request.settings.items() if "." in k},
                }
            )
        )
        return Described(
            schema.DatasetOf(
                **subject.dataset.model_dump(),
                fingerprint=self.fingerprint,
                group_names=self.dataset.group_names,
                classes=self.dataset.classes,
                counts={name: tally(split, torch.device("cpu")).totals() for name, split in self.splits.items()},
            ),
            schema.AlgorithmOf(
                **subject.algorithm.model_dump(),
                needs=tuple(sorted(algorithms.registry.find(name).target.needs | self._loss().needs)),
                distribution=info.owner,
            ),
            self._start(),
            tuple(_lacks(subject, self.dataset, has_baseline=bool(self.baselines) or name == "erm")),
            request.command(),
            request.note,
        )

    def target(self) -> Target:
        """Labels and groups of the test split."""
        test = self.splits["test"]
        return Target(test.label.numpy(), test.columns.numpy())

    def _loss(self) -> Loss:
        return losses.make(self.subject.loss.name, **self.subject.loss.options)

    def _start(self) -> str:
        if self.subject.weights:
            return f"file {self.subject.weights[:16]}"
        return "pretrained" if self.subject.recipe.pretrained else "from scratch"


def jobs(request: Request) -> tuple[list[Job], list[str]]:
    """All cells that a request needs, ERM's last, and what its algorithm advises."""
    made, advice = plan(request)
    cells = [*made.subject.cells(), *(cell for subject in made.baselines[-1:] for cell in subject.cells())]
    return [made.job(cell) for cell in {cell.id: cell for cell in cells}.values()], advice


def plan(request: Request) -> tuple[Plan, list[str]]:
    """Make a request concrete, with its algorithm's advice; every mistake in it is found here, before training."""
    dataset, source = _plugin(datasets.registry, request.dataset, request.settings_of("dataset"))
    options = {**dataset.tuned.get(algorithms.info(request.algorithm).name, {}), **request.settings_of("algorithm")}
    algorithm, algorithm_record = _plugin(algorithms.registry, request.algorithm, options)
    name = request.backbone or dataset.backbone
    backbone, backbone_record = _plugin(backbones.registry, name, request.settings_of("backbone"))
    _check_reads(dataset, backbone, backbone_record.name)
    recipe = _recipe(request, dataset)
    protocol = _protocol(request, dataset)
    root = Root(cache_root(), request.data_dir)
    dataset.prepare(root)
    fingerprint = dataset.fingerprint(root)
    device = precision.device(request.device)
    weights = digest(request.weights) if request.weights else None
    subject = Subject(
        dataset=_public(source, dataset.private, fingerprint),
        backbone=backbone_record,
        algorithm=algorithm_record,
        loss=_loss(recipe),
        recipe=recipe,
        protocol=protocol,
        mode=precision.mode(
            request.precision, device, backbone.convolutional, recipe.views.size if recipe.views else 0
        ),
        data=None if dataset.pinned else fingerprint,
        weights=weights,
    )
    made = Plan(request, subject, source, dataset, backbone, algorithm, root, device, fingerprint)
    train = made.splits["train"]
    shape = shape_of(train, subject.cells()[0])
    backbone.fetch(Spec(shape, train.n_classes, recipe.pretrained, request.weights))
    return made, list(algorithm.advise(train, recipe))


def cache_root() -> Path:
    """Where downloads and caches go: `WGBENCH_CACHE`, or the platform's place for caches."""
    given = os.environ.get("WGBENCH_CACHE")
    return Path(given) if given else user_cache_path("wgbench")


def _plugin(registry: Registry[Any], name: str, options: Mapping[str, Any]) -> tuple[Any, Plugin]:
    """A plug-in, and its record with complete options."""
    found = registry.find(name)
    made = registry.make(name, **options)
    return made, Plugin(name=found.name, version=found.target.version, options=dump(made))


def _check_reads(dataset: Dataset, backbone: Backbone, name: str) -> None:
    """BadOption where a network for texts meets something else, or the other way round."""
    if (dataset.modality == "text") == (backbone.preprocess().tokenizer is not None):
        return
    wrong = f"it does not read {'texts' if dataset.modality == 'text' else f'{dataset.modality}s'}"
    fitting = "bag or text:bert-base-uncased" if dataset.modality == "text" else dataset.backbone
    raise BadOption(f"--backbone {name}", wrong, f"take --backbone {fitting}")


def _public(source: Plugin, private: frozenset[str], fingerprint: str) -> Plugin:
    """A dataset's record without private options; its fingerprint stands where the name would show one."""
    if not private:
        return source
    options = {k: v for k, v in source.options.items() if k not in private}
    name = f"{source.name.partition(':')[0]}:{fingerprint}"
    return Plugin(name=name, version=source.version, options=options)


def _recipe(request: Request, dataset: Dataset) -> Recipe:
    """The dataset's recipe with what the request changes."""
    changes = request.settings_of("recipe")
    if "weight_decay" in changes:
        raise BadOption("--set recipe.weight_decay", "weight decay is the protocol's grid", "write --wd 0,.1 instead")
    if request.epochs is not None:
        changes["epochs"] = request.epochs
    if request.pretrained is not None or request.weights is not None:
        changes["pretrained"] = request.pretrained is not False
    return replaced(dataset.recipe, changes)


def _loss(recipe: Recipe) -> Plugin:
    """The loss that a recipe names, with all its options; BadOption for those that it does not have."""
    options, smoothing = dict(recipe.loss_options), recipe.label_smoothing
    if smoothing:
        if losses.info(recipe.loss).name != "cross-entropy":
            asked = f"recipe.label_smoothing={smoothing}"
            raise BadOption(asked, f"the loss {recipe.loss} has no smoothing", "leave it 0, or take cross-entropy")
        options["smoothing"] = smoothing
    return _plugin(losses.registry, recipe.loss, options)[1]


def _protocol(request: Request, dataset: Dataset) -> Protocol:
    """The rules' protocol, narrowed as the request says."""
    narrowed: dict[str, Any] = {"weight_decays": dataset.weight_decays}
    if request.seeds is not None:
        narrowed["seeds"] = request.seeds
    if request.weight_decays is not None:
        narrowed["weight_decays"] = request.weight_decays
    try:
        return Protocol(**narrowed)
    except ValidationError as problem:
        raise BadOption(
            "protocol", first_problem(problem), "write --seeds 2002,2022 and --wd 0,.1, each once"
        ) from None


def _lacks(subject: Subject, dataset: Dataset, *, has_baseline: bool) -> list[str]:
    """What an entry is missing to be complete under the rules."""
    full = Protocol(weight_decays=dataset.weight_decays)
    lacks = []
    for what, given, wanted in (
        ("seeds", subject.protocol.seeds, full.seeds),
        ("weight decays", subject.protocol.weight_decays, full.weight_decays),
    ):
        if set(given) != set(wanted):
            lacks.append(f"{what} {_shown(given)} instead of {_shown(wanted)}")
    ours, theirs = subject.recipe.model_dump(), dataset.recipe.model_dump()
    lacks += [f"{name} {ours[name]} instead of {theirs[name]}" for name in theirs if ours[name] != theirs[name]]
    for owner, plugin, registry in (
        ("dataset", subject.dataset, datasets.registry),
        ("backbone", subject.backbone, backbones.registry),
    ):
        defaults = opts.defaults(registry.find(plugin.name).target)
        lacks += [
            f"{owner}.{name} {value} instead of {defaults[name]}"
            for name, value in plugin.options.items()
            if name in defaults and value != defaults[name]
        ]
    if not dataset.pinned:
        lacks.append("the data is a declared subset")
    if not has_baseline:
        lacks.append("no ERM baseline")
    return lacks


def _shown(values: tuple[float, ...]) -> str:
    return ",".join(f"{v:g}" for v in values)


def digest(path: Path) -> str:
    """SHA-256 of a file with initial weights; MissingWeights where there is none."""
    if not path.is_file():
        raise MissingWeights(f"--weights {path}", "no such file", "give the path of a .safetensors or .pth file")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""A request as far as it can be settled without looking at data: plug-ins, recipe, protocol, cells."""

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from platformdirs import user_cache_path
from pydantic import ValidationError

from wgbench import algorithms, backbones, datasets, losses, numerics
from wgbench.algorithms.base import Algorithm
from wgbench.backbones.base import Backbone
from wgbench.config import Cell, Mode, Plugin, Protocol, Recipe, replaced
from wgbench.datasets.base import Dataset
from wgbench.engine import precision
from wgbench.errors import BadOption, MissingData, MissingWeights
from wgbench.options import complaint, dump
from wgbench.registry import Registry
from wgbench.request import Request, listed
from wgbench.results.entry import Subject
from wgbench.types import Root

# Cells in one program, by device. Ten share what a step costs beside its arithmetic; more gain little, and a protocol's
# 25 cells and ERM's five are shared evenly by two processes. Nothing was measured on a GPU: there, launches take time.
TOGETHER = {"cpu": 10, "cuda": 25}


@dataclass(frozen=True)
class Draft:
    """Everything about a request that is known without looking at data."""

    request: Request
    source: Plugin  # the dataset with what is private
    dataset: Dataset
    backbone: Backbone
    backbone_record: Plugin
    algorithm: Algorithm
    algorithm_record: Plugin
    recipe: Recipe
    protocol: Protocol
    device: torch.device
    root: Root

    def subject(self, fingerprint: Callable[[], str]) -> Subject:
        """What the entry is about; the fingerprint is asked for where name, version and options do not pin the data."""
        found = Subject(
            dataset=_public(self.source, self.dataset.private, fingerprint),
            backbone=self.backbone_record,
            algorithm=self.algorithm_record,
            loss=_loss(self.recipe),
            recipe=self.recipe,
            protocol=self.protocol,
            mode=Mode(vectorized=self._vectorized()),
            data=None if self.dataset.pinned else fingerprint(),
            weights=digest(self.request.weights) if self.request.weights else None,
        )
        return numerics.settled(found, self.request, self.backbone, self.device, self.root.cache)

    def _vectorized(self) -> bool:
        """Whether cells that differ in seed and weight decay are trained together."""
        able = self.backbone.stackable and self.algorithm.vectorizes and self.device.type in TOGETHER
        plain = self.request.pipeline == "fast" and not self.request.compile
        return able and plain and self.request.vectorize == "auto"


def groups(subject: Subject, device: torch.device) -> list[list[Cell]]:
    """The cells of an entry that are trained together: so many at a time, in the entry's own order."""
    cells = subject.cells()
    size = TOGETHER.get(device.type, 1) if subject.mode.vectorized else 1
    return [cells[i : i + size] for i in range(0, len(cells), size)]


def draft(request: Request) -> Draft:
    """Everything about a request but its data; mistakes in names, options, recipe and protocol are found here."""
    dataset, source = _plugin(datasets.registry, request.dataset, request.settings_of("dataset"))
    options = {**dataset.tuned.get(algorithms.info(request.algorithm).name, {}), **request.settings_of("algorithm")}
    algorithm, algorithm_record = _plugin(algorithms.registry, request.algorithm, options)
    name = request.backbone or dataset.backbone
    backbone, backbone_record = _plugin(backbones.registry, name, request.settings_of("backbone"))
    _check_reads(dataset, backbone, backbone_record.name)
    return Draft(
        request=request,
        source=source,
        dataset=dataset,
        backbone=backbone,
        backbone_record=backbone_record,
        algorithm=algorithm,
        algorithm_record=algorithm_record,
        recipe=_recipe(request, dataset),
        protocol=_protocol(request, dataset),
        device=_device(request),
        root=Root(cache_root(), request.data_dir),
    )


def foreseen(request: Request) -> Subject:
    """What an entry will be about, without preparing data; an error where that needs data that is not there."""
    made = draft(request)

    def fingerprint() -> str:
        try:
            return made.dataset.fingerprint(made.root)
        except OSError as problem:
            wrong = f"its files are not all there ({problem.strerror}), and they are a part of its identity"
            raise MissingData(
                f"dataset {request.dataset}", wrong, "give them, with --data-dir or in the name"
            ) from None

    return made.subject(fingerprint)


def needed(request: Request, subject: Subject) -> list[Cell]:
    """All cells of an entry, ERM's last."""
    cells = [*subject.cells(), *(cell for erm in baselines(request, subject)[-1:] for cell in erm.cells())]
    return list({cell.id: cell for cell in cells}.values())


def baselines(request: Request, subject: Subject) -> list[Subject]:
    """ERM under the same recipe: the full grid, or weight decay 0 alone. Empty where this is ERM."""
    if subject.algorithm.name == "erm" or not request.baseline or 0 not in subject.protocol.weight_decays:
        return []
    erm = subject.model_copy(update={"algorithm": _plugin(algorithms.registry, "erm", {})[1]})
    plain = subject.protocol.model_copy(update={"weight_decays": (0.0,)})
    return [erm, erm.model_copy(update={"protocol": plain})]


def cache_root() -> Path:
    """Where downloads and caches go: `WGBENCH_CACHE`, or the platform's place for caches."""
    given = os.environ.get("WGBENCH_CACHE")
    return Path(given) if given else user_cache_path("wgbench")


def _device(request: Request) -> torch.device:
    """The device of cells; where they run elsewhere, a GPU need not be in this machine."""
    elsewhere = request.launcher != "local" and request.device == "cuda"
    return torch.device("cuda") if elsewhere else precision.device(request.device)


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


def _public(source: Plugin, private: frozenset[str], fingerprint: Callable[[], str]) -> Plugin:
    """A dataset's record without private options; its fingerprint stands where the name would show one."""
    if not private:
        return source
    options = {k: v for k, v in source.options.items() if k not in private}
    name = f"{source.name.partition(':')[0]}:{fingerprint()}"
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
    for name, example in (("seeds", "2002,2022"), ("weight_decays", "0,.1")):
        values = getattr(request, name)
        if values is not None:
            narrowed[name] = _narrowed(name, values, example)
    return Protocol(**narrowed)


def _narrowed(name: str, values: Sequence[float], example: str) -> Sequence[float]:
    """Seeds or weight decays that a protocol can hold; BadOption for others, wherever they were written."""
    asked = f"{name.replace('_', ' ')} {listed(values)}".strip()
    if not values:
        raise BadOption(asked, "none are given", f"give some, as {example}, or leave them out")
    if twice := [value for i, value in enumerate(values) if value in values[:i]]:
        raise BadOption(asked, f"{listed(twice[:1])} is there twice", "give each once")
    try:
        Protocol(**{name: values})  # type: ignore[arg-type]
    except ValidationError as error:
        _, value, said = complaint(error)
        raise BadOption(asked, f"{listed([value])} does not fit, {said}", f"give some as {example}") from None
    return values


def digest(path: Path) -> str:
    """SHA-256 of a file with initial weights; MissingWeights where there is none."""
    if not path.is_file():
        raise MissingWeights(f"--weights {path}", "no such file", "give the path of a .safetensors or .pth file")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

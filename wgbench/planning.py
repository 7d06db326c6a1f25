"""A request made concrete: plug-ins built, recipe and protocol settled, data and weights at hand, cells listed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch

from wgbench import algorithms, losses
from wgbench.algorithms.base import Algorithm
from wgbench.backbones.base import Backbone
from wgbench.config import Cell, Plugin
from wgbench.datasets.base import SPLITS, Dataset
from wgbench.drafting import baselines, draft, groups, needed
from wgbench.errors import WgbenchError
from wgbench.evaluation.metrics import tally
from wgbench.launch.job import Job
from wgbench.launch.work import shape_of
from wgbench.losses.base import Loss
from wgbench.request import Request
from wgbench.results import schema
from wgbench.results.entry import Described, Subject, Target
from wgbench.results.partial import lacks, start
from wgbench.types import Preprocess, Root, Spec, Split


@dataclass(frozen=True)
class Files:
    """A dataset as it lies on this machine, looked at once."""

    dataset: Dataset
    root: Root
    preprocess: Preprocess

    @cached_property
    def fingerprint(self) -> str:
        """Of the data, prepared where it was not."""
        self.dataset.prepare(self.root)
        return self.dataset.fingerprint(self.root)

    @cached_property
    def splits(self) -> Mapping[str, Split]:
        """The data, loaded: counts for the entry, labels for its scores."""
        return {name: self.dataset.load(self.root, name, self.preprocess) for name in SPLITS}


Shelf = dict[str, Files]  # what several plans look at, by dataset, place and preprocessing


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
    files: Files

    @property
    def fingerprint(self) -> str:
        """Of the data."""
        return self.files.fingerprint

    @property
    def splits(self) -> Mapping[str, Split]:
        """The data, loaded."""
        return self.files.splits

    @property
    def baselines(self) -> list[Subject]:
        """ERM under the same recipe: the full grid, or weight decay 0 alone. Empty where this is ERM."""
        return baselines(self.request, self.subject)

    def jobs(self) -> list[Job]:
        """All cells of the entry and of its ERM, each with the group that it is trained in."""
        of: dict[str, tuple[str, ...]] = {}
        for subject in (self.subject, *self.baselines[-1:]):
            for group in groups(subject, self.device):
                for cell in group:
                    of.setdefault(cell.id, tuple(one.id for one in group))
        return [replace(self.job(cell), group=of[cell.id]) for cell in needed(self.request, self.subject)]

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
                    "weight_decays": self._grid(subject),
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
            start(self.subject),
            lacks(subject, self.dataset, has_baseline=bool(self.baselines) or name == "erm"),
            request.command(),
            request.note,
        )

    def _grid(self, subject: Subject) -> tuple[float, ...] | None:
        """Weight decays to ask for, where ERM's are not those of this request."""
        same = subject.protocol == self.subject.protocol
        return self.request.weight_decays if same else subject.protocol.weight_decays

    def target(self) -> Target:
        """Labels and groups of the test split."""
        test = self.splits["test"]
        return Target(test.label.numpy(), test.columns.numpy())

    def _loss(self) -> Loss:
        return losses.make(self.subject.loss.name, **self.subject.loss.options)


@dataclass(frozen=True)
class Planned:
    """What is to be trained for an entry: its cells and then those of ERM; and what its algorithm advises."""

    entry: str  # its id
    baseline: str  # id of ERM's entry with the same grid; empty where none is wanted
    jobs: list[Job]
    advice: list[str]


def jobs(requests: Sequence[Request]) -> list[Planned | WgbenchError]:
    """What each request needs, or what stands in its way; data that several of them share is looked at once."""
    shelf: Shelf = {}

    def planned(request: Request) -> Planned | WgbenchError:
        try:
            made, advice = plan(request, shelf)
        except WgbenchError as problem:
            return problem
        baseline = made.baselines[0].digest() if made.baselines else ""
        return Planned(made.subject.digest(), baseline, made.jobs(), advice)

    return [planned(request) for request in requests]


def plan(request: Request, shelf: Shelf | None = None) -> tuple[Plan, list[str]]:
    """Make a request concrete, with its algorithm's advice; every mistake in it is found here, before training."""
    made = draft(request)
    preprocess = made.backbone.preprocess()
    key = f"{made.source.canonical()} {made.root} {preprocess}"
    files = ({} if shelf is None else shelf).setdefault(key, Files(made.dataset, made.root, preprocess))
    assert files.fingerprint  # prepared: problems with the data are said before others
    subject = made.subject(lambda: files.fingerprint)
    found = Plan(
        request, subject, made.source, made.dataset, made.backbone, made.algorithm, made.root, made.device, files
    )
    train = files.splits["train"]
    shape = shape_of(train, subject.cells()[0])
    made.backbone.fetch(Spec(shape, train.n_classes, made.recipe.pretrained, request.weights))
    return found, list(made.algorithm.advise(train, made.recipe))

"""A suite: many entries, written as products of algorithms, datasets and variants. No torch here."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from itertools import product
from math import prod
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, JsonValue, model_validator

from wgbench.config import NonNegative, Record, Seed
from wgbench.registry import normalise
from wgbench.request import Request

MOST = 10_000  # entries of a suite: more is a slip of the pen

Text = Annotated[str, Field(min_length=1, max_length=200)]
Names = Annotated[tuple[Text, ...], Field(min_length=1)]


class Variant(Record):
    """What to run, as far as it is given: the rest is the surrounding product's, and the dataset's in the end."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    label: Annotated[str, Field(max_length=200)] = ""
    algorithms: Names | None = None
    datasets: Names | None = None
    backbones: Names | None = None
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1)] | None = None
    weight_decays: Annotated[tuple[NonNegative, ...], Field(min_length=1)] | None = None
    epochs: Annotated[int, Field(gt=0)] | None = None
    settings: dict[Text, JsonValue] = {}  # as --set: nu, recipe.lr, dataset.draw, backbone.width, ...
    pretrained: bool | None = None
    tune: Annotated[int, Field(ge=0)] = 0
    baseline: bool = True
    note: str = ""

    @property
    def given(self) -> dict[str, Any]:
        """The fields that are written out."""
        return {name: getattr(self, name) for name in self.model_fields_set}

    def within(self, outer: "Variant") -> "Variant":
        """This variant with what it leaves out taken from `outer`; settings are merged."""
        settings = {**outer.settings, **self.settings}
        common = {k: v for k, v in outer.given.items() if k in Variant.model_fields}
        return Variant.model_construct(**{**common, **self.given, "settings": settings})


class Product(Variant):
    """Every algorithm on every dataset with every network, in every variant."""

    variants: Annotated[tuple[Variant, ...], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for variant in self.expanded():
            for axis in ("algorithms", "datasets"):
                if getattr(variant, axis) is None:
                    where = f"variant {variant.label!r} has" if self.variants else "it has"
                    raise ValueError(f"{where} no {axis}; give them, as {axis}: [{'erm' if axis[0] == 'a' else 'toy'}]")
        return self

    def expanded(self) -> list[Variant]:
        """The variants, each complete."""
        return [variant.within(self) for variant in self.variants or (Variant(),)]


@dataclass(frozen=True)
class Item:
    """One entry of a suite, before anything is known of its cells."""

    label: str
    request: Request

    @property
    def name(self) -> str:
        """How it is called in messages and tables."""
        r = self.request
        return ", ".join(filter(None, (f"{r.algorithm} on {r.dataset}", r.backbone, self.label)))

    def matches(self, pattern: str) -> bool:
        """Whether a shell pattern fits its label, algorithm, dataset, network or whole name."""
        r = self.request
        return any(
            fnmatchcase(text, pattern) for text in (self.label, r.algorithm, r.dataset, r.backbone or "", self.name)
        )


class Suite(Record):
    """Products of entries under one title."""

    model_config = ConfigDict(strict=True)

    title: Text
    description: str = ""
    entries: Annotated[tuple[Product, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        seen: set[str] = set()
        size = sum(_size(v) for p in self.entries for v in p.expanded())
        if size > MOST:
            raise ValueError(f"{size} entries, and {MOST} are the most")
        for item in self.items():
            r = item.request
            names = (r.algorithm, r.dataset, r.backbone or "")
            key = repr([*map(normalise, names), r.seeds, r.weight_decays, r.epochs, sorted(r.settings.items()),
                        r.pretrained, r.tune, r.baseline])  # fmt: skip
            if key in seen:
                raise ValueError(f"{item.name} is listed twice; drop one, or let it differ")
            seen.add(key)
        return self

    def items(self, common: Mapping[str, Any] | None = None) -> list[Item]:
        """All entries in their order; `common` are fields of every request (where, on what device, ...)."""
        return [
            Item(variant.label, _request(variant, axes, common or {}))
            for part in self.entries
            for variant in part.expanded()
            for axes in _axes(variant)
        ]


def _size(variant: Variant) -> int:
    """How many entries a variant has, without listing them."""
    return prod(len(axis) for axis in (variant.datasets or (), variant.backbones or (None,), variant.algorithms or ()))


def _axes(variant: Variant) -> list[tuple[str, str | None, str]]:
    """Dataset, network and algorithm of each entry: algorithms vary fastest."""
    return list(product(variant.datasets or (), variant.backbones or (None,), variant.algorithms or ()))


def _request(variant: Variant, axes: tuple[str, str | None, str], common: Mapping[str, Any]) -> Request:
    dataset, backbone, algorithm = axes
    wanted = Request(
        algorithm=algorithm,
        dataset=dataset,
        backbone=backbone,
        seeds=variant.seeds,
        weight_decays=variant.weight_decays,
        epochs=variant.epochs,
        settings=variant.settings,
        pretrained=variant.pretrained,
        tune=variant.tune,
        baseline=variant.baseline,
        note=variant.note or variant.label,
    )
    # A file with initial weights is for the networks that are said to start from such.
    given = {k: v for k, v in common.items() if k != "weights" or variant.pretrained}
    return replace(wanted, **given)

"""Shared pieces: a dataset that takes no time, cells on it, and a cache that is not the user's."""

from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch

from wgbench import algorithms, backbones, datasets
from wgbench.config import Cell, Plugin, Recipe
from wgbench.datasets.base import Dataset
from wgbench.launch import work
from wgbench.options import dump
from wgbench.types import Root, Split


@dataclass(frozen=True)
class Toy(Dataset):
    """Two coordinates: the second follows the label in 90 % of training, and is easier to learn."""

    n: int = 80

    classes: ClassVar[tuple[str, ...]] = ("no", "yes")
    group_names: ClassVar[tuple[str, ...]] = ("no-0", "no-1", "yes-0", "yes-1")
    counts: ClassVar[dict[str, tuple[int, ...]]] = {}
    modality: ClassVar[str] = "table"
    source: ClassVar[str] = "made up"
    citation: ClassVar[str] = "none"
    licence: ClassVar[str] = "none"
    backbone: ClassVar[str] = "mlp"
    recipe: ClassVar[Recipe] = Recipe(epochs=24, batch_size=16, lr=0.1)
    weight_decays: ClassVar[tuple[float, ...]] = (0.0, 0.1)

    def load(self, root, split, preprocess):
        return self.sample(self.n, ("train", "val", "test").index(split))

    def sample(self, n, seed):
        rng = torch.Generator().manual_seed(seed)
        label = torch.arange(n) % 2
        agrees = torch.arange(n) // 2 % 10 > (0 if seed == 0 else 4)
        attribute = torch.where(agrees, label, 1 - label)
        x = torch.stack([label * 2.0 - 1, attribute * 4.0 - 2, torch.zeros(n)], 1)
        x = x + torch.randn(n, 3, generator=rng)
        return Split(x, label, 2 * label + attribute, n_classes=2, n_groups=4)

    def fingerprint(self, root):
        return "0" * 16


@pytest.fixture(scope="session", autouse=True)
def _toy():
    datasets.register("toy", Toy)


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    """One cache for all tests of a process."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _private_cache(cache, monkeypatch):
    monkeypatch.setenv("WGBENCH_CACHE", str(cache))
    monkeypatch.delenv("WGBENCH_DATA", raising=False)


def plugin(registry, name, **options):
    found = registry.find(name)
    return Plugin(name=found.name, version=found.target.version, options=dump(registry.make(name, **options)))


@pytest.fixture
def toy_cell():
    """Cells on the toy data: `toy_cell("gdro", seed=1, lr=.1, nu=.1)`; recipe fields by name, the rest are options."""

    def make(algorithm="erm", *, seed=1, backbone="mlp", width=16, **changes):
        recipe = {k: changes.pop(k) for k in list(changes) if k in Recipe.model_fields}
        return Cell(
            dataset=plugin(datasets.registry, "toy"),
            backbone=plugin(backbones.registry, backbone, **({"width": width} if backbone == "mlp" else {})),
            algorithm=plugin(algorithms.registry, algorithm, **changes),
            recipe=Toy.recipe.model_copy(update=recipe),
            seed=seed,
        )

    return make


@pytest.fixture
def job(tmp_path, cache):
    """A job for a cell in a store of its own; checkpoints at every epoch."""

    def make(cell, store="runs", **changes):
        return work.Job(cell, tmp_path / store, Root(cache), **{"checkpoint_every": 0.0, **changes})

    return make

"""Shared pieces: a dataset that takes no time, cells on it, and a cache that is not the user's."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from wgbench import algorithms, backbones, datasets, losses
from wgbench.checks.toy import Toy
from wgbench.config import Cell, Plugin, Recipe
from wgbench.launch.job import Job
from wgbench.options import dump

# A busy machine is no bug: examples are not timed. The same code gets the same examples, so that a run decides about
# the code alone; whoever asks for a number of examples (WGBENCH_EXAMPLES) gets new ones at every run.
settings.register_profile(
    "repeatable",
    deadline=None,
    derandomize="WGBENCH_EXAMPLES" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("repeatable")

# Real files, for the tests that use them where they are present.
GIVEN_DATA = Path(os.environ["WGBENCH_DATA"]).resolve() if os.environ.get("WGBENCH_DATA") else None


@pytest.fixture
def given_data():
    """The folder that WGBENCH_DATA names."""
    if GIVEN_DATA is None:
        pytest.skip("WGBENCH_DATA names no folder")
    return GIVEN_DATA


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

    def make(algorithm="erm", *, seed=1, backbone="mlp", width=16, loss="cross-entropy", **changes):
        recipe = {k: changes.pop(k) for k in list(changes) if k in Recipe.model_fields}
        return Cell(
            dataset=plugin(datasets.registry, "toy"),
            backbone=plugin(backbones.registry, backbone, **({"width": width} if backbone == "mlp" else {})),
            algorithm=plugin(algorithms.registry, algorithm, **changes),
            loss=plugin(losses.registry, loss),
            recipe=Toy.recipe.model_copy(update=recipe),
            seed=seed,
        )

    return make


@pytest.fixture
def job(tmp_path, cache):
    """A job for a cell in a store of its own; checkpoints at every epoch."""

    def make(cell, store="runs", dataset=None, **changes):
        return Job(cell, dataset or cell.dataset, tmp_path / store, cache, **{"checkpoint_every": 0.0, **changes})

    return make

"""Every dataset that can be had offline, or in the layout of its real files, keeps the promises of its kind."""

import pytest
from layouts import SMALL, write_celeba, write_civilcomments, write_multinli, write_waterbirds

from wgbench import datasets
from wgbench.checks.datasets import CHECKS, Prepared
from wgbench.types import Root

TEXTS = {"train": (8, 6, 8, 2, 8, 2), "val": (3, 2, 3, 2, 3, 2), "test": (4, 2, 4, 2, 4, 2)}
GIVEN = {
    "waterbirds": lambda folder: write_waterbirds(folder, SMALL),
    "waterbirds-fixed": lambda folder: write_waterbirds(folder, SMALL),
    "celeba": lambda folder: write_celeba(folder, "txt"),
    "multinli": lambda folder: write_multinli(folder, TEXTS),
    "civilcomments4": write_civilcomments,
    "civilcomments16": write_civilcomments,
}
OPTIONS = {"waterbirds-synthetic": {"pixels": 16, "share": 0.02}, "colored-digits": {}}


@pytest.fixture(scope="module", params=[*GIVEN, *OPTIONS])
def prepared(request, tmp_path_factory):
    name, place = request.param, tmp_path_factory.mktemp("promises")
    data = GIVEN[name](place / "data") if name in GIVEN else None
    dataset = datasets.make(name, **(OPTIONS.get(name) or ({"subset": True} if name in GIVEN else {})))
    root = Root(place / "cache", data)
    dataset.prepare(root)
    return Prepared(dataset, root)


@pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.__name__)
def test_promises(prepared, check):
    check(prepared)  # raises CheckFailed, which says what is broken

"""Fixtures on the small folders of `layouts`."""

import pytest
from layouts import SMALL, write_waterbirds


@pytest.fixture
def waterbirds(tmp_path):
    """A folder of 50 images in Waterbirds' layout."""
    return write_waterbirds(tmp_path / "birds", SMALL)

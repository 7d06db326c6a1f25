"""The user's folder of data: what is said where it is not there at all."""

import pytest

from wgbench import datasets
from wgbench.errors import MissingData
from wgbench.types import Root

NAMES = ("waterbirds", "celeba", "compas", "adult", "multinli", "civilcomments4", "colored-mnist", "dominoes")


@pytest.mark.parametrize("name", NAMES)
def test_a_data_dir_that_does_not_exist_is_said_to(name, tmp_path):
    (tmp_path / "file").touch()
    for where, wrong in (("nowhere", "there is no such folder"), ("file", "it is a file, not a folder")):
        with pytest.raises(MissingData, match=rf"{where}: {wrong}; correct the path, or "):
            datasets.make(name).prepare(Root(tmp_path / "cache", tmp_path / where))

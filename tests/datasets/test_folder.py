"""folder:<path>: one's own images and metadata.csv, in Waterbirds' columns or others; the path stays private."""

import json

import pytest
import torch
from layouts import write_waterbirds
from PIL import Image

from wgbench import datasets, protocol
from wgbench.datasets.metadata import METADATA
from wgbench.engine import pictures, seen
from wgbench.errors import BadData, BadOption, MissingData
from wgbench.request import Request
from wgbench.types import Preprocess, Root

COUNTS = {"train": (6, 2, 2, 6), "val": (2, 2, 2, 2), "test": (2, 2, 2, 2)}


@pytest.fixture
def mine(tmp_path):
    """A private folder with columns and codes of its own."""
    folder = write_waterbirds(tmp_path / "private-place", COUNTS)
    path = folder / METADATA
    head, *lines = path.read_text().splitlines()
    lines = [line.split(",") for line in lines]
    for fields in lines:
        fields[2] = ("land", "water")[int(fields[2])]
        fields[3] = ("train", "val", "test")[int(fields[3])]
        fields[4] = ("a0", "a1")[int(fields[4])]
    head = head.replace("img_filename", "file").replace(",y,", ",bird,").replace("split,place,", "part,where,")
    path.write_text("\n".join([head, *(",".join(fields) for fields in lines)]) + "\n")
    return folder


NAMES = {"image": "file", "target": "bird", "attribute": "where", "split": "part"}


def test_columns_are_named_and_codes_are_what_occurs(mine, tmp_path):
    dataset, root = datasets.make(f"folder:{mine}", **NAMES), Root(tmp_path / "cache")
    dataset.prepare(root)
    assert dataset.classes == ("land", "water")
    assert dataset.group_names == ("land-a0", "land-a1", "water-a0", "water-a1")
    train = dataset.load(root, "train", Preprocess())
    assert train.group.bincount().tolist() == list(COUNTS["train"])
    assert torch.equal(train.label, train.group // 2)


def test_waterbirds_columns_need_no_names(tmp_path):
    folder = write_waterbirds(tmp_path / "birds", COUNTS)
    dataset = datasets.make(f"folder:{folder}")
    dataset.prepare(Root(tmp_path / "cache"))
    assert dataset.classes == ("0", "1")
    assert not dataset.pinned
    assert dataset.caveat == "the data is the user's own"


def test_the_path_goes_into_no_entry_and_no_run(mine, tmp_path):
    settings = {f"dataset.{k}": v for k, v in NAMES.items()}
    settings |= {"recipe.views": {"size": 8, "eval": [["resize", 8]]}, "recipe.batch_size": 8}
    common = {"backbone": "mlp", "seeds": (1,), "weight_decays": (0.0,), "epochs": 2, "pretrained": False, "jobs": 1}
    request = Request("gdro", f"folder:{mine}", settings=settings, store=tmp_path / "runs", baseline=False, **common)
    result = protocol.run(request)
    for path in (tmp_path / "runs").rglob("*"):
        assert "private" not in str(path.relative_to(tmp_path))
        if path.suffix in (".json", ".jsonl"):
            assert "private-place" not in path.read_text()
    entry = json.loads((result.folder / "entry.json").read_text())
    assert entry["dataset"]["name"] == f"folder:{entry['data']}"
    assert "the data is the user's own" in entry["partial"]
    assert "the data is a declared subset" not in entry["partial"]
    assert entry["command"].startswith("wgbench run gdro folder:PATH")
    assert protocol.run(request).entry.cells == result.entry.cells  # found again, by what is in the folder
    (mine / METADATA).write_text((mine / METADATA).read_text().replace("a0", "b0"))
    assert protocol.run(request).entry.id != result.entry.id


def test_epochs_after_the_first_preparation_decode_and_resize_nothing(mine, tmp_path, monkeypatch):
    settings = {f"dataset.{k}": v for k, v in NAMES.items()}
    settings |= {"recipe.views": {"size": 8, "eval": [["resize", 8]]}, "recipe.batch_size": 8}
    common = {"backbone": "mlp", "weight_decays": (0.0,), "epochs": 3, "pretrained": False, "jobs": 1}
    common |= {"settings": settings, "store": tmp_path / "runs", "baseline": False}
    happened, opened, eval_view = [], Image.open, seen.eval_view
    monkeypatch.setattr(Image, "open", lambda *given: happened.append("opened") or opened(*given))
    for module in (seen, pictures):
        monkeypatch.setattr(module, "eval_view", lambda *given: happened.append("resized") or eval_view(*given))
    monkeypatch.setenv("WGBENCH_CACHE", str(tmp_path / "cache"))
    protocol.run(Request("gdro", f"folder:{mine}", seeds=(1,), **common))
    assert (happened.count("opened"), happened.count("resized")) == (32, 32)  # each image once, in three epochs
    happened.clear()
    protocol.run(Request("gdro", f"folder:{mine}", seeds=(2,), **common))
    assert happened == []


def test_what_is_wrong_is_said(mine, tmp_path):
    with pytest.raises(MissingData, match=r"no metadata\.csv there; write one with the columns img_filename, y, place"):
        datasets.make(f"folder:{tmp_path}").prepare(Root(tmp_path))
    for names, option in (({}, "image"), (NAMES | {"target": "y"}, "target"), (NAMES | {"split": "z"}, "split")):
        remedy = (
            rf"no column '\w+'; add it, or name the one that you have with --set dataset.{option}=COLUMN \(there are "
        )
        with pytest.raises(BadData, match=remedy):
            datasets.make(f"folder:{mine}", **names).prepare(Root(tmp_path))
    with pytest.raises(BadOption, match="did you mean target"):
        datasets.make(f"folder:{mine}", targte="y")


def test_a_mistake_in_a_line_of_ones_own_is_to_be_corrected(mine, tmp_path):
    path = mine / METADATA
    path.write_text(path.read_text().replace(",val,", ",valley,", 1))
    said = r"metadata\.csv, line 18: part is 'valley', not one of 0, 1, 2, train, val, .*, test; correct it there$"
    with pytest.raises(BadData, match=said):
        datasets.make(f"folder:{mine}", **NAMES).prepare(Root(tmp_path))


def test_a_folder_that_does_not_exist_is_said_to(tmp_path):
    (tmp_path / "file").touch()
    for where, wrong in (("nowhere", "there is no such folder"), ("file", "it is a file, not a folder")):
        with pytest.raises(MissingData, match=rf"{wrong}; correct the path, or make it, with a metadata\.csv of the"):
            datasets.make(f"folder:{tmp_path / where}").prepare(Root(tmp_path))


def test_three_classes_have_samples_of_three(mine):
    path = mine / METADATA
    path.write_text(path.read_text().replace(",water,", ",air,", 2))
    made = datasets.make(f"folder:{mine}", **NAMES).sample(12, 0)
    assert (made.n_classes, made.n_groups) == (3, 6)
    assert made.group.bincount(minlength=6).tolist() == [2] * 6

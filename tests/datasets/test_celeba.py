"""CelebA in both forms of its lists."""

import numpy as np
import pytest
import torch
from PIL import Image

from wgbench import datasets
from wgbench.errors import BadData, MissingData
from wgbench.types import Preprocess, Root

NAMES = ["5_o_Clock_Shadow", "Blond_Hair", "Male", "Young"]


def write_celeba(folder, form, n=24):
    """`n` faces; blond and male by the bits of the number, splits in turn."""
    (folder / "img_align_celeba").mkdir(parents=True)
    rows, parts = [], []
    for i in range(n):
        name = f"{i + 1:06d}.jpg"
        Image.new("RGB", (178, 218), (i * 9, 80, 120)).save(folder / "img_align_celeba" / name)
        rows.append((name, -1, (-1, 1)[i >> 1 & 1], (-1, 1)[i & 1], 1))
        parts.append((name, i // 4 % 3))
    if form == "csv":
        head = ",".join(["image_id", *NAMES])
        (folder / "list_attr_celeba.csv").write_text("\n".join([head, *(",".join(map(str, r)) for r in rows)]) + "\n")
        lines = ["image_id,partition", *(f"{n},{p}" for n, p in parts)]
        (folder / "list_eval_partition.csv").write_text("\n".join(lines) + "\n")
    else:
        lines = [str(n), " ".join(NAMES), *(" ".join(f"{v!s:>2}" for v in r) for r in rows)]
        (folder / "list_attr_celeba.txt").write_text("\n".join(lines) + "\n")
        (folder / "list_eval_partition.txt").write_text("".join(f"{n} {p}\n" for n, p in parts))
    return folder


@pytest.mark.parametrize("form", ["txt", "csv"])
@pytest.mark.parametrize("inside", [".", "celeba"])
def test_both_forms_give_blond_hair_against_male(form, inside, tmp_path):
    write_celeba(tmp_path / "data" / inside, form)
    dataset, root = datasets.make("celeba", subset=True), Root(tmp_path / "cache", tmp_path / "data")
    dataset.prepare(root)
    train = dataset.load(root, "train", Preprocess())
    assert train.group.tolist() == [0, 1, 2, 3, 0, 1, 2, 3]
    assert torch.equal(train.label, train.group // 2)
    assert train.x[0].shape == (218, 178, 3)
    assert np.array_equal(train.x[5].numpy(), np.asarray(Image.open(next((tmp_path / "data").rglob("000014.jpg")))))


def test_counts_are_those_of_the_literature_unless_a_subset_is_declared(tmp_path):
    write_celeba(tmp_path / "data", "txt")
    with pytest.raises(BadData, match=r"expected \[71629, 66874, 22880, 1387\]"):
        datasets.make("celeba").prepare(Root(tmp_path / "cache", tmp_path / "data"))


def test_what_is_missing_is_said(tmp_path):
    dataset = datasets.make("celeba", subset=True)
    with pytest.raises(MissingData, match="get the aligned images and both lists"):
        dataset.prepare(Root(tmp_path))
    folder = write_celeba(tmp_path / "data", "txt")
    (folder / "img_align_celeba" / "000003.jpg").unlink()
    with pytest.raises(MissingData, match=r"1 of 24 listed images are not there \(first: 000003\.jpg\)"):
        dataset.prepare(Root(tmp_path / "cache", folder))
    (folder / "list_eval_partition.txt").unlink()
    with pytest.raises(MissingData, match=r"no list_eval_partition\.txt"):
        dataset.prepare(Root(tmp_path / "cache", folder))


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("list_attr_celeba.txt", "Blond_Hair", "Red_Hair", "no column 'Blond_Hair'"),
        ("list_attr_celeba.txt", "000002.jpg -1 -1  1", "000002.jpg -1  7  1", "line 4: not a name and attributes"),
        ("list_eval_partition.txt", "000002.jpg 0", "000002.jpg 5", "line 2: not a name and a split of 0, 1 or 2"),
        ("list_eval_partition.txt", "000002.jpg", "../02.jpg", "line 2: .* leads outside the folder"),
    ],
)
def test_a_damaged_list_is_named_with_its_line(tmp_path, name, old, new, said):
    folder = write_celeba(tmp_path / "data", "txt")
    text = (folder / name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new))
    with pytest.raises(BadData, match=said):
        datasets.make("celeba", subset=True).prepare(Root(tmp_path / "cache", folder))

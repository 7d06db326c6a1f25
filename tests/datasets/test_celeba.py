"""CelebA in both forms of its lists."""

import shutil
import zipfile

import numpy as np
import pytest
import torch
from layouts import write_celeba
from PIL import Image

from wgbench import datasets
from wgbench.errors import BadData, MissingData
from wgbench.types import Preprocess, Root


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
    with pytest.raises(MissingData, match=r"neither list_eval_partition\.txt nor list_eval_partition\.csv there"):
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


def zipped(folder, out):
    """The images as the publisher's archive, in the place of the folder."""
    with zipfile.ZipFile(out, "w") as archive:
        for path in sorted((folder / "img_align_celeba").iterdir()):
            archive.write(path, f"img_align_celeba/{path.name}")
    shutil.rmtree(folder / "img_align_celeba")


def test_the_publishers_files_and_folders_need_no_preparation(tmp_path, monkeypatch):
    folder = write_celeba(tmp_path / "data" / "CelebA", "txt")
    plain = loaded(folder, tmp_path / "cache")
    (folder / "Img").mkdir()
    zipped(folder, folder / "Img" / "img_align_celeba.zip")
    for inside, name in (("Anno", "list_attr_celeba.txt"), ("Eval", "list_eval_partition.txt")):
        (folder / inside).mkdir()
        (folder / name).rename(folder / inside / name)
    before = sorted(folder.rglob("*"))
    from_zip = loaded(tmp_path / "data", tmp_path / "cache2")
    assert torch.equal(plain.x.data, from_zip.x.data)
    assert sorted(folder.rglob("*")) == before  # the user's folder is read-only
    monkeypatch.setattr("wgbench.datasets.download.extract", lambda *_: pytest.fail("extracted again"))
    loaded(tmp_path / "data", tmp_path / "cache2")


def test_both_forms_are_the_same_data(tmp_path):
    prints = set()
    for form in ("txt", "csv"):
        write_celeba(tmp_path / form, form)
        prints.add(datasets.make("celeba", subset=True).fingerprint(Root(tmp_path, tmp_path / form)))
    assert len(prints) == 1


def test_an_archive_is_compared_with_the_published_one_unless_a_subset_is_declared(tmp_path, monkeypatch):
    folder = write_celeba(tmp_path / "data", "txt")
    zipped(folder, folder / "img_align_celeba.zip")
    dataset = datasets.make("celeba")
    monkeypatch.setattr(type(dataset), "counts", dict.fromkeys(("train", "val", "test"), (2, 2, 2, 2)))
    with pytest.raises(BadData, match=r"img_align_celeba\.zip: its bytes are not those of the published archive; get"):
        dataset.prepare(Root(tmp_path / "cache", folder))


def loaded(data, cache):
    dataset = datasets.make("celeba", subset=True)
    dataset.prepare(Root(cache, data))
    return dataset.load(Root(cache, data), "train", Preprocess())

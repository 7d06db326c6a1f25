"""hf:<where>: local files in the forms that `datasets` reads; what is said when columns or splits are not there."""

import json

import numpy as np
import pyarrow as pa
import pytest
import torch
from PIL import Image
from pyarrow import parquet

from wgbench import datasets, protocol
from wgbench.checks.datasets import Prepared, samples_look_like_the_data
from wgbench.errors import BadData, BadOption, DownloadFailed
from wgbench.request import Request
from wgbench.types import Preprocess, Root

NAMES = {"target": "kind", "attribute": "place"}


@pytest.fixture(autouse=True)
def _offline(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def rows(n, seed):
    rng = np.random.default_rng(seed)
    kind, place = np.arange(n) % 2, np.arange(n) // 2 % 2
    return {
        "kind": [("cat", "dog")[k] for k in kind],
        "place": place,
        "weight": rng.normal(10 + kind, 1, n),
        "age": rng.integers(0, 9, n),
        "name": [f"n{i}" for i in range(n)],
    }


@pytest.fixture
def table(tmp_path):
    folder = tmp_path / "own-table"
    folder.mkdir()
    for seed, (split, n) in enumerate({"train": 100, "test": 40}.items()):
        parquet.write_table(pa.table(rows(n, seed)), folder / f"{split}.parquet")
    return folder


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "own-pictures"
    for split, n in {"train": 12, "validation": 8, "test": 8}.items():
        (folder / split).mkdir(parents=True)
        lines = []
        for i in range(n):
            Image.new("RGB", (10 + i, 12), (20 * i, 99, 0)).save(folder / split / f"{i}.png")
            lines.append(json.dumps({"file_name": f"{i}.png", "kind": ("cat", "dog")[i % 2], "place": i // 2 % 2}))
        (folder / split / "metadata.jsonl").write_text("\n".join(lines) + "\n")
    return folder


def loaded(where, root, **options):
    dataset = datasets.make(f"hf:{where}", **options)
    dataset.prepare(root)
    return dataset, {s: dataset.load(root, s, Preprocess()) for s in ("train", "val", "test")}


def test_a_table_without_validation_gets_a_fixed_stratified_one(table, tmp_path):
    dataset, splits = loaded(table, Root(tmp_path / "cache"), **NAMES)
    assert dataset.group_names == ("cat-0", "cat-1", "dog-0", "dog-1")
    assert [len(s) for s in splits.values()] == [80, 20, 40]
    assert splits["val"].group.bincount().tolist() == [5, 5, 5, 5]
    assert splits["train"].x.shape == (80, 2)  # weight and age; names are no numbers
    assert splits["train"].x.mean(0).abs().max() < 1e-5
    again = loaded(table, Root(tmp_path / "cache"), **NAMES)[1]
    assert (again["val"].x == splits["val"].x).all()


def test_images_are_decoded_once(pictures, tmp_path):
    root = Root(tmp_path / "cache")
    dataset, splits = loaded(pictures, root, **NAMES)
    assert (dataset.modality, dataset.backbone) == ("image", "resnet18")
    assert [len(s) for s in splits.values()] == [12, 8, 8]
    assert splits["train"].x[3].shape == (12, 13, 3)
    assert splits["train"].x[3][0, 0].tolist() == [60, 99, 0]
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "cache").rglob("arrays.bin")}
    loaded(pictures, root, **NAMES)
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "cache").rglob("arrays.bin")} == before != {}


def test_a_run_keeps_the_folder_private(table, tmp_path):
    settings = {f"dataset.{k}": v for k, v in NAMES.items()}
    common = {"seeds": (1,), "weight_decays": (0.0,), "epochs": 2, "jobs": 1, "baseline": False}
    result = protocol.run(Request("gdro", f"hf:{table}", settings=settings, store=tmp_path / "runs", **common))
    text = (result.folder / "entry.json").read_text()
    assert "own-table" not in text
    assert result.entry.dataset.name.startswith("hf:")
    assert result.entry.command.startswith("wgbench run gdro hf:PATH")


def test_missing_columns_and_splits_are_said_with_what_there_is(table, tmp_path):
    root = Root(tmp_path / "cache")
    with pytest.raises(BadOption, match=r"no column 'label'; name one of kind, place, weight, age, name: --set"):
        loaded(table, root)
    with pytest.raises(BadOption, match=r"no split 'holdout'; name one of train, test: --set dataset\.test="):
        loaded(table, root, **NAMES, test="holdout")


def test_a_repository_that_cannot_be_reached(tmp_path):
    with pytest.raises(DownloadFailed, match="give a folder of parquet, csv or image files"):
        loaded("nobody/nothing-at-all", Root(tmp_path))


def test_the_fingerprint_follows_the_labels(table, tmp_path):
    root = Root(tmp_path)
    first = loaded(table, root, **NAMES)[0].fingerprint(root)
    parquet.write_table(pa.table({**rows(100, 0), "place": np.zeros(100, int)}), table / "train.parquet")
    assert loaded(table, root, **NAMES)[0].fingerprint(root) != first


@pytest.fixture
def comments(tmp_path):
    """Texts in pairs, saved as the library saves them."""
    import datasets as hub

    def part(n):
        own = {key: list(values) for key, values in rows(n, 0).items() if key in ("kind", "place")}
        return hub.Dataset.from_dict(
            own | {"text": [f"first {i}" for i in range(n)], "pair": [f"second {i}" for i in range(n)]}
        )

    path = tmp_path / "own-comments"
    hub.DatasetDict({"train": part(40), "validation": part(12), "test": part(20)}).save_to_disk(path)
    return path


def test_texts_that_the_library_saved_are_read_with_their_pairs(comments, tmp_path):
    root = Root(tmp_path / "cache")
    dataset, splits = loaded(comments, root, **NAMES, text="text", pair="pair")
    assert dataset.modality == "text"
    assert [len(s) for s in splits.values()] == [40, 12, 20]
    assert dataset.texts(root, "test")[3] == ("first 3", "second 3")
    assert splits["test"].group.tolist() == [2 * (i % 2) + i // 2 % 2 for i in range(20)]
    first, again = (splits["test"].x[i] for i in (0, 1))
    assert first.shape == again.shape
    assert not torch.equal(first, again), "another number is another word"


def test_a_table_without_a_number_is_no_table(table, tmp_path):
    for split in ("train", "test"):
        path = table / f"{split}.parquet"
        parquet.write_table(parquet.read_table(path).select(["kind", "place", "name"]), path)
    with pytest.raises(BadData, match=r"nor numeric ones beside target and attribute; name them: --set dataset\.image"):
        loaded(table, Root(tmp_path / "cache"), **NAMES)


def test_a_picture_that_cannot_be_decoded_is_counted_by_its_row(pictures, tmp_path):
    path = pictures / "train" / "3.png"
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(BadData, match=r"row 3 \("):
        loaded(pictures, Root(tmp_path / "cache"), **NAMES)


def test_pictures_of_unknown_sizes_get_usual_views(pictures, tmp_path):
    dataset, _ = loaded(pictures, Root(tmp_path / "cache"), **NAMES)
    views = dataset.recipe.views
    assert (dataset.modality, views.size, views.eval) == ("image", 224, (("resize", 256), ("crop", 224)))


@pytest.mark.parametrize("kind", ["table", "pictures", "comments", "three kinds"])
def test_samples_look_like_ones_own_data(kind, request, tmp_path):
    where = request.getfixturevalue("table" if kind == "three kinds" else kind)
    options = {"text": "text", "pair": "pair"} if kind == "comments" else {}
    if kind == "three kinds":
        for path in sorted(where.glob("*.parquet")):
            part = parquet.read_table(path).drop(["kind"])
            kinds = pa.array([("cat", "dog", "owl")[i % 3] for i in range(part.num_rows)])
            parquet.write_table(part.append_column("kind", kinds), path)
    root = Root(tmp_path / "cache")
    dataset, splits = loaded(where, root, **NAMES, **options)
    samples_look_like_the_data(Prepared(dataset, root))  # raises CheckFailed, which says what is broken
    made = dataset.sample(12, 0)
    assert (made.n_classes, made.columns.shape) == (len(dataset.classes), (12, len(dataset.group_names)))
    assert made.columns.any(0).all()
    assert type(made.x) is type(splits["train"].x) or dataset.modality == "image"

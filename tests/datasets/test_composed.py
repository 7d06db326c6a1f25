"""colored-mnist, dominoes and the drawn birds: how sources are read, and how what is made of them is made."""

import gzip
import hashlib
import io
import struct

import numpy as np
import pyarrow as pa
import pytest
import torch
from PIL import Image
from pyarrow import parquet

from wgbench import datasets
from wgbench.datasets import colored_mnist, dominoes, raw_images, synthetic
from wgbench.errors import BadData, DownloadFailed, MissingData
from wgbench.types import Preprocess, Root

N = {"train": 240, "test": 120}


def arrays(name, part):
    rng = np.random.default_rng(len(name) + len(part))
    shape = (28, 28) if name == "mnist" else (32, 32, 3)
    return rng.integers(0, 256, (N[part], *shape), dtype=np.uint8), np.arange(N[part]) % 10


def png(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()


def write_parquet(folder, name, column):
    folder.mkdir(parents=True)
    for part in N:
        images, labels = arrays(name, part)
        values = [{"bytes": png(i), "path": None} for i in images]
        parquet.write_table(pa.table({column: values, "label": labels}), folder / f"{part}.parquet")


def idx(values):
    head = bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
    return head + values.astype(np.uint8).tobytes()


@pytest.fixture
def source(tmp_path, monkeypatch):
    """Small MNIST and CIFAR-10 in the hub's parquet layout."""
    monkeypatch.setattr(raw_images, "SIZES", {"mnist": N, "cifar10": N})
    monkeypatch.setattr(raw_images, "SHA256", {})
    monkeypatch.setattr(colored_mnist, "TRAIN", 200)
    monkeypatch.setattr(dominoes, "TRAIN", 36)
    monkeypatch.setattr(dominoes, "VAL", 12)
    write_parquet(tmp_path / "data" / "mnist", "mnist", "image")
    write_parquet(tmp_path / "data" / "cifar10", "cifar10", "img")
    return Root(tmp_path / "cache", tmp_path / "data")


@pytest.mark.parametrize("kind", ["parquet", "idx", "idx.gz", "folder"])
def test_every_layout_of_mnist_gives_the_same_arrays(kind, tmp_path, monkeypatch):
    monkeypatch.setattr(raw_images, "SIZES", {"mnist": N})
    monkeypatch.setattr(raw_images, "SHA256", {})
    folder = tmp_path / "data" / "mnist"
    if kind == "parquet":
        write_parquet(folder, "mnist", "image")
    for part in N:
        images, labels = arrays("mnist", part)
        if kind.startswith("idx"):
            folder.mkdir(parents=True, exist_ok=True)
            for name, values in zip(raw_images.IDX[part], (images, labels), strict=True):
                content = idx(values)
                zipped = kind == "idx.gz"
                (folder / f"{name}{'.gz' if zipped else ''}").write_bytes(gzip.compress(content) if zipped else content)
        elif kind == "folder":
            for i, (image, label) in enumerate(zip(images, labels, strict=True)):
                (folder / part / str(label)).mkdir(parents=True, exist_ok=True)
                (folder / part / str(label) / f"{i:05d}.png").write_bytes(png(image))
    for part in N:
        images, labels = raw_images.load("mnist", part, Root(tmp_path / "cache", tmp_path / "data"))
        wanted, wanted_labels = arrays("mnist", part)
        order = sorted(range(N[part]), key=lambda i: hashlib.sha256(wanted[i].tobytes()).digest())
        assert np.array_equal(images, wanted[order])  # the same order, whatever the source's
        assert np.array_equal(labels, wanted_labels[order])


def test_sources_are_read_once(source, monkeypatch):
    raw_images.prepare("mnist", source)
    monkeypatch.setattr(raw_images, "_read", lambda *_: pytest.fail("read again"))
    raw_images.prepare("mnist", source)


def test_what_is_wrong_with_a_source_is_said(source, tmp_path, monkeypatch):
    (tmp_path / "nowhere").mkdir()
    with pytest.raises(MissingData, match=r"neither train\.parquet, nor train-images-idx3-ubyte"):
        raw_images.load("mnist", "train", Root(tmp_path / "c", tmp_path / "nowhere"))
    path = source.data / "mnist" / "train.parquet"
    images, labels = arrays("mnist", "train")
    values = [{"bytes": png(i)} for i in images[:-1]]
    parquet.write_table(pa.table({"image": values, "label": labels[:-1]}), path)
    with pytest.raises(BadData, match="239 images instead of 240; give the complete files"):
        raw_images.load("mnist", "train", source)
    parquet.write_table(pa.table({"image": [{"bytes": b"no png"}], "label": [1]}), path)
    with pytest.raises(BadData, match="image 0: unreadable"):
        raw_images.load("mnist", "train", source)
    parquet.write_table(pa.table({"picture": [1]}), path)
    with pytest.raises(BadData, match="its columns are picture; it must have image and label"):
        raw_images.load("mnist", "train", source)
    path.write_bytes(b"PAR1")
    with pytest.raises(BadData, match="no parquet file"):
        raw_images.load("mnist", "train", source)


def test_other_pixels_than_the_published_are_refused(source, tmp_path, monkeypatch):
    expected = raw_images.digest(raw_images.load("mnist", "train", source))
    monkeypatch.setattr(raw_images, "SHA256", {"mnist train": expected})
    assert len(raw_images.load("mnist", "train", Root(tmp_path / "again", source.data))[0]) == N["train"]
    monkeypatch.setattr(raw_images, "SHA256", {"mnist train": "0" * 64})
    with pytest.raises(BadData, match=r"not the published ones; get those of .*ylecun/mnist: copies may be lossy"):
        raw_images.load("mnist", "train", Root(tmp_path / "other", source.data))


def test_lossy_copies_of_vehicles_are_told_apart_by_their_fingerprint(source, tmp_path):
    dominoes_there = datasets.make("dominoes")
    first = dominoes_there.fingerprint(source)
    assert not dominoes_there.pinned  # so the fingerprint is in every cell's id
    assert dominoes_there.caveat is None  # and entries are complete all the same
    path = source.data / "cifar10" / "test.parquet"
    images, labels = arrays("cifar10", "test")
    values = [{"bytes": png(255 - i)} for i in images]
    parquet.write_table(pa.table({"img": values, "label": labels}), path)
    assert dominoes_there.fingerprint(source) != first


def test_a_truncated_idx_file_is_refused(tmp_path):
    path = tmp_path / "x-ubyte"
    path.write_bytes(idx(np.zeros((3, 2, 2)))[:-1])
    with pytest.raises(BadData, match="cut short"):
        raw_images._idx(path)


def test_without_files_the_hub_is_asked_and_its_absence_explained(tmp_path, monkeypatch):
    import datasets as hub

    asked = []
    monkeypatch.setattr(hub, "load_dataset", lambda repo, split: asked.append((repo, split)) or 1 / 0)
    with pytest.raises(DownloadFailed, match=r"get the parquet files of huggingface.co/datasets/ylecun/mnist by hand"):
        raw_images.load("mnist", "train", Root(tmp_path))
    assert asked == [("ylecun/mnist", "train")]


def loaded(name, root, **options):
    dataset = datasets.make(name, **options)
    dataset.prepare(root)
    return {s: dataset.load(root, s, Preprocess()) for s in ("train", "val", "test")}


def agreement(split):
    return float((split.group % 2 == split.label).float().mean())


def test_colored_mnist_colours_the_ink_by_group(source):
    splits = loaded("colored-mnist", source, agreement=0.9, examples=200)
    assert [len(s) for s in splits.values()] == [200, 40, 120]
    assert agreement(splits["train"]) == pytest.approx(0.9, abs=0.01)
    assert agreement(splits["val"]) == pytest.approx(0.5, abs=0.03)
    for split in splits.values():
        red, green, blue = (split.x[..., c].flatten(1).bool().any(1) for c in range(3))
        assert torch.equal(green, split.group % 2 == 1)
        assert torch.equal(red, ~green)
        assert not blue.any()
    known = {arrays("mnist", "test")[0][i].tobytes(): i % 10 >= 5 for i in range(120)}
    seen = [known[i.numpy().tobytes()] for i in splits["test"].x.amax(-1)]
    assert torch.equal(torch.tensor(seen).long(), splits["test"].label)


def test_label_noise_of_colored_mnist(source):
    plain, noisy = (loaded("colored-mnist", source, label_noise=s, examples=200)["train"] for s in (0.0, 0.25))
    assert int((plain.label != noisy.label).sum()) == 50
    assert agreement(noisy) == pytest.approx(0.95, abs=0.01)  # the colour follows the label as it is


def test_dominoes_are_a_digit_above_a_vehicle(source):
    splits = loaded("dominoes", source, examples=36)
    assert [len(s) for s in splits.values()] == [36, 12, 24]
    photos, kind = arrays("cifar10", "test")
    vehicles = {photos[i].tobytes(): kind[i] for i in range(120) if kind[i] in (1, 9)}
    digits = {i.tobytes(): d for i, d in zip(*arrays("mnist", "test"), strict=True)}
    test = splits["test"]
    assert test.x.shape[1:] == (64, 32, 3)
    for x, label, group in zip(test.x, test.label.tolist(), test.group.tolist(), strict=True):
        assert vehicles[x[32:].numpy().tobytes()] == (1, 9)[label]
        assert digits[x[2:30, 2:30, 0].contiguous().numpy().tobytes()] == group % 2
    below = [x[32:].numpy().tobytes() for s in splits.values() for x in s.x]
    assert len(set(below)) == len(below)  # no vehicle twice


def test_drawn_birds_have_waterbirds_counts_and_are_drawn_once(tmp_path):
    dataset, root = datasets.make("waterbirds-synthetic", pixels=16, share=0.05), Root(tmp_path)
    dataset.prepare(root)
    train = dataset.load(root, "train", Preprocess())
    assert train.group.bincount().tolist() == [round(0.05 * n) for n in (3498, 184, 56, 1057)]
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.u8")}
    dataset.prepare(root)
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.u8")} == before
    assert datasets.make("waterbirds-synthetic").counts["train"] == (3498, 184, 56, 1057)


def test_a_drawing_is_a_function_of_its_draws():
    u = np.full(synthetic.PER_IMAGE, 0.3)
    assert np.array_equal(synthetic.draw(2, u, 32), synthetic.draw(2, u, 32))
    pictures = [synthetic.draw(g, u, 32).astype(float) for g in range(4)]
    blue = [p[-4:, :, 2].mean() - p[-4:, :, 1].mean() for p in pictures]
    assert blue[0] < 0 < blue[1]  # land, water
    assert blue[2] < 0 < blue[3]
    whitest = [p.min(axis=2).max() for p in pictures]
    assert max(whitest[:2]) < 190 < min(whitest[2:])  # only water birds are white


@pytest.mark.parametrize("name", ["colored-mnist", "dominoes"])
def test_the_real_files_make_the_published_sizes(name, given_data, cache):
    if not all((given_data / part).is_dir() for part in ("mnist", "cifar10")):
        pytest.skip("no mnist/ and cifar10/ there")
    splits = loaded(name, Root(cache, given_data))
    assert [len(s) for s in splits.values()] == list(datasets.registry.find(name).target.sizes.values())
    assert agreement(splits["train"]) == pytest.approx(0.95, abs=1e-3)


@pytest.mark.parametrize("name", ["colored-mnist", "dominoes"])
def test_samples_have_the_shapes_of_the_pictures(name, source):
    small = {"colored-mnist": {"examples": 200}, "dominoes": {"examples": 36}}[name]
    dataset, splits = datasets.make(name), loaded(name, source, **small)
    made, real = dataset.sample(40, 0), splits["val"]
    assert (made.x.shape[1:], made.x.dtype) == (real.x.shape[1:], real.x.dtype)
    assert (made.n_classes, made.n_groups) == (real.n_classes, real.n_groups)
    assert made.columns.any(0).all()
    assert torch.equal(made.x, dataset.sample(40, 0).x)
    assert not torch.equal(made.x, dataset.sample(40, 1).x)


@pytest.mark.parametrize("name", ["colored-mnist", "dominoes"])
def test_the_published_counts_are_asked_for_where_nothing_was_narrowed(name, source, monkeypatch):
    with pytest.raises(BadData, match=rf"{name} train: .*expected"):
        loaded(name, source)


def test_what_the_hub_delivers_is_read_whatever_its_column_is_called(tmp_path, monkeypatch):
    import datasets as hub

    monkeypatch.setattr(raw_images, "SIZES", {"mnist": N, "cifar10": N})
    monkeypatch.setattr(raw_images, "SHA256", {})

    def deliver(repo, split):
        name, column = ("mnist", "image") if "mnist" in repo else ("cifar10", "img")
        images, labels = arrays(name, split)
        return hub.Dataset.from_dict({column: [Image.fromarray(i) for i in images], "label": labels})

    monkeypatch.setattr(hub, "load_dataset", deliver)
    for name in ("mnist", "cifar10"):
        images, labels = raw_images.load(name, "test", Root(tmp_path))
        wanted, wanted_labels = arrays(name, "test")
        order = sorted(range(N["test"]), key=lambda i: hashlib.sha256(wanted[i].tobytes()).digest())
        assert np.array_equal(images, wanted[order])
        assert np.array_equal(labels, wanted_labels[order])


def test_a_damaged_archive_of_mnist_is_named(tmp_path):
    folder = tmp_path / "data" / "mnist"
    folder.mkdir(parents=True)
    for name in raw_images.IDX["train"]:
        (folder / f"{name}.gz").write_bytes(gzip.compress(idx(np.zeros((3, 2, 2))))[:-9])
    with pytest.raises(BadData, match=r"ubyte\.gz: damaged \(.*\); get it again"):
        raw_images.load("mnist", "train", Root(tmp_path / "cache", tmp_path / "data"))

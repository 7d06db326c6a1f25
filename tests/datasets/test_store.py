"""The decode-once store: the pixels are PIL's; killed, raced, changed and full builds do no harm."""

import multiprocessing
import resource

import numpy as np
import pytest
from PIL import Image

from wgbench.datasets import store
from wgbench.errors import BadData, StoreFailed


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    rng = np.random.default_rng(0)
    shapes = [(7, 5), (32, 48), (1, 1), (20, 20)]
    for i, (h, w) in enumerate(shapes):
        Image.fromarray(rng.integers(0, 256, (h, w, 3), dtype=np.uint8)).save(folder / f"{i}.jpg")
    Image.fromarray(rng.integers(0, 256, (9, 9), dtype=np.uint8)).save(folder / "grey.png")
    return folder, [f"{i}.jpg" for i in range(4)] + ["grey.png"]


def test_pixels_are_those_of_pil_at_native_size(images, tmp_path):
    folder, names = images
    ragged = store.open_or_build(tmp_path / "cache", folder, names)
    for i, name in enumerate(names):
        assert np.array_equal(ragged[i].numpy(), np.asarray(Image.open(folder / name).convert("RGB")))


def test_the_second_time_nothing_is_decoded(images, tmp_path, monkeypatch):
    folder, names = images
    store.open_or_build(tmp_path / "cache", folder, names)
    monkeypatch.setattr(Image, "open", lambda *_: pytest.fail("decoded again"))
    store.open_or_build(tmp_path / "cache", folder, names)


def test_a_changed_image_is_another_store(images, tmp_path):
    folder, names = images
    store.open_or_build(tmp_path / "cache", folder, names)
    Image.new("RGB", (7, 5), (9, 9, 9)).save(folder / "0.jpg")
    again = store.open_or_build(tmp_path / "cache", folder, names)
    assert again[0].unique().tolist() == [9]


def test_a_build_that_was_killed_is_done_again_and_cleared_away(images, tmp_path):
    folder, names = images
    cache = tmp_path / "cache"
    left = cache / f".{store.key(folder, names)}.12345"
    left.mkdir(parents=True)
    (left / store.PIXELS).write_bytes(b"half")
    ragged = store.open_or_build(cache, folder, names)
    assert len(ragged) == 5
    assert not left.exists()


def _open(cache, folder, names, queue):
    queue.put(int(store.open_or_build(cache, folder, names).data.sum()))


def test_two_builders_at_once_do_no_harm(images, tmp_path):
    folder, names = images
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    builders = [context.Process(target=_open, args=(tmp_path / "cache", folder, names, queue)) for _ in range(2)]
    for b in builders:
        b.start()
    sums = {queue.get(timeout=60) for _ in builders}
    for b in builders:
        b.join()
    assert sums == {int(store.open_or_build(tmp_path / "cache", folder, names).data.sum())}


def test_an_image_above_the_limit_is_named(images, tmp_path):
    folder, names = images
    with pytest.raises(BadData, match=r"1\.jpg \(48 x 32: above 1000 pixels\)"):
        store.open_or_build(tmp_path / "cache", folder, names, max_pixels=1000)


def test_a_full_disk_leaves_nothing_behind(images, tmp_path):
    folder, names = images
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
    try:
        with pytest.raises(StoreFailed, match=r"no space left .*; free some, or set WGBENCH_CACHE"):
            store.open_or_build(tmp_path / "cache", folder, names)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [p.suffix for p in (tmp_path / "cache").iterdir()] == [".lock"]

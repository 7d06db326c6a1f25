"""The decode-once store: the pixels are PIL's; killed, raced, changed and full builds do no harm."""

import hashlib
import json
import multiprocessing
import os
import resource
import shutil
import warnings

import numpy as np
import PIL
import pytest
import simplejpeg
import torch
from PIL import Image

from wgbench.config import Views
from wgbench.datasets import decoders, decoding, flat, store
from wgbench.engine.seen import evaluation_views
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
    (left / flat.ARRAYS).write_bytes(b"half")
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


def files(folder):
    return [p for p in folder.rglob("*") if p.is_file() and p.suffix != ".lock"]


def test_a_build_that_fails_midway_leaves_nothing_and_is_done_again(images, tmp_path, monkeypatch):
    folder, names = images
    read = decoding.read

    def fails_at_the_third(path, name, max_pixels):
        if name == names[2]:
            raise KeyboardInterrupt
        return read(path, name, max_pixels)

    monkeypatch.setattr(decoding, "read", fails_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        store.open_or_build(tmp_path / "cache", folder, names)
    assert files(tmp_path / "cache") == []
    monkeypatch.undo()
    assert len(store.open_or_build(tmp_path / "cache", folder, names)) == 5


@pytest.mark.parametrize("damaged", [flat.ARRAYS, flat.INDEX, flat.MANIFEST])
def test_a_store_that_lost_bytes_is_built_again(images, tmp_path, damaged):
    folder, names = images
    whole = store.open_or_build(tmp_path / "cache", folder, names).data.clone()
    path = tmp_path / "cache" / store.key(folder, names) / damaged
    if damaged == flat.MANIFEST:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-7])
    assert store.open_or_build(tmp_path / "cache", folder, names).data.equal(whole)
    assert path.stat().st_size > 0


def test_bytes_and_order_do_not_depend_on_workers(images, tmp_path):
    folder, names = images
    many = [f"{i:03d}.jpg" for i in range(store.ALONE + 45)]  # so many that processes decode
    for i, name in enumerate(many):
        shutil.copy(folder / names[i % 4], folder / name)
    stores = [store.open_or_build(tmp_path / f"cache{n}", folder, many, workers=n) for n in (1, 2, 5)]
    for other in stores[1:]:
        assert other.data.equal(stores[0].data)
        assert other.offset.equal(stores[0].offset)


def test_the_manifest_says_what_was_stored(images, tmp_path):
    folder, names = images
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ragged = store.open_or_build(tmp_path / "cache", folder, names)
    manifest = json.loads((tmp_path / "cache" / store.key(folder, names) / flat.MANIFEST).read_text())
    assert manifest["images"] == 5
    assert manifest["decoder"] == f"pillow {PIL.__version__}, simplejpeg {simplejpeg.__version__}"
    sums = [decoding.checksum(ragged[i].numpy()) for i in range(5)]
    assert manifest["checksum"] == hashlib.sha256(b"".join(sums)).hexdigest()


@pytest.mark.parametrize("library", [PIL, simplejpeg])
def test_another_decoder_makes_another_store(images, monkeypatch, library):
    folder, names = images
    before = store.key(folder, names)
    monkeypatch.setattr(library, "__version__", "0.0")
    assert store.key(folder, names) != before


def test_all_bad_images_are_counted_and_ten_are_named(images, tmp_path):
    folder, names = images
    bad = [f"bad{i:02d}.png" for i in range(12)]
    content = (folder / "grey.png").read_bytes()
    for i, name in enumerate(bad):
        (folder / name).write_bytes(content[: 5 * i])
    with pytest.raises(BadData) as caught:
        store.open_or_build(tmp_path / "cache", folder, names + bad)
    assert "12 of 17 images cannot be used: bad00.png (empty), bad01.png (" in str(caught.value)
    assert "bad09.png" in str(caught.value)
    assert "bad10.png" not in str(caught.value)
    assert "and 2 more, all in " in str(caught.value)
    assert str(caught.value).endswith(".bad.txt; copy these files again from the archive")
    (listed,) = files(tmp_path / "cache")
    assert [line.split()[0] for line in listed.read_text().splitlines()] == bad


def test_a_file_in_the_caches_place_is_named(images, tmp_path):
    folder, names = images
    (tmp_path / "cache").write_text("")
    with pytest.raises(StoreFailed, match=r"a file lies where a folder belongs; move it"):
        store.open_or_build(tmp_path / "cache", folder, names)


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


def test_sources_are_listed_as_sha256sum_writes_them(images, tmp_path):
    folder, names = images
    ragged = store.open_or_build(tmp_path / "cache", folder, names)
    listed = (ragged.store / flat.SOURCES).read_text()
    expected = [f"{hashlib.sha256((folder / n).read_bytes()).hexdigest()}  {n}\n" for n in names]
    assert listed == "".join(expected)
    manifest = json.loads((ragged.store / flat.MANIFEST).read_text())
    assert manifest["sources"] == hashlib.sha256(listed.encode()).hexdigest()


def test_verifying_finds_changed_pixels_and_changed_files(images, tmp_path):
    folder, names = images
    ragged = store.open_or_build(tmp_path / "cache", folder, names)
    store.verify(ragged.take(torch.tensor([2, 0])))
    status = (folder / "1.jpg").stat()
    content = (folder / "1.jpg").read_bytes()
    (folder / "1.jpg").write_bytes(content[:-9] + b"x" + content[-8:])  # the same size and time: no other store
    os.utime(folder / "1.jpg", ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(BadData, match=r"1 files have changed or gone since \(first: 1\.jpg\)"):
        store.verify(store.open_or_build(tmp_path / "cache", folder, names))
    path = ragged.store / flat.ARRAYS
    path.write_bytes(bytes(path.stat().st_size))
    with pytest.raises(BadData, match=r"not those that were decoded; delete the folder"):
        store.verify(ragged)


@pytest.fixture
def many(images):
    """So many images that processes decode them."""
    folder, names = images
    copies = [f"{i:03d}.png" for i in range(store.ALONE + 45)]
    for name in copies:
        shutil.copy(folder / "grey.png", folder / name)
    return folder, [names[1], *copies]


def test_processes_name_bad_images_too(many, tmp_path):
    folder, names = many
    (folder / "100.png").write_bytes(b"")
    (folder / "200.png").write_bytes((folder / "200.png").read_bytes()[:60])
    with pytest.raises(BadData, match=r"2 of 302 images cannot be used: 100\.png \(empty\), 200\.png \("):
        store.open_or_build(tmp_path / "cache", folder, names, workers=2)
    assert files(tmp_path / "cache") == []


def test_a_full_disk_in_a_process_is_told_as_one_here(many, tmp_path):
    folder, names = many
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(StoreFailed, match=r"free some, or set WGBENCH_CACHE"):
            store.open_or_build(tmp_path / "cache", folder, names, workers=2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert files(tmp_path / "cache") == []


def test_a_decoder_that_is_killed_is_said_and_the_next_call_builds(many, tmp_path, monkeypatch):
    folder, names = many
    ask = decoders._Decoder.ask

    def kills_the_second(self, task):
        ask(self, task)
        if names[40] in task["names"]:
            self.process.kill()

    monkeypatch.setattr(decoders._Decoder, "ask", kills_the_second)
    with pytest.raises(StoreFailed, match=r"ended with status -9; call the same command again"):
        store.open_or_build(tmp_path / "cache", folder, names, workers=2)
    monkeypatch.undo()
    ragged = store.open_or_build(tmp_path / "cache", folder, names, workers=2)
    assert len(ragged) == 302
    store.verify(ragged)


def test_checksums_see_a_changed_byte_and_exchanged_parts():
    array = np.random.default_rng(0).integers(0, 256, 5 * decoding.BLOCK + 77, dtype=np.uint8)
    other = array.copy()
    other[-1] ^= 1
    exchanged = array.copy()
    exchanged[: decoding.BLOCK], exchanged[decoding.BLOCK : 2 * decoding.BLOCK] = (
        array[decoding.BLOCK : 2 * decoding.BLOCK],
        array[: decoding.BLOCK],
    )
    sums = {decoding.checksum(a) for a in (array, other, exchanged, array[:-1])}
    assert len(sums) == 4
    assert decoding.checksum(array.copy()) == decoding.checksum(array)


def test_a_new_store_takes_the_place_of_the_older_one_of_the_same_files_and_of_its_views(images, tmp_path):
    folder, names = images
    old = store.open_or_build(tmp_path / "birds" / "images", folder, names)
    half = store.open_or_build(tmp_path / "birds" / "images", folder, names[:3])  # another selection stays
    views = Views(size=4, eval=(("resize", 4),))
    evaluation_views(old, views, tmp_path)
    evaluation_views(half, views, tmp_path)
    stale = {p.name for p in (tmp_path / "views").iterdir() if p.is_dir()}
    Image.new("RGB", (7, 5), (9, 9, 9)).save(folder / "0.jpg")
    new = store.open_or_build(tmp_path / "birds" / "images", folder, names)
    assert {p for p in (tmp_path / "birds" / "images").iterdir() if p.is_dir()} == {half.store, new.store}
    evaluation_views(new, views, tmp_path)
    kept = {p.name for p in (tmp_path / "views").iterdir() if p.is_dir()}
    assert (len(stale), len(kept), len(stale & kept)) == (2, 2, 1)
    assert old.data.numpy().any()  # whoever had it open reads on


def test_a_folder_that_was_moved_is_said_by_verify(images, tmp_path):
    folder, names = images
    store.open_or_build(tmp_path / "cache", folder, names)
    folder.rename(tmp_path / "moved")
    found = store.open_or_build(tmp_path / "cache", tmp_path / "moved", names)
    with pytest.raises(BadData, match=r"images: the folder is gone; delete .* it is built again from yours"):
        store.verify(found)


def test_what_a_decoder_answers_of_images_that_changed_and_of_disks_that_fail(many, tmp_path):
    folder, names = many
    (tmp_path / "pixels").touch()
    height, width = decoding.size(folder / names[0])
    task = {"source": str(folder), "names": names[:1], "target": str(tmp_path / "pixels"), "max_pixels": 10**6}
    (placed,) = decoding._serve({**task, "starts": [7], "sizes": [(height, width)]})["images"]
    pixels = np.asarray(Image.open(folder / names[0]).convert("RGB"))
    assert placed[:2] == [height, width]
    assert (tmp_path / "pixels").read_bytes() == bytes(7) + pixels.tobytes()
    (changed,) = decoding._serve({**task, "starts": [0], "sizes": [(height + 1, width)]})["images"]
    assert changed == f"{names[0]} (it changed meanwhile)"
    (gone,) = decoding._serve({**task, "names": ["gone.png"], "starts": [0], "sizes": [(1, 1)]})["images"]
    assert gone == "gone.png (FileNotFoundError)"
    answer = decoding._serve({**task, "target": str(tmp_path / "nowhere" / "x"), "starts": [0], "sizes": [(1, 1)]})
    assert answer == {"errno": 2, "message": "No such file or directory"}

"""Waterbirds in its real layout, from a folder and from an archive; what is said when something is wrong with it."""

import hashlib
import http.server
import json
import os
import tarfile
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
import torch
from layouts import SMALL, write_waterbirds
from PIL import Image

from wgbench import datasets, protocol
from wgbench.datasets import download
from wgbench.datasets.waterbirds import METADATA, OFFICIAL, Waterbirds
from wgbench.errors import BadData, DownloadFailed, MissingData
from wgbench.request import Request
from wgbench.types import Preprocess, Root


def loaded(dataset, root):
    dataset.prepare(root)
    return {s: dataset.load(root, s, Preprocess()) for s in ("train", "val", "test")}


def edited(folder, change):
    """Rewrite metadata.csv line by line."""
    path = folder / METADATA
    lines = path.read_text().splitlines(keepends=True)
    path.write_bytes("".join(change(i, line) for i, line in enumerate(lines)).encode(errors="surrogateescape"))


@pytest.mark.parametrize("inside", [".", "waterbirds", OFFICIAL, f"waterbirds/{OFFICIAL}"])
def test_a_folder_is_found_and_read_as_it_is(waterbirds, tmp_path, inside):
    given = tmp_path / "given"
    (given / inside).parent.mkdir(parents=True, exist_ok=True)
    if inside == ".":
        given = waterbirds
    else:
        waterbirds.rename(given / inside)
    splits = loaded(Waterbirds(subset=True), Root(tmp_path / "cache", given))
    for name, split in splits.items():
        assert split.group.bincount(minlength=4).tolist() == list(SMALL[name])
        assert torch.equal(split.label, split.group // 2)
    first = next(iter((given / inside).rglob("Bird_0000.jpg")))
    assert np.array_equal(splits["train"].x[0].numpy(), np.asarray(Image.open(first)))


def test_the_users_folder_is_never_written_to(waterbirds, tmp_path):
    before = {p: p.stat().st_mtime_ns for p in waterbirds.rglob("*")}
    loaded(Waterbirds(subset=True), Root(tmp_path / "cache", waterbirds))
    assert {p: p.stat().st_mtime_ns for p in waterbirds.rglob("*")} == before


def test_counts_are_asserted_unless_a_subset_is_declared(waterbirds, tmp_path):
    said = r"\[12, 3, 2, 9\], expected \[3498, 184, 56, 1057\]; .*dataset\.subset=true"
    with pytest.raises(BadData, match=said):
        Waterbirds().prepare(Root(tmp_path / "cache", waterbirds))
    with pytest.raises(BadData, match=said):
        Waterbirds().load(Root(tmp_path / "cache", waterbirds), "train", Preprocess())
    assert Waterbirds().pinned
    assert not Waterbirds(subset=True).pinned


def test_the_fingerprint_follows_labels_and_images(waterbirds, tmp_path):
    root = Root(tmp_path / "cache", waterbirds)
    dataset = Waterbirds(subset=True)
    first = dataset.fingerprint(root)
    image = next(waterbirds.rglob("*.jpg"))
    image.write_bytes(image.read_bytes() + b"\0")
    second = dataset.fingerprint(root)
    edited(waterbirds, lambda i, line: line.replace("bamboo", "bambus"))
    assert len({first, second, dataset.fingerprint(root)}) == 3


def test_a_copy_with_other_line_ends_and_a_mark_is_the_same_data(waterbirds, tmp_path):
    root, dataset = Root(tmp_path / "cache", waterbirds), Waterbirds(subset=True)
    before, first = loaded(dataset, root), dataset.fingerprint(root)
    path = waterbirds / METADATA
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    after = loaded(dataset, root)
    for name, split in before.items():
        assert torch.equal(split.group, after[name].group)
        assert torch.equal(split.x[1], after[name].x[1])
    assert dataset.fingerprint(root) != first


def test_samples_are_small_and_hold_every_group():
    sample = Waterbirds().sample(8, 3)
    assert sample.x.shape == (8, 64, 64, 3)
    assert sample.x.dtype == torch.uint8
    assert sample.group.bincount().tolist() == [2, 2, 2, 2]
    assert torch.equal(sample.x, Waterbirds().sample(8, 3).x)
    assert not torch.equal(sample.x, Waterbirds().sample(8, 4).x)


def test_the_small_folder_is_the_same_each_time(waterbirds, tmp_path):
    again = write_waterbirds(tmp_path / "again", SMALL)
    assert [p.read_bytes() for p in sorted(waterbirds.rglob("*.*")) if p.is_file()] == [
        p.read_bytes() for p in sorted(again.rglob("*.*")) if p.is_file()
    ]


def test_a_missing_folder_says_what_was_looked_for(tmp_path):
    (tmp_path / "nowhere").mkdir()
    with pytest.raises(
        MissingData, match=rf"no metadata\.csv there nor in waterbirds/ .*--data-dir at the folder .*{OFFICIAL}"
    ):
        Waterbirds().prepare(Root(tmp_path, tmp_path / "nowhere"))


BROKEN = [
    (lambda i, x: x[:8] if i == 50 else x, r"line 51: field 'y' is missing; the file is damaged"),
    (lambda i, x: x.replace(",split", ",part") if i == 0 else x, "no column 'split'; it must have img_filename"),
    (lambda i, x: x.replace(",0,0,", ",0,7,", 1) if i == 1 else x, "split is '7', not one of 0, 1, 2"),
    (lambda i, x: x.replace(",0,0,0,", ",2,0,0,", 1) if i == 1 else x, "y is '2', not one of 0, 1"),
    (lambda i, x: x.replace("036.N", "../036.N") if i == 1 else x, "leads outside the folder"),
    (lambda i, x: x.replace("036.N", "/036.N") if i == 1 else x, "leads outside the folder"),
    (lambda i, x: x.replace("036.N", "..\\036.N") if i == 1 else x, "leads outside the folder"),
    (lambda i, x: x.replace(",0,0,1,", ",0,0,2,", 1) if i == 13 else x, "line 14: place is '2', not one of 0, 1; the"),
    (lambda i, x: x[: x.rindex(",")] if i == 50 else x, "line 51: field 'place_filename' is missing; the file is dama"),
    (lambda i, x: x.rstrip() + x if i == 7 else x, "line 8: more fields than columns; the file is damaged: copy it ag"),
    (
        lambda i, x: x.replace("Bird_0000", "Bird_0001") if i == 1 else x,
        "line 3: .*Bird_0001.jpg is listed twice; the file is damaged",
    ),
    (
        lambda i, x: x.replace("036", "\udcff") if i == 3 else x,
        r"no CSV file \(.*\); the file is damaged: copy it again",
    ),
    (lambda i, x: x if i == 0 else "", "it lists no images"),
]


@pytest.mark.parametrize(("change", "message"), BROKEN)
def test_a_damaged_metadata_file_is_named_with_its_line(waterbirds, tmp_path, change, message):
    edited(waterbirds, change)
    with pytest.raises(BadData, match=message) as caught:
        Waterbirds(subset=True).prepare(Root(tmp_path / "cache", waterbirds))
    assert "\n" not in str(caught.value)
    assert METADATA in str(caught.value)


def test_an_image_that_is_not_there_is_named(waterbirds, tmp_path):
    next(waterbirds.rglob("Bird_0003.jpg")).unlink()
    with pytest.raises(MissingData, match=r"1 of 50 listed images are not there \(first: .*Bird_0003\.jpg\); extract"):
        Waterbirds(subset=True).prepare(Root(tmp_path / "cache", waterbirds))


@pytest.fixture
def server(tmp_path):
    """Serves `tmp_path/www` on a free port of this machine: its address."""
    (tmp_path / "www").mkdir()
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path / "www"))
    handler.log_message = lambda *_: None
    serving = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=serving.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{serving.server_port}"
    serving.shutdown()
    serving.server_close()


@pytest.fixture
def published(waterbirds, tmp_path, server, monkeypatch):
    """The small folder as the published archive, the first mirror dead."""
    path = tmp_path / "www" / f"{OFFICIAL}.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.add(waterbirds, OFFICIAL)
    sums = {
        "archive": hashlib.sha256(path.read_bytes()).hexdigest(),
        METADATA: hashlib.sha256((waterbirds / METADATA).read_bytes()).hexdigest(),
    }
    monkeypatch.setattr(Waterbirds, "urls", ("http://127.0.0.1:9/dead.tar.gz", f"{server}/{path.name}"))
    monkeypatch.setattr(Waterbirds, "sha256", sums)
    monkeypatch.setattr(Waterbirds, "counts", SMALL)
    return path


def test_the_archive_is_downloaded_checked_and_extracted_once(published, tmp_path):
    root = Root(tmp_path / "cache")
    splits = loaded(Waterbirds(), root)
    assert len(splits["train"]) == sum(SMALL["train"])
    published.unlink()
    files = {p: p.stat().st_mtime_ns for p in (tmp_path / "cache").rglob("*") if p.is_file() and p.suffix != ".lock"}
    loaded(Waterbirds(), root)  # nothing is fetched again
    assert {p: p.stat().st_mtime_ns for p in files} == files


def test_without_a_network_the_message_says_what_to_do(published, tmp_path):
    published.unlink()
    with pytest.raises(DownloadFailed, match=r"ConnectError.*HTTP 404.*get the archive by hand.*--data-dir"):
        Waterbirds().prepare(Root(tmp_path / "cache"))


def test_a_part_deleted_from_the_cache_is_downloaded_again(published, tmp_path):
    root = Root(tmp_path / "cache")
    before = loaded(Waterbirds(), root)
    (Waterbirds().folder(root) / METADATA).unlink()
    after = loaded(Waterbirds(), root)
    assert torch.equal(before["test"].group, after["test"].group)


def test_two_that_prepare_at_once_download_once(published, tmp_path, monkeypatch):
    asked = []
    attempt = download._attempt
    monkeypatch.setattr(download, "_attempt", lambda url, *rest: asked.append(url) or attempt(url, *rest))
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(loaded, Waterbirds(), Root(tmp_path / "cache")) for _ in range(2)]
        sizes = [len(b.result()["train"]) for b in both]
    assert sizes == [26, 26]
    assert asked == list(Waterbirds.urls)
    assert not list((tmp_path / "cache" / "waterbirds").glob("*.tar.gz"))


def test_an_archive_with_other_metadata_is_never_taken(published, tmp_path, monkeypatch):
    monkeypatch.setattr(Waterbirds, "sha256", Waterbirds.sha256 | {METADATA: "0" * 64})
    for _ in range(2):
        with pytest.raises(BadData, match=r"its metadata\.csv is not the published one; get the archive by hand"):
            Waterbirds().prepare(Root(tmp_path / "cache"))


def test_loading_what_was_never_prepared_says_how(tmp_path):
    said = r"waterbirds: not downloaded yet; run `wgbench data get waterbirds`, or point --data-dir at the folder"
    with pytest.raises(MissingData, match=said):
        Waterbirds().load(Root(tmp_path), "train", Preprocess())


def test_two_epochs_of_resnet18_run_at_224_pixels(waterbirds, tmp_path):
    request = Request(
        "gdro",
        "waterbirds",
        backbone="resnet18",
        seeds=(2002,),
        weight_decays=(0.0,),
        epochs=2,
        settings={"dataset.subset": True, "recipe.batch_size": 8},
        pretrained=False,
        jobs=1,
        data_dir=waterbirds,
        store=tmp_path / "runs",
        baseline=False,
    )
    result = protocol.run(request)
    entry = json.loads((result.folder / "entry.json").read_text())
    assert "the data is a declared subset" in entry["partial"]
    assert entry["data"] == entry["dataset"]["fingerprint"]
    assert entry["backbone"]["name"] == "timm:resnet18.tv_in1k"
    assert entry["backbone"]["parameters"] == 11_177_538
    assert str(waterbirds) not in (result.folder / "entry.json").read_text()
    assert sum(entry["dataset"]["counts"]["test"]["total"]) == 14


def test_an_unreadable_image_is_named_before_training(waterbirds, tmp_path):
    for name in ("Bird_0002.jpg", "Bird_0007.jpg"):
        path = next(waterbirds.rglob(name))
        path.write_bytes(path.read_bytes()[:300])
    next(waterbirds.rglob("Bird_0009.jpg")).write_bytes(b"")
    dataset = datasets.make("waterbirds", subset=True)
    with pytest.raises(
        BadData, match=r"3 of 50 images cannot be used: .*Bird_0002.*Bird_0007.*Bird_0009.jpg \(empty\)"
    ):
        dataset.prepare(Root(tmp_path / "cache", waterbirds))
    assert not [p for p in (tmp_path / "cache").rglob("*") if p.is_file() and p.suffix != ".lock"]
    assert os.listdir(waterbirds)


def test_the_fixed_variant_relabels_three_species_and_nothing_else(waterbirds, tmp_path):
    """The small folder's species are renamed so that one of them carries a mislabelled prefix."""
    (waterbirds / "001.Black_footed_Albatross").rename(waterbirds / "021.Eastern_Towhee")
    edited(waterbirds, lambda i, line: line.replace("001.Black_footed_Albatross", "021.Eastern_Towhee"))
    root = Root(tmp_path / "cache", waterbirds)
    plain, fixed = loaded(Waterbirds(subset=True), root), loaded(datasets.make("waterbirds-fixed", subset=True), root)
    assert fixed["train"].label.sum() == 0
    assert plain["train"].label.sum() == 11
    assert torch.equal(fixed["train"].group % 2, plain["train"].group % 2)
    assert datasets.registry.find("waterbirds-fixed").name != datasets.registry.find("waterbirds").name


def test_the_fixed_variant_wants_the_canonical_labels_of_all_three_species(waterbirds, tmp_path, monkeypatch):
    monkeypatch.setattr(Waterbirds, "counts", SMALL)
    root, fixed = Root(tmp_path / "cache", waterbirds), datasets.make("waterbirds-fixed")
    with pytest.raises(BadData, match=r"no photograph of species 021\., which is to be corrected; get the canonical"):
        fixed.prepare(root)
    (waterbirds / "036.Northern_Flicker").rename(waterbirds / "021.Eastern_Towhee")
    edited(waterbirds, lambda i, line: line.replace("036.Northern_Flicker", "021.Eastern_Towhee"))
    with pytest.raises(BadData, match=r"species 021\. are corrected already; get the canonical folder"):
        fixed.prepare(root)

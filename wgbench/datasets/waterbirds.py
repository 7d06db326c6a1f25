"""waterbirds: birds of land and water, pasted on backgrounds of land and water that agree for 95 % of training.

Sagawa et al., "Distributionally robust neural networks for group shifts" (ICLR 2020), in the layout of their archive:
`metadata.csv` (img_id, img_filename, y, split, place, place_filename; split 0/1/2) beside the folders of images.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from filelock import FileLock

from wgbench.config import Recipe, Views
from wgbench.datasets import download, files, metadata, store
from wgbench.datasets.base import Dataset, SplitName, alternating, crossed
from wgbench.datasets.metadata import METADATA, Columns, Row
from wgbench.disk import CACHE, writing
from wgbench.errors import BadData, MissingData
from wgbench.types import Preprocess, Ragged, Root, Split

OFFICIAL = "waterbird_complete95_forest2water2"
CODES = (("0", "1"), ("0", "1"))
COLUMNS = Columns(targets=CODES[0], attributes=CODES[1])
MISLABELLED = ("021.", "088.", "102.")  # folders of the species whose label is wrong


@dataclass(frozen=True)
class Waterbirds(Dataset):
    """11,788 photographs; label = waterbird, attribute = water background.

    `subset` declares that the folder holds a part of the data: the group counts are not compared then, everything else
    is, and entries say so.
    """

    subset: bool = False

    version: ClassVar[int] = 1
    classes: ClassVar[tuple[str, ...]] = ("landbird", "waterbird")
    group_names: ClassVar[tuple[str, ...]] = ("landbird-land", "landbird-water", "waterbird-land", "waterbird-water")
    counts: ClassVar[Mapping[str, tuple[int, ...]]] = {
        "train": (3498, 184, 56, 1057),
        "val": (467, 466, 133, 133),
        "test": (2255, 2255, 642, 642),
    }
    source: ClassVar[str] = "https://github.com/kohpangwei/group_DRO"
    urls: ClassVar[tuple[str, ...]] = (
        f"https://nlp.stanford.edu/data/dro/{OFFICIAL}.tar.gz",
        f"https://downloads.cs.stanford.edu/nlp/data/dro/{OFFICIAL}.tar.gz",
    )
    citation: ClassVar[str] = (
        "S. Sagawa, P. W. Koh, T. B. Hashimoto, P. Liang: Distributionally Robust Neural Networks for \
Group Shifts, ICLR 2020"
    )
    licence: ClassVar[str] = "images of CUB-200-2011 and Places: non-commercial research"
    sha256: ClassVar[Mapping[str, str]] = {
        "archive": "56c51b77f7d17283ac97003d973e9107e8af9ceebffcb0c8be14d024f846f951",
        METADATA: "2f023b9dc371f6fbb82c7cb810ff0f03e19c54c8055a2e37517ae7bb56644362",
    }
    backbone: ClassVar[str] = "resnet18"
    recipe: ClassVar[Recipe] = Recipe(
        epochs=500,
        batch_size=128,
        lr=1e-4,
        views=Views(size=224, scale=(0.7, 1.0), ratio=(3 / 4, 4 / 3), eval=(("resize", 256), ("crop", 224))),
        pretrained=True,
    )
    weight_decays: ClassVar[tuple[float, ...]] = (0.0, 0.05, 0.1, 0.15, 0.2)
    tuned: ClassVar[Mapping[str, Mapping[str, float]]] = {
        "jtt": {"epochs": 60, "up": 100, "lr": 1e-5, "weight_decay": 1.0}  # Liu et al. 2021
    }

    def prepare(self, root: Root) -> None:
        """Find or download the folder, read its metadata, decode its images; the second time all is there."""
        if root.data is None:
            self._download(root.cache)
        folder = self.folder(root)
        rows = metadata.read(folder, COLUMNS)
        self._check(rows)
        self._images(root, rows)

    def load(self, root: Root, split: SplitName, preprocess: Preprocess) -> Split:  # noqa: ARG002
        """Images at native size, in the order of metadata.csv."""
        rows = metadata.read(self.folder(root), COLUMNS)
        self._check(rows)
        return metadata.split_of(rows, self._images(root, rows), split, "waterbirds", CODES)

    def sample(self, n: int, seed: int) -> Split:
        """Noise with the colour of land or water."""
        rng = torch.Generator().manual_seed(seed)
        label, attribute = alternating(n)
        x = torch.randint(0, 128, (n, 64, 64, 3), generator=rng, dtype=torch.uint8)
        x[torch.arange(n), :, :, 1 + attribute] += 100
        return crossed(x, label, attribute)

    def fingerprint(self, root: Root) -> str:
        """Hash of metadata.csv, and of names and sizes of the images."""
        folder = self.folder(root)
        return metadata.content_hash([folder / METADATA], folder, (r.name for r in metadata.read(folder, COLUMNS)))

    def published(self, root: Root) -> Mapping[str, Path]:
        """The table; the archive is not kept."""
        return {} if self.subset else {METADATA: self.folder(root) / METADATA}

    def folder(self, root: Root) -> Path:
        """The folder with metadata.csv: the user's own, one inside it, or the downloaded one; MissingData if none."""
        remedy = f"point --data-dir at the folder extracted from {self.urls[0]}"
        given = files.find("waterbirds", root, METADATA, ("waterbirds", OFFICIAL, f"waterbirds/{OFFICIAL}"), remedy)
        given = given or root.cache / "waterbirds" / "data" / OFFICIAL
        if not (given / METADATA).is_file():
            raise MissingData("waterbirds", "not downloaded yet", f"run `wgbench data get waterbirds`, or {remedy}")
        return given

    def _download(self, cache: Path) -> None:
        target = cache / "waterbirds" / "data"
        if (target / OFFICIAL / METADATA).is_file():
            return
        with writing(target, CACHE):
            target.parent.mkdir(parents=True, exist_ok=True)
        with writing(target, CACHE), FileLock(target.with_name("download.lock")):
            if not (target / OFFICIAL / METADATA).is_file():
                self._get_archive(target)

    def _get_archive(self, target: Path) -> None:
        by_hand = "get the archive by hand, extract it, and point --data-dir at the folder"
        archive = target.with_name(f"{OFFICIAL}.tar.gz")
        download.fetch(self.urls, archive, self.sha256["archive"], by_hand)
        shutil.rmtree(target, ignore_errors=True)  # somebody deleted a part of it
        download.extract(archive, target)
        listed = target / OFFICIAL / METADATA
        if not listed.is_file() or download.digest(listed) != self.sha256[METADATA]:
            shutil.rmtree(target)  # else the next run would take it for a good one
            raise BadData(f"archive {archive.name}", f"its {METADATA} is not the published one", by_hand)
        archive.unlink()

    def _images(self, root: Root, rows: list[Row]) -> Ragged:
        return store.open_or_build(root.cache / "waterbirds" / "images", self.folder(root), [r.name for r in rows])

    def _check(self, rows: list[Row]) -> None:
        """Counts of the canonical groups."""
        if not self.subset:
            metadata.check_table(rows, Waterbirds.counts, "waterbirds")


@dataclass(frozen=True)
class FixedWaterbirds(Waterbirds):
    """Waterbirds with three species of land birds relabelled, which became waterbirds by the "tern" in their names.

    Eastern Towhee, Western Meadowlark and Western Wood-Pewee, by the prefix of their folders. Another dataset than
    `waterbirds`: results do not compare. Its group counts follow from the photographs that are relabelled and are not
    stated here. Asserted instead: waterbirds' canonical counts before the correction, and that all three species are
    there, each photograph of them with the wrong label.
    """

    counts: ClassVar[Mapping[str, tuple[int, ...]]] = {}
    sizes: ClassVar[Mapping[str, int]] = {name: sum(n) for name, n in Waterbirds.counts.items()}

    def load(self, root: Root, split: SplitName, preprocess: Preprocess) -> Split:  # noqa: ARG002
        """Waterbirds' split with corrected labels and groups."""
        rows = metadata.read(self.folder(root), COLUMNS)
        self._check(rows)
        corrected = [r._replace(target="0") if r.name.startswith(MISLABELLED) else r for r in rows]
        return metadata.split_of(corrected, self._images(root, rows), split, "waterbirds-fixed", CODES)

    def _check(self, rows: list[Row]) -> None:
        super()._check(rows)
        again = f"get the canonical folder, {OFFICIAL}"
        for prefix in MISLABELLED:
            labels = {r.target for r in rows if r.name.startswith(prefix)}
            if "0" in labels:
                raise BadData("waterbirds-fixed", f"photographs of species {prefix} are corrected already", again)
            if not labels and not self.subset:
                raise BadData("waterbirds-fixed", f"no photograph of species {prefix}, which is to be corrected", again)

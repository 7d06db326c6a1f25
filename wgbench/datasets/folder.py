"""folder:<path>: a folder of one's own, with images and a metadata.csv."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from wgbench.config import Recipe
from wgbench.datasets import files, metadata, store
from wgbench.datasets.base import Dataset, SplitName, alternating, crossed
from wgbench.datasets.metadata import METADATA, Columns, Row
from wgbench.datasets.waterbirds import Waterbirds
from wgbench.types import Preprocess, Ragged, Root, Split


@dataclass(frozen=True)
class Folder(Dataset):
    """Images and `metadata.csv` in a folder; columns as Waterbirds', or named: `--set dataset.target=...`.

    Classes and attributes are the values that occur, in sorted order; splits are 0, 1, 2 or train, val, test. The path
    goes into no entry: results are identified by the data's fingerprint.
    """

    path: str
    target: str = "y"
    attribute: str = "place"
    split: str = "split"
    image: str = "img_filename"

    version: ClassVar[int] = 1
    private: ClassVar[frozenset[str]] = frozenset({"path"})
    source: ClassVar[str] = "a folder of the user's"
    citation: ClassVar[str] = "unpublished"
    licence: ClassVar[str] = "the user's own"
    backbone: ClassVar[str] = "resnet18"
    recipe: ClassVar[Recipe] = Waterbirds.recipe
    weight_decays: ClassVar[tuple[float, ...]] = Waterbirds.weight_decays

    @property
    def caveat(self) -> str:
        """Its content is whatever lies in the folder."""
        return "the data is the user's own"

    @cached_property
    def classes(self) -> tuple[str, ...]:  # type: ignore[override]
        """Values of the target, sorted."""
        return tuple(sorted({r.target for r in self._rows()}))

    @cached_property
    def attributes(self) -> tuple[str, ...]:
        """Values of the attribute, sorted."""
        return tuple(sorted({r.attribute for r in self._rows()}))

    @property
    def group_names(self) -> tuple[str, ...]:  # type: ignore[override]
        """Class x attribute."""
        return tuple(f"{c}-{a}" for c in self.classes for a in self.attributes)

    def prepare(self, root: Root) -> None:
        """Read the table and decode the images, once."""
        self._images(root)

    def load(self, root: Root, split: SplitName, preprocess: Preprocess) -> Split:  # noqa: ARG002
        """Images at native size, in the order of the table."""
        rows, images = self._rows(), self._images(root)
        return metadata.split_of(rows, images, split, f"folder:{self.path}", (self.classes, self.attributes))

    def sample(self, n: int, seed: int) -> Split:
        """Waterbirds' stand-in, with the folder's own classes and attributes."""
        groups = len(self.classes), len(self.attributes)
        return crossed(Waterbirds().sample(n, seed).x, *alternating(n, *groups), *groups)

    def fingerprint(self, root: Root) -> str:  # noqa: ARG002
        """Hash of the table, and of names and sizes of the images."""
        folder = Path(self.path)
        return metadata.content_hash([folder / METADATA], folder, (r.name for r in self._rows()))

    def _rows(self) -> list[Row]:
        folder = Path(self.path)
        if not (folder / METADATA).is_file():
            columns = f"the columns {self.image}, {self.target}, {self.attribute}, {self.split}"
            remedy = f"write one with {columns}" if folder.is_dir() else f"make it, with a {METADATA} of {columns}"
            raise files.lacking(f"folder:{self.path}", folder, f"no {METADATA} there", remedy)
        return metadata.read(folder, Columns(self.image, self.target, self.attribute, self.split, own=True))

    def _images(self, root: Root) -> Ragged:
        return store.open_or_build(root.cache / "folder" / "images", Path(self.path), [r.name for r in self._rows()])

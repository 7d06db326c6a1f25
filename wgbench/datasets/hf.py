"""hf:<where>: a dataset of the Hugging Face hub, or local files in any form that `datasets` reads."""

import contextlib
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from wgbench import hub
from wgbench.config import Recipe, Views
from wgbench.datasets import flat, store, tokens
from wgbench.datasets.base import SPLITS, Dataset, SplitName, alternating, crossed
from wgbench.datasets.carve import carve
from wgbench.datasets.flat import Item
from wgbench.datasets.tokens import Text
from wgbench.errors import BadData, BadOption, DownloadFailed
from wgbench.types import Preprocess, Ragged, Root, Split, Tokens

CARVE = 2021  # key of a validation split that the source lacks, a part of the version


@dataclass(frozen=True)
class HuggingFace(Dataset):
    """Rows with a target and an attribute column, both named.

    Inputs are images (column `image`), else texts (columns `text`, and `pair` for a second sentence; at most
    `max_length` tokens), else all numeric columns.

    `where` is a repository of the hub, or a local folder (its path goes into no entry). Classes and attributes are the
    values that occur, sorted. `train`, `val` and `test` name the source's splits; without one for validation, a fifth
    of train is carved out, stratified by group, fixed.
    """

    where: str
    target: str = "label"
    attribute: str = "attribute"
    image: str = "image"
    text: str = "text"
    pair: str = "text_pair"
    max_length: Annotated[int, Field(ge=8)] = 128
    train: str = "train"
    val: str = "validation"
    test: str = "test"

    version: ClassVar[int] = 1
    source: ClassVar[str] = "https://huggingface.co/datasets, or local files"
    citation: ClassVar[str] = "see the repository"
    licence: ClassVar[str] = "see the repository"
    weight_decays: ClassVar[tuple[float, ...]] = (0.0, 0.001, 0.01, 0.1)

    @property
    def private(self) -> frozenset[str]:  # type: ignore[override]
        """A local path is nobody else's."""
        return frozenset({"where"}) if Path(self.where).exists() else frozenset()

    @property
    def caveat(self) -> str:
        """A repository may change, a folder too."""
        return "the data is the user's own" if self.private else "the data is a repository, which may change"

    @property
    def modality(self) -> str:  # type: ignore[override]
        """`image` or `text` where such a column is there, else `table`."""
        columns = self._rows["train"].column_names
        return "image" if self.image in columns else "text" if self.text in columns else "table"

    @property
    def backbone(self) -> str:  # type: ignore[override]
        """A residual network for images, a bag of words for texts, an MLP for tables."""
        return {"image": "resnet18", "text": "bag", "table": "mlp"}[self.modality]

    @property
    def recipe(self) -> Recipe:  # type: ignore[override]
        """A middle way: nothing is known of the data."""
        if self.modality == "image":
            return Recipe(
                epochs=100, batch_size=128, lr=1e-3, views=Views(size=224, eval=(("resize", 256), ("crop", 224)))
            )
        return Recipe(epochs=300, batch_size=128, lr=0.01)

    @cached_property
    def classes(self) -> tuple[str, ...]:  # type: ignore[override]
        """Values of the target, sorted."""
        return self._values(self.target)

    @cached_property
    def attributes(self) -> tuple[str, ...]:
        """Values of the attribute, sorted."""
        return self._values(self.attribute)

    @property
    def group_names(self) -> tuple[str, ...]:  # type: ignore[override]
        """Class x attribute."""
        return tuple(f"{c}-{a}" for c in self.classes for a in self.attributes)

    def prepare(self, root: Root) -> None:
        """Download or find the rows, check the columns, decode the images."""
        for split in SPLITS:
            self.load(root, split, Preprocess())

    def load(self, root: Root, split: SplitName, preprocess: Preprocess) -> Split:
        """One split, in the source's order."""
        rows, chosen = self._of(split)
        label, group = (torch.from_numpy(a[chosen]) for a in self._labels(rows))
        x: Tensor | Ragged | Tokens
        if self.modality == "image":
            x = self._images(root, rows, torch.from_numpy(chosen))
        elif self.modality == "text":
            x = self._tokens(root, rows, preprocess.tokenizer).take(torch.from_numpy(chosen))
        else:
            x = self._table(rows, chosen)
        return Split(x, label, group, len(self.classes), len(self.group_names))

    def sample(self, n: int, seed: int) -> Split:
        """Noise in the form of the rows: as many numbers, pictures of one size, or made-up tokens."""
        rows, rng = self._rows["train"], torch.Generator().manual_seed(seed)
        x: Tensor | Tokens
        if self.modality == "image":
            x = torch.randint(0, 256, (n, 64, 64, 3), generator=rng, dtype=torch.uint8)
        elif self.modality == "text":
            x = tokens.made_up(n, np.random.default_rng(seed), pairs=self.pair in rows.column_names)
        else:
            x = torch.randn(n, len(self._numeric(rows)), generator=rng)
        groups = len(self.classes), len(self.attributes)
        return crossed(x, *alternating(n, *groups), *groups)

    def fingerprint(self, root: Root) -> str:  # noqa: ARG002
        """Hash of the fingerprints that `datasets` keeps, and of labels and attributes."""
        seen = hashlib.sha256()
        for split in SPLITS:
            rows, chosen = self._of(split)
            label, group = self._labels(rows)
            seen.update(label[chosen].tobytes() + group[chosen].tobytes() + str(rows.num_rows).encode())
            first = rows[0]
            seen.update(repr(sorted((k, str(v)) for k, v in first.items() if k != self.image)).encode())
        return seen.hexdigest()[:16]

    @cached_property
    def _rows(self) -> dict[str, Any]:
        """The source's splits under our names; `val` only where the source has it."""
        import datasets

        asked = f"hf:{self.where}"
        try:
            local = Path(self.where)
            saved = (local / "dataset_dict.json").is_file()
            if saved:
                source = datasets.load_from_disk(self.where)
            else:
                with contextlib.nullcontext() if local.exists() else hub.asking():
                    source = datasets.load_dataset(self.where)
        except Exception as problem:  # the library, the hub and the network each raise errors of their own
            wrong = f"{type(problem).__name__}: {problem}".partition("\n")[0]
            remedy = "check the name or the folder; without a network, give a folder of parquet, csv or image files"
            raise DownloadFailed(asked, wrong, remedy) from problem
        wanted = {"train": self.train, "val": self.val, "test": self.test}
        for name in ("train", "test"):
            if wanted[name] not in source:
                remedy = f"name one of {', '.join(source)}: --set dataset.{name}=..."
                raise BadOption(asked, f"no split {wanted[name]!r}", remedy)
        found = {name: source[where] for name, where in wanted.items() if where in source}
        for name in ("target", "attribute"):
            if getattr(self, name) not in found["train"].column_names:
                remedy = f"name one of {', '.join(found['train'].column_names)}: --set dataset.{name}=..."
                raise BadOption(asked, f"no column {getattr(self, name)!r}", remedy)
        return found

    def _of(self, split: SplitName) -> tuple[Any, NDArray[np.int64]]:
        """The source's rows that hold a split, and which of them it is."""
        if split == "test" or "val" in self._rows:
            rows = self._rows[split]
            return rows, np.arange(rows.num_rows)
        rows = self._rows["train"]
        carved = carve(self._labels(rows)[1], 0.2, CARVE)
        return rows, np.flatnonzero(carved if split == "val" else ~carved)

    def _values(self, column: str) -> tuple[str, ...]:
        return tuple(sorted({str(v) for rows in self._rows.values() for v in rows[column]}))

    def _labels(self, rows: Any) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Label and group of every row."""
        label = np.array([self.classes.index(str(v)) for v in rows[self.target]])
        attribute = np.array([self.attributes.index(str(v)) for v in rows[self.attribute]])
        return label, len(self.attributes) * label + attribute

    def _numeric(self, rows: Any) -> list[str]:
        """The names of all numeric columns but target and attribute."""
        kept = [
            name
            for name, feature in rows.features.items()
            if name not in (self.target, self.attribute) and getattr(feature, "dtype", "").startswith(("int", "float"))
        ]
        if not kept:
            wrong = f"neither a column {self.image!r} or {self.text!r} nor numeric ones beside target and attribute"
            raise BadData(f"hf:{self.where}", wrong, "name them: --set dataset.image=... or dataset.text=...")
        return kept

    def _table(self, rows: Any, chosen: NDArray[np.int64]) -> Tensor:
        """The numeric columns, standardised with those of train."""
        kept = self._numeric(rows)
        train_rows, train = self._of("train")
        reference = np.stack([np.asarray(train_rows[c], dtype=np.float64) for c in kept], 1)[train]
        values = np.stack([np.asarray(rows[c], dtype=np.float64) for c in kept], 1)[chosen]
        mean, std = reference.mean(0), np.maximum(reference.std(0), 1e-9)
        return torch.from_numpy(((values - mean) / std).astype(np.float32))

    def texts(self, root: Root, split: SplitName) -> Sequence[Text]:  # noqa: ARG002
        """The texts of a split."""
        rows, chosen = self._of(split)
        everything = self._texts(rows)
        return [everything[i] for i in chosen]

    def _texts(self, rows: Any) -> list[Text]:
        second = rows[self.pair] if self.pair in rows.column_names else [None] * rows.num_rows
        return [(str(a or ""), None if b is None else str(b)) for a, b in zip(rows[self.text], second, strict=True)]

    def _tokens(self, root: Root, rows: Any, tokenizer: str | None) -> Tokens:
        identity = f"{rows._fingerprint} {self.text} {self.pair}"
        cache, n = root.cache / "hf" / "tokens", rows.num_rows
        return tokens.tokenized(cache, identity, lambda: self._texts(rows), n, tokenizer, self.max_length)

    def _images(self, root: Root, rows: Any, chosen: Tensor) -> Ragged:
        folder = root.cache / "hf" / "images" / hashlib.sha256(rows._fingerprint.encode()).hexdigest()[:32]

        def decoded(_: Path) -> Iterator[Item | str]:
            for i in range(rows.num_rows):
                try:
                    pixels = np.ascontiguousarray(np.asarray(rows[i][self.image].convert("RGB")))
                    yield flat.item(pixels, pixels.shape[:2])
                except Exception as problem:  # a bad image may raise anything
                    yield f"row {i} ({type(problem).__name__})"

        images = store.built(folder, rows.num_rows, decoded, f"images of hf:{self.where}")
        return images.take(chosen)

"""civilcomments4 and civilcomments16: is a comment toxic? Mentions of identities are the spurious attributes.

Borkan et al., "Nuanced metrics for measuring unintended bias with real data for text classification" (WWW 2019), in the
splits of WILDS 1.0 (Koh et al., ICML 2021): `all_data_with_identities.csv`. An identity is there if half of the
raters saw it.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from wgbench.config import Recipe
from wgbench.datasets import download, files, tokens
from wgbench.datasets.base import SPLITS, Dataset, SplitName, check_counts, crossed
from wgbench.datasets.tokens import Text
from wgbench.errors import BadData, MissingData
from wgbench.types import Preprocess, Root, Split, Tokens

FILE = "all_data_with_identities.csv"
IDENTITIES = ("male", "female", "LGBTQ", "christian", "muslim", "other_religions", "black", "white")
COMMENTS = ("fine", "toxic")
PRESENT = 0.5


@dataclass(frozen=True)
class CivilComments4(Dataset):
    """448,000 comments on news; label = toxic, attribute = whether any of eight identities is mentioned.

    `max_length` is the longest comment in tokens. `subset` declares that the file holds a part of the data: its size is
    not compared then.
    """

    max_length: Annotated[int, Field(ge=8)] = 300
    subset: bool = False

    version: ClassVar[int] = 1
    classes: ClassVar[tuple[str, ...]] = COMMENTS
    group_names: ClassVar[tuple[str, ...]] = tuple(f"{c}-{a}" for c in COMMENTS for a in ("no-identity", "identity"))
    counts: ClassVar[Mapping[str, tuple[int, ...]]] = {}
    sizes: ClassVar[Mapping[str, int]] = {"train": 269038, "val": 45180, "test": 133782}
    modality: ClassVar[Literal["image", "table", "text"]] = "text"
    source: ClassVar[str] = "https://wilds.stanford.edu/datasets/#civilcomments"
    url: ClassVar[str] = "https://worksheets.codalab.org/rest/bundles/0x8cd3de0634154aeaad2ee6eb96723c6e/contents/blob/"
    citation: ClassVar[str] = (
        "D. Borkan, L. Dixon, J. Sorensen, N. Thain, L. Vasserman: Nuanced Metrics for Measuring Unintended Bias with "
        "Real Data for Text Classification, WWW 2019"
    )
    licence: ClassVar[str] = "CC0"
    backbone: ClassVar[str] = "text:distilbert-base-uncased"
    recipe: ClassVar[Recipe] = Recipe(
        epochs=30, batch_size=16, lr=1e-5, optimizer="adamw", clip_norm=1.0, pretrained=True
    )
    weight_decays: ClassVar[tuple[float, ...]] = (0.0, 0.01, 0.1, 1.0)

    def prepare(self, root: Root) -> None:
        """Find or download the table; compare its size. The publisher states no checksum and no group counts."""
        table = self._table(root)
        for code, split in enumerate(SPLITS):
            n = int((table.split == code).sum())
            if self.subset and not n:
                raise BadData(f"civilcomments {split}", f"{FILE} has no comment of it", "give all three splits")
            if not self.subset:
                remedy = "give the complete file, or declare a part of it with --set dataset.subset=true"
                check_counts(f"civilcomments {split}", [n], [self.sizes[split]], remedy)

    def load(self, root: Root, split: SplitName, preprocess: Preprocess) -> Split:
        """Comments as tokens, in the order of the table."""
        table, path = self._table(root), self._path(root)
        cache, n = root.cache / "civilcomments" / "tokens", len(table.split)
        x = tokens.tokenized(
            cache, self.fingerprint(root), lambda: _comments(path), n, preprocess.tokenizer, self.max_length
        )
        chosen = torch.from_numpy(np.flatnonzero(table.split == SPLITS.index(split)))
        label, identity = (torch.from_numpy(a)[chosen] for a in (table.label, table.identity))
        return self._grouped(x.take(chosen), label, identity)

    def sample(self, n: int, seed: int) -> Split:
        """Comments of made-up tokens."""
        identity = torch.zeros(n, len(IDENTITIES), dtype=torch.bool)
        which = torch.arange(n) // 2 % (len(IDENTITIES) + 1)
        identity[which > 0, which[which > 0] - 1] = True
        return self._grouped(tokens.made_up(n, np.random.default_rng(seed)), torch.arange(n) % 2, identity)

    def texts(self, root: Root, split: SplitName) -> Sequence[Text]:
        """The comments."""
        everything, codes = _comments(self._path(root)), self._table(root).split
        return [text for text, code in zip(everything, codes, strict=True) if code == SPLITS.index(split)]

    def fingerprint(self, root: Root) -> str:
        """Hash of the table."""
        path = self._path(root)
        return _hashed(path, path.stat().st_mtime_ns)

    def _grouped(self, x: Tokens, label: Tensor, identity: Tensor) -> Split:
        """The split of comments with labels (N,) and identities (N, 8)."""
        return crossed(x, label, identity.any(1).long())

    def _path(self, root: Root) -> Path:
        remedy = f"get {FILE} of CivilComments-WILDS 1.0 ({self.source}) and point --data-dir at its folder"
        inside = ("civilcomments", "civilcomments_v1.0")
        folder = files.find("civilcomments", root, FILE, inside, remedy)
        if folder is None:
            folder = root.cache / "civilcomments" / "data"
            if not (folder / FILE).is_file():
                archive = folder.with_name("civilcomments_v1.0.tar.gz")
                download.extract(download.fetch([self.url], archive, None, remedy), folder)
        if not (folder / FILE).is_file():
            raise MissingData("civilcomments", f"no {FILE} in the archive", remedy)
        return folder / FILE

    def _table(self, root: Root) -> "Table":
        path = self._path(root)
        return _read(path, path.stat().st_mtime_ns)


@dataclass(frozen=True)
class CivilComments16(CivilComments4):
    """The same comments; scored groups are label x each of eight identities, which overlap.

    A comment without an identity is in none of them. Training groups are label x black, as in WILDS.
    """

    group_names: ClassVar[tuple[str, ...]] = tuple(f"{c}-{i}" for c in COMMENTS for i in IDENTITIES)

    def _grouped(self, x: Tokens, label: Tensor, identity: Tensor) -> Split:
        black = identity[:, IDENTITIES.index("black")].long()
        membership = torch.cat([identity & (label == y)[:, None] for y in (0, 1)], 1)
        return Split(x, label, 2 * label + black, n_classes=2, n_groups=4, membership=membership)


@dataclass(frozen=True)
class Table:
    """Everything but the comments themselves."""

    label: NDArray[np.int64]  # (N,)
    identity: NDArray[np.bool_]  # (N, 8)
    split: NDArray[np.int64]  # (N,) 0, 1, 2


@lru_cache(maxsize=1)
def _read(path: Path, *changed: int) -> Table:  # noqa: ARG001 - a changed file is read again
    columns = _columns(path, ("toxicity", *IDENTITIES, "split"))
    codes: dict[str, int] = {name: code for code, name in enumerate(SPLITS)}
    split = np.array([codes.get(str(v), -1) for v in columns["split"]], dtype=np.int64)
    if (split < 0).any():
        row = int((split < 0).argmax())
        wrong = f"split is {columns['split'][row]!r}, not one of {', '.join(SPLITS)}"
        raise BadData(f"{path}, comment {row}", wrong, "get the file again")
    label = _present(path, "toxicity", columns["toxicity"]).astype(np.int64)
    identity = np.stack([_present(path, name, columns[name]) for name in IDENTITIES], 1)
    return Table(label, identity, split)


def _present(path: Path, name: str, values: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Whether at least half of the raters said so; nobody, where the field is empty."""
    try:
        numbers = values if values.dtype.kind in "fiu" else np.array([float(v or 0) for v in values])
        return np.asarray(numbers >= PRESENT)  # an empty field is NaN: not present
    except (TypeError, ValueError):
        raise BadData(f"{path}", f"column {name!r} holds something else than numbers", "get the file again") from None


def _comments(path: Path) -> list[Text]:
    return [(str(v or ""), None) for v in _columns(path, ("comment_text",))["comment_text"]]


def _columns(path: Path, names: Sequence[str]) -> dict[str, NDArray[np.object_]]:
    """Columns of the table by name. Comments hold line breaks, so lines are no rows."""
    from pyarrow import ArrowException
    from pyarrow import csv as arrow

    try:
        table = arrow.read_csv(
            path,
            parse_options=arrow.ParseOptions(newlines_in_values=True),
            convert_options=arrow.ConvertOptions(
                include_columns=list(names), strings_can_be_null=False, column_types={"comment_text": "string"}
            ),
        )
    except (ArrowException, OSError, KeyError) as problem:
        wrong = f"no table with the columns {', '.join(names)} ({' '.join(str(problem).split())[:80]})"
        raise BadData(f"{path}", wrong, "get the file again") from None
    return {name: table[name].to_numpy() for name in names}


@lru_cache(maxsize=1)
def _hashed(path: Path, *changed: int) -> str:  # noqa: ARG001
    return hashlib.sha256(download.digest(path).encode()).hexdigest()[:16]

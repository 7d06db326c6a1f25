"""multinli: does the second sentence follow from the first? A negation in the second is the spurious attribute.

Williams et al., "A broad-coverage challenge corpus for sentence understanding through inference" (NAACL 2018), in the
split of Sagawa et al. (ICLR 2020): `metadata_random.csv` lists label, negation and split of every labelled row of the
three files of MultiNLI 1.0, put one after another. Labels and negations are computed from these as well, and compared.
"""

import hashlib
import json
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, ClassVar, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from wgbench.config import Recipe
from wgbench.datasets import download, files, tokens
from wgbench.datasets.base import SPLITS, Dataset, SplitName, alternating, check_counts, crossed, group_counts
from wgbench.datasets.rows import columns
from wgbench.datasets.tokens import Text
from wgbench.errors import BadData, MissingData
from wgbench.types import Preprocess, Root, Split, Tokens

FILES = tuple(f"multinli_1.0_{part}.jsonl" for part in ("train", "dev_matched", "dev_mismatched"))
METADATA = "metadata_random.csv"
FIELDS = ("gold_label", "sentence2_has_negation", "split")
LABELS = ("contradiction", "entailment", "neutral")
NEGATIONS = frozenset({"nobody", "no", "never", "nothing"})
NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


class Row(NamedTuple):
    """One labelled row: where it is in the three files together, label, negation (0 or 1) and split code."""

    place: int
    label: int
    negation: int
    split: int


@dataclass(frozen=True)
class MultiNLI(Dataset):
    """412,349 pairs of sentences; label = contradiction, entailment or neutral, attribute = negation in the second.

    `max_length` is the longest pair in tokens. `subset` declares that the files hold a part of the data: group counts
    are not compared then, everything else is.
    """

    max_length: Annotated[int, Field(ge=8)] = 128
    subset: bool = False

    version: ClassVar[int] = 1
    classes: ClassVar[tuple[str, ...]] = LABELS
    group_names: ClassVar[tuple[str, ...]] = tuple(f"{c}-{a}" for c in LABELS for a in ("plain", "negation"))
    counts: ClassVar[Mapping[str, tuple[int, ...]]] = {
        "train": (57498, 11158, 67376, 1521, 66630, 1992),
        "val": (22814, 4634, 26949, 613, 26655, 797),
        "test": (34597, 6655, 40496, 886, 39930, 1148),
    }
    modality: ClassVar[Literal["image", "table", "text"]] = "text"
    source: ClassVar[str] = "https://cims.nyu.edu/~sbowman/multinli/"
    url: ClassVar[str] = "https://cims.nyu.edu/~sbowman/multinli/multinli_1.0.zip"
    metadata_url: ClassVar[str] = (
        f"https://raw.githubusercontent.com/kohpangwei/group_DRO/master/dataset_metadata/multinli/{METADATA}"
    )
    citation: ClassVar[str] = (
        "A. Williams, N. Nangia, S. R. Bowman: A Broad-Coverage Challenge Corpus for Sentence Understanding through "
        "Inference, NAACL 2018"
    )
    licence: ClassVar[str] = "mostly the Open American National Corpus's, free of restrictions; see the publisher"
    backbone: ClassVar[str] = "text:bert-base-uncased"
    recipe: ClassVar[Recipe] = Recipe(
        epochs=30, batch_size=32, lr=2e-5, optimizer="adamw", clip_norm=1.0, pretrained=True
    )
    weight_decays: ClassVar[tuple[float, ...]] = (0.0, 0.01, 0.1, 1.0)

    def prepare(self, root: Root) -> None:
        """Find or download the files; compare labels, negations and counts. The publisher states no checksums."""
        folder = self._folder(root)
        rows = self._rows(root)
        gold, negation = _facts(folder, *_changed(folder))
        for row in rows:
            if row.place >= len(gold) or (gold[row.place], negation[row.place]) != (row.label, row.negation):
                wrong = f"row {row.place} of the sentences does not have the label and negation that {METADATA} says"
                raise BadData(f"multinli in {folder}", wrong, f"get {', '.join(FILES)} and {METADATA} again")
        if not self.subset:
            for split in SPLITS:
                group = torch.tensor([2 * r.label + r.negation for r in rows if r.split == SPLITS.index(split)])
                remedy = "give the complete files, or declare a part of them with --set dataset.subset=true"
                check_counts(f"multinli {split}", group_counts(group, 6), self.counts[split], remedy)

    def load(self, root: Root, split: SplitName, preprocess: Preprocess) -> Split:
        """Pairs as tokens, in the order of the metadata."""
        rows = self._rows(root)
        chosen = torch.tensor([i for i, r in enumerate(rows) if r.split == SPLITS.index(split)], dtype=torch.int64)
        if not len(chosen):
            raise BadData(f"multinli {split}", f"{METADATA} lists nothing for it", "give all three splits")
        label = torch.tensor([r.label for r in rows])[chosen]
        negation = torch.tensor([r.negation for r in rows])[chosen]
        x = self._tokens(root, rows, preprocess.tokenizer).take(chosen)
        return crossed(x, label, negation, 3)

    def sample(self, n: int, seed: int) -> Split:
        """Pairs of made-up tokens."""
        rng = np.random.default_rng(seed)
        return crossed(tokens.made_up(n, rng, pairs=True), *alternating(n, 3), 3)

    def texts(self, root: Root, split: SplitName) -> Sequence[Text]:
        """Pairs of sentences."""
        pairs = _sentences(self._folder(root))
        return [pairs[r.place] for r in self._rows(root) if r.split == SPLITS.index(split)]

    def fingerprint(self, root: Root) -> str:
        """Hash of all four files."""
        folder = self._folder(root)
        return _hashed(folder, *_changed(folder))

    def _tokens(self, root: Root, rows: Sequence[Row], tokenizer: str | None) -> Tokens:
        def texts() -> list[Text]:
            pairs = _sentences(self._folder(root))
            return [pairs[r.place] for r in rows]

        cache = root.cache / "multinli" / "tokens"
        return tokens.tokenized(cache, self.fingerprint(root), texts, len(rows), tokenizer, self.max_length)

    def _folder(self, root: Root) -> Path:
        remedy = f"get multinli_1.0.zip from {self.source} and {METADATA} from {self.metadata_url}, into one folder"
        inside = ("multinli", "multinli/data", "multinli_1.0", "multinli/multinli_1.0")
        folder = files.find("multinli", root, METADATA, inside, remedy) or self._downloaded(root, remedy)
        missing = next((name for name in FILES if not (folder / name).is_file()), None)
        if missing is not None:
            raise MissingData(f"multinli in {folder}", f"no {missing} beside {METADATA}", remedy)
        return folder

    def _downloaded(self, root: Root, by_hand: str) -> Path:
        place = root.cache / "multinli"
        folder = place / "data" / "multinli_1.0"
        if not (folder / FILES[0]).is_file():
            download.extract(download.fetch([self.url], place / "multinli_1.0.zip", None, by_hand), place / "data")
        download.fetch([self.metadata_url], folder / METADATA, None, by_hand)
        return folder

    def _rows(self, root: Root) -> list[Row]:
        path = self._folder(root) / METADATA
        return _read_metadata(path, path.stat().st_mtime_ns)


def has_negation(sentence: str) -> bool:
    """Whether nobody, no, never or nothing is in it, punctuation and capitals aside (Gururangan et al., NAACL 2018)."""
    return not NEGATIONS.isdisjoint(sentence.translate(NO_PUNCTUATION).lower().split(" "))


@lru_cache(maxsize=1)
def _read_metadata(path: Path, *changed: int) -> list[Row]:  # noqa: ARG001 - a changed file is read again
    again, rows = "get the file again", []
    for number, line in columns(path, FIELDS, again):
        where = f"{path}, line {number}"
        try:  # the first column has no name
            row = Row(*(int(v) for v in (next(iter(line.values())), *(line[name] for name in FIELDS))))
        except ValueError:
            raise BadData(where, "not four numbers", again) from None
        if row.place < 0 or row.label not in (0, 1, 2) or row.negation not in (0, 1) or row.split not in (0, 1, 2):
            raise BadData(where, "label, negation or split is out of range", again)
        rows.append(row)
    return rows


def _lines(folder: Path) -> Iterator[dict[str, str]]:
    """Every line of the three files, one file after another."""
    for name in FILES:
        done = 0
        try:
            with (folder / name).open(encoding="utf-8") as file:
                for line in file:
                    found = json.loads(line)
                    said = {key: str(found[key]) for key in ("gold_label", "sentence1", "sentence2")}
                    done += 1
                    yield said
        except (ValueError, KeyError, TypeError, RecursionError):
            wrong = "not a JSON object with gold_label, sentence1 and sentence2"
            raise BadData(f"{folder / name}, line {done + 1}", wrong, "get the file again") from None


def _sentences(folder: Path) -> list[Text]:
    return [(line["sentence1"], line["sentence2"]) for line in _lines(folder)]


@lru_cache(maxsize=1)
def _facts(folder: Path, *changed: int) -> tuple[NDArray[np.int8], NDArray[np.int8]]:  # noqa: ARG001
    """Label (-1 where the annotators did not agree) and negation of every line."""
    labels = {name: i for i, name in enumerate(LABELS)}
    found = [(labels.get(line["gold_label"], -1), has_negation(line["sentence2"])) for line in _lines(folder)]
    both = np.array(found, dtype=np.int8).reshape(-1, 2)
    return both[:, 0], both[:, 1]


@lru_cache(maxsize=2)
def _hashed(folder: Path, *changed: int) -> str:  # noqa: ARG001
    seen = hashlib.sha256("".join(download.digest(folder / name) for name in (*FILES, METADATA)).encode())
    return seen.hexdigest()[:16]


def _changed(folder: Path) -> list[int]:
    """Times of all files: a changed one is read again."""
    return [(folder / name).stat().st_mtime_ns for name in (*FILES, METADATA)]

"""The rows of an entry's curves by cell, stage and split: each column is converted once, and then cut into views."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

Place = tuple[int, float, int, str]  # seed, weight decay, stage, split
KEYS = ("seed", "weight_decay", "stage", "split")


@dataclass(frozen=True)
class Table:
    """Checked curves (`tables.curves`), with rows of one place next to each other, in the order of the file."""

    table: "pa.Table"

    @cached_property
    def places(self) -> Mapping[Place, "Rows"]:
        """The rows of every place that has any."""
        if not len(self.table):
            return {}
        ends = np.cumsum(np.bincount(self._of_row, minlength=len(self._keys)))
        starts = [0, *ends[:-1].tolist()]
        return {
            place: Rows(self, slice(start, end))
            for place, start, end in zip(self._keys, starts, ends.tolist(), strict=True)
        }

    def column(self, name: str) -> NDArray[Any]:
        """A column of numbers in the order of the places: (R,), or (R, K) of lists of K.

        Integers as int64, others as float64, with NaN for null and for what float32 does not hold.
        """
        if name not in self._columns:
            self._columns[name] = numbers(self.table[name])[self._order]
        return self._columns[name]

    def text(self, name: str, rows: slice) -> list[str | None]:
        """Some rows of a column of strings."""
        found: list[str | None] = self.table[name].take(self._order[rows]).to_pylist()
        return found

    @cached_property
    def _columns(self) -> dict[str, NDArray[Any]]:
        return {}

    @cached_property
    def _coded(self) -> tuple[list[Place], NDArray[np.int64]]:
        """Places in ascending order, and for each row the position of its own among them."""
        # One number per distinct value of a column, then one per distinct combination.
        distinct = [_distinct(self.table[name]) for name in KEYS]
        sizes = [len(values) for values, _ in distinct]
        combined = np.ravel_multi_index([of_row for _, of_row in distinct], sizes)
        keys, of_row = np.unique(combined, return_inverse=True)
        codes = zip(*np.unravel_index(keys, sizes), strict=True)
        named = ([values[code] for (values, _), code in zip(distinct, key, strict=True)] for key in codes)
        return [(int(seed), float(decay), int(stage), str(split)) for seed, decay, stage, split in named], of_row

    @property
    def _keys(self) -> list[Place]:
        return self._coded[0]

    @property
    def _of_row(self) -> NDArray[np.int64]:
        return self._coded[1]

    @cached_property
    def _order(self) -> NDArray[np.int64]:
        return np.argsort(self._of_row, kind="stable")


@dataclass(frozen=True)
class Rows:
    """The rows of one place; `rows["correct"]` is a view of one column, (E,) or (E, K)."""

    table: Table
    at: slice

    def __len__(self) -> int:
        return int(self.at.stop - self.at.start)

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self.table.column(name)[self.at]

    def text(self, name: str) -> list[str | None]:
        """A column of strings."""
        return self.table.text(name, self.at)


def numbers(column: "pa.ChunkedArray") -> NDArray[Any]:
    """A column as an array (R,), or (R, K) of lists of K: int64, or float64 with NaN for null and infinity."""
    import pyarrow as pa

    if not pa.types.is_list(column.type):
        return _plain(column)
    inner = _plain(pa.chunked_array([chunk.flatten() for chunk in column.chunks], column.type.value_type))
    if not column.null_count:
        return inner.reshape(len(column), -1)
    there = np.asarray(column.is_valid().to_numpy())
    width = len(inner) // max(int(there.sum()), 1)
    found = np.full((len(column), width), np.nan)
    found[there] = inner.reshape(-1, width) if width else 0
    return found


def _plain(values: "pa.ChunkedArray") -> NDArray[Any]:
    import pyarrow as pa

    if pa.types.is_integer(values.type) and not values.null_count:
        return np.asarray(values.to_numpy(), dtype=np.int64)
    with np.errstate(invalid="ignore"):  # of the kinds of NaN some are warned of
        found = np.array(values.to_numpy(), dtype=np.float64)
    found[np.isinf(found)] = np.nan
    return found


def _distinct(column: "pa.ChunkedArray") -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Distinct values of a column in ascending order, and for each row the position of its value among them."""
    import pyarrow as pa

    if not pa.types.is_dictionary(column.type):
        return np.unique(column.to_numpy(), return_inverse=True)
    whole = column.unify_dictionaries().combine_chunks()
    encoded = whole.chunk(0) if isinstance(whole, pa.ChunkedArray) else whole
    values, of_word = np.unique(np.array(encoded.dictionary.to_pylist()), return_inverse=True)
    return values, of_word[encoded.indices.to_numpy()]

"""The parquet files of an entry, looked at before anything is done with them: they come from anywhere.

Sizes are read from the metadata first, so that a small file cannot become a large table; then every column must have
its type, its length and no holes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wgbench import untrusted
from wgbench.errors import BadEntry
from wgbench.results.footer import unpacked

if TYPE_CHECKING:
    import pyarrow as pa

LARGEST = 64 * 2**20  # bytes of a file
MOST = 10**8  # numbers in a table
SPLITS = ("train", "val", "test")
STATE = 64 * 1024  # characters of an algorithm's state at one epoch
REMEDY = "copy the whole folder that `wgbench run` wrote"

PER_GROUP, PER_CLASS = ("correct", "loss", "mass"), ("class_correct", "predicted")
PLAIN = {"seed": "int64", "weight_decay": "double", "stage": "int16", "epoch": "int32", "acc_correct": "int32"}
FLOATS = {"acc_loss": "float", "ess": "float"}
WORDS = ("split", "state")
FLOATS_IN_LISTS = ("loss", "mass")  # whose numbers may be null, where they are not finite
HOLES = ("acc_loss", "mass", "ess", "state")  # whose rows may be null: likewise, and in columns of train alone


@dataclass(frozen=True)
class Shape:
    """What the entry says of its own data: groups, classes, and examples of the test split."""

    groups: int
    classes: int
    examples: int


def curves(path: Path, shape: Shape) -> "pa.Table":
    """The table of curves; BadEntry says which column is wrong. `split` and `state` are encoded as dictionaries."""
    from pyarrow import compute

    table = _read(path, max(shape.groups, shape.classes), WORDS)
    if not table.num_columns and not table.num_rows:  # every cell diverged in its first epoch
        return table
    expected = {
        **PLAIN,
        **FLOATS,
        **dict.fromkeys(("correct", *PER_CLASS), "list<int32>"),
        **dict.fromkeys(("loss", "mass"), "list<float>"),
        **dict.fromkeys(WORDS, "string"),
    }
    _typed(path, table, expected)
    for name in (*PER_GROUP, *PER_CLASS):
        _wide(path, table[name], name, shape.groups if name in PER_GROUP else shape.classes)
    if strange := set(_words(table["split"])) - set(SPLITS):
        raise _bad(path, f"split {sorted(strange)[0][:20]!r} is none of {', '.join(SPLITS)}")
    is_train = compute.equal(table["split"].cast("string"), "train")
    if compute.all(compute.equal(compute.is_valid(table["mass"]), is_train)).as_py() not in (True, None):
        raise _bad(path, "column 'mass' must have values for train, and for train alone")
    if any(len(word) > STATE for word in _words(table["state"])):
        raise _bad(path, f"a state is longer than {STATE} characters")
    return table


def predictions(path: Path, shape: Shape) -> dict[str, NDArray[np.int16]]:
    """Class per test example, by column; BadEntry where a column is no such thing. -1 stands for none."""
    table = _read(path, 1, ())
    _typed(path, table, dict.fromkeys(table.column_names, "int16"))
    if table.num_columns and table.num_rows != shape.examples:
        raise _bad(path, f"it has {table.num_rows} rows, and the test split {shape.examples} examples")
    found = {name: np.asarray(table[name].to_numpy()) for name in table.column_names}
    for name, classes in found.items():
        if len(classes) and not -1 <= classes.min() <= classes.max() < shape.classes:
            raise _bad(path, f"column {name[:40]!r} has classes outside 0 to {shape.classes - 1}")
    return found


def _read(path: Path, width: int, words: Sequence[str]) -> "pa.Table":
    from pyarrow import ArrowException, parquet

    try:
        content = untrusted.content(path, LARGEST)
        numbers, size = unpacked(content)
        with parquet.ParquetFile(BytesIO(content)) as file:
            held = file.metadata
            plain = {held.schema.column(i).path for i in range(held.num_columns)}  # `state.list.element` is none
            if max(held.num_rows * width, numbers, size // 8) > MOST:
                raise _bad(path, f"it unpacks to more than {MOST} numbers")
        with parquet.ParquetFile(BytesIO(content), read_dictionary=sorted(plain & set(words))) as file:
            return file.read(use_threads=False)
    except untrusted.Refused as problem:
        raise _bad(path, f"it {problem}") from None
    except (OSError, ArrowException, ValueError) as problem:
        raise _bad(path, f"it cannot be read ({type(problem).__name__})") from None


def _typed(path: Path, table: "pa.Table", expected: dict[str, str]) -> None:
    """Every column is there once, with its type, and without nulls where none belong."""
    names = table.column_names
    if sorted(names) != sorted(expected):
        missing, more = sorted(set(expected) - set(names)), sorted(set(names) - set(expected))
        said = (
            f"column {missing[0]!r} is missing" if missing else f"{(more or sorted(names))[0][:40]!r} is one too many"
        )
        raise _bad(path, said)
    for name, kind in expected.items():
        if (found := _kind(table[name].type)) != kind:
            raise _bad(path, f"column {name[:40]!r} is {found[:40]}, and should be {kind}")
        if table[name].null_count and name not in HOLES:
            raise _bad(path, f"column {name[:40]!r} has holes")


def _kind(kind: Any) -> str:
    """A type's name, whatever its parts are called and however it is encoded."""
    import pyarrow as pa

    if pa.types.is_list(kind):
        return f"list<{kind.value_type}>"
    return str(kind.value_type if pa.types.is_dictionary(kind) else kind)


def _wide(path: Path, column: "pa.ChunkedArray", name: str, width: int) -> None:
    """Every list has one number per group or class."""
    from pyarrow import compute

    lengths = compute.unique(compute.list_value_length(column)).to_pylist()
    if any(n is not None and n != width for n in lengths):
        raise _bad(path, f"column {name!r} has lists that are not {width} long")
    if name not in FLOATS_IN_LISTS and any(chunk.flatten().null_count for chunk in column.chunks):
        raise _bad(path, f"column {name!r} has holes")


def _words(column: "pa.ChunkedArray") -> list[str]:
    """Distinct strings of a column that is encoded as a dictionary."""
    return [word for chunk in column.chunks for word in chunk.dictionary.to_pylist() if word is not None]


def _bad(path: Path, wrong: str) -> BadEntry:
    return BadEntry(f"entry {path.parent}", f"{path.name}: {wrong}", REMEDY)

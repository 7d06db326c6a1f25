"""A board of small complete entries, and ways to change what they say."""

import hashlib
import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wgbench import protocol
from wgbench.request import Request
from wgbench.results import leaderboard, schema


@pytest.fixture(scope="session")
def toy_store(tmp_path_factory, _toy):
    """A store with ERM, and Group DRO under the whole protocol of the toy data, and narrowed."""
    store = tmp_path_factory.mktemp("toy-store")
    for name in ("erm", "gdro"):
        protocol.run(Request(name, "toy", jobs=1, store=store))
    protocol.run(Request("gdro", "toy", seeds=(2002, 2022), epochs=22, jobs=1, store=store))
    return store


@pytest.fixture(scope="session")
def toy_entries(toy_store):
    """Folders of the entries by name: erm, gdro, narrowed."""
    folders = {}
    for folder in (toy_store / "entries").iterdir():
        entry = schema.read(folder)
        whole = entry.algorithm.name if not entry.partial else "narrowed"
        if whole != "narrowed" or entry.algorithm.name == "gdro":
            folders[whole] = folder
    return folders


@pytest.fixture(scope="session")
def toy_board(tmp_path_factory, toy_entries):
    """A board with ERM and Group DRO."""
    board = tmp_path_factory.mktemp("toy-board")
    for name in ("erm", "gdro"):
        leaderboard.add(toy_entries[name], board)
    return board


@pytest.fixture
def board(toy_board, tmp_path):
    """A copy of the board, to change."""
    return shutil.copytree(toy_board, tmp_path / "board")


@pytest.fixture
def gdro(board):
    """The folder of Group DRO's entry on that copy."""
    (folder,) = (board / "results" / "toy-v1" / "mlp" / "gdro").iterdir()
    return folder


class Tampering:
    """Changes an entry as somebody would who wants it to look whole."""

    def entry(self, folder: Path, change):
        """Change `entry.json` in place."""
        content = json.loads((folder / schema.ENTRY).read_text())
        change(content)
        (folder / schema.ENTRY).write_text(json.dumps(content))

    def table(self, folder: Path, name: str, change, *, sign=True):
        """Change a table, given and returned as columns; its hash too, unless not `sign`."""
        table = pq.read_table(folder / name)
        columns = table.to_pydict()
        columns = change(columns) or columns
        kinds = {n: table.schema.field(n).type for n in columns if n in table.column_names}
        arrays = {n: v if isinstance(v, pa.Array) else pa.array(v, kinds.get(n)) for n, v in columns.items()}
        pq.write_table(pa.table(arrays), folder / name)
        if sign:
            self.sign(folder)

    def sign(self, folder: Path):
        """State the hashes of the files as they are."""
        names = (schema.CURVES, schema.PREDICTIONS)
        files = {n: hashlib.sha256((folder / n).read_bytes()).hexdigest() for n in names}
        self.entry(folder, lambda content: content.update(files=files))

    def row(self, columns, *, seed=2002, weight_decay=0.0, epoch=7, split="test"):
        """The position of a row in the columns of the curves."""
        keys = zip(columns["seed"], columns["weight_decay"], columns["epoch"], columns["split"], strict=True)
        return list(keys).index((seed, weight_decay, epoch, split))


@pytest.fixture
def tamper():
    return Tampering()

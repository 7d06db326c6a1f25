"""Entries that anybody may have written: looked at, refused in one line, and never the end of the one who looks."""

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hostility import VALUES, broken, changed, property_of, survives, written
from hypothesis import strategies as st

from wgbench.results import schema, stored
from wgbench.results.checking import check
from wgbench.results.claims import contradictions, overstated
from wgbench.results.limits import unusable

HISTORIC = sorted((Path(__file__).parent / "historic").rglob(schema.ENTRY))
WHOLE = [json.loads(path.read_text()) for path in HISTORIC]
KINDS = (pa.int16(), pa.int32(), pa.int64(), pa.float32(), pa.float64(), pa.string(), pa.list_(pa.int32()), pa.bool_())


@pytest.fixture(scope="module")
def narrowed(toy_entries, tmp_path_factory):
    """A copy of the smallest entry, to be overwritten by each example; its files as they were."""
    folder = shutil.copytree(toy_entries["narrowed"], tmp_path_factory.mktemp("hostile") / "entry")
    return folder, {path.name: path.read_bytes() for path in folder.iterdir()}


def rewritten(narrowed, **changes):
    """The folder with its files as they were, but for some; signed, as an adversary would."""
    import hashlib

    folder, files = narrowed
    for name, content in files.items():
        (folder / name).write_bytes(changes.get(name.partition(".")[0], content))
    entry = json.loads((folder / schema.ENTRY).read_bytes())
    if not {"entry"} & changes.keys():
        entry["files"] = {n: hashlib.sha256((folder / n).read_bytes()).hexdigest() for n in entry["files"]}
        (folder / schema.ENTRY).write_bytes(written(entry))
    return folder


def looked_at(folder):
    """Checked, and asked for what the site and the figures ask for."""
    check(folder)
    one = stored.load(folder)
    for cell in one.entry.cells[:2]:
        key = (cell.seed, cell.weight_decay)
        _ = one.curves.get(key), one.counts(*key), one.mass(*key), one.state(*key)
    _ = one.predictions


@property_of(st.sampled_from(WHOLE).flatmap(changed), share=4)
def test_a_changed_entry_is_read_or_refused(tmp_path_factory, content):
    folder = tmp_path_factory.getbasetemp() / "one-entry"
    folder.mkdir(exist_ok=True)
    (folder / schema.ENTRY).write_bytes(written(content))
    entry = survives(schema.read, folder)
    if entry is not None and not survives(list, unusable(entry)):
        survives(list, contradictions(entry, None))
        survives(list, overstated(entry, None))


@property_of(broken(HISTORIC[0].read_bytes()) | st.binary(max_size=200) | VALUES.map(written), share=2)
def test_bytes_that_are_no_entry_are_refused(tmp_path_factory, content):
    folder = tmp_path_factory.getbasetemp() / "one-entry"
    folder.mkdir(exist_ok=True)
    (folder / schema.ENTRY).write_bytes(content)
    survives(schema.read, folder)


@property_of(st.data(), share=0.4)
def test_a_changed_entry_is_checked_to_its_end(narrowed, data):
    whole = json.loads(narrowed[1][schema.ENTRY])
    survives(looked_at, rewritten(narrowed, entry=written(data.draw(changed(whole)))))


@pytest.mark.parametrize("name", ["curves", "predictions"])
@property_of(st.data(), share=0.6)
def test_broken_tables_are_refused(narrowed, name, data):
    content = data.draw(broken(narrowed[1][f"{name}.parquet"]))
    survives(looked_at, rewritten(narrowed, **{name: content}))


@st.composite
def other_columns(draw, table):
    """A table with one column of another kind, length or content, dropped or renamed."""
    columns = {name: table[name] for name in table.column_names}
    name = draw(st.sampled_from(table.column_names))
    kind = draw(st.sampled_from(KINDS))
    match draw(st.sampled_from(["kind", "drop", "rename", "null", "values"])):
        case "drop":
            del columns[name]
        case "rename":
            columns[draw(st.text(max_size=10))] = columns.pop(name)
        case "null":
            columns[name] = pa.nulls(len(table), table[name].type)
        case "values" if pa.types.is_integer(table[name].type):
            most = 2 ** (table[name].type.bit_width - 1)
            value = draw(st.sampled_from([-1, 0, 1, most - 1, -most]))
            columns[name] = pa.array([value] * len(table), table[name].type)
        case _:
            columns[name] = pa.array([draw(_of(kind))] * len(table), kind)
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue().to_pybytes()


def _of(kind):
    if pa.types.is_list(kind):
        return st.lists(st.integers(-1, 9), max_size=5)
    if pa.types.is_string(kind):
        return st.sampled_from(["train", "x", "", "[" * 5000, '{"q": 1e999}'])
    return st.booleans() if pa.types.is_boolean(kind) else st.integers(-1, 300)


@pytest.mark.parametrize("name", ["curves", "predictions"])
@property_of(st.data(), share=0.6)
def test_tables_of_other_columns_are_refused(narrowed, name, data):
    table = pq.read_table(pa.BufferReader(narrowed[1][f"{name}.parquet"]))
    survives(looked_at, rewritten(narrowed, **{name: data.draw(other_columns(table))}))

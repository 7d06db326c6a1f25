"""What a parquet file unpacks to, read from its footer without the reader that ends the process over it."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wgbench.errors import BadEntry
from wgbench.results import tables
from wgbench.results.footer import unpacked
from wgbench.results.tables import Shape

COLUMNS = {
    "plain": pa.array(range(1000), pa.int16()),
    "lists": pa.array([[1, 2, 3]] * 1000, pa.list_(pa.int32())),
    "holes": pa.array([[1.5, None], None] * 500, pa.list_(pa.float32())),
    "words": pa.array(["a", None] * 500),
    "truth": pa.array([True, False] * 500),
}


def file_of(columns, **options):
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink, **options)
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize("options", [{}, {"row_group_size": 64}, {"compression": "zstd", "use_dictionary": False}])
def test_it_is_what_pyarrow_says(options):
    content = file_of(COLUMNS, **options)
    held = pq.ParquetFile(pa.BufferReader(content)).metadata
    groups = [held.row_group(i) for i in range(held.num_row_groups)]
    chunks = [group.column(i) for group in groups for i in range(group.num_columns)]
    assert unpacked(content) == (sum(c.num_values for c in chunks), sum(c.total_uncompressed_size for c in chunks))
    assert unpacked(content)[0] >= 1000 + 3000 + 1500 + 1000 + 1000


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PAR1",
        b"PAR1" + bytes(8),
        b"PAR1\x00\x01\x00\x00\x00PAR1",  # a structure without fields
        b"PAR1" + b"\x1c" * 50 + (50).to_bytes(4, "little") + b"PAR1",  # structures in each other
        b"PAR1\x19\xfc" + b"\xff" * 9 + b"\x01\x00" + (13).to_bytes(4, "little") + b"PAR1",  # a list without an end
        b"PAR1\x18" + b"\xff" * 12 + (13).to_bytes(4, "little") + b"PAR1",  # a number without an end
    ],
)
def test_what_is_no_footer_is_refused(content):
    with pytest.raises(ValueError, match=r"footer|an end|kind"):
        unpacked(content)


def test_no_bit_of_a_footer_ends_the_process(tmp_path):
    content = file_of({"final-2002": pa.array([1] * 80, pa.int16())})
    length = int.from_bytes(content[-8:-4], "little")
    path, outcomes = tmp_path / "predictions.parquet", set()
    for at in range(len(content) - 8 - length, len(content) - 8):
        for bit in (1, 4):
            flipped = bytearray(content)
            flipped[at] ^= bit
            path.write_bytes(flipped)
            try:
                outcomes.add(len(tables.predictions(path, Shape(4, 2, 80))))
            except BadEntry:
                outcomes.add("refused")
    assert outcomes == {1, "refused"}

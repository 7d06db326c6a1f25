"""How much a parquet file unpacks to, by its own footer.

pyarrow tells that for every column, but ends the whole process where the statistics of a column do not fit together: no
exception is caught on that way (seen with pyarrow 26). So the footer is read here. It is a structure in the compact
protocol of Thrift: FileMetaData holds row groups (field 4), those hold the chunks of columns (1), and these what is
known of them (3): the number of values (5) and their bytes (6).
"""

from dataclasses import dataclass
from typing import Any

MAGIC, TAIL = b"PAR1", 8  # a file ends with the length of its footer, and this
MOST = 10**6  # values in a footer
DEEPEST = 12
LONGEST = 10  # bytes of a number
TRUE, FALSE = 1, 2
# Kinds of values, by what has to be done with them.
BYTES, NUMBERS, DOUBLE, TEXT, LISTS, STRUCT = (TRUE, FALSE, 3), (4, 5, 6), 7, 8, (9, 10), 12


def unpacked(content: bytes) -> tuple[int, int]:
    """Values, and bytes, of all columns together, as the footer states them; ValueError where it is none."""
    length = int.from_bytes(content[-TAIL:-4], "little")
    if not content.endswith(MAGIC) or not 0 < length <= len(content) - TAIL:
        raise ValueError("no footer")
    try:
        whole = _Reader(content[-TAIL - length : -TAIL]).struct(0)
        chunks = [chunk[3] for group in whole[4] for chunk in group[1]]
        values, sizes = [chunk[5] for chunk in chunks], [chunk[6] for chunk in chunks]
    except (IndexError, KeyError, TypeError) as problem:
        raise ValueError("a footer without columns") from problem
    if any(not isinstance(n, int) or n < 0 for n in (*values, *sizes)):
        raise ValueError("columns of a size that is none")
    return sum(values), sum(sizes)


@dataclass
class _Reader:
    """Values one after another; text is passed over. ValueError or IndexError where the bytes are none."""

    data: bytes
    at: int = 0
    left: int = MOST

    def struct(self, depth: int) -> dict[int, Any]:
        """Fields by number."""
        found: dict[int, Any] = {}
        number = 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._signed()
            kind = head & 15
            found[number] = kind == TRUE if kind in (TRUE, FALSE) else self._value(kind, depth + 1)
        return found

    def _value(self, kind: int, depth: int) -> Any:
        self.left -= 1
        if self.left < 0 or depth > DEEPEST:
            raise ValueError("too much of a footer")
        if kind in BYTES:  # in a list, truth has a byte of its own
            return self._byte()
        if kind in NUMBERS:
            return self._signed()
        if kind in (DOUBLE, TEXT):
            return self._skip(8 if kind == DOUBLE else self._number())
        if kind in LISTS:
            return self._list(depth)
        if kind == STRUCT:
            return self.struct(depth)
        raise ValueError(f"a value of kind {kind}")  # maps too: no footer has any

    def _list(self, depth: int) -> list[Any]:
        head = self._byte()
        size = head >> 4 if head >> 4 < 15 else self._number()
        return [self._value(head & 15, depth + 1) for _ in range(min(size, self.left + 1))]

    def _signed(self) -> int:
        n = self._number()
        return (n >> 1) ^ -(n & 1)

    def _number(self) -> int:
        found = 0
        for place in range(LONGEST):
            byte = self._byte()
            found |= (byte & 127) << 7 * place
            if byte < 128:
                return found
        raise ValueError("a number without an end")

    def _byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1]

    def _skip(self, length: int) -> None:
        self.at += length
        if self.at > len(self.data):
            raise ValueError("a text without an end")

"""Files as an adversary, or a bad disk, would change them, and what every reader owes its user."""

import json
import os
import sys
from contextlib import contextmanager
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wgbench.errors import LONGEST, WgbenchError

# Examples of each property: few in every run of the tests, many where one wants to be sure (docs/reliability.md).
EXAMPLES = int(os.environ.get("WGBENCH_EXAMPLES", "25"))

NASTY = (
    "", "../../etc/passwd", "/dev/zero", "C:\\x", "a" * 5000, "\x1b[31m", "[red]x[/red]", "<script>", "\u202e", "\x00",
    "nan", "inf", "~", ".", "\n", "x: y", "${HOME}", "\ud800", "2002", "-1", "1e999", "%s%n", "{", "&a [*a]",
    "!!python/name:os",
)  # fmt: skip
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([2**31, 2**53, 2**63, 2**64, -(2**63), 10**400]),
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from(NASTY),
    st.text(max_size=20),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


def property_of(*strategies, share=1.0, **named):
    """A property test with the examples of the run, or a share of them where one takes long."""
    own = settings(
        max_examples=max(5, round(share * EXAMPLES)),
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
    )
    return lambda test: own(given(*strategies, **named)(test))


@contextmanager
def little_memory(more=2**31):
    """No more bytes than that beside what is mapped already: what follows a stated size ends in a MemoryError."""
    if sys.platform != "linux":
        yield
        return
    import resource

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + more, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def survives(function, *arguments):
    """What a reader returns, or None after a WgbenchError of one line that says what to do; any other error passes."""
    try:
        with little_memory():
            return function(*arguments)
    except WgbenchError as caught:
        problem = caught
    assert str(problem).isprintable(), str(problem)
    assert len(str(problem)) <= 3 * LONGEST + 100
    assert all((problem.asked, problem.wrong, problem.remedy))
    return None


@st.composite
def broken(draw, whole):
    """A file with some bytes flipped, cut out, doubled or put in, or cut short."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        match draw(st.sampled_from(["flip", "cut", "truncate", "insert", "repeat"])):
            case "flip" if data:
                data[at] ^= 1 << draw(st.integers(0, 7))
            case "cut":
                del data[at : at + draw(st.integers(1, 64))]
            case "truncate":
                del data[at:]
            case "insert":
                data[at:at] = draw(st.binary(min_size=1, max_size=16) | st.sampled_from(NASTY).map(_bytes))
            case _:
                data[at:at] = data[at : at + draw(st.integers(1, 64))]
    return bytes(data)


@st.composite
def changed(draw, whole):
    """A JSON value with some parts, anywhere in it, replaced, dropped or added."""
    value = json.loads(json.dumps(whole))
    for _ in range(draw(st.integers(1, 3))):
        holder = value
        while keys := list(holder) if isinstance(holder, dict) else list(range(len(holder))):
            key = draw(st.sampled_from(keys))
            inner = holder[key]
            if isinstance(inner, dict | list) and inner and draw(st.integers(0, 3)):
                holder = inner
                continue
            _change(draw, holder, key, inner)
            break
    return value


def _change(draw, holder, key, inner):
    match draw(st.sampled_from(["replace", "near", "drop", "add"])):
        case "drop":
            del holder[key]
        case "near" if isinstance(inner, int | float) and not isinstance(inner, bool):
            holder[key] = draw(st.sampled_from(_near(inner)))
        case "add" if isinstance(holder, list):
            holder.append(draw(VALUES))
        case "add":
            holder[draw(st.text(max_size=8))] = draw(VALUES)
        case _:
            holder[key] = draw(VALUES)


def _near(number):
    """What a hand would write instead of a number. The largest integers have no neighbour among the floats."""
    as_float = [float(number)] if abs(number) < 2**1023 or number != number else []
    return [number + 1, -number, number * 10**6, str(number), *as_float]


@st.composite
def rows(draw, lines):
    """A table's lines with some fields replaced, and some lines dropped, doubled or cut; as bytes."""
    table = [line.split(",") for line in lines]
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(table) - 1))
        match draw(st.sampled_from(["field", "field", "field", "drop", "double", "short", "long"])):
            case "field" if table[at]:
                table[at][draw(st.integers(0, len(table[at]) - 1))] = draw(
                    st.sampled_from(NASTY) | st.text(max_size=10) | st.integers(-3, 10**12).map(str)
                )
            case "drop" if len(table) > 1:
                del table[at]
            case "double":
                table.insert(at, list(table[at]))
            case "short":
                table[at] = table[at][:-1]
            case _:
                table[at] = [*table[at], "more"]
    return _bytes("\n".join(",".join(fields) for fields in table) + "\n")


def written(value):
    """A JSON value as bytes, whatever is in it."""
    return json.dumps(value).encode()


def _bytes(text):
    return text.encode(errors="surrogatepass")

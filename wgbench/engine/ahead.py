"""The next batch is prepared while the network is busy with this one."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Part = TypeVar("Part")
Made = TypeVar("Made")


def ahead(make: Callable[[Part], Made], parts: Iterable[Part]) -> Iterator[Made]:
    """`make(part)` for every part, in order; one is made ahead, in a thread. `make` must be a pure function."""
    with ThreadPoolExecutor(1) as thread:
        waiting: Future[Made] | None = None
        for part in parts:
            following = thread.submit(make, part)
            if waiting is not None:
                yield waiting.result()
            waiting = following
        if waiting is not None:
            yield waiting.result()


def slices(n: int, size: int) -> list[slice]:
    """0 .. n-1 in slices of `size`, the last one shorter."""
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]

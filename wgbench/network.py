"""The network, which a command that only looks at what is here leaves alone."""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

_closed: ContextVar[bool] = ContextVar("closed", default=False)


def is_closed() -> bool:
    """Whether nothing may be fetched now."""
    return _closed.get()


@contextlib.contextmanager
def closed() -> Iterator[None]:
    """Within it nothing is fetched: downloads fail as they do where there is no network."""
    before = _closed.set(True)
    try:
        yield
    finally:
        _closed.reset(before)

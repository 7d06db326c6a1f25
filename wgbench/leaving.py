"""SIGTERM: a process that trains saves its checkpoints at the end of the epoch and leaves; any other leaves at once."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

STATUS = 128 + signal.SIGTERM


class Terminated(KeyboardInterrupt):
    """The process was asked to end. Like Ctrl-C no error, and not to be caught as one."""


class _Asked:
    """What this process was asked, and whether it is at something that should be saved first."""

    training = False
    asked = False


_now = _Asked()


def asked() -> bool:
    """Whether the process was asked to end."""
    return _now.asked


@contextlib.contextmanager
def heeding(*, patient: bool = False) -> Iterator[None]:
    """Heed SIGTERM meanwhile. A second one ends training at once, unless `patient`: it may come from two sides."""
    if threading.current_thread() is not threading.main_thread():  # signals are the main thread's
        yield
        return

    def handle(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        again, _now.asked = _now.asked, True
        if not _now.training or (again and not patient):
            raise Terminated

    _now.asked = False
    before = signal.signal(signal.SIGTERM, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
        _now.asked = False


@contextlib.contextmanager
def training() -> Iterator[None]:
    """What happens meanwhile asks `asked` at the end of every epoch, and raises Terminated when it has saved."""
    _now.training = True
    try:
        yield
    finally:
        _now.training = False

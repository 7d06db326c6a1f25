"""Files written whole or not at all, and the errors of file systems in one line."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from wgbench.errors import StoreFailed

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
RUN = "then run the same command again: finished cells are kept, interrupted ones go on"
CACHE = "or set WGBENCH_CACHE to a folder on a larger disk"
IN_THE_WAY = {
    errno.ENOTDIR: "a file lies where a folder belongs",
    errno.EEXIST: "a file lies where a folder belongs",
    errno.EISDIR: "a folder lies where a file belongs",
}
INSTEAD = {RUN: "or give another --runs", CACHE: "or set WGBENCH_CACHE to another folder"}  # of what is in the way


@contextlib.contextmanager
def writing(path: Path, otherwise: str = RUN) -> Iterator[None]:
    """Turn the errors of a file system into StoreFailed; `otherwise` ends the remedy: where else, or what then."""
    try:
        yield
    except OSError as problem:
        asked = f"writing {path}"
        if problem.errno in FULL:
            wrong = f"no space left ({problem.strerror})"
            raise StoreFailed(asked, wrong, f"free some, {otherwise}") from None
        if problem.errno in IN_THE_WAY:
            remedy = f"move it, {INSTEAD.get(otherwise, otherwise)}"
            raise StoreFailed(asked, IN_THE_WAY[problem.errno], remedy) from None
        raise StoreFailed(asked, str(problem.strerror or problem), f"mend that, {otherwise}") from None


def write_whole(path: Path, content: bytes) -> None:
    """Write beside and rename; a failure leaves nothing behind."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise

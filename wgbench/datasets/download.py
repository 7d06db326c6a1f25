"""Archives from the network: mirrors in order, resumed, checked by SHA-256, extracted into their own folder only."""

import gzip
import hashlib
import lzma
import os
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING

from filelock import FileLock

from wgbench import network
from wgbench.disk import CACHE, writing
from wgbench.errors import BadData, DownloadFailed

if TYPE_CHECKING:
    import httpx

DAMAGED = (  # what a damaged archive makes its readers raise; RuntimeError: an encrypted zip
    tarfile.TarError,
    zipfile.BadZipFile,
    gzip.BadGzipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    ValueError,
    RuntimeError,
)

SMALL = 2**30  # bytes that any archive may grow to
GROWTH = 100  # times its size that a larger one may
MEMBERS = 5_000_000


def fetch(urls: Sequence[str], target: Path, sha256: str | None, by_hand: str) -> Path:
    """The file behind the first of `urls` that delivers the expected bytes; what is there already is kept.

    A broken transfer leaves `target.part`, from which the next attempt goes on. `by_hand` ends the message of
    DownloadFailed: what to do without a network. Without a published checksum (None) any file but a web page will do.
    """
    if _is_whole(target, sha256):
        return target
    if network.is_closed():
        raise DownloadFailed(f"{target.name}", "it is not here, and nothing is to be fetched", by_hand)
    with writing(target, CACHE):
        target.parent.mkdir(parents=True, exist_ok=True)
    with writing(target, CACHE), FileLock(f"{target}.lock"):
        part = _part(target)
        if sha256 is not None and _is_whole(part, sha256):  # killed between the last byte and the renaming
            os.replace(part, target)
        if _is_whole(target, sha256):  # meanwhile, by another process
            return target
        said = []
        for url in urls:
            resumed = part.is_file()
            problem = _attempt(url, target, sha256)
            if problem and resumed and not part.is_file():  # the partial file did not fit: once more, from the start
                problem = _attempt(url, target, sha256)
            if problem is None:
                return target
            said.append(f"{url}: {problem}")
        raise DownloadFailed(f"downloading {target.name}", " / ".join(said), by_hand)


def digest(path: Path, algorithm: str = "sha256") -> str:
    """Checksum of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def extract(archive: Path, folder: Path) -> None:
    """Extract a .tar.gz or .zip to `folder`, which appears when complete; one that is there is kept.

    BadData for damaged archives and for members that lead outside, by name.
    """
    with writing(folder, CACHE):
        folder.parent.mkdir(parents=True, exist_ok=True)
    with writing(folder, CACHE), FileLock(f"{folder}.lock"):
        for left in folder.parent.glob(f".{folder.name}.*"):  # of one that was killed: the lock is ours now
            shutil.rmtree(left, ignore_errors=True)
        if folder.is_dir():
            return
        beside = folder.with_name(f".{folder.name}.{os.getpid()}")
        try:
            beside.mkdir()
            _unpack(archive, beside)
            os.replace(beside, folder)
        except DAMAGED as problem:
            wrong = f"it cannot be unpacked ({problem})"
            raise BadData(f"archive {archive.name}", wrong, "delete it, get it again") from None
        finally:
            shutil.rmtree(beside, ignore_errors=True)


def _part(target: Path) -> Path:
    return target.with_name(f"{target.name}.part")


def _is_whole(path: Path, sha256: str | None) -> bool:
    return path.is_file() and sha256 in (None, digest(path))


def _attempt(url: str, target: Path, sha256: str | None) -> str | None:
    """Try one mirror; what went wrong, or None. A partial file that turns out not to fit is removed."""
    import httpx

    part = _part(target)
    start = part.stat().st_size if part.is_file() else 0
    try:
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
        with httpx.stream("GET", url, headers=headers, follow_redirects=True, timeout=30) as response:
            resumes = response.status_code == 206
            sent = response.headers.get("content-range", f"bytes {start}-")
            if response.status_code == 416 or (resumes and not sent.startswith(f"bytes {start}-")):
                part.unlink(missing_ok=True)
                return "it cannot go on from the partial file"
            response.raise_for_status()
            if "text/html" in response.headers.get("content-type", ""):
                return "it answered with a web page"
            _receive(response, part, start if resumes else 0)
    except httpx.HTTPStatusError as problem:
        return f"HTTP {problem.response.status_code}"
    except httpx.HTTPError as problem:
        got = part.stat().st_size if part.is_file() else 0
        return f"{type(problem).__name__} ({problem}) after {got} bytes"
    refused = _refused(part, sha256)
    if refused is None:
        os.replace(part, target)
    else:
        part.unlink()
    return refused


def _refused(path: Path, sha256: str | None) -> str | None:
    """Why a complete transfer is not what was asked for."""
    if path.stat().st_size == 0:
        return "it answered with nothing"
    if _is_page(path):
        return "it answered with a web page"
    return None if sha256 in (None, digest(path)) else "the bytes are not those of the published archive"


def _is_page(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(64).lstrip().lower().startswith((b"<!doctype", b"<html"))


def _receive(response: "httpx.Response", part: Path, start: int) -> None:
    """Append the body to the partial file, or begin it anew; a bar on a terminal."""
    from tqdm import tqdm

    length = response.headers.get("content-length")
    total = start + int(length) if length and length.isdigit() else None
    bar = tqdm(desc=part.stem, total=total, initial=start, unit="B", unit_scale=True, disable=None)
    with writing(part, CACHE), part.open("ab" if start else "wb") as file, bar:
        for chunk in response.iter_raw():  # some servers call a .gz file encoded: its bytes are wanted as they are
            file.write(chunk)
            bar.update(len(chunk))


def _unpack(archive: Path, folder: Path) -> None:
    """Extract all members; ValueError for one that leads outside, and for an archive that grows beyond all measure."""
    most = max(SMALL, GROWTH * archive.stat().st_size)
    (_unzip if zipfile.is_zipfile(archive) else _untar)(archive, folder, most)


def _unzip(archive: Path, folder: Path, most: int) -> None:
    with zipfile.ZipFile(archive) as packed:
        members = packed.infolist()
        for member in members:
            _check_inside(member.filename)
        _check_size(len(members), sum(member.file_size for member in members), most)
        packed.extractall(folder)  # no member becomes longer than it says


def _untar(archive: Path, folder: Path, most: int) -> None:
    total = [0, 0]  # bytes, members

    def checked(member: tarfile.TarInfo, path: str) -> tarfile.TarInfo | None:
        total[0] += max(member.size, 0)
        total[1] += 1
        _check_size(total[1], total[0], most)
        _check_inside(member.name)
        return tarfile.data_filter(member, path)  # refuses devices, and links and paths that lead outside

    with tarfile.open(archive, "r:*") as packed:
        packed.extractall(folder, filter=checked)
        left = 0
        while packed.fileobj and (part := packed.fileobj.read(1 << 20)):  # gzip compares its checksum at the very end
            left += len(part)
            _check_size(0, left, most)


def _check_inside(name: str) -> None:
    """The same names on all systems: no drives, no roots, no way up."""
    path = PureWindowsPath(name)  # knows both kinds of slashes
    if path.anchor or path.drive or ".." in path.parts or name.startswith("/"):
        raise ValueError(f"member {name[:100]!r} leads outside the folder")


def _check_size(members: int, size: int, most: int) -> None:
    if members > MEMBERS or size > most:
        raise ValueError(f"it grows to more than {most >> 20} MiB or {MEMBERS} files, which no archive of data does")

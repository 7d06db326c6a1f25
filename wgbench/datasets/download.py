"""Archives from the network: mirrors in order, resumed, checked by SHA-256, extracted into their own folder only."""

import hashlib
import os
import shutil
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from wgbench.disk import CACHE, writing
from wgbench.errors import BadData, DownloadFailed

if TYPE_CHECKING:
    import httpx


def fetch(urls: Sequence[str], target: Path, sha256: str | None, by_hand: str) -> Path:
    """The file behind the first of `urls` that delivers the expected bytes; what is there already is kept.

    A broken transfer leaves `target.part`, from which the next attempt goes on. `by_hand` ends the message of
    DownloadFailed: what to do without a network. Without a published checksum (None) any file but a web page will do.
    """
    with writing(target, CACHE):
        target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{target}.lock"):
        if target.is_file() and sha256 in (None, digest(target)):
            return target
        said = []
        for url in urls:
            problem = _attempt(url, target, sha256)
            if problem is None:
                return target
            said.append(f"{url}: {problem}")
        raise DownloadFailed(f"downloading {target.name}", " / ".join(said), by_hand)


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def extract(archive: Path, folder: Path) -> None:
    """Extract a .tar.gz or .zip to `folder`, which appears when complete. BadData for members that lead outside."""
    beside = folder.with_name(f".{folder.name}.{os.getpid()}")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        with writing(folder, CACHE):
            beside.mkdir(parents=True)
            _unpack(archive, beside)
            os.replace(beside, folder)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, ValueError) as problem:
        raise BadData(
            f"archive {archive.name}", f"it cannot be unpacked ({problem})", "delete it, get it again"
        ) from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _attempt(url: str, target: Path, sha256: str | None) -> str | None:
    """Try one mirror; what went wrong, or None."""
    import httpx

    part = target.with_name(f"{target.name}.part")
    start = part.stat().st_size if part.is_file() else 0
    try:
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
        with httpx.stream("GET", url, headers=headers, follow_redirects=True, timeout=30) as response:
            if response.status_code == 416:  # what is there is all there is, or another file's
                part.unlink()
                return "the partial file did not fit and was removed, try again"
            response.raise_for_status()
            if "text/html" in response.headers.get("content-type", ""):
                return "it answered with a web page"
            _receive(response, part, start if response.status_code == 206 else 0)
    except httpx.HTTPStatusError as problem:
        return f"HTTP {problem.response.status_code}"
    except httpx.HTTPError as problem:
        return f"{type(problem).__name__} after {part.stat().st_size if part.is_file() else 0} bytes"
    page = _is_page(part)
    if page or sha256 not in (None, digest(part)):
        part.unlink()
        return "it answered with a web page" if page else "the bytes are not those of the published archive"
    os.replace(part, target)
    return None


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
        for chunk in response.iter_bytes():
            file.write(chunk)
            bar.update(len(chunk))


def _unpack(archive: Path, folder: Path) -> None:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as packed:
            for name in packed.namelist():
                if not (folder / name).resolve().is_relative_to(folder.resolve()):
                    raise ValueError(f"member {name!r} leads outside the folder")
            packed.extractall(folder)
        return
    with tarfile.open(archive, "r:*") as packed:
        packed.extractall(folder, filter="data")  # refuses links and paths that lead outside

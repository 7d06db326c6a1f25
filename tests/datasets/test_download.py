"""Downloads against a server on this machine: mirrors, resume, pages instead of files, archives that lead outside."""

import gzip
import hashlib
import http.server
import io
import resource
import tarfile
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest

from wgbench.datasets import download
from wgbench.errors import BadData, DownloadFailed, StoreFailed

CONTENT = bytes(range(256)) * 4096
SHA = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def server():
    """An address, and the list of requests: (path, Range header)."""
    requests = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            wanted = self.headers.get("Range")
            requests.append((self.path, wanted))
            if self.path == "/page":
                self._send(b"<html>moved</html>", "text/html")
            elif self.path == "/disguised":
                self._send(b"<!DOCTYPE html>", "application/gzip")
            elif self.path == "/other":
                self._send(b"something else", "application/gzip")
            elif self.path == "/nothing":
                self._send(b"", "application/gzip")
            elif self.path == "/gone":
                self.send_error(404)
            elif self.path == "/moved":
                self.send_response(302)
                self.send_header("Location", "/good")
                self.send_header("Content-Length", "0")
                self.end_headers()
            elif self.path == "/encoded":
                self._send(gzip.compress(CONTENT, mtime=0), "application/x-tar", encoding="gzip")
            elif wanted and self.path == "/shifted":
                self.send_response(206)
                self.send_header("Content-Range", f"bytes 0-{len(CONTENT) - 1}/{len(CONTENT)}")
                self._send(CONTENT, "application/gzip", sent=True)
            elif wanted == f"bytes={len(CONTENT)}-":
                self.send_error(416)
            elif wanted and self.path != "/no-range":
                start = int(wanted.removeprefix("bytes=").rstrip("-"))
                self.send_response(206)
                self._send(CONTENT[start:], "application/gzip", sent=True)
            elif self.path == "/cut":
                self.send_response(200)
                self.send_header("Content-Length", str(len(CONTENT)))
                self.end_headers()
                self.wfile.write(CONTENT[:300_000])
                self.wfile.flush()
                self.connection.close()
            else:
                self._send(CONTENT, "application/gzip")

        def _send(self, body, kind, sent=False, encoding=None):
            if not sent:
                self.send_response(200)
            if encoding:
                self.send_header("Content-Encoding", encoding)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    serving = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=serving.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{serving.server_port}", requests
    serving.shutdown()
    serving.server_close()


def fetch(tmp_path, *urls):
    return download.fetch(urls, tmp_path / "a.tar.gz", SHA, "fetch it by hand").read_bytes()


def test_a_dead_mirror_is_passed_over_and_what_is_there_is_kept(server, tmp_path):
    address, requests = server
    assert fetch(tmp_path, "http://127.0.0.1:9/x", f"{address}/gone", f"{address}/good") == CONTENT
    assert fetch(tmp_path, f"{address}/good") == CONTENT
    assert [path for path, _ in requests] == ["/gone", "/good"]


def test_a_broken_transfer_goes_on_where_it_was(server, tmp_path):
    address, requests = server
    with pytest.raises(DownloadFailed, match=r"after \d+ bytes; fetch it by hand"):
        fetch(tmp_path, f"{address}/cut")
    got = (tmp_path / "a.tar.gz.part").stat().st_size
    assert 0 < got < len(CONTENT)
    assert fetch(tmp_path, f"{address}/cut") == CONTENT
    assert requests[-1] == ("/cut", f"bytes={got}-")


def test_a_server_that_cannot_resume_is_read_from_the_start(server, tmp_path):
    address, _ = server
    (tmp_path / "a.tar.gz.part").write_bytes(CONTENT[:1000])
    assert fetch(tmp_path, f"{address}/no-range") == CONTENT


@pytest.mark.parametrize("path", ["good", "shifted"])
def test_a_partial_file_of_something_else_is_dropped_and_the_mirror_asked_again(server, tmp_path, path):
    address, requests = server
    (tmp_path / "a.tar.gz.part").write_bytes(b"?" * 1000)
    assert fetch(tmp_path, f"{address}/{path}") == CONTENT
    assert [wanted for _, wanted in requests] == ["bytes=1000-", None]


def test_a_partial_file_without_end_is_dropped(server, tmp_path):
    address, requests = server
    (tmp_path / "a.tar.gz.part").write_bytes(b"?" * len(CONTENT))
    assert fetch(tmp_path, f"{address}/good") == CONTENT
    assert [wanted for _, wanted in requests] == [f"bytes={len(CONTENT)}-", None]


def test_a_transfer_killed_before_the_renaming_is_not_repeated(server, tmp_path):
    address, requests = server
    (tmp_path / "a.tar.gz.part").write_bytes(CONTENT)
    assert fetch(tmp_path, f"{address}/good") == CONTENT
    assert requests == []
    assert not (tmp_path / "a.tar.gz.part").exists()


def test_a_file_with_other_bytes_is_replaced(server, tmp_path):
    (tmp_path / "a.tar.gz").write_bytes(b"old")
    assert fetch(tmp_path, f"{server[0]}/moved") == CONTENT


def test_a_file_that_the_server_calls_encoded_is_kept_as_it_is(server, tmp_path):
    packed = gzip.compress(CONTENT, mtime=0)
    sha = hashlib.sha256(packed).hexdigest()
    path = download.fetch([f"{server[0]}/encoded"], tmp_path / "a.tar.gz", sha, "fetch it by hand")
    assert path.read_bytes() == packed


def test_two_at_once_download_once(server, tmp_path):
    address, requests = server
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(fetch, tmp_path, f"{address}/good") for _ in range(2)]
        assert all(b.result() == CONTENT for b in both)
    assert len(requests) == 1


def test_every_mirror_has_its_say(server, tmp_path):
    address, _ = server
    with pytest.raises(DownloadFailed) as caught:
        fetch(tmp_path, "http://127.0.0.1:9/x", f"{address}/gone", f"{address}/page")
    said = str(caught.value)
    assert said.startswith("downloading a.tar.gz: http://127.0.0.1:9/x: ConnectError (")
    assert said.endswith(
        f"after 0 bytes / {address}/gone: HTTP 404 / {address}/page: it answered with a web page; fetch it by hand"
    )
    assert "\n" not in said


def test_a_full_disk_says_so_and_the_transfer_goes_on_later(server, tmp_path):
    address, requests = server
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
    try:
        with pytest.raises(StoreFailed, match=r"no space left .*; free some, or set WGBENCH_CACHE to a folder on a la"):
            fetch(tmp_path, f"{address}/good")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    got = (tmp_path / "a.tar.gz.part").stat().st_size
    assert 0 < got <= 200_000
    assert fetch(tmp_path, f"{address}/good") == CONTENT
    assert requests[-1] == ("/good", f"bytes={got}-")


def test_without_a_checksum_nothing_is_no_file(server, tmp_path):
    with pytest.raises(DownloadFailed, match="it answered with nothing; by hand"):
        download.fetch([f"{server[0]}/nothing"], tmp_path / "a.csv", None, "by hand")
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv.lock"]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("page", "it answered with a web page"),
        ("disguised", "it answered with a web page"),
        ("other", "the bytes are not"),
    ],
)
def test_pages_and_other_files_are_refused(server, tmp_path, path, said):
    address, _ = server
    with pytest.raises(DownloadFailed, match=said):
        fetch(tmp_path, f"{address}/{path}")
    assert not (tmp_path / "a.tar.gz").exists()
    assert fetch(tmp_path, f"{address}/good") == CONTENT


def packed(path, kind, name):
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as z:
            z.writestr(name, "x")
    else:
        with tarfile.open(path, "w:gz") as t:
            info = tarfile.TarInfo(name)
            info.size = 1
            t.addfile(info, io.BytesIO(b"x"))


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_archives_stay_in_their_folder(tmp_path, kind):
    packed(tmp_path / "good", kind, "inner/file.txt")
    download.extract(tmp_path / "good", tmp_path / "out")
    assert (tmp_path / "out" / "inner" / "file.txt").read_text() == "x"
    packed(tmp_path / "bad", kind, "../escaped.txt")
    with pytest.raises(BadData, match=r"archive bad: .*\.\./escaped\.txt.* outside .*; delete it, get it again"):
        download.extract(tmp_path / "bad", tmp_path / "out2")
    assert not (tmp_path / "escaped.txt").exists()
    assert not (tmp_path / "out2").exists()


def big(kind):
    """An archive of one member that does not compress, as bytes."""
    content = b"".join(hashlib.sha256(bytes([i, j])).digest() for i in range(256) for j in range(16))
    file = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as z:
            z.writestr("file.bin", content)
    else:
        with tarfile.open(fileobj=file, mode="w:gz") as t:
            info = tarfile.TarInfo("file.bin")
            info.size = len(content)
            t.addfile(info, io.BytesIO(content))
    return bytearray(file.getvalue())


def cut(archive):
    return archive[: len(archive) // 2]


def flipped(archive):
    archive[len(archive) // 2] ^= 0xFF
    return archive


def ends_wrong(archive):
    archive[-8:-4] = b"\0\0\0\0"  # the checksum of a gzip file
    return archive


def scrambled(archive):
    archive[60:4000:7] = bytes(len(range(60, 4000, 7)))
    return archive


@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize("damage", [cut, flipped, ends_wrong, scrambled])
def test_a_damaged_archive_leaves_nothing(tmp_path, kind, damage):
    archive = tmp_path / "archive"
    archive.write_bytes(damage(big(kind)))
    with pytest.raises(BadData, match=r"archive archive: it cannot be unpacked \(.*\); delete it, get it again"):
        download.extract(archive, tmp_path / "out")
    assert {p.name for p in tmp_path.iterdir()} == {"archive", "out.lock"}


def test_a_killed_extraction_is_cleared_away_and_a_complete_one_kept(tmp_path):
    packed(tmp_path / "a", "tar", "file.txt")
    (tmp_path / ".out.12345").mkdir()
    download.extract(tmp_path / "a", tmp_path / "out")
    (tmp_path / "out" / "file.txt").write_text("mine")
    download.extract(tmp_path / "a", tmp_path / "out")
    assert (tmp_path / "out" / "file.txt").read_text() == "mine"
    assert {p.name for p in tmp_path.iterdir()} == {"a", "out", "out.lock"}


def test_a_file_where_a_folder_belongs_is_named(tmp_path):
    (tmp_path / "cache").write_text("")
    with pytest.raises(StoreFailed, match=r"a file lies where a folder belongs; move it"):
        download.fetch(["http://127.0.0.1:9/x"], tmp_path / "cache" / "a.tar.gz", SHA, "by hand")

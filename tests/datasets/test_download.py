"""Downloads against a server on this machine: mirrors, resume, pages instead of files, archives that lead outside."""

import hashlib
import http.server
import io
import tarfile
import threading
import zipfile

import pytest

from wgbench.datasets import download
from wgbench.errors import BadData, DownloadFailed

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
            elif self.path == "/gone":
                self.send_error(404)
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

        def _send(self, body, kind, sent=False):
            if not sent:
                self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    serving = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=serving.serve_forever, daemon=True).start()
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
    with pytest.raises(BadData, match="outside"):
        download.extract(tmp_path / "bad", tmp_path / "out2")
    assert not (tmp_path / "escaped.txt").exists()
    assert not (tmp_path / "out2").exists()


def test_a_truncated_archive_leaves_nothing(tmp_path):
    packed(tmp_path / "a.tar.gz", "tar", "file.txt")
    (tmp_path / "a.tar.gz").write_bytes((tmp_path / "a.tar.gz").read_bytes()[:40])
    with pytest.raises(BadData, match="cannot be unpacked"):
        download.extract(tmp_path / "a.tar.gz", tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["a.tar.gz"]

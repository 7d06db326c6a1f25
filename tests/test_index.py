"""The cache of texts: it finds what was kept, and whatever is wrong with it is as if nothing had been."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest

from wgbench import index
from wgbench.index import Index

SOME = {f"key {i}": f"text {i}" for i in range(40)}


@pytest.fixture
def kept(tmp_path):
    found = Index(tmp_path / "deep" / "index.sqlite", "1")
    found.keep(SOME)
    return found


def test_what_was_kept_is_found_and_the_newest_of_a_key(kept):
    assert kept.recall([*SOME, "other"]) == SOME
    kept.keep({"key 3": "changed"})
    assert Index(kept.path, "1").recall(["key 3", "key 4"]) == {"key 3": "changed", "key 4": "text 4"}


def test_another_age_finds_nothing_and_forgets_what_was_before_when_it_keeps(kept):
    newer = Index(kept.path, "2")
    assert newer.recall(SOME) == {}
    assert kept.recall(["key 1"]) == {"key 1": "text 1"}
    newer.keep({"key 1": "new"})
    assert (newer.recall(SOME), kept.recall(SOME)) == ({"key 1": "new"}, {})


def test_nothing_is_made_where_nothing_is_kept(tmp_path):
    empty = Index(tmp_path / "index.sqlite", "1")
    assert empty.recall(["a"]) == {}
    empty.keep({})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content", [b"", b"no database at all, but long enough to be looked at" * 9, b"SQLite format 3\0"]
)
def test_a_file_that_is_none_is_as_nothing_and_made_anew(content, kept):
    kept.path.write_bytes(content)
    assert kept.recall(SOME) == {}
    kept.keep(SOME)
    assert kept.recall(SOME) == SOME


def test_a_cut_file_is_made_anew(kept):
    whole = kept.path.read_bytes()
    kept.path.write_bytes(whole[: len(whole) // 2])
    assert set(kept.recall(SOME).items()) <= set(SOME.items())
    kept.keep(SOME)
    kept.keep(SOME)
    assert kept.recall(SOME) == SOME


def test_a_text_that_changed_on_the_disk_is_not_given_out(kept):
    damaged = kept.path.read_bytes().replace(b"text 7", b"text 8")
    kept.path.write_bytes(damaged)
    assert kept.recall(SOME) == {k: v for k, v in SOME.items() if k != "key 7"}


def test_what_cannot_be_written_is_not_kept(kept, tmp_path, monkeypatch):
    in_the_way = tmp_path / "file"
    in_the_way.write_text("x")
    Index(in_the_way / "index.sqlite", "1").keep(SOME)
    Index(tmp_path, "1").keep(SOME)  # a folder
    assert Index(tmp_path, "1").recall(SOME) == {}
    monkeypatch.setattr(index, "PATIENCE", 0.01)
    with sqlite3.connect(kept.path, isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        kept.keep({"late": "text"})
        assert kept.recall(SOME) == {}
        other.execute("ROLLBACK")
    other.close()
    assert kept.recall([*SOME, "late"]) == SOME


def test_many_at_once_lose_nothing(tmp_path):
    path = tmp_path / "index.sqlite"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda item: Index(path, "1").keep(dict([item])), SOME.items()))
    assert Index(path, "1").recall(SOME) == SOME

"""Run folders on a bad disk: training goes on to the same end, or one line says what to delete."""

import json

import pytest
from hostility import broken, changed, property_of, survives, written
from hypothesis import strategies as st
from test_runs import Stop, interrupt_at, outcome

from wgbench import runs
from wgbench.launch import work
from wgbench.launch.speed import Speeds, brief, reached
from wgbench.results.finished import read_run


def files(path):
    return {file.name: file.read_bytes() for file in path.iterdir() if file.name != "lock"}


def counts(run):
    """What a run counted, and where it diverged."""
    splits = {name: getattr(run.curves, name) for name in ("train", "val", "test")}
    counted = ("correct", "class_correct", "acc_correct", "predicted")
    found = {split: [getattr(of, name).tolist() for name in counted] for split, of in splits.items()}
    return run.curves.diverged_at, found


def lay(path, content):
    """Make a folder hold these files and no others."""
    for file in path.iterdir():
        if file.name not in content and file.name != "lock":
            file.unlink()
    for name, data in content.items():
        (path / name).write_bytes(data)


@pytest.mark.parametrize("name", ["gdro", "jtt"])
@property_of(data=st.data(), share=0.3)
def test_an_interrupted_run_with_broken_files_ends_as_it_should_or_says_why(name, data, toy_cell, job):
    options = {"epochs": 12} if name == "jtt" else {}
    cell = toy_cell(name, **options)
    whole, torn = job(cell, "whole"), job(cell, "torn")
    path, kept = runs.folder(torn.store, cell), whole.store / "interrupted"
    if not kept.exists():
        work.run(whole)
        with pytest.raises(Stop):
            work.run(torn, interrupt_at(10, stage=2 if options else 1))
        kept.mkdir()
        lay(kept, files(path))
    content = files(kept)
    for one in data.draw(st.lists(st.sampled_from(sorted(content)), min_size=1, max_size=2, unique=True)):
        content[one] = data.draw(broken(content[one]))
    lay(path, content)
    survives(work.run, torn)
    if runs.finished(path):
        assert outcome(torn) == outcome(whole)


@property_of(data=st.data(), share=0.8)
def test_a_finished_run_with_broken_files_is_read_or_refused(data, toy_cell, job):
    done = job(toy_cell("gdro"))
    path, kept = runs.folder(done.store, done.cell), done.store / "done"
    if not kept.exists():
        work.run(done)
        kept.mkdir()
        lay(kept, files(path))
    content = files(kept)
    one = data.draw(st.sampled_from(sorted(content)))
    if one.endswith(".json") and data.draw(st.booleans()):
        content[one] = written(data.draw(changed(json.loads(content[one]))))
    else:
        content[one] = data.draw(broken(content[one]))
    lay(path, content)
    found = survives(read_run, done.store, done.cell)
    if found is not None and one == runs.CURVES:
        lay(path, files(kept))
        assert counts(found) == counts(read_run(done.store, done.cell))
    survives(reached, path)
    survives(Speeds(done.store).left, brief(done.cell))

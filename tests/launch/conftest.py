"""Comparing runs that different launchers made."""

import json

import pytest

from wgbench import runs


@pytest.fixture
def outcome():
    """What a run comes to, without what depends on the clock: curves, model digest, predictions."""

    def read(job):
        found = {}
        for cell in job.cells:
            path = runs.folder(job.store, cell)
            lines = [{k: v for k, v in x.items() if k != "seconds"} for x in runs.read_lines(path / runs.CURVES)]
            result = {k: v for k, v in runs.read_json(path / runs.RESULT).items() if k != "seconds"}
            found[cell.id] = (json.dumps(lines), result, (path / runs.PREDICTIONS).read_bytes())
        return found

    return read

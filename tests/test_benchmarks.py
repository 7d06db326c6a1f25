"""What the benchmarks compute from their measurements; nothing is timed here."""

import argparse
import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import throughput

SEEN = {"S0": [4.0, 6.0, 9.0], "S2": [2.0, 2.0, 2.0], "S6": [4.0, 4.0, 3.0], "Sinf": [1.0, 1.0, 1.0]}


def answers():
    fixed = {"reads": 7, "memory": 100, "prepared": 0.0, "loss": 0.5}
    return {name: [{"seconds": s, "cpu_seconds": 2 * s, **fixed} for s in row] for name, row in SEEN.items()}


def test_ratios_are_medians_over_rounds_and_count_every_cell(monkeypatch):
    row = throughput.row("S6", answers(), answers()["S6"][0], {"S6": 2}, visited=120)
    assert (row["x S0"], row["x S2"], row["share of Sinf"]) == (3.0, 1.0, 0.5)  # rounds: 2, 3, 6; 1, 1, 4/3; 1/2 ...
    assert (row["images/s"], row["core s"], row["x S0 in core s"]) == (60.0, 4.0, 3.0)
    monkeypatch.delitem(SEEN, "S0")
    assert throughput.row("S2", answers(), answers()["S2"][0], {"S2": 1}, 120)["x S0"] is None


def test_systems_that_compute_something_else_are_not_reported():
    throughput.check({"S0": 0.5, "S3": 0.5005, "S5": 0.51, "Sinf": 99.0})
    with pytest.raises(SystemExit, match=r"S3 has a loss of 0\.52000"):
        throughput.check({"S0": 0.5, "S3": 0.52})


def test_what_a_machine_lacks_is_named():
    asked = argparse.Namespace(device="cpu", compile=False, cells=0, systems="")
    names, left_out = throughput.systems(asked, bf16=False)
    assert list(names) == ["S0", "S1", "S2", "S3", "S6", "Sinf"]
    assert set(left_out) == {"S4", "S5", "S5c"}
    asked.device = "cuda"
    names, left_out = throughput.systems(asked, bf16=True)
    assert (len(names), names["S6"], left_out) == (9, 2, {})


def test_another_resolution_stays_in_the_file(tmp_path):
    throughput.keep(tmp_path / "results" / "x.json", {"224 px": 1, "64 px": 2})
    throughput.keep(tmp_path / "results" / "x.json", {"64 px": 3})
    assert json.loads((tmp_path / "results" / "x.json").read_text()) == {"224 px": 1, "64 px": 3}

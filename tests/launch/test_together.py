"""Which cells are trained together: decided by the request alone, and said in the mode."""

from dataclasses import dataclass, replace

import pytest

from wgbench import algorithms, planning, protocol, runs
from wgbench.algorithms.base import Algorithm
from wgbench.launch import job as jobs
from wgbench.request import Request
from wgbench.results import schema

DIGITS = Request("gdro", "colored-digits")


def planned(request):
    (made,) = planning.jobs([request])
    return made.jobs


def named(job):
    return [(cell.algorithm.name, cell.seed, cell.weight_decay) for cell in job.cells]


def test_the_full_protocol_is_four_programs_whatever_the_processes():
    one, many = (jobs.together(planned(replace(DIGITS, jobs=n))) for n in (1, 8))
    assert [named(j) for j in one] == [named(j) for j in many]
    assert [len(j.cells) for j in one] == [10, 10, 5, 5]  # 25 cells, and ERM's without weight decay
    assert {tuple(cell.id for cell in j.cells) for j in one} == {j.group for j in one}
    assert all(cell.mode.vectorized for j in one for cell in j.cells)
    seeds = (2002, 2022, 2042, 2062, 2082)
    assert named(one[0]) == [("gdro", seed, wd) for wd in (0.0, 0.003) for seed in seeds]
    assert {name for name, *_ in named(one[-1])} == {"erm"}


def test_a_narrowed_request_fills_its_programs_too():
    (own,) = jobs.together(planned(replace(DIGITS, seeds=(7,), baseline=False)))
    assert [wd for _, _, wd in named(own)] == [0.0, 0.003, 0.05, 0.1, 0.3]


def test_cells_that_are_done_drop_out_and_leave_the_other_programs_alone():
    every = planned(DIGITS)
    rest = jobs.together(every[2:])
    assert [len(j.cells) for j in rest] == [8, 10, 5, 5]
    assert [j.group for j in rest] == [j.group for j in jobs.together(every)]


@dataclass(frozen=True)
class Single(Algorithm):
    """Does not vectorise."""

    vectorizes = False


@pytest.mark.parametrize(
    "request_",
    [
        replace(DIGITS, vectorize="off"),
        replace(DIGITS, backbone="cnn"),
        replace(DIGITS, algorithm="single"),
    ],
    ids=["off", "convolutions", "algorithm"],
)
def test_others_are_trained_one_at_a_time(request_):
    algorithms.register("single", Single)
    made = planned(replace(request_, baseline=False))
    assert not any(job.cell.mode.vectorized for job in made)
    assert [j.cells for j in jobs.together(made)] == [(j.cell,) for j in made]


def test_the_mode_is_a_part_of_the_id_and_one_at_a_time_is_what_it_was():
    together, alone = planned(DIGITS)[0].cell, planned(replace(DIGITS, vectorize="off"))[0].cell
    assert together.id != alone.id
    assert alone.model_copy(update={"mode": type(alone.mode)()}) == alone
    assert "--vectorize off" in replace(DIGITS, vectorize="off").command()
    assert "--vectorize" not in DIGITS.command()


def test_an_entry_says_what_each_cell_was_trained_with(tmp_path):
    request = Request(
        "gdro",
        "toy",
        seeds=(1, 2, 3, 4, 5, 6),
        weight_decays=(0.0, 0.1),
        epochs=12,
        jobs=1,
        store=tmp_path,
        baseline=False,
    )
    made = protocol.run(request)
    entry = schema.read(made.folder)
    assert entry.mode.vectorized
    every = [(seed, wd) for wd in (0.0, 0.1) for seed in request.seeds]
    first, second = tuple(every[:10]), tuple(every[10:])
    assert [cell.group for cell in entry.cells] == [first] * 10 + [second] * 2
    for job in planned(request):
        said = runs.read_json(runs.folder(tmp_path, job.cell) / runs.CELL)
        assert said["cell"]["mode"]["vectorized"] is True
        assert tuple(map(tuple, said["group"])) in (first, second)
    alone = schema.read(protocol.run(replace(request, vectorize="off", seeds=(1,))).folder)
    assert [cell.group for cell in alone.cells] == [(), ()]

"""What is told while cells run."""

import io

import pytest
from rich.console import Console

from wgbench.cli import progress as shown
from wgbench.launch.job import Progress


@pytest.fixture
def display(monkeypatch):
    """A display on a clock that the test moves: (display, tick, text)."""
    now = [100.0]
    monkeypatch.setattr(shown.time, "monotonic", lambda: now[0])
    made = shown.Display()
    out = io.StringIO()
    made.console = Console(file=out, width=200)

    def tick(cell, epoch, seconds):
        now[0] += seconds
        made.progress(Progress(cell.id, 1, epoch, cell.recipe.epochs, seconds, 0.5))

    return made, tick, out.getvalue


def test_a_slow_start_is_not_taken_for_a_long_run(display, toy_cell):
    made, tick, text = display
    cell = toy_cell(epochs=300)
    made.planned([cell], [cell])
    tick(cell, 1, 60.0)  # importing, preparing
    for epoch in range(2, 101):
        tick(cell, epoch, 0.1)
    assert "this will take" not in text()


def test_a_long_run_is_announced_once_with_what_shortens_it(display, toy_cell):
    made, tick, text = display
    cell = toy_cell(epochs=300)
    made.planned([cell], [cell])
    for epoch in range(1, 5):
        tick(cell, epoch, 10.0)
    assert text().count("this will take about 50 min; --seeds, --wd and --epochs narrow it") == 1


def test_finished_cells_are_counted(display, toy_cell):
    made, tick, text = display
    cells = [toy_cell(epochs=1, seed=s) for s in (1, 2, 3)]
    made.planned(cells, cells[1:])
    tick(cells[1], 1, 1.0)
    assert "1 of 3 cells are done already" in text()
    assert "[1/2] erm seed 2 wd 0: worst group 50.0%" in text()


def test_a_cell_that_goes_back_after_a_loss_is_counted_once(display, toy_cell):
    made, tick, text = display
    cells = [toy_cell(epochs=4, seed=s) for s in (1, 2)]
    made.planned(cells, cells)
    for epoch in (1, 2, 3, 4, 2, 3, 4):  # its worker was lost while it wrote its result
        tick(cells[0], epoch, 1.0)
    tick(cells[1], 3, 1.0)  # one report for several epochs, after it was half done
    tick(cells[1], 4, 1.0)
    assert made.done == 4 + 2
    assert [line.split()[0] for line in text().splitlines()] == ["erm", "[1/2]", "[2/2]"]

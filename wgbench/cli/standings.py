"""A board's table in the terminal, from the files that `leaderboard build` wrote."""

from pathlib import Path

from pydantic import ValidationError
from rich.table import Table
from rich.text import Text

from wgbench.errors import BadEntry
from wgbench.evaluation.written import percent, spread
from wgbench.options import first_problem
from wgbench.registry import normalise
from wgbench.results import board_folder
from wgbench.results.board import INDEX, Board, Index, Measured, Reported
from wgbench.results.lack import beside

COLUMNS = ("", "algorithm", "sees", "early", "selected", "final", "drop", "wd", "\N{NOT EQUAL TO}ERM", "level")
PLUS_MINUS = "+-"  # terminals of any encoding
WORDS = ("algorithm", "sees", "level")
LEGEND = (
    "first column: rank, of complete entries with a full replay; sees: splits whose group labels it trains on; "
    "+-: half a 95 % interval over seeds; drop: selected - final, where it interpolated; wd: final, mean over the "
    "grid of weight decays; \N{NOT EQUAL TO}ERM: examples predicted otherwise than by ERM with the same loss, on the "
    "group with most of them; level: how far the entry was checked and replayed"
)


def read(board: Path, dataset: str | None) -> list[Board]:
    """The boards of a folder, or those of one dataset; BadEntry where there are none."""
    remedy = f"run `wgbench leaderboard build --board {board}`"
    board_folder.require(board)
    if not (board / INDEX).exists():
        raise BadEntry(f"board {board}", "not built yet", remedy)
    try:
        listed = Index.model_validate_json((board / INDEX).read_bytes()).boards
        named = [line for line in listed if dataset is None or normalise(line.dataset) == normalise(dataset)]
        found = [Board.model_validate_json((board / Path(line.file).name).read_bytes()) for line in named]
    except ValidationError as problem:
        raise BadEntry(f"board {board}", first_problem(problem), remedy) from None
    except OSError as problem:
        raise BadEntry(f"board {board}", f"{problem.filename}: {problem.strerror}", remedy) from None
    if not found:
        names = ", ".join(line.dataset for line in listed) or "no dataset"
        raise BadEntry(f"board {board}", f"nothing of {dataset}", f"there is {names}")
    return found


def is_measured(board: Board) -> bool:
    """Whether it has more than what papers report."""
    return any(isinstance(row, Measured) for row in board.rows)


def table(board: Board) -> Table:
    """Ranked rows, others, and what papers report; in percent."""
    title = f"{board.dataset.name} v{board.dataset.version}: worst-group accuracy on test, % (rules {board.rules})"
    measured = [row for row in board.rows if isinstance(row, Measured)]
    legend = Text(LEGEND if measured else "nothing measured yet")
    made = Table(box=None, padding=(0, 1, 0, 0), title=title, title_justify="left", caption=legend)
    made.caption_justify = "left"
    for name in COLUMNS:
        widest = 14 if name == "algorithm" else None  # of one word: `logit-adjusted`
        made.add_column(name, justify="left" if name in WORDS else "right", overflow="fold", min_width=widest)
    networks = {row.backbone.name for row in measured}
    for row in board.rows:
        cells = _measured(row, several=len(networks) > 1) if isinstance(row, Measured) else _reported(row)
        made.add_row(*cells)
    return made


def _measured(row: Measured, *, several: bool) -> list[str]:
    scores = row.scores
    return [
        "" if row.rank is None else str(row.rank),
        named(row, several=several),
        sees(row) or "-",
        *(spread(scores[name], PLUS_MINUS) for name in ("wga_early", "wga_selected", "wga_final")),
        *(percent(score.mean if score else None) for score in (scores["overfit_drop"], scores["wd_mean"])),
        percent(row.erm_distance),
        row.verification.level,
    ]


def named(row: Measured, *, several: bool) -> str:
    """What a row is called; its network too where there are several. That it is partial is said, or tuned."""
    said = ("" if row.tuning == "default" else row.tuning, beside(row.partial, row.apart))
    return ", ".join([row.name + (f" on {row.backbone.name}" if several else ""), *filter(None, said)])


def sees(row: Measured) -> str:
    """The splits whose group or class labels it trains on; empty for none."""
    return "+".join(dict.fromkeys(need.partition("_")[0] for need in row.algorithm.needs))


def _reported(row: Reported) -> list[str]:
    decay = f", wd {row.weight_decay:g}" if row.weight_decay else ""
    worst = spread(row.wga, PLUS_MINUS)
    early, final = (worst, "") if row.early else ("", worst)
    return ["", row.algorithm + decay, "", early, "", final, "", "", "", row.source]

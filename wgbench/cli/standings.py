"""A board's table in the terminal, from the files that `leaderboard build` wrote."""

from pathlib import Path

from pydantic import ValidationError
from rich.table import Table
from rich.text import Text

from wgbench.errors import BadEntry
from wgbench.options import first_problem
from wgbench.registry import normalise
from wgbench.results.board import INDEX, Board, Index, Measured, Reported, Value
from wgbench.results.lack import OTHER_LOSS, badge

COLUMNS = ("", "algorithm", "sees", "early", "selected", "final", "drop", "wd", "\N{NOT EQUAL TO}ERM", "level")
WORDS = ("algorithm", "sees", "level")
LEGEND = (
    "first column: rank, of complete entries with a full replay; sees: group or class labels that it trains on; "
    "+-: half a 95 % interval over seeds; drop: selected - final, where it interpolated; wd: final, mean over the "
    "grid of weight decays; \N{NOT EQUAL TO}ERM: examples predicted otherwise than by ERM with the same loss, on the "
    "group with most of them; level: how far others have followed the entry"
)


def read(board: Path, dataset: str | None) -> list[Board]:
    """The boards of a folder, or those of one dataset; BadEntry where there are none."""
    remedy = f"run `wgbench leaderboard build --board {board}`"
    if not board.is_dir():
        raise BadEntry(f"board {board}", "no board there", "give the folder of one: --board FOLDER")
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
    networks = {row.backbone.model_dump_json() for row in measured}
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
        *(_shown(scores[name]) for name in ("wga_early", "wga_selected", "wga_final")),
        *(_plain(score.mean if score else None) for score in (scores["overfit_drop"], scores["wd_mean"])),
        _plain(row.erm_distance),
        row.verification.level,
    ]


def named(row: Measured, *, several: bool) -> str:
    """What a row is called; its network too where there are several. That it is partial is said, or tuned."""
    departs = badge(row.partial)
    said = ("" if row.tuning == "default" else row.tuning, "" if departs == OTHER_LOSS else departs)
    return ", ".join([row.name + (f" on {row.backbone.name}" if several else ""), *filter(None, said)])


def sees(row: Measured) -> str:
    """The splits whose group or class labels it trains on; empty for none."""
    return "+".join(dict.fromkeys(need.partition("_")[0] for need in row.algorithm.needs))


def _reported(row: Reported) -> list[str]:
    decay = f", wd {row.weight_decay:g}" if row.weight_decay else ""
    early, final = (_shown(row.wga), "") if row.early else ("", _shown(row.wga))
    return ["", row.algorithm + decay, "", early, "", final, "", "", "", row.source]


def _shown(value: Value | None) -> str:
    if value is None or value.low is None or value.high is None:
        return _plain(value.mean if value else None)
    return f"{100 * value.mean:.1f}+-{50 * (value.high - value.low):.1f}"


def _plain(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"

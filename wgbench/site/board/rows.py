"""From a board's rows to the cells of its tables: text, the number behind it, and where it sorts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from wgbench.config import slug
from wgbench.results.board import LEVELS, Board, Measured, Reported, Value
from wgbench.results.lack import beside, lack, narrowed
from wgbench.results.reference import erm_final
from wgbench.site.board import numbers, words

INTERVALS = ("wga_early", "wga_selected", "wga_final")  # drawn as small bars
BARE = "none beyond labels"
UNFITTED = "none: the training set was not fitted by half of the horizon"
Bar = tuple[float, float, float]


@dataclass(frozen=True)
class Cell:
    """A cell: `value` is what it sorts by (None: last), `bar` a mean with its interval to be drawn from 0 to 1."""

    text: str
    value: float | str | None = None
    small: str = ""
    title: str = ""
    bar: Bar | None = None
    key: str = ""

    @property
    def data(self) -> str:
        """`value` as an attribute; empty for none."""
        if self.value is None:
            return ""
        return self.value if isinstance(self.value, str) else numbers.exact(self.value)

    @property
    def is_text(self) -> bool:
        """Whether it sorts as text."""
        return isinstance(self.value, str)


@dataclass(frozen=True)
class Line:
    """A measured row: its cells by column, and what the filters ask for."""

    row: Measured
    cells: tuple[Cell, ...]
    href: str
    search: str

    @property
    def variant(self) -> str:
        """What tells it apart from other rows of its algorithm: `loss squared`."""
        return ", ".join(self.row.apart)

    @property
    def badge(self) -> str:
        """`partial`, or which setting is not the dataset's own; without those that `variant` tells."""
        return beside(self.row.partial, self.row.apart)

    @property
    def lacks(self) -> str:
        """What a partial entry departs in, without the values: `seeds, epochs`; empty for other ones."""
        return ", ".join(lack(line).short for line in self.row.partial) if narrowed(self.row.partial) else ""

    @property
    def needs(self) -> str:
        """The supervision, as the filter names it."""
        return supervision(self.row.algorithm.needs)

    @property
    def level(self) -> int:
        """How far it is verified, from 0."""
        return LEVELS.index(self.row.verification.level)


@dataclass(frozen=True)
class Kept:
    """A row of the overview: selected and final score, and that of its ERM at the end (None: unknown)."""

    name: str
    selected: float
    final: float
    erm: float | None


def measured(board: Board) -> list[Line]:
    """The measured rows in the board's order."""
    rows = [row for row in board.rows if isinstance(row, Measured)]
    return [_line(row) for row in rows]


def reported(board: Board) -> list[tuple[Cell, ...]]:
    """The reported rows, as cells."""
    return [_reported(row) for row in board.rows if isinstance(row, Reported)]


def leaders(board: Board) -> list[Measured]:
    """The first of each network, in the board's order."""
    return [row for row in board.rows if isinstance(row, Measured) and row.rank == 1]


def highest(board: Board) -> Measured | None:
    """The measured row with the highest final score, ranked or not."""
    scored = [(row.scores["wga_final"], row) for row in board.rows if isinstance(row, Measured)]
    return max(((value.mean, row) for value, row in scored if value), key=lambda pair: pair[0], default=(0, None))[1]


def overview(lines: Sequence[Line]) -> list[Kept]:
    """Of the rows that have a selected and a final score, in order; ERM's final score beside each."""
    baselines = {line.row.baseline for line in lines}
    found = []
    for row in (line.row for line in lines):
        selected, final, above = (row.scores[name] for name in ("wga_selected", "wga_final", "erm_excess_final"))
        if selected and final:
            erm = erm_final(final.mean, above.mean if above else None, is_baseline=row.id in baselines)
            found.append(Kept(_short(row.name), selected.mean, final.mean, erm))
    return found


def file_of(identity: str) -> str:
    """The file of an entry's page, beside its dataset's."""
    return f"entry-{slug(identity)}.html"


def supervision(needs: Iterable[str]) -> str:
    """Supervision in words."""
    return ", ".join(words.SUPERVISION.get(need, need) for need in needs) or BARE


def bar(value: Value) -> Bar:
    """What is drawn of a score: mean, and the interval as far as it lies within 0 and 1."""
    low, high = (value.mean if end is None else end for end in (value.low, value.high))
    return value.mean, max(0.0, low), min(1.0, high)


def _short(name: str, most: int = 28) -> str:
    """A name that fits beside a figure."""
    return name if len(name) <= most else f"{name[: most - 1]}\N{HORIZONTAL ELLIPSIS}"


def _line(row: Measured) -> Line:
    cells = tuple(_cell(row, column.key) for column in words.COLUMNS)
    searched = (row.name, row.backbone.name, row.loss.name, row.note, row.submitter, row.id)
    return Line(row, cells, file_of(row.id), " ".join(searched).lower())


def _cell(row: Measured, key: str) -> Cell:
    if key in row.scores:
        return _score(row.scores[key], key)
    needs = supervision(row.algorithm.needs)
    level, band, of = row.verification.level, row.wd_band, row.wd_band_of
    network, start = row.backbone.name, row.backbone.start
    per_example = row.backbone.parameters_per_example
    cells = {
        "rank": Cell(str(row.rank or numbers.DASH), row.rank, title=row.unranked or ""),
        "algorithm": Cell(row.algorithm.name, row.algorithm.name),
        "needs": Cell(needs if row.algorithm.needs else "none", needs),
        "network": Cell(network, network, title=start),
        "wd_band": Cell(numbers.DASH if band is None else f"{band} of {of}", band),
        "erm_distance": Cell(numbers.percent(row.erm_distance), row.erm_distance),
        "tuning": Cell(row.tuning, row.tuning),
        "level": Cell(level, LEVELS.index(level), title=words.LEVELS[level]),
        "cost": Cell(numbers.duration(row.cost.seconds), row.cost.seconds, title=row.cost.device),
        "parameters": Cell(numbers.ratio(per_example), per_example, title=numbers.exact(per_example)),
    }
    cell = cells[key]
    return Cell(cell.text, cell.value, cell.small, cell.title, key=key)


def _score(value: Value | None, key: str) -> Cell:
    word = words.SCORES[key]
    if value is None:
        return Cell(numbers.DASH, title=f"{word.label}: {UNFITTED if key == 'overfit_drop' else 'none'}", key=key)
    half = numbers.half(value, word.unit)
    drawn = bar(value) if key in INTERVALS else None
    text, title = numbers.shown(value.mean, word.unit), f"{word.label}: {numbers.told(value, word.unit)}"
    return Cell(text, value.mean, f"± {half}" if half else "", title, drawn, key)


def _reported(row: Reported) -> tuple[Cell, ...]:
    inferred = "inferred, not stated by the source" if row.inferred else ""
    when = "early window" if row.early else "last epochs"
    return (
        Cell(row.algorithm, row.algorithm, key="algorithm"),
        Cell(row.source, row.source, key="source"),
        Cell(f"{row.weight_decay:g}{' (inferred)' if inferred else ''}", row.weight_decay, title=inferred),
        Cell(when, when, key="when"),
        _plain(row.train_acc, "train_acc"),
        _plain(row.wga, "wga"),
    )


def _plain(value: Value, key: str) -> Cell:
    half = numbers.half(value)
    drawn = bar(value) if key == "wga" else None
    text = numbers.percent(value.mean)
    return Cell(text, value.mean, f"± {half}" if half else "", numbers.told(value), drawn, key)

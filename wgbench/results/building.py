"""From a board's entries and replays to its JSON files: nothing else goes in, so that anybody can build them again."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from wgbench.config import RULES, slug
from wgbench.datasets.base import Dataset
from wgbench.disk import write_whole, writing
from wgbench.errors import BadEntry
from wgbench.results import board, reported, schema
from wgbench.results.board_folder import RESULTS
from wgbench.results.board_rows import Placed, measured, published
from wgbench.results.checking import check_board, one_by_one
from wgbench.results.known import Known, known, named
from wgbench.results.labels import apart, distinct
from wgbench.results.remembered import Remembering
from wgbench.results.trust import OURS
from wgbench.results.verify import recorded


def boards(entries: Iterable[Placed]) -> dict[str, board.Board]:
    """Boards by the name of their file, in alphabetical order; datasets that papers report have one in any case."""
    by_dataset: dict[tuple[str, int], list[Placed]] = {}
    for placed in entries:
        by_dataset.setdefault((placed.entry.dataset.name, placed.entry.dataset.version), []).append(placed)
    for name in dict.fromkeys(row.dataset for row in reported.rows()):
        if (dataset := named(name)) is not None:
            by_dataset.setdefault((name, dataset.version), [])
    files = {f"{slug(name)}-v{version}.json": (name, version) for name, version in by_dataset}
    return {file: _board(*files[file], by_dataset[files[file]]) for file in sorted(files)}


def index(made: Mapping[str, board.Board]) -> board.Index:
    """The list of boards."""
    return board.Index(schema=1, rules=RULES, boards=tuple(_listed(file, b) for file, b in made.items()))


def read(where: Path, cache: Path | None = None, processes: int = 1) -> list[Placed]:
    """The entries of a board's folder; BadEntry if anything is wrong with one of them.

    Levels are those that anybody's machine reaches: without the data, and without other people's plug-ins. What was
    checked before and has not changed is remembered in `cache`, where that is given; the rest is shared out to
    processes, which import the main module: a program that asks for several starts under `if __name__ == "__main__"`.
    """
    found = []
    each = one_by_one if cache is None else Remembering(cache, processes)
    for report in check_board(where, trust=OURS, each=each):
        if report.level is None or report.entry is None:
            remedy = f"`wgbench leaderboard check {where}` lists everything that is wrong"
            raise BadEntry(f"entry {report.name}", report.problems[0], remedy)
        found.append(Placed(report.entry, report.name, report.level, recorded(where, report.entry)))
    return found


def placed(where: Path, levels: Mapping[str, board.Level]) -> list[Placed]:
    """The entries of a board's folder as they are, with levels by path; BadEntry for one that cannot be read."""
    found = []
    for path in sorted((where / RESULTS).glob(f"*/*/*/*/{schema.ENTRY}")):
        folder = path.parent
        entry, at = schema.read(folder), folder.relative_to(where).as_posix()
        found.append(Placed(entry, at, levels.get(at, "schema"), recorded(where, entry)))
    return found


def write(where: Path, made: Mapping[str, board.Board]) -> list[Path]:
    """Write the boards and their index where they changed; all files that belong there."""
    contents = {**{file: b.to_json() for file, b in made.items()}, board.INDEX: index(made).to_json()}
    with writing(where, "or build a copy of the board with --board"):
        where.mkdir(parents=True, exist_ok=True)
        for file, text in contents.items():
            if not (where / file).is_file() or (where / file).read_bytes() != text.encode():
                write_whole(where / file, text.encode())
    return [where / file for file in contents]


def _board(name: str, version: int, entries: list[Placed]) -> board.Board:
    own = sorted(_named([measured(p) for p in entries], [p.entry for p in entries]), key=_order)
    rows: list[board.Measured | board.Reported] = [*_ranked(own)]
    rows += [published(row) for row in reported.rows() if row.dataset == name]
    return board.Board(schema=1, rules=RULES, dataset=_ground(name, version, entries), rows=tuple(rows))


def _named(rows: list[board.Measured], entries: list[schema.Entry]) -> list[board.Measured]:
    """Rows with names that differ among those of one network."""
    found = {}
    for network in dict.fromkeys(entry.backbone.name for entry in entries):
        held = [i for i, entry in enumerate(entries) if entry.backbone.name == network]
        its = [entries[i] for i in held]
        for i, label, own in zip(held, distinct(its), apart(its), strict=True):
            found[i] = rows[i].model_copy(update={"label": label, "apart": own})
    return [found[i] for i in range(len(rows))]


def _ground(name: str, version: int, entries: list[Placed]) -> board.Ground:
    """The dataset as it is registered, else as its first entry describes it."""
    dataset = named(name)
    if dataset is None or dataset.version != version:
        stated = entries[0].entry.dataset
        return board.Ground(**{k: getattr(stated, k) for k in ("name", "version", "group_names", "classes", "counts")})
    return board.Ground(
        name=name,
        version=version,
        group_names=dataset.group_names,
        classes=dataset.classes,
        counts=_counts(dataset, entries),
        source=dataset.source,
        licence=dataset.licence,
        citation=dataset.citation,
    )


def _counts(dataset: Dataset, entries: list[Placed]) -> dict[str, dict[str, Any]]:
    """What a dataset promises of its default options; else what an entry with these has; else its sizes alone."""
    if promised := Known(dataset, default=True).counts:
        return promised
    for one in entries:
        found = known(one.entry.dataset, OURS)
        if found is not None and found.default:
            return dict(one.entry.dataset.counts)
    return {split: {"n": n} for split, n in dataset.sizes.items()}


def _order(row: board.Measured) -> tuple[Any, ...]:
    """Rows to be ranked first; better ones first; then by name and id, so that the order is always the same."""
    final = row.scores["wga_final"]
    return row.unranked is not None, -(final.mean if final else -1.0), row.algorithm.name, row.id


def _ranked(rows: list[board.Measured]) -> list[board.Measured]:
    """Ordered rows with their ranks: one more than the rows of the same network that are better."""
    finals: dict[str, list[float]] = {}
    for row in rows:
        if not row.unranked:
            finals.setdefault(row.backbone.canonical(), []).append(-_final(row))  # in ascending order, as rows are
    return [
        row
        if row.unranked
        else row.model_copy(update={"rank": 1 + bisect_left(finals[row.backbone.canonical()], -_final(row))})
        for row in rows
    ]


def _final(row: board.Measured) -> float:
    score = row.scores["wga_final"]
    return score.mean if score else -1.0


def _listed(file: str, made: board.Board) -> board.Listed:
    own = [row for row in made.rows if isinstance(row, board.Measured)]
    return board.Listed(
        file=file,
        dataset=made.dataset.name,
        version=made.dataset.version,
        ranked=sum(row.rank is not None for row in own),
        measured=len(own),
        reported=len(made.rows) - len(own),
    )

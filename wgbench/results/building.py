"""From a board's entries and replays to its JSON files: nothing else goes in, so that anybody can build them again."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wgbench import algorithms
from wgbench.config import RULES, slug
from wgbench.disk import write_whole, writing
from wgbench.errors import BadEntry
from wgbench.evaluation.scores import Agreement, DecayPoint, Score
from wgbench.results import board, reported, schema
from wgbench.results.checking import check, check_board
from wgbench.results.known import Known, known, named
from wgbench.results.labels import apart, distinct
from wgbench.results.lack import badge
from wgbench.results.partial import default_options
from wgbench.results.remembered import Remembering
from wgbench.results.trust import OURS
from wgbench.results.verify import Verification, recorded

RESULTS = "results"
BY_HAND = "set by hand"


@dataclass(frozen=True)
class Placed:
    """An entry of a board: where it lies, relative to the board, and what was recorded of replays."""

    entry: schema.Entry
    path: str
    level: board.Level  # without replays
    replayed: Verification | None


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


def read(where: Path, cache: Path | None = None) -> list[Placed]:
    """The entries of a board's folder; BadEntry if anything is wrong with one of them.

    Levels are those that anybody's machine reaches: without the data, and without other people's plug-ins. What was
    checked before and has not changed is remembered in `cache`, where that is given.
    """
    found = []
    for report in check_board(where, trust=OURS, one=check if cache is None else Remembering(cache)):
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
    with writing(where):
        where.mkdir(parents=True, exist_ok=True)
        for file, text in contents.items():
            if not (where / file).is_file() or (where / file).read_bytes() != text.encode():
                write_whole(where / file, text.encode())
    return [where / file for file in contents]


def _board(name: str, version: int, entries: list[Placed]) -> board.Board:
    measured = sorted(_named([_measured(p) for p in entries], [p.entry for p in entries]), key=_order)
    rows: list[board.Measured | board.Reported] = [*_ranked(measured)]
    rows += [_reported(row) for row in reported.rows() if row.dataset == name]
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
    counts = {
        split: {"total": list(total), "n": dataset.sizes.get(split, sum(total))}
        for split, total in dataset.counts.items()
    }
    return board.Ground(
        name=name,
        version=version,
        group_names=dataset.group_names,
        classes=dataset.classes,
        counts=counts or (entries[0].entry.dataset.counts if entries else {}),
        source=dataset.source,
        licence=dataset.licence,
        citation=dataset.citation,
    )


def _measured(placed: Placed) -> board.Measured:
    entry, scores = placed.entry, placed.entry.scores
    found, verification = known(entry.dataset, OURS), _verification(placed)
    return board.Measured(
        rank=None,
        unranked=_unranked(entry, verification),
        id=entry.id,
        path=placed.path,
        algorithm=entry.algorithm,
        backbone=entry.backbone,
        loss=entry.loss,
        epochs=entry.recipe.epochs,
        recipe=_recipe(entry, found),
        mode=entry.mode,
        seeds=entry.protocol.seeds,
        weight_decays=entry.protocol.weight_decays,
        tuning=_tuning(entry, found),
        partial=entry.partial,
        scores={name: _value(getattr(scores, name)) for name in board.SCORES},
        wd_curve=tuple(map(_point, scores.wd_curve)) if scores.wd_curve else None,
        wd_best_at=scores.wd_best_at,
        wd_band=scores.wd_band,
        wd_band_of=scores.wd_band_of,
        erm_agreement=_agreements(entry),
        erm_distance=_distance(scores.erm_agreement_final),
        weights_settle=entry.weights_settle,
        verification=verification,
        baseline=entry.baseline,
        cost=entry.cost,
        environment=_environment(entry.environment),
        command=entry.command,
        note=entry.note,
        submitter=entry.submitter,
        rules=entry.rules,
    )


def _unranked(entry: schema.Entry, verification: board.Verification) -> str | None:
    """What an entry lacks to be ranked."""
    if entry.partial:
        return badge(entry.partial)
    if entry.rules != RULES:
        return f"made under rules {entry.rules}"
    if entry.scores.wga_final is None:
        return "no final score"
    return None if verification.level == "full" else "no seed was replayed to the whole horizon"


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


def _verification(placed: Placed) -> board.Verification:
    if placed.replayed is None:
        return board.Verification(level=placed.level)
    return board.Verification(**placed.replayed.model_dump(exclude={"files"}))


def _recipe(entry: schema.Entry, found: Known | None) -> dict[str, Any] | None:
    """Fields of the recipe that are not the dataset's own."""
    if found is None:
        return None
    own, default = (r.model_dump(mode="json") for r in (entry.recipe, found.recipe))
    return {name: value for name, value in own.items() if value != default[name]}


def _tuning(entry: schema.Entry, found: Known | None) -> str:
    """How hyper-parameters were chosen; options that differ from the defaults without a search were set by hand."""
    if entry.tuning.configurations or found is None:
        return entry.tuning.label
    default = default_options(algorithms.registry, entry.algorithm.name, ours=True)
    default |= found.dataset.tuned.get(entry.algorithm.name, {})
    by_hand = any(default.get(name, value) != value for name, value in entry.algorithm.options.items())
    return BY_HAND if by_hand else entry.tuning.label


def _value(score: Score | None) -> board.Value | None:
    return board.Value(**score.model_dump(exclude={"per_seed"})) if score else None


def _point(point: DecayPoint) -> board.Point:
    return board.Point(
        weight_decay=point.weight_decay,
        train_acc=_value(point.train_acc),
        wga=_value(point.wga),
        interpolated=point.interpolated,
    )


def _agreements(entry: schema.Entry) -> tuple[board.Agreement, ...] | None:
    found = entry.scores.erm_agreement_final
    if found is None:
        return None
    named_groups = zip(entry.dataset.group_names, found, strict=True)
    return tuple(
        board.Agreement(group=group, agreement=_value(a.agreement), reference=a.reference) for group, a in named_groups
    )


def _distance(found: tuple[Agreement, ...] | None) -> float | None:
    """The largest share over groups on which final model and ERM of the same seed predict different classes."""
    known_groups = [a.agreement.mean for a in found or () if a.agreement is not None]
    return 1 - min(known_groups) if known_groups else None


def _environment(stated: Mapping[str, Any]) -> board.Environment:
    def text(value: Any) -> str | None:
        return value if isinstance(value, str) else None

    packages = stated.get("packages")
    torch = packages.get("torch") if isinstance(packages, dict) else None
    return board.Environment(
        torch=text(torch), **{name: text(stated.get(name)) for name in ("wgbench", "revision", "platform")}
    )


def _reported(row: reported.Reported) -> board.Reported:
    def value(mean: float, half: float) -> board.Value:
        return board.Value(mean=mean, low=round(mean - half, 6), high=round(mean + half, 6), n=row.n)

    return board.Reported(
        **row.model_dump(include={"source", "algorithm", "weight_decay", "early", "inferred"}),
        train_acc=value(row.train_acc, row.train_acc_half),
        wga=value(row.wga, row.wga_half),
    )


def _listed(file: str, made: board.Board) -> board.Listed:
    measured = [row for row in made.rows if isinstance(row, board.Measured)]
    return board.Listed(
        file=file,
        dataset=made.dataset.name,
        version=made.dataset.version,
        ranked=sum(row.rank is not None for row in measured),
        measured=len(measured),
        reported=len(made.rows) - len(measured),
    )

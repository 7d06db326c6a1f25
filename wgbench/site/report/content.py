"""What a report says in words and tables, ready for the template: text only, escaped there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wgbench.config import slug
from wgbench.evaluation import written
from wgbench.evaluation.intervals import Interval
from wgbench.evaluation.scores import Score
from wgbench.results.ground import Ground
from wgbench.results.groups import Moment, group_accuracies
from wgbench.results.labels import settings, shown
from wgbench.results.lack import narrowed
from wgbench.results.remarks import remarks
from wgbench.results.schema import Entry
from wgbench.results.side_by_side import Line
from wgbench.results.stored import Stored
from wgbench.site.board.numbers import DASH, MINUS, duration, percent, ratio
from wgbench.site.board.words import SCORES, SUPERVISION
from wgbench.site.report.plates import file_name

COLUMNS = ("wga_early", "wga_selected", "wga_final", "overfit_drop", "erm_excess_final", "wd_mean", "train_acc_final")
MOMENTS: tuple[Moment, ...] = ("early", "selected", "final")
NOT_RUN = "not run"
PACKAGES = "environment.packages."
Facts = list[tuple[str, str]]


@dataclass(frozen=True)
class Row:
    """One line of a table: a name that links to its entry, and cells."""

    label: str
    anchor: str
    partial: bool
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Detail:
    """All that is said of one entry beside its figures."""

    label: str
    anchor: str
    remarks: tuple[str, ...]
    command: str
    note: str
    groups: tuple[Row, ...]  # by moment
    facts: Facts
    environment: Facts


@dataclass(frozen=True)
class Section:
    """All entries of one ground."""

    title: str
    anchor: str
    partial: tuple[str, ...]
    summary: tuple[Row, ...]
    group_names: tuple[str, ...]
    sizes: tuple[str, ...]
    groups: tuple[Row, ...]
    differences: tuple[tuple[str, tuple[str, ...]], ...]
    common: Facts
    details: tuple[Detail, ...]


def section(ground: Ground) -> Section:
    """Tables of a ground."""
    named = list(zip(ground.labels, ground.entries, strict=True))
    counts = ground.entries[0].entry.dataset.counts
    pairs = zip(counts["train"]["total"], counts["test"]["total"], strict=True)
    return Section(
        title=ground.title,
        anchor=anchor(ground),
        partial=tuple(f"{label}: {'; '.join(s.entry.partial)}" for label, s in named if narrowed(s.entry.partial)),
        summary=tuple(_row(label, s, summary_cells(s.entry)) for label, s in named),
        group_names=ground.entries[0].entry.dataset.group_names,
        sizes=tuple(f"train {train:,}, test {test:,}" for train, test in pairs),
        groups=tuple(_row(label, s, _groups(s, "final")) for label, s in named),
        differences=tuple((field, _values(values)) for field, values in ground.differences.items()),
        common=_common(ground),
        details=tuple(_detail(label, s) for label, s in named),
    )


def anchor(ground: Ground) -> str:
    """A ground's title as the name of a folder, and of a place in the page."""
    return slug(ground.title.replace(", ", "-").replace(" ", "-"))


def summary_cells(entry: Entry) -> tuple[str, ...]:
    """Headline scores in percent with the half-width of their intervals, the band, and the number of seeds."""
    s = entry.scores
    found = [_told(getattr(s, name), signed=SCORES[name].unit == "difference") for name in COLUMNS]
    if s.overfit_drop is None and s.wga_final is not None:
        found[COLUMNS.index("overfit_drop")] = "not interpolated"
    band = DASH if s.wd_band is None else f"{s.wd_band} of {s.wd_band_of}"
    return (*found, band, str(len(entry.protocol.seeds)))


def paper_row(line: Line) -> tuple[str, ...]:
    """Reported, measured, and the difference with its interval: for train accuracy, then for the worst group."""
    r = line.reported
    ours = [NOT_RUN if line.entry is None else _told(score) for score in (line.train_acc, line.wga)]
    train = (_half(r.train_acc, r.train_acc_half), ours[0], _interval(line.train_acc_difference))
    worst = (_half(r.wga, r.wga_half), ours[1], _interval(line.wga_difference))
    return (*train, *worst)


def _row(label: str, stored: Stored, cells: Sequence[str]) -> Row:
    return Row(label, file_name(stored), narrowed(stored.entry.partial), tuple(cells))


def _told(score: Score | Interval | None, signed: bool = False) -> str:
    """`70.9 ± 1.6`; without the second where there is one seed."""
    return written.spread(score, signed=signed).replace("-", MINUS) if score is not None else DASH


def _half(mean: float, half: float) -> str:
    return f"{percent(mean)} ± {percent(half)}"


def _interval(found: Interval | None) -> str:
    """`+6.4 [+4.5, +8.3]`."""
    if found is None:
        return DASH
    mean, low, high = (percent(v, signed=True) for v in (found.mean, found.low, found.high))
    return mean if found.low is None else f"{mean} [{low}, {high}]"


def _groups(stored: Stored, moment: Moment) -> list[str]:
    found = group_accuracies(stored, moment)
    return [_told(found.get(name)) for name in stored.entry.dataset.group_names]


def _values(values: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """`300 (16 entries)`, `50: erm`: the commonest value by number, the others by name."""
    (first, having), *others = values.items()
    common = f"{first} ({len(having)} entries)" if len(having) > 1 else f"{first}: {having[0]}"
    return (common, *(f"{value}: {'; '.join(labels)}" for value, labels in others))


def _common(ground: Ground) -> Facts:
    """Settings that all entries share; what is off or not given is left out."""
    entry, apart = ground.entries[0].entry, ground.differences
    fields = {name: value for name, value in settings(entry).items() if name not in apart}
    packages = ", ".join(f"{n.removeprefix(PACKAGES)} {v}" for n, v in fields.items() if n.startswith(PACKAGES))
    kept = [(_plain(name), shown(value)) for name, value in fields.items() if value not in (None, False, [], {}, 0)]
    early, last = entry.protocol.early, entry.protocol.last
    windows = ("windows", f"early: epochs {early[0]}-{early[1]}; final: the last {last}")
    found = [("rules", entry.rules), ("data", entry.dataset.fingerprint), windows, *kept]
    return [(name, value) for name, value in found if not name.startswith(PACKAGES)] + [("packages", packages)]


def _plain(name: str) -> str:
    """`recipe.batch_size` as words."""
    return name if name.startswith(PACKAGES) else name.rpartition(".")[2].replace("_", " ")


def _detail(label: str, stored: Stored) -> Detail:
    entry = stored.entry
    return Detail(
        label=label,
        anchor=file_name(stored),
        remarks=tuple(remarks(entry)),
        command=entry.command,
        note=entry.note,
        groups=tuple(Row(moment, "", False, tuple(_groups(stored, moment))) for moment in MOMENTS),
        facts=_facts(entry),
        environment=[(name, _environment(value)) for name, value in entry.environment.items()],
    )


def _facts(entry: Entry) -> Facts:
    """What an entry is, in words."""
    algorithm, backbone, cost, settle = entry.algorithm, entry.backbone, entry.cost, entry.weights_settle
    options = ", ".join(f"{name} {shown(value)}" for name, value in algorithm.options.items())
    size = f"{backbone.parameters:,}, {ratio(backbone.parameters_per_example)} per training example"
    weights = ", ".join(f"{name.replace('_', ' ')} {shown(value)}" for name, value in settle.items())
    found = {
        "entry": entry.id,
        "algorithm": f"{algorithm.name} version {algorithm.version}, of {algorithm.distribution}",
        "options": options,
        "supervision": ", ".join(SUPERVISION.get(name, name) for name in algorithm.needs) or "labels of train",
        "hyper-parameters": entry.tuning.label,
        "network": f"{backbone.name}, {backbone.start}; parameters: {size}",
        "weight decays": shown(list(entry.protocol.weight_decays)),
        "seeds": shown(list(entry.protocol.seeds)),
        "weights per example": weights,
        "compared with ERM's entry": entry.baseline or "",
        "cost": f"{duration(cost.seconds)} on {cost.device}; {cost.images_per_second:,.0f} examples a second",
        "submitted by": entry.submitter,
    }
    return [(name, value) for name, value in found.items() if value]


def _environment(value: object) -> str:
    """A part of the environment on one line."""
    return ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, Mapping) else shown(value)

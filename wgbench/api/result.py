"""One entry as an object: scores, curves and predictions as tables, figures, comparisons."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wgbench.api import html
from wgbench.api.given import EXAMPLES, numbers
from wgbench.api.plot import Plot
from wgbench.errors import BadOption, UnknownName
from wgbench.evaluation.written import spread
from wgbench.options import suggestion
from wgbench.results.labels import titled
from wgbench.results.lack import badge
from wgbench.results.schema import Entry
from wgbench.results.stored import Stored

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Result:
    """An entry with its files. `entry` is the whole record as `entry.json` has it; scores are fractions."""

    stored: Stored

    @property
    def entry(self) -> Entry:
        """The record: scores, recipe, protocol, cells, environment."""
        return self.stored.entry

    @property
    def folder(self) -> Path:
        """Where its files lie."""
        return self.stored.folder

    @property
    def id(self) -> str:
        """What identifies the entry: a hash of everything that its results depend on."""
        return self.entry.id

    @cached_property
    def scores(self) -> "pd.DataFrame":
        """One row per score: mean, 95 % interval over seeds (low, high), number of seeds (n)."""
        from wgbench.api import frames

        return frames.scores(self.entry)

    @cached_property
    def per_seed(self) -> "pd.DataFrame":
        """One row per seed, one column per score."""
        from wgbench.api import frames

        return frames.per_seed(self.entry)

    @cached_property
    def weight_decays(self) -> "pd.DataFrame":
        """One row per weight decay: final train and worst-group test accuracy with intervals."""
        from wgbench.api import frames

        return frames.weight_decays(self.entry)

    @cached_property
    def curves(self) -> "pd.DataFrame":
        """One row per seed, weight decay, split and epoch: accuracy, worst_group, loss, accuracy[<group>]."""
        from wgbench.api import frames

        return frames.curves(self.stored)

    @cached_property
    def predictions(self) -> "pd.DataFrame":
        """Predicted class per test example, columns (moment, seed): `final`, `early`, `selected`; weight decay 0."""
        from wgbench.api import frames

        return frames.predictions(self.stored)

    def plot(self, what: str = "accuracy") -> Plot:
        """A figure: `accuracy`, `groups`, `weights` of the groups, or `weight_decay`."""
        figures = _figures()
        if what not in figures:
            raise UnknownName(f"plot {what!r}", "no such figure", suggestion(what, set(figures)))
        return Plot(figures[what](self.stored))

    def compare(self, other: "Result") -> "pd.DataFrame":
        """This entry minus another, score by score, paired by seed; NotComparable says why if they cannot be."""
        import pandas as pd

        from wgbench.results.compare import compare

        found = compare(self.entry, other.entry)
        rows = {
            row.score: [row.a, row.b, *((d.mean, d.low, d.high, d.n) if (d := row.difference) else (None,) * 4)]
            for row in found.rows
        }
        columns = ["this", "other", "difference", "low", "high", "n"]
        return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("score")

    def add_to(self, board: str | Path) -> Path:
        """Check the entry and put it on the board in a folder; where it lies there."""
        from wgbench.results.leaderboard import add

        return add(self.folder, Path(board).expanduser())

    def export(self, folder: str | Path | None = None, **options: Any) -> tuple[Path, ...]:
        """Write final networks, predictions per example and a model card, as `wgbench export`; the files.

        They go to `export/<entry id>`, or to `folder`, where no other entry's export may lie. Options: `seeds`,
        `weight_decays`, `format` ("csv" or "parquet"), `store` where the runs are not beside the entry; `train=True`
        trains networks again that were not kept, with `data`, `weights` and `device` as the verb has them.
        `trust=["wgbench-tilted"]` names packages whose plug-ins the entry has and whose code may run. BadOption for
        others.
        """
        from wgbench.export.folder import Export, write
        from wgbench.results.trust import Trust

        known = {field.name for field in dataclasses.fields(Export)} - {"folder", "out"}
        for name in options:
            if name not in known:
                raise BadOption("export", f"no option {name!r}", suggestion(name, known))
        out = None if folder is None else Path(folder).expanduser()
        given: dict[str, Any] = {k: numbers(k, v) if k in EXAMPLES else v for k, v in options.items()}
        given |= {k: Path(given[k]).expanduser() for k in ("store", "data", "weights") if given.get(k) is not None}
        if not isinstance(trust := given.get("trust", Trust()), Trust):
            given["trust"] = Trust((trust,) if isinstance(trust, str) else tuple(trust))
        return write(Export(self.folder, out, **given)).files

    def __repr__(self) -> str:
        entry = self.entry
        names = ("early", "selected", "final")
        known = ((name, getattr(entry.scores, f"wga_{name}")) for name in names)
        said = ", ".join(f"{name} {spread(score)} %" for name, score in known if score is not None)
        departs = f", {badge(entry.partial)}" if entry.partial else ""
        return f"<{titled(entry)}: worst group {said or 'unknown'}{departs}>"

    def _repr_html_(self) -> str:
        return html.of_entry(self.stored)


def _figures() -> Mapping[str, Callable[[Stored], "Figure"]]:
    from wgbench.plots.accuracy import accuracy_of, group_accuracies
    from wgbench.plots.weight_decay import weight_decay_curves
    from wgbench.plots.weights import group_weights

    return {
        "accuracy": accuracy_of,
        "groups": group_accuracies,
        "weights": group_weights,
        "weight_decay": weight_decay_curves,
    }

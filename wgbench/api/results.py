"""Several entries as one object: a table, figures side by side, a report."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, overload

from wgbench.api import html
from wgbench.api.plot import Plot
from wgbench.api.result import Result
from wgbench.errors import UnknownName
from wgbench.options import suggestion
from wgbench.results.labels import distinct
from wgbench.results.stored import Stored

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Results(Sequence[Result]):
    """Entries in an order, like a list."""

    entries: tuple[Result, ...]

    @cached_property
    def table(self) -> "pd.DataFrame":
        """One row per entry: what was run, a name that tells it apart (`label`), and the means of its scores."""
        import pandas as pd

        from wgbench.api import frames

        rows = {}
        for one, label in zip(self.entries, distinct([one.entry for one in self.entries]), strict=True):
            e = one.entry
            named = {"algorithm": e.algorithm.name, "dataset": e.dataset.name, "backbone": e.backbone.name}
            named["label"] = label
            means = frames.scores(e)["mean"].to_dict()
            rows[e.id] = {**named, "loss": e.loss.name, "seeds": len(e.protocol.seeds), **means, "note": e.note}
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("entry")

    def where(self, **wanted: str) -> "Results":
        """The entries of an algorithm, dataset, backbone or loss: `where(dataset="colored-digits")`."""
        known = {"algorithm", "dataset", "backbone", "loss"}
        for name in wanted:
            if name not in known:
                raise UnknownName(f"where {name}=", "no such part of an entry", suggestion(name, known))
        kept = [r for r in self.entries if all(getattr(r.entry, k).name == v for k, v in wanted.items())]
        return Results(tuple(kept))

    def plot(self, what: str = "scores") -> Plot:
        """A figure of all of them: `scores` (early, selected, final), `accuracy`, `groups` or `weight_decay`."""
        figures = _figures()
        if what not in figures:
            raise UnknownName(f"plot {what!r}", "no such figure", suggestion(what, set(figures)))
        return Plot(figures[what]([one.stored for one in self.entries]))

    def report(self, folder: str | Path = "report") -> Path:
        """Figures and one self-contained page, as `wgbench report` writes them; the page."""
        from wgbench.results.ground import grounds
        from wgbench.site.report import build

        return build(grounds(one.stored for one in self.entries), Path(folder).expanduser())

    @overload
    def __getitem__(self, index: int) -> Result: ...
    @overload
    def __getitem__(self, index: slice) -> "Results": ...
    def __getitem__(self, index: int | slice) -> "Result | Results":
        return self.entries[index] if isinstance(index, int) else Results(self.entries[index])

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[Result]:
        return iter(self.entries)

    def __repr__(self) -> str:
        return "\n".join(map(repr, self.entries)) or "no entries"

    def _repr_html_(self) -> str:
        return html.of_entries([one.stored for one in self.entries])


def _figures() -> Mapping[str, Callable[[Sequence[Stored]], "Figure"]]:
    from wgbench.plots.accuracy import accuracy_per_algorithm
    from wgbench.plots.scores import early_selected_final, final_by_group
    from wgbench.plots.weight_decay import weight_decay_robustness

    return {
        "scores": early_selected_final,
        "accuracy": accuracy_per_algorithm,
        "groups": final_by_group,
        "weight_decay": weight_decay_robustness,
    }

"""The options that `suite run`, `suite status` and `suite plan` share: one declaration, the same entries of a suite."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wgbench.cli import shared
from wgbench.errors import BadOption

if TYPE_CHECKING:
    from wgbench.suite import Item


@dataclass(frozen=True)
class Chosen:
    """What a command line says of a suite: which one, which of its entries, and fields of every request."""

    suite: str
    only: str | None
    common: dict[str, Any]

    @property
    def device(self) -> str:
        """Where cells are trained."""
        return str(self.common["device"])

    @property
    def jobs(self) -> int | None:
        """Processes, where their number is given."""
        jobs: int | None = self.common["jobs"]
        return jobs

    @property
    def store(self) -> Path:
        """Where runs and entries are kept."""
        return Path(self.common["store"])

    def items(self, **more: Any) -> list["Item"]:
        """The entries that are asked for; `more` are further fields of every request."""
        from wgbench import suite_file

        items = suite_file.find(self.suite)[1].items({**self.common, **more})
        if self.only is None:
            return items
        found = [item for item in items if item.matches(self.only)]
        if not found:
            labels = list(dict.fromkeys(filter(None, (item.label for item in items))))
            datasets = list(dict.fromkeys(item.request.dataset for item in items))
            remedy = f"take one of {', '.join([*datasets, *labels])}, or an algorithm; `*` stands for anything"
            raise BadOption(f"--only {self.only}", f"no entry of suite {self.suite} fits", remedy)
        return found


def chosen(
    suite: Annotated[str, typer.Argument(help="a file, or a name from `wgbench suite list`")],
    only: Annotated[
        str | None, typer.Option(help="a shell pattern: entries whose label, algorithm, dataset or network it fits")
    ] = None,
    seeds: Annotated[str | None, typer.Option(help="instead of the suite's, as 2002,2022: values, not a count")] = None,
    wd: Annotated[str | None, typer.Option(help="weight decays instead of the suite's, as 0,.1")] = None,
    epochs: Annotated[int | None, typer.Option(help="the horizon instead of the suite's", min=1)] = None,
    weights: Annotated[
        Path | None, typer.Option(help="initial weights, for entries that say `pretrained: true`")
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(envvar="WGBENCH_DATA", help="your copies of the data, read-only; a folder for each dataset"),
    ] = None,
    device: shared.Device = "auto",
    precision: shared.Precision = "auto",
    pipeline: shared.Pipeline = "fast",
    vectorize: shared.Vectorize = "auto",
    compiled: shared.Compile = False,
    threads: shared.Threads = 1,
    jobs: shared.Jobs = None,
    runs: shared.Runs = Path("runs"),
) -> Chosen:
    """What the options say. Values instead of the suite's are fields of a request where they are given."""
    from wgbench.cli.values import numbers

    instead = {"seeds": numbers("--seeds", seeds, int), "weight_decays": numbers("--wd", wd, float), "epochs": epochs}
    common = {
        "weights": weights,
        "device": device,
        "precision": precision,
        "pipeline": pipeline,
        "vectorize": vectorize,
        "compile": compiled,
        "threads": threads,
        "jobs": jobs,
        "data_dir": data_dir,
        "store": runs,
    }
    return Chosen(suite, only, common | {name: value for name, value in instead.items() if value is not None})


def on_entries(verb: Callable[..., None]) -> Callable[..., None]:
    """A command that takes the options above, and those of the verb, which is given a Chosen and its own."""
    shared = inspect.signature(chosen).parameters
    own = list(inspect.signature(verb).parameters.values())[1:]

    @functools.wraps(verb)
    def command(**given: Any) -> None:
        verb(chosen(**{name: given.pop(name) for name in shared}), **given)

    parameters = [p.replace(kind=p.KEYWORD_ONLY) for p in (*shared.values(), *own)]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    return command

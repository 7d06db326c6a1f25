"""`wgbench replay`: one cell of an entry, trained again and compared."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from wgbench.cli import shared
from wgbench.errors import BadOption, plain

if TYPE_CHECKING:
    from wgbench.launch.job import Progress
    from wgbench.replay import Replay

FAILED = 2
WORDS = {"device": "the processor's model", "threads": "the number of threads", "deterministic": "--deterministic"}


def replay(
    entry: Annotated[Path, typer.Argument(help="the folder of an entry")],
    seed: Annotated[int | None, typer.Option(help="one of the entry's; its first if left out")] = None,
    epochs: Annotated[str, typer.Option(help="of the last stage, after which to stop; `all` for the horizon")] = "20",
    wd: Annotated[float, typer.Option(help="a weight decay of the entry's")] = 0.0,
    rule: Annotated[
        Literal["auto", "exact", "tolerance"],
        typer.Option(help="equal counts, or nearly equal ones; auto: by whether machine and packages are the same"),
    ] = "auto",
    data_dir: Annotated[
        Path | None, typer.Option(envvar="WGBENCH_DATA", help="your copy of the data; the folder, for private data")
    ] = None,
    weights: Annotated[Path | None, typer.Option(help="the file with initial weights, if the entry had one")] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, ...; as the entry's if left out")] = None,
    runs: Annotated[
        Path | None, typer.Option(help="train in <runs>/replays, where it can be gone on with; temporary if left out")
    ] = None,
    record: Annotated[Path | None, typer.Option(help="a board: note a success in <board>/verified/")] = None,
    trust: shared.Trust = None,
    as_json: shared.AsJson = False,
) -> None:
    """Train one cell of an entry again, from scratch, and compare its counts with the entry's; exit 2 if they differ.

    The cell keeps the recipe's horizon and is stopped early. Exact equality is asked for where processor, platform,
    packages and threads are those of the entry, closeness elsewhere.
    """
    from wgbench import replay as replays

    wanted = replays.Wanted(
        folder=entry,
        seed=seed,
        weight_decay=wd,
        epochs=_epochs(epochs),
        rule=rule,
        data=data_dir,
        weights=weights,
        device=device,
        store=runs,
        trust=shared.trusted(entry, trust or []),
    )
    done = replays.replay(wanted, _show)
    if sys.stderr.isatty():
        typer.echo("", err=True)
    path = replays.record(done, record) if record and done.verdict.reproduced else None
    if as_json:
        shared.print_json(_facts(done))
    else:
        typer.echo("\n".join(map(plain, [*_lines(done, rule), *([_noted(path)] if record else [])])))
    if not done.verdict.reproduced:
        raise typer.Exit(FAILED)


def _epochs(text: str) -> int | None:
    if text == "all":
        return None
    if not text.isdecimal() or int(text) < 1:
        raise BadOption(f"--epochs {text}", "no number of epochs", "write --epochs 20 or --epochs all")
    return int(text)


def _show(progress: "Progress") -> None:
    """A line that counts, in a terminal."""
    if sys.stderr.isatty():
        typer.echo(f"\rstage {progress.stage}, epoch {progress.epoch}", err=True, nl=False)


def _lines(done: "Replay", rule: str) -> list[str]:
    from wgbench.results.labels import named

    entry, cell, verdict = done.entry, done.cell, done.verdict
    why = f"since {_different(done.elsewhere)}" if done.elsewhere else "since machine and packages are the same"
    return [
        f"{named(entry)} on {entry.dataset.name}, entry {entry.id}, seed {cell.seed}, wd {cell.weight_decay:g}",
        f"compared: {verdict.epochs} epochs{', scores and predictions' if done.full else ''}",
        f"rule: {verdict.rule}, {why if rule == 'auto' else 'as asked for'}",
        f"largest difference: {verdict.largest or 'none'}",
        str(verdict),
    ]


def _different(elsewhere: Sequence[str]) -> str:
    """What differs from where the entry was made, and what leaves rounding to chance, in words."""
    from wgbench.results.verify import CHANCE

    names = [WORDS.get(name, name) for name in elsewhere if name != CHANCE]
    *others, last = names or [""]
    differ = f"{', '.join(others)} and {last} differ" if others else f"{last} differs"
    told = [f"{differ} from the entry's"] if names else []
    return ", and ".join([*told, *([f"this is {CHANCE}"] if CHANCE in elsewhere else [])])


def _noted(path: Path | None) -> str:
    return f"recorded: {path}" if path else "recorded: nothing new"


def _facts(done: "Replay") -> dict[str, Any]:
    verdict = done.verdict
    return {
        "entry": done.entry.id,
        "weight_decay": done.cell.weight_decay,
        **done.verification().model_dump(),
        "rule": verdict.rule,
        "elsewhere": done.elsewhere,
        "reproduced": verdict.reproduced,
        "largest": str(verdict.largest) if verdict.largest else None,
        "verdict": str(verdict),
    }

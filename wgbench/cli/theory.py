"""`wgbench theory`: the paper's theorems as measurements."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wgbench.cli import shared
from wgbench.errors import BadOption
from wgbench.theory.names import NAMES

if TYPE_CHECKING:
    from rich.table import Table

    from wgbench.theory.records import Arrays, Finding, Row, Settings

WIDE = 150  # columns where the output goes into a file
SHARED = "training runs that several claims share are not counted"
ASKED = "`wgbench theory NAME` measures one of them, `wgbench theory --all` every one; --quick in less than a minute"
ABOUT = "; ".join(f"{name} ({entry.about})" for name, entry in NAMES.items())


def theory(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help=ABOUT)] = None,
    everything: Annotated[bool, typer.Option("--all", help="every claim, and one report of them")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="smaller sizes: under a minute for all claims")] = False,
    widths: Annotated[str | None, typer.Option(help="widths of networks: 64,128,256,512,1024,2048")] = None,
    seeds: Annotated[int | None, typer.Option(min=2, help="random draws in place of each claim's own number")] = None,
    runs: Annotated[Path, typer.Option(help="where results are kept, so that they are computed once")] = Path("runs"),
    out: Annotated[Path | None, typer.Option(help="figures and report; <runs>/theory/report if left out")] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="processes; as many as cores if left out")] = None,
    as_json: shared.AsJson = False,
) -> None:
    """Measure what the paper's theorems claim; verdicts: supported, not supported, outside the theorem.

    A figure per claim and the numbers as JSON are written too. Controls violate a condition on purpose: they must come
    out not supported.
    """
    if not names and not everything:
        typer.echo("\n".join([*(f"{n:14} {e.title}: {e.about}" for n, e in NAMES.items()), "", ASKED]))
        return
    found = _measured([*NAMES] if everything else list(names or ()), _settings(quick, widths, seeds), runs, jobs)
    folder = out or runs / "theory" / "report"
    from wgbench.site import theory as site

    page = site.build(found, folder)
    findings = [finding for finding, _ in found]
    if as_json:
        typer.echo(site.as_json(findings), nl=False)
        return
    from wgbench.cli.console import console

    terminal = console()
    if not terminal.is_terminal:
        terminal.width = WIDE
    for finding in findings:
        terminal.print(_table(finding))
        for remark in finding.remarks:
            terminal.print(remark, soft_wrap=True)
        terminal.print()
    terminal.print(_summary(findings))
    for line in _failing(findings):
        terminal.print(line, soft_wrap=True)
    terminal.print(f"report: {page}", soft_wrap=True)


def _settings(quick: bool, widths: str | None, seeds: int | None) -> "Settings":
    from wgbench.theory.records import Settings

    try:
        chosen = tuple(sorted({int(w) for w in widths.split(",")})) if widths else ()
    except ValueError:
        chosen = (0,)
    if chosen and (len(chosen) < 2 or chosen[0] < 2):
        wrong = "a rate needs at least two different widths, each 2 or more"
        raise BadOption(f"--widths {widths}", wrong, "write --widths 64,128,256,512,1024")
    return Settings(quick=quick, widths=chosen, seeds=seeds)


def _measured(names: list[str], settings: "Settings", runs: Path, jobs: int | None) -> "list[tuple[Finding, Arrays]]":
    import torch

    from wgbench.launch.base import cores
    from wgbench.launch.environment import device_name
    from wgbench.theory import lab

    torch.set_num_threads(1)
    processor = device_name(torch.device("cpu"))
    store = lab.Store(runs / "theory")
    return lab.measured(names, settings, store, jobs or cores(), processor, lambda line: typer.echo(line, err=True))


def _table(finding: "Finding") -> "Table":
    from rich.table import Table

    table = Table(title=f"{finding.title}: {finding.verdict}", caption=finding.rule, title_justify="left")
    table.caption_justify = "left"
    for column in ("claim", "predicted", "measured", "95 % interval", "verdict"):
        table.add_column(column, justify="right" if column in ("measured", "95 % interval") else "left")
    for row in finding.rows:
        table.add_row(*(_plain(cell) for cell in cells(row)))
    return table


def cells(row: "Row") -> tuple[str, ...]:
    """A row in words: claim, predicted, measured, interval, verdict."""
    from wgbench.site.theory import told

    return told(row)


def _plain(text: str) -> Any:
    from rich.text import Text

    return Text(text)


def _summary(findings: "list[Finding]") -> "Table":
    from rich.table import Table

    table = Table(title="verdicts", title_justify="left", caption=SHARED, caption_justify="left")
    for column in ("claim", "verdict", "controls", "processor time"):
        table.add_column(column)
    for finding in findings:
        count = sum(row.control for row in finding.rows)
        controls = "-" if not count else f"{count} fail, as they must" if finding.controls_fail else "NOT ALL FAIL"
        table.add_row(finding.title, finding.verdict, controls, f"{finding.seconds:.0f} s")
    return table


def _failing(findings: "list[Finding]") -> list[str]:
    """A control that passes takes the meaning from the verdicts beside it."""
    passed = [f"{f.title}: {r.what}" for f in findings for r in f.rows if r.control and r.verdict != "not supported"]
    return [f"note: the control passes, so that this rule tells nothing here: {what}" for what in passed]

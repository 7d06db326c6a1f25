"""The `wgbench` command: verbs put together, and every known error in one line."""

import errno
import sys
from typing import Annotated

import typer

from wgbench import leaving
from wgbench.cli import (
    check,
    clean,
    compare,
    data,
    export,
    info,
    leaderboard,
    ls,
    new,
    replay,
    report,
    run,
    score,
    submit,
    suite,
    theory,
)
from wgbench.errors import WgbenchError, plain

INTERRUPTED = 130
SHOWN = 40  # characters of a name that cannot be one

app = typer.Typer(
    help="A benchmark for worst-group performance over long horizons.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
RUN, LOOK, SHARE, EXTEND = "Run", "Look", "Share and verify", "Extend and tidy"
app.command("run", rich_help_panel=RUN)(run.run)
app.add_typer(suite.app, name="suite", rich_help_panel=RUN)
app.command("theory", rich_help_panel=RUN)(theory.theory)
app.command("ls", rich_help_panel=LOOK)(ls.ls)
app.command("info", rich_help_panel=LOOK)(info.info)
app.add_typer(data.app, name="data", rich_help_panel=LOOK)
app.command("report", rich_help_panel=LOOK)(report.report)
app.command("compare", rich_help_panel=LOOK)(compare.compare)
app.command("score", rich_help_panel=LOOK)(score.score)
leaderboard.app.command("submit")(submit.submit)
app.add_typer(leaderboard.app, name="leaderboard", rich_help_panel=SHARE)
app.command("replay", rich_help_panel=SHARE)(replay.replay)
app.command("export", rich_help_panel=SHARE)(export.export)
app.command("new", rich_help_panel=EXTEND)(new.new)
app.command("check", rich_help_panel=EXTEND)(check.check)
app.command("clean", rich_help_panel=EXTEND)(clean.clean)


def _version(wanted: bool) -> None:
    if wanted:
        from wgbench import __version__

        typer.echo(f"wgbench {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say it and stop.")
    ] = False,
    traceback: Annotated[bool, typer.Option("--traceback", help="Show where an error comes from.")] = False,
) -> None:
    """A benchmark for worst-group performance over long horizons."""


def main() -> None:
    """Entry point. Known errors: one line on stderr, exit 2. Ctrl-C: 130, SIGTERM: 143, and how to go on."""
    with leaving.heeding():
        sys.exit(outcome(sys.argv[1:]))


def outcome(arguments: list[str]) -> int:
    """Run a command line; its exit status."""
    try:
        code = app(arguments, prog_name="wgbench", standalone_mode=False)
    except WgbenchError as problem:
        if "--traceback" in arguments:
            raise
        return _said(str(problem))
    except KeyboardInterrupt:
        code = INTERRUPTED
    except OSError as problem:
        if problem.errno != errno.ENAMETOOLONG:
            raise
        return _said(f"{str(problem.filename)[:SHOWN]!r}...: {problem.strerror}; give the path of a file")
    except Exception as problem:
        message = getattr(problem, "format_message", None)  # usage errors of the command line library
        if message is None:
            raise
        context = getattr(problem, "ctx", None)
        remedy = f"see `{context.command_path if context else 'wgbench'} --help`"
        wrong = (_wrong_value(problem) or message()).rstrip(".")
        return _said(f"{wrong}; {remedy}" if wrong else remedy)
    if code == INTERRUPTED:  # some versions of the command line library catch Ctrl-C themselves
        print("wgbench: interrupted; the same command goes on, with runs from their last checkpoints", file=sys.stderr)
        return leaving.STATUS if leaving.asked() else INTERRUPTED
    return code if isinstance(code, int) else 0


def _wrong_value(problem: Exception) -> str:
    """An option's value that does not fit, in our words: newer versions of the library do not repeat the value."""
    from pydantic import ValidationError

    from wgbench.options import complaint

    names = getattr(getattr(problem, "param", None), "opts", None)
    if not names or not isinstance(problem.__cause__, ValidationError):
        return ""
    _, value, said = complaint(problem.__cause__)
    return plain(f"{names[0]} {value}: {said}")


def _said(line: str) -> int:
    print(f"wgbench: {line}", file=sys.stderr)
    return 2

"""`wgbench check`: does a plug-in keep the promises of its kind?"""

from typing import Annotated

import typer


def check(
    kind: Annotated[str, typer.Argument(help="algorithm, loss, dataset or backbone")],
    name: Annotated[str, typer.Argument(help="a registered name")],
) -> None:
    """Run the conformance suite on a registered plug-in; every failure is a sentence with the remedy."""
    from wgbench.checks import CheckFailed, checks
    from wgbench.cli.console import console

    out, failed = console(), []
    for one in checks(kind, name):
        try:
            one()
        except CheckFailed as problem:
            failed.append(one)
            out.print(f"FAIL  {one}: {problem.wrong}; {problem.remedy}", soft_wrap=True)
        else:
            out.print(f"ok    {one}")
    if failed:
        raise CheckFailed(f"check {kind} {name}", f"{len(failed)} checks failed", "mend the first, and run it again")

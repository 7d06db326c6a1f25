"""`wgbench check`: does a plug-in keep the promises of its kind?"""

from typing import Annotated

import typer


def check(
    kind: Annotated[str, typer.Argument(help="algorithm, loss, dataset or backbone")],
    name: Annotated[str, typer.Argument(help="a registered name")],
) -> None:
    """Run the conformance suite on a registered plug-in; every failure is a sentence with the remedy."""
    from rich.console import Console

    from wgbench.checks import CheckFailed, checks

    console, failed = Console(highlight=False), []
    for one in checks(kind, name):
        try:
            one()
        except CheckFailed as problem:
            failed.append(one)
            console.print(f"FAIL  {one}: {problem.wrong}; {problem.remedy}", markup=False, soft_wrap=True)
        else:
            console.print(f"ok    {one}", markup=False)
    if failed:
        raise CheckFailed(f"check {kind} {name}", f"{len(failed)} checks failed", "mend the first, and run it again")

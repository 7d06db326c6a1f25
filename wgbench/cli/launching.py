"""Options that say where cells are run."""

from typing import Annotated, Any, Literal

import typer

from wgbench.errors import BadOption

Launcher = Annotated[
    Literal["local", "ray", "slurm"],
    typer.Option(help="processes here, Ray tasks, or Slurm jobs (extras `ray` and `slurm`)"),
]
RayAddress = Annotated[
    str | None, typer.Option(help="HOST:PORT of a Ray cluster, or auto; Ray is started here if left out")
]
LauncherOption = Annotated[
    list[str] | None,
    typer.Option("--launcher-option", help="ray: cells_per_gpu=4; slurm: partition=gpu, time=240, mem=16GB, gpus=1"),
]
Jobs = Annotated[
    int | None,
    typer.Option(help="cells at once; as many as there are cores, or room for in the cluster, if left out", min=1),
]


def launching(launcher: str, ray_address: str | None, pairs: list[str] | None) -> dict[str, Any]:
    """Fields of a request."""
    from wgbench.cli.run import parsed

    options = parsed(pairs or [], "--launcher-option", "partition=gpu or cells_per_gpu=4")
    if ray_address is not None:
        if launcher != "ray":
            raise BadOption(f"--ray-address {ray_address}", "cells are not run by Ray", "add --launcher ray")
        options["address"] = ray_address
    return {"launcher": launcher, "launcher_options": options}

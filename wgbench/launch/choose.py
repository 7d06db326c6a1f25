"""The launcher that a request names. Ray and submitit are imported when they are asked for."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from wgbench.errors import BadOption, MissingExtra
from wgbench.launch.base import Launcher, Registered
from wgbench.launch.local import Workers
from wgbench.options import build

LAUNCHERS = ("local", "ray", "slurm")


def launcher(
    name: str,
    options: Mapping[str, Any],
    *,
    jobs: int | None,
    cores: int,
    threads: int,
    registered: Registered,
    say: Callable[[str], None],
) -> Launcher:
    """Processes on this machine, `cores` unless `jobs` says otherwise, or what an extra brings."""
    asked = f"--launcher {name}"
    if name == "ray":
        with _extra("ray", "ray"):
            from wgbench.launch import ray
        return ray.RayTasks(jobs, threads, registered, build(ray.Options, options, asked), say)
    if name == "slurm":
        with _extra("slurm", "submitit"):
            from wgbench.launch import slurm, slurm_array
        found = build(slurm_array.Options, options, asked)
        return slurm.SlurmJobs(jobs or (cores if found.cluster == "local" else None), threads, registered, found, say)
    if name != "local":
        raise BadOption(asked, "no such launcher", f"take {', '.join(LAUNCHERS)}")
    if options:
        raise BadOption(f"--launcher-option {next(iter(options))}", "processes here take none", "add --launcher ray")
    return Workers(jobs or cores, registered, threads)


@contextlib.contextmanager
def _extra(name: str, package: str) -> Iterator[None]:
    """Something that needs a package of an extra is imported; MissingExtra where it is not there."""
    try:
        yield
    except ModuleNotFoundError as problem:
        if problem.name != package:
            raise
        wrong, remedy = f"{package} is not installed", f"pip install 'wgbench[{name}]'"
        raise MissingExtra(f"--launcher {name}", wrong, remedy) from None

"""The launcher that a request names. Ray and submitit are imported when they are asked for."""

from collections.abc import Callable, Mapping
from typing import Any

from wgbench.errors import BadOption
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
        from wgbench.launch import ray

        return ray.RayTasks(jobs, threads, registered, build(ray.Options, options, asked), say)
    if name == "slurm":
        from wgbench.launch import slurm

        found = build(slurm.Options, options, asked)
        return slurm.SlurmJobs(jobs or (cores if found.cluster == "local" else None), threads, registered, found, say)
    if name != "local":
        raise BadOption(asked, "no such launcher", f"take {', '.join(LAUNCHERS)}")
    if options:
        raise BadOption(f"--launcher-option {next(iter(options))}", "processes here take none", "add --launcher ray")
    return Workers(jobs or cores, registered, threads)

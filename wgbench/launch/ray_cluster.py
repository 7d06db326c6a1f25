"""Reaching a cluster of Ray, or starting one on this machine."""

import logging
import os
import socket
from pathlib import Path
from typing import Any

import ray
from ray import exceptions

import wgbench
from wgbench.errors import BadOption, LaunchFailed
from wgbench.launch.base import AGAIN

REACH = 5.0  # seconds
REMEDY = "see `ray status` on one of its nodes, or leave the address out to start Ray here"
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing is sent to anybody
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # silences an announcement of Ray's
}


def begin(address: str | None, cpus: int | None) -> None:
    """Reach the cluster at an address, or start one here with so many CPUs; LaunchFailed, BadOption."""
    _silence()
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    common: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    if address is None:
        ray.init("local", num_cpus=cpus, include_dashboard=False, **common)
        return
    asked = f"--ray-address {address}"
    _reach(address, asked)
    package = Path(wgbench.__file__).parent
    env = {"py_modules": [str(package)], "excludes": ["__pycache__"]}
    try:
        ray.init(address, runtime_env=env, **common)
    except (OSError, RuntimeError, ValueError, exceptions.RayError) as problem:
        raise LaunchFailed(asked, f"no Ray cluster answers ({line(problem)})", REMEDY) from None


def check_connected() -> None:
    """LaunchFailed if the node by which this process is part of the cluster is gone."""
    if not ray.is_initialized():
        return
    own = ray.get_runtime_context().get_node_id()
    if not any(node["Alive"] and node["NodeID"] == own for node in ray.nodes()):
        raise LaunchFailed("--launcher ray", "the Ray process of this machine was killed", AGAIN)


def _reach(address: str, asked: str) -> None:
    """Fail at once where nothing listens: Ray would try for long."""
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if "://" in address or not host or not port.isdigit():
        raise BadOption(asked, "not the address of a cluster", "write HOST:PORT, or auto on one of its nodes")
    try:
        socket.create_connection((host.strip("[]"), int(port)), REACH).close()
    except (OSError, OverflowError) as problem:
        raise LaunchFailed(asked, f"nothing answers there ({problem})", REMEDY) from None


def _silence() -> None:
    """What Ray says of lost workers we say ourselves; it would print it on stdout, and has no option for that."""
    if hasattr(ray._private.worker, "print_to_stdstream"):
        ray._private.worker.print_to_stdstream = lambda *_, **__: None


def line(problem: Exception) -> str:
    """The first line of what an error says."""
    return str(problem).strip().partition("\n")[0]

"""wgbench: worst-group performance over long horizons.

    import wgbench
    wgbench.algorithms.names()             # ['erm', 'iw', ...]
    wgbench.make("algorithm", "gdro", nu=0.1)
    result = wgbench.run("gdro", "colored-digits")
    result.scores, result.curves, result.plot()

Importing the package imports neither torch nor any plug-in; what trains and reads results comes when it is asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from wgbench import algorithms, backbones, datasets, losses

if TYPE_CHECKING:
    from wgbench.api import Examples, Plot, Result, Results, entries, examples, load, make, run, run_suite

__version__ = "0.1.0"
__all__ = [
    "Examples",
    "Plot",
    "Result",
    "Results",
    "__version__",
    "algorithms",
    "backbones",
    "datasets",
    "entries",
    "examples",
    "load",
    "losses",
    "make",
    "run",
    "run_suite",
]


def __getattr__(name: str) -> Any:
    """The Python interface, imported with the first of its names."""
    if name in __all__:
        return getattr(import_module("wgbench.api"), name)
    raise AttributeError(f"module 'wgbench' has no attribute {name!r}")


def __dir__() -> list[str]:
    """All names, also those that are not imported yet."""
    return sorted({*globals(), *__all__})

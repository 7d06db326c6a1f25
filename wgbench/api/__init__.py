"""What the command line does, from Python: `wgbench.make`, `wgbench.run`, results with scores, curves and figures.

    >>> import wgbench
    >>> result = wgbench.run("gdro", "colored-digits", seeds=[2002], weight_decays=[0], epochs=20, progress=False)
    >>> result
    <gdro on colored-digits, mlp, 1 seed: worst group early ... %, selected ... %, final ... %, partial>
    >>> len(result.curves.query("split == 'test'"))
    20

Everything here is an attribute of `wgbench` itself, and imported when it is first asked for.
"""

from wgbench.api.calls import entries, load, make, run, run_suite
from wgbench.api.data import Examples, examples
from wgbench.api.plot import Plot
from wgbench.api.result import Result
from wgbench.api.results import Results

__all__ = ["Examples", "Plot", "Result", "Results", "entries", "examples", "load", "make", "run", "run_suite"]

"""wgbench: worst-group performance over long horizons.

    import wgbench
    wgbench.algorithms.names()             # ['erm', 'iw', ...]
    wgbench.algorithms.make("gdro", nu=0.1)

Importing the package imports neither torch nor any plug-in.
"""

from wgbench import algorithms, backbones, datasets, losses

__version__ = "0.1.0"
__all__ = ["__version__", "algorithms", "backbones", "datasets", "losses"]

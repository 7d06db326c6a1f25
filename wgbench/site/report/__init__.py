"""The report of a set of runs: figures, and one self-contained page."""

from wgbench.site.report.page import build

__all__ = ["build"]

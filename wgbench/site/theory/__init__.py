"""The theory lab's report: figures, one self-contained page, and the table as JSON."""

from wgbench.site.theory.page import as_json, build, told

__all__ = ["as_json", "build", "told"]

"""A board as a static site: pages that work from a folder, offline, without a server."""

from wgbench.site.board.pages import build

__all__ = ["build"]

"""A figure that notebooks show and that can be saved."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from wgbench.disk import write_whole, writing
from wgbench.errors import BadOption

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Plot:
    """`figure` is matplotlib's, to change before it is shown or saved."""

    figure: "Figure"

    def save(self, path: str | Path) -> Path:
        """Write a PNG or an SVG, by the ending of the name; the path."""
        path = Path(path).expanduser()
        kind = path.suffix.removeprefix(".")
        if kind not in ("png", "svg"):
            raise BadOption(f"save {path}", "neither PNG nor SVG", "let the name end in .png or .svg")
        with writing(path.parent, "or choose another folder"):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, self._files[kind])
        return path

    @cached_property
    def _files(self) -> dict[str, bytes]:
        from wgbench.plots.files import rendered

        return rendered(self.figure)

    def _repr_png_(self) -> bytes:
        return self._files["png"]

"""The conformance suite: what every plug-in must do, as checks that say in one sentence what is wrong and what to do.

    wgbench check algorithms gdro

or, in a plug-in's own tests, with the pytest plug-in that comes with wgbench:

    @pytest.mark.wgbench("algorithms", "mine")
    def test_mine(wgbench_check):
        wgbench_check()
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wgbench.errors import WgbenchError
from wgbench.registry import plural

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class CheckFailed(WgbenchError):
    """A plug-in does not keep a promise of its kind."""


@dataclass(frozen=True)
class Check:
    """One promise: `function` gets the plug-in, and raises CheckFailed where it is broken."""

    name: str
    subject: Any
    function: Callable[[Any], None]

    def __call__(self) -> None:
        """Check it. An exception of the plug-in's own is a failure of the check too."""
        try:
            self.function(self.subject)
        except WgbenchError:
            raise
        except Exception as problem:
            asked = f"check {self.name!r}"
            raise CheckFailed(asked, f"it raised {type(problem).__name__}: {problem}", "mend that first") from problem

    def __str__(self) -> str:
        return self.name


def checks(kind: str, name: str) -> "Sequence[Check]":
    """All checks of a registered plug-in, in the order in which failures are best mended."""
    subject, functions = _suite(plural(f"check {kind}", kind), name)
    return [Check(f.__name__.replace("_", " "), subject, f) for f in functions]


def _suite(kind: str, name: str) -> "tuple[Any, Iterable[Callable[[Any], None]]]":
    if kind == "algorithms":
        from wgbench.checks import algorithms as suite
    elif kind == "losses":
        from wgbench.checks import losses as suite  # type: ignore[no-redef]
    elif kind == "datasets":
        from wgbench.checks import datasets as suite  # type: ignore[no-redef]
    else:
        from wgbench.checks import backbones as suite  # type: ignore[no-redef]
    return suite.subject(name), suite.CHECKS


def require(holds: bool, wrong: str, remedy: str) -> None:
    """Raise CheckFailed unless it holds."""
    if not holds:
        raise CheckFailed("conformance", wrong, remedy)

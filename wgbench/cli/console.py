"""What goes to a terminal is shown as it is written: no markup, no codes, nothing that a terminal would obey."""

from typing import Any

from rich.console import Console
from rich.text import Text

from wgbench.errors import plain


class Plain(Console):
    """A console for text that others may have chosen: names, notes, titles."""

    def render_str(self, text: str, **options: Any) -> Text:
        """A text line by line, with escapes for what cannot be printed."""
        return super().render_str("\n".join(map(plain, text.split("\n"))), **options)


def console(*, stderr: bool = False) -> Console:
    """The console of all verbs. Plain strings are enough for it: `[red]` and `:smile:` stay what they are."""
    return Plain(stderr=stderr, highlight=False, markup=False, emoji=False)

"""Rich's console, on which what was logged does nothing."""

from typing import Any

from rich.console import Console
from rich.text import Text

from llm_monitoring.plain_text import visible


class PlainConsole(Console):
    """A console that takes every text as it stands: no markup, no `:x:` for an emoji, no escapes.

    A style is said with `style=`, or with a `rich.text.Text` of our own words.
    """

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, highlight=False)

    def render_str(self, text: str, **how: Any) -> Text:
        """A text, a heading or a cell of a table as rich will print it."""
        known = {name: how[name] for name in ("style", "justify", "overflow") if name in how}
        return Text(visible(text), **known)

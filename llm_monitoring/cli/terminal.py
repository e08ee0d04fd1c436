"""The only way to a terminal: what was logged is shown there, and does nothing."""

from typing import Any

import click
from rich.console import Console
from rich.text import Text

from llm_monitoring.plain_text import one_line, visible


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


class Refused(click.ClickException):
    """A mistake of whoever asks; its line may quote what was logged."""

    def format_message(self) -> str:
        """As click prints it."""
        return visible(self.message)


def say(line: str) -> None:
    """Print one line."""
    click.echo(one_line(line))

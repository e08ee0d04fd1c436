"""Lines on a terminal: what was logged is shown there, and does nothing."""

import click

from llm_monitoring.plain_text import one_line, visible


class Refused(click.ClickException):
    """A mistake of whoever asks; its line may quote what was logged."""

    def format_message(self) -> str:
        """As click prints it."""
        return visible(self.message)


def say(line: str) -> None:
    """Print one line."""
    click.echo(one_line(line))

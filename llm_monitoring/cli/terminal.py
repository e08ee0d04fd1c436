"""Lines on a terminal: what was logged is shown there, and does nothing."""

from typing import Any

import click

from llm_monitoring.plain_text import one_line, visible


class Refused(click.ClickException):
    """A mistake of whoever asks; its line may quote what was logged."""

    def format_message(self) -> str:
        """As click prints it."""
        return visible(self.message)


class Commands(click.Group):
    """Commands that all refuse a lake of another layout in the same words."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except ValueError as error:
            from llm_monitoring.lake.layout import LayoutError  # noqa: PLC0415

            if isinstance(error, LayoutError):
                raise Refused(str(error)) from error
            raise


def say(line: str) -> None:
    """Print one line."""
    click.echo(one_line(line))

"""What several commands are asked alike, and how they are refused."""

import getpass
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from llm_monitoring.cli.terminal import Refused
from llm_monitoring.settings import ConfigurationError, Settings
from llm_monitoring.written import MistakeError, check_words

if TYPE_CHECKING:
    from llm_monitoring.lake import Lake

CONFIG_VARIABLE = "LLM_MONITORING_CONFIG"
CONFIG = click.option(
    "--config",
    type=click.Path(path_type=Path),
    envvar=CONFIG_VARIABLE,
    default=Path("monitoring.yaml"),
    show_default=True,
    help="The monitoring.yaml to use.",
)
FORMAT = click.option(
    "--format", "style", type=click.Choice(["table", "json", "csv"]), default="table",
    show_default=True,
)  # fmt: skip


def words(longest: int) -> Callable[[click.Context, click.Parameter, str | None], str | None]:
    """A callback of an option with a person's text: not empty where it is given, and not endless.

    Args:
        longest: most characters it may have.
    """

    def check(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
        del ctx
        if value is None or value == param.default:
            return value
        try:
            return check_words(f"--{(param.name or '').replace('_', '-')}", value, longest)
        except MistakeError as error:
            raise Refused(str(error)) from error

    return check


def login_name() -> str:
    """Who is logged in; a name that nobody has says nothing.

    Raises:
        UsageError: the system knows no name.
    """
    try:
        return getpass.getuser()
    except (OSError, KeyError) as error:  # Python 3.13 raises the first, older ones the second
        raise click.UsageError("say who you are: --who") from error


WHO = click.option(
    "--who", callback=words(200), default=login_name, show_default="your login name",
    help="Who decides it.",
)  # fmt: skip


@contextmanager
def told() -> Iterator[None]:
    """A mistaken question is answered in a line, not with a traceback."""
    try:
        yield
    except ValueError as error:
        raise Refused(str(error)) from error


def read_settings(config: Path) -> Settings:
    """Settings of a file; a mistake in it is shown with its line."""
    from llm_monitoring.configuration import load_settings  # noqa: PLC0415

    try:
        return load_settings(config)
    except ConfigurationError as error:
        raise Refused(str(error)) from error


def read_lake(settings: Settings) -> "Lake":
    """The configured lake; where it cannot be opened, why."""
    from llm_monitoring.cli.query import open_lake  # noqa: PLC0415

    try:
        return open_lake(settings)
    except (LookupError, ValueError) as error:
        raise Refused(str(error)) from error


def command(config: Path, *words: str) -> str:
    """A command of ours to copy: it asks the same monitoring.yaml."""
    source = click.get_current_context().get_parameter_source("config")
    option = ("--config", str(config)) if source is ParameterSource.COMMANDLINE else ()
    return shlex.join(["llm-monitoring", *words, *option])

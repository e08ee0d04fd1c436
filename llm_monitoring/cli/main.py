"""Commands. What needs Dagster is imported by the command that needs it: `--help` is instant."""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from llm_monitoring.hours import HOUR, hour_key
from llm_monitoring.settings import ConfigurationError, Settings, load_settings

CONFIG = click.option(
    "--config",
    type=click.Path(path_type=Path),
    envvar="LLM_MONITORING_CONFIG",
    default=Path("monitoring.yaml"),
    show_default=True,
    help="The monitoring.yaml to use.",
)


@click.group()
@click.version_option(package_name="llm-monitoring")
def main() -> None:
    """Watch LLM features in production."""


@main.command()
@CONFIG
@click.option("--offline", is_flag=True, help="Do not call the judge's endpoint.")
def check(config: Path, offline: bool) -> None:
    """Validate the configuration, look for the sources, and call the judge's endpoint once."""
    settings = _settings(config)
    from llm_monitoring.cli.check import findings  # noqa: PLC0415

    results = list(findings(settings, offline=offline))
    for result in results:
        click.echo(f"{result.mark:<5} {result.text}")
    sys.exit(1 if any(result.mark == "error" for result in results) else 0)


@main.command()
@CONFIG
@click.option(
    "--from", "first", required=True, help="First hour, UTC: 2026-01-31 or 2026-01-31T05."
)
@click.option("--to", "last", required=True, help="Last hour, UTC; a date is its last hour.")
def backfill(config: Path, first: str, last: str) -> None:
    """Run every hourly asset over a range, in this process."""
    settings = _settings(config)
    start, end = _hour(first, is_end=False), _hour(last, is_end=True)
    _check_range(settings, start, end)
    os.environ["LLM_MONITORING_CONFIG"] = str(config.resolve())
    from llm_monitoring.cli.backfill import run_backfill  # noqa: PLC0415

    run_backfill(config.resolve(), start, end)


@main.command()
@CONFIG
@click.argument("statement")
@click.option(
    "--format", "style", type=click.Choice(["table", "json", "csv"]), default="table",
    show_default=True,
)  # fmt: skip
def sql(config: Path, statement: str, style: str) -> None:
    """Ask the lake one question: a SELECT over its tables, read-only.

    A statement of - is read from standard input.
    """
    from llm_monitoring.cli.query import open_lake, print_table  # noqa: PLC0415

    text = sys.stdin.read() if statement == "-" else statement
    try:
        print_table(open_lake(_settings(config)).run(text), style)
    except Exception as error:
        # DuckDB's own message says what is wrong with the statement and where.
        raise click.ClickException(str(error)) from error


@main.command()
@click.option("--folder", type=click.Path(path_type=Path), default=Path("demo"), show_default=True)
@click.option("--days", type=click.IntRange(16, 21), default=21, show_default=True)
@click.option("--seed", type=int, default=7, show_default=True)
def demo(folder: Path, days: int, seed: int) -> None:
    """Simulate a product with faults, run the whole pipeline over it, and say what was caught."""
    config = (folder / "monitoring.yaml").resolve()
    _settings(config)
    os.environ["LLM_MONITORING_CONFIG"] = str(config)
    from llm_monitoring.cli.demo import run_demo  # noqa: PLC0415

    run_demo(config, days=days, seed=seed)


@main.command()
@CONFIG
@click.option("--port", type=int, default=3000, show_default=True, help="Of Dagster.")
@click.option("--reports-port", type=int, default=3001, show_default=True, help="Of the reports.")
def dev(config: Path, port: int, reports_port: int) -> None:
    """Open Dagster on 127.0.0.1, and serve the incident reports beside it."""
    settings = _settings(config)
    from llm_monitoring.cli.dev import run_dev  # noqa: PLC0415

    sys.exit(run_dev(config.resolve(), settings, port, reports_port))


def _settings(config: Path) -> Settings:
    try:
        return load_settings(config)
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from error


def _hour(text: str, *, is_end: bool) -> int:
    """Hour key of a date or an hour."""
    try:
        moment = datetime.fromisoformat(text if "T" in text else f"{text}T00")
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is neither a date nor an hour") from error
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return hour_key(moment + 23 * HOUR if is_end and "T" not in text else moment)


def _check_range(settings: Settings, first: int, last: int) -> None:
    start = hour_key(settings.start)
    newest = min(filter(None, (settings.end, datetime.now(UTC)))) - HOUR
    if first > last:
        raise click.BadParameter(f"--from {first} lies after --to {last}")
    if first < start or last > hour_key(newest):
        raise click.BadParameter(
            f"hours {first} to {last} are not all monitored and closed: "
            f"those are {start} to {hour_key(newest)}"
        )

"""Commands. What needs Dagster is imported by the command that needs it: `--help` is instant."""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from llm_monitoring.cli.migrate import migrate
from llm_monitoring.cli.options import CONFIG, FORMAT, read_lake, read_settings, told
from llm_monitoring.cli.people.incidents import incidents
from llm_monitoring.cli.people.silences import silence
from llm_monitoring.cli.terminal import Commands, Refused, say
from llm_monitoring.hours import HOUR, hour_key
from llm_monitoring.settings import Settings
from llm_monitoring.written import hour_of

FROM = click.option(
    "--from", "first", required=True, help="First hour, UTC: 2026-01-31 or 2026-01-31T05."
)
PORT = click.IntRange(0, 65535)
TO = click.option("--to", "last", required=True, help="Last hour, UTC; a date is its last hour.")


@click.group(cls=Commands)
@click.version_option(package_name="llm-monitoring")
def main() -> None:
    """Watch LLM features in production."""


@main.command()
@CONFIG
@click.option("--offline", is_flag=True, help="Do not call the judge's endpoint.")
def check(config: Path, offline: bool) -> None:
    """Validate the configuration, look for the sources, and call the judge's endpoint once."""
    settings = read_settings(config)
    from llm_monitoring.cli.query import open_lake  # noqa: PLC0415
    from llm_monitoring.pipeline.upkeep.check import findings  # noqa: PLC0415

    results = list(findings(open_lake, settings, datetime.now(UTC), offline=offline))
    for result in results:
        say(f"{result.mark:<5} {result.text}")
    sys.exit(1 if any(result.mark == "error" for result in results) else 0)


@main.group()
def channels() -> None:
    """Where alerts go."""


@channels.command("test")
@CONFIG
@click.argument("names", nargs=-1, metavar="[NAME]...")
def try_channels(config: Path, names: tuple[str, ...]) -> None:
    """Send a sample message through the named channels, or through all of them.

    Exit code 1: some channel did not take it.
    """
    settings = read_settings(config)
    from llm_monitoring.cli.showing.channels import send_samples  # noqa: PLC0415

    with told():
        sys.exit(0 if send_samples(settings, names) else 1)


@main.command()
@CONFIG
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text",
              show_default=True)  # fmt: skip
def status(config: Path, style: str) -> None:
    """Say whether the monitor itself is well; the exit code is 1 if something is wrong with it."""
    from llm_monitoring.cli.showing.status import print_status, status_lines  # noqa: PLC0415

    lines = list(status_lines(config, datetime.now(UTC)))
    sys.exit(0 if print_status(lines, style) else 1)


@main.command()
@CONFIG
@FROM
@TO
@click.option("--yes", is_flag=True, help="Do not ask before a judge is paid.")
def backfill(config: Path, first: str, last: str, *, yes: bool) -> None:
    """Run every hourly asset over a range, in this process.

    With a judge behind an endpoint it tells first how many answers that would be asked about and
    what they cost, and asks.
    """
    settings = read_settings(config)
    start, end = _hour(first, is_end=False), _hour(last, is_end=True)
    _check_range(settings, start, end)
    read_lake(settings).check_layout()
    if not yes:
        from llm_monitoring.cli.people.asking import ask_before_paying  # noqa: PLC0415

        ask_before_paying(settings, start, end)
    os.environ["LLM_MONITORING_CONFIG"] = str(config.resolve())
    from llm_monitoring.cli.running.backfill import run_backfill  # noqa: PLC0415

    run_backfill(config.resolve(), start, end)


@main.command()
@CONFIG
@click.argument("statement")
@click.option(
    "--seconds", type=click.FloatRange(min=0, min_open=True), default=60, show_default=True,
    help="Of time that it may take.",
)  # fmt: skip
@FORMAT
def sql(config: Path, statement: str, seconds: float, style: str) -> None:
    """Ask the lake one question: a SELECT over its tables, which reads nothing else.

    A statement of - is read from standard input. `show tables` and `describe raw_requests` tell
    what there is.
    """
    from llm_monitoring.cli.query import open_lake, print_table  # noqa: PLC0415

    text = sys.stdin.read() if statement == "-" else statement
    try:
        print_table(open_lake(read_settings(config)).ask(text, seconds=seconds), style)
    except Exception as error:
        # DuckDB's own message says what is wrong with the statement and where; it quotes data.
        raise Refused(str(error)) from error


@main.command()
@CONFIG
@click.option(
    "--rule", "rules", multiple=True, metavar="RULE",
    help="A chart's name, a line such as 'error_rate>0.05@20' (windows of 20 rows and more), or "
    "configured, the default: what monitoring.yaml says. Several are shown side by side.",
)  # fmt: skip
@FROM
@TO
@click.option("--metric", help="Only this metric.")
@click.option("--feature", "feature_id", help="Only this feature.")
@click.option(
    "--incidents", type=click.Path(path_type=Path),
    help="YAML or CSV file of labelled incidents: feature_id, metric (optional), from, to, name.",
)  # fmt: skip
@click.option(
    "--false-alarms-per-week", "budgets", type=float, multiple=True,
    help="Try the charts at this budget instead of monitoring.yaml's; may be given repeatedly.",
)  # fmt: skip
@FORMAT
def backtest(config: Path, style: str, first: str, last: str, **asked: Any) -> None:
    """Run charts, drawn lines or budgets over stored windows. The lake is only read.

    CSV has a row for each episode; JSON and the table have the totals too.
    """
    settings = read_settings(config)
    from llm_monitoring.cli.showing.backtest import run_backtest  # noqa: PLC0415
    from llm_monitoring.pipeline.studies.backtest import Question  # noqa: PLC0415

    start, end = _hour(first, is_end=False), _hour(last, is_end=True)
    with told():
        run_backtest(settings, Question(first=start, last=end, **asked), style)


@main.command()
@CONFIG
@click.option(
    "--drop", type=click.FloatRange(0, 4, min_open=True), default=0.2, show_default=True,
    help="Points that a mean score falls by.",
)  # fmt: skip
@click.option(
    "--relative-rise", type=click.FloatRange(0, 100, min_open=True), default=0.5,
    show_default=True, help="What anything else rises by: .5 is half as much again.",
)  # fmt: skip
@click.option(
    "--hours", type=click.FloatRange(1, 8760), default=24, show_default=True,
    help="Within which it is to be noticed.",
)  # fmt: skip
@click.option("--metric", help="Only this metric.")
@click.option("--feature", "feature_id", help="Only this feature.")
@FORMAT
def power(
    config: Path, drop: float, relative_rise: float, hours: float, **asked: Any
) -> None:  # fmt: skip
    """Say how long a change would go unnoticed, and the judged rate and the money to notice it."""
    settings = read_settings(config)
    from llm_monitoring.cli.showing.power import run_power  # noqa: PLC0415
    from llm_monitoring.power import Change  # noqa: PLC0415

    change = Change(drop=drop, relative_rise=relative_rise, hours=hours)
    with told():
        run_power(settings, change, **asked)


@main.command()
@click.option("--folder", type=click.Path(path_type=Path), default=Path("demo"), show_default=True)
@click.option("--days", type=click.IntRange(16, 21), default=21, show_default=True)
@click.option("--seed", type=int, default=7, show_default=True)
def demo(folder: Path, days: int, seed: int) -> None:
    """Simulate a product with faults, run the whole pipeline over it, and say what was caught."""
    config = (folder / "monitoring.yaml").resolve()
    read_settings(config)
    os.environ["LLM_MONITORING_CONFIG"] = str(config)
    from llm_monitoring.cli.running.demo import run_demo  # noqa: PLC0415

    run_demo(config, days=days, seed=seed)


@main.command()
@CONFIG
@click.option(
    "--port", type=PORT, default=3000, show_default=True, envvar="LLM_MONITORING_PORT",
    show_envvar=True, help="Of Dagster; 0 takes any that is free.",
)  # fmt: skip
@click.option(
    "--reports-port", type=PORT, default=3001, show_default=True, show_envvar=True,
    envvar="LLM_MONITORING_REPORTS_PORT", help="Of the reports.",
)  # fmt: skip
@click.option(
    "--allowed-host", "allowed_hosts", multiple=True, metavar="HOST", show_envvar=True,
    envvar="LLM_MONITORING_ALLOWED_HOSTS",
    help="Name that people reach it by through a proxy; may be given repeatedly. Requests to other "
    "names than this and the local ones are refused.",
)  # fmt: skip
@click.option(
    "--definitions", metavar="MODULE", help="Serve the `defs` of this module instead of our own."
)
def dev(
    config: Path,
    port: int,
    reports_port: int,
    allowed_hosts: tuple[str, ...],
    definitions: str | None,
) -> None:
    """Open Dagster on 127.0.0.1, and serve the incident reports beside it."""
    settings = read_settings(config)
    read_lake(settings).check_layout()
    from llm_monitoring.cli.running.dev import DEFINITIONS, run_dev  # noqa: PLC0415

    sys.exit(
        run_dev(
            config.resolve(),
            settings,
            port=port,
            reports_port=reports_port,
            allowed_hosts=allowed_hosts,
            definitions=definitions or DEFINITIONS,
        )
    )


@main.command()
@CONFIG
@click.option("--user", "users", multiple=True, metavar="ID", help="As the logs name the user.")
@click.option("--session", "sessions", multiple=True, metavar="ID", help="One session.")
@click.option("--request", "requests", multiple=True, metavar="ID", help="One request.")
@click.option("--dry-run", is_flag=True, help="Only say what is held.")
def forget(config: Path, dry_run: bool, **who: tuple[str, ...]) -> None:
    """Delete a user's requests, texts and ids from lake and reports, and prove it.

    Exit code 1: some file still holds an id or a text, or cannot be read, and is named; or nobody
    by an id is stored. One that was forgotten before is proved again.
    """
    if not any(who.values()):
        raise click.UsageError("say whom: --user, --session or --request")
    read_settings(config)
    os.environ["LLM_MONITORING_CONFIG"] = str(config.resolve())
    from llm_monitoring.cli.people.forget import run_forget  # noqa: PLC0415

    with told():
        sys.exit(run_forget(config.resolve(), dry_run=dry_run, **who))


def _hour(text: str, *, is_end: bool) -> int:
    """Hour key of a date or an hour."""
    try:
        return hour_of(text, is_end=is_end)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


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


main.add_command(incidents)
main.add_command(migrate)
main.add_command(silence)

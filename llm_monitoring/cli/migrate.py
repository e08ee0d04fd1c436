"""`llm-monitoring migrate`: a lake that an older version wrote, in this version's layout."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from llm_monitoring.cli.options import CONFIG, read_lake, read_settings
from llm_monitoring.cli.terminal import Refused, say

if TYPE_CHECKING:
    from llm_monitoring.lake.migrations.rewriting import Rewritten

STOPPED_FOR = timedelta(minutes=2)  # a daemon that works says so twice a minute


@click.command()
@CONFIG
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
def migrate(config: Path, *, dry_run: bool) -> None:
    """Bring a lake that an older version wrote to this version's layout.

    Nothing else may write to it meanwhile. One that was killed is run again, and goes on where it
    stopped.
    """
    lake = read_lake(read_settings(config))
    from llm_monitoring.control.stored import renamed  # noqa: PLC0415
    from llm_monitoring.lake.layout import LAYOUT  # noqa: PLC0415
    from llm_monitoring.lake.migrations import migrate_lake, oldest_layout  # noqa: PLC0415

    found = oldest_layout(lake)
    if dry_run:
        for rewritten in migrate_lake(lake, renamed, dry_run=True):
            say(f"would write {_text(rewritten)}")
    else:
        with _nobody_else(config.resolve()):
            for rewritten in migrate_lake(lake, renamed):
                say(f"{_text(rewritten)}; version {rewritten.before} -> {rewritten.after}")
    if found >= LAYOUT:
        say(f"{lake.uri} has layout {LAYOUT} already: there is nothing to do")
    elif not dry_run:
        say(f"{lake.uri} has layout {LAYOUT} now")


@contextmanager
def _nobody_else(config: Path) -> Iterator[None]:
    """Within it no command of ours runs jobs in this DAGSTER_HOME.

    Raises:
        Refused: Dagster works there.
    """
    from llm_monitoring.cli.running.home import dagster_home, taking_turns  # noqa: PLC0415
    from llm_monitoring.cli.showing.status import daemon_age  # noqa: PLC0415

    home = dagster_home(config)
    age = daemon_age(home, datetime.now(UTC))
    if age is not None and age < STOPPED_FOR:
        raise Refused(
            f"Dagster's daemon of {home} was alive {age.total_seconds():.0f} s ago and may write "
            "to the lake: stop llm-monitoring dev, and run this again two minutes later"
        )
    with taking_turns(home, lambda who: say(f"waiting for {who}, which works in {home}")):
        yield


def _text(rewritten: "Rewritten") -> str:
    return f"{rewritten.table}: {rewritten.rows:,} rows, {rewritten.words}"

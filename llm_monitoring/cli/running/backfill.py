"""Every hourly asset over a range, two days at a time, in this process."""

import logging
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from llm_monitoring.cli.console import PlainConsole
from llm_monitoring.cli.running.home import dagster_home, taking_turns
from llm_monitoring.cli.running.instance import open_instance
from llm_monitoring.cli.running.waiting import watching_pools
from llm_monitoring.definitions import defs
from llm_monitoring.defs.partitions import PARTITION, range_tags
from llm_monitoring.defs.runs.executor import run_here
from llm_monitoring.hours import hours_between, pieces

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

# The lock of a run tells whether it lives, so no daemon ends it for its length or runs it again.
OURS = {"dagster/max_runtime_seconds": "0", "dagster/max_retries": "0"}


def run_backfill(config: Path, first: int, last: int) -> None:
    """Backfill with a progress bar, then bring the alerts up to date once.

    Alerts that were over long before are recorded silently, so old history wakes nobody.
    """
    with (
        progress_bar() as bar,
        my_turn(config, bar.console.print),
        working_instance(config, bar.console.print) as instance,
    ):
        task = bar.add_task("backfill", total=hours_between(first, last) + 1)
        for start, end in pieces(first, last):
            bar.update(task, description=f"hours {start} to {end}")
            run_job(instance, "hours", tags=range_tags(start, end))
            bar.advance(task, hours_between(start, end) + 1)
        run_job(instance, "reconcile_alerts")


@contextmanager
def my_turn(config: Path, tell: Callable[[str], None]) -> Iterator[None]:
    """Wait, and say so, until no other command runs jobs in this DAGSTER_HOME."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends its run as Ctrl-C does
    home = dagster_home(config)
    with taking_turns(home, lambda who: tell(f"waiting for {who}, which works in {home}")):
        yield


@contextmanager
def working_instance(config: Path, tell: Callable[[str], None]) -> Iterator[dg.DagsterInstance]:
    """The instance without what dead runs left; it says what its runs wait for."""
    with open_instance(config) as instance, watching_pools(instance, tell):
        yield instance


def run_job(
    instance: dg.DagsterInstance,
    name: str,
    tags: dict[str, str] | None = None,
    partition_key: str | None = None,
    ops: Mapping[str, Any] | None = None,
    *,
    definitions: dg.Definitions | None = None,
) -> None:
    """One run of a job in this process, recorded in the instance.

    Args:
        ops: configuration of the job's ops.
        definitions: the code location the job is of; None: the product's.

    Raises:
        Exception: what made the run fail.
    """
    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    run_here(
        instance,
        (definitions or defs).resolve_job_def(name),
        tags={**OURS, **(tags or {}), **({PARTITION: partition_key} if partition_key else {})},
        run_config={**QUIET, **({"ops": ops} if ops else {})},
    )


def progress_bar() -> Progress:
    """Bar with the count, the time so far and the time left."""
    return Progress(
        TextColumn("{task.description:<32}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=PlainConsole(stderr=True),
    )

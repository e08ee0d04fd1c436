"""Every hourly asset over a range, a day at a time, in this process."""

import logging
from collections.abc import Iterator
from pathlib import Path

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
from llm_monitoring.cli.instance import open_instance
from llm_monitoring.definitions import defs
from llm_monitoring.defs.partitions import range_tags
from llm_monitoring.hours import hours_between, shift

CHUNK = 48  # hours: memory stays small, and a backfill that is killed has lost two days at most
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def run_backfill(config: Path, first: int, last: int) -> None:
    """Backfill with a progress bar, then bring the alerts up to date once.

    Alerts that were over long before are recorded silently, so old history wakes nobody.
    """
    with open_instance(config) as instance, progress_bar() as bar:
        task = bar.add_task("backfill", total=hours_between(first, last) + 1)
        run_job(instance, "ledger")
        for start, end in chunks(first, last):
            bar.update(task, description=f"hours {start} to {end}")
            run_job(instance, "hours", tags=range_tags(start, end))
            bar.advance(task, hours_between(start, end) + 1)
        run_job(instance, "reconcile_alerts")


def chunks(first: int, last: int) -> Iterator[tuple[int, int]]:
    """The range in pieces of CHUNK hours."""
    for offset in range(0, hours_between(first, last) + 1, CHUNK):
        start = shift(first, offset)
        yield start, min(shift(start, CHUNK - 1), last)


def run_job(
    instance: dg.DagsterInstance,
    name: str,
    tags: dict[str, str] | None = None,
    partition_key: str | None = None,
) -> None:
    """One run of a job in this process, recorded in the instance.

    Raises:
        Exception: what made the run fail.
    """
    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    defs.resolve_job_def(name).execute_in_process(
        instance=instance,
        tags=tags,
        partition_key=partition_key,
        run_config=QUIET,
        raise_on_error=True,
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

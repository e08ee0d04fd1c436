"""Every hourly asset over a range, a day at a time, in this process."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import dagster as dg
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from llm_monitoring.cli.instance import open_instance
from llm_monitoring.defs.assets import requests, response
from llm_monitoring.defs.jobs import HOURLY_ASSETS
from llm_monitoring.defs.partitions import range_tags
from llm_monitoring.defs.resources import Monitoring, monitoring_resource
from llm_monitoring.hours import hours_between, shift

CHUNK = 24  # hours: memory stays small, and a backfill that is killed goes on where it was
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def run_backfill(config: Path, first: int, last: int) -> None:
    """Backfill with a progress bar, then bring the alerts up to date once.

    Alerts that were over long before are recorded silently, so old history wakes nobody.
    """
    monitoring = monitoring_resource(config)
    with open_instance(config) as instance, progress_bar() as bar:
        task = bar.add_task("backfill", total=hours_between(first, last) + 1)
        materialize(instance, monitoring, [requests.changes])
        for start, end in chunks(first, last):
            bar.update(task, description=f"hours {start} to {end}")
            materialize(instance, monitoring, HOURLY_ASSETS, range_tags(start, end))
            bar.advance(task, hours_between(start, end) + 1)
        materialize(instance, monitoring, [response.alerts])


def chunks(first: int, last: int) -> Iterator[tuple[int, int]]:
    """The range in pieces of CHUNK hours."""
    for offset in range(0, hours_between(first, last) + 1, CHUNK):
        start = shift(first, offset)
        yield start, min(shift(start, CHUNK - 1), last)


def materialize(
    instance: dg.DagsterInstance,
    monitoring: Monitoring,
    assets: Sequence[dg.AssetsDefinition],
    tags: dict[str, str] | None = None,
    partition_key: str | None = None,
) -> None:
    """One run in this process, recorded in the instance.

    Raises:
        ClickException: the run failed.
    """
    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    result = dg.materialize(
        assets,
        instance=instance,
        resources={"monitoring": monitoring},
        tags=tags,
        partition_key=partition_key,
        run_config=QUIET,
        raise_on_error=True,
        selection=dg.AssetSelection.assets(*assets),
    )
    if not result.success:
        raise click.ClickException(f"run {result.run_id} failed")


def progress_bar() -> Progress:
    """Bar with the count, the time so far and the time left."""
    return Progress(
        TextColumn("{task.description:<32}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )

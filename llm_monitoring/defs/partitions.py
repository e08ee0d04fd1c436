"""The partitions are the clock: hours that closed, weeks that have begun, incidents by name."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

from llm_monitoring.configuration import load_settings
from llm_monitoring.hours import HOUR, hour_key, hour_start, week_key, week_start

CONFIGURATION_VARIABLE = "LLM_MONITORING_CONFIG"
HOUR_FORMAT = "%Y-%m-%d-%H:%M"


def configuration_path() -> Path:
    """monitoring.yaml of the folder Dagster runs in, or the file the environment names."""
    return Path(os.environ.get(CONFIGURATION_VARIABLE) or "monitoring.yaml").resolve()


# Partitions are part of the definitions, so a mistake in the file is shown when they load.
SETTINGS = load_settings(configuration_path())

HOURS = dg.HourlyPartitionsDefinition(
    start_date=SETTINGS.start, end_date=SETTINGS.end, timezone="UTC", fmt=HOUR_FORMAT
)
# A week is probed while it runs, so its partition exists from its Monday on.
WEEKS = dg.WeeklyPartitionsDefinition(
    start_date=week_start(week_key(SETTINGS.start)),
    end_date=SETTINGS.end,
    timezone="UTC",
    day_offset=1,
    end_offset=0 if SETTINGS.end else 1,
)
INCIDENTS = dg.DynamicPartitionsDefinition(name="incidents")

PARTITION = "dagster/partition"
RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"


def hours_of(context: dg.AssetExecutionContext) -> tuple[int, int]:
    """First and last hour of a run, of one hour or of a range."""
    window = context.partition_time_window
    return hour_key(window.start), hour_key(window.end - HOUR)


def weeks_of(context: dg.AssetExecutionContext) -> list[int]:
    """Weeks of a run, of one week or of a range, in order."""
    window = context.partition_time_window
    count = round((window.end - window.start) / timedelta(weeks=1))
    return [week_key(window.start + timedelta(weeks=i)) for i in range(count)]


def hour_partition(hour: int) -> str:
    """Partition key of an hour."""
    return hour_start(hour).strftime(HOUR_FORMAT)


def range_tags(first: int, last: int) -> dict[str, str]:
    """Tags of a run over the hours first to last, both included."""
    return {RANGE_START: hour_partition(first), RANGE_END: hour_partition(last)}


def range_of_tags(tags: Mapping[str, str]) -> tuple[int, int] | None:
    """First and last hour of a run, from its tags; None: it has no partition."""
    first, last = (tags.get(tag, tags.get(PARTITION)) for tag in (RANGE_START, RANGE_END))
    if first is None or last is None:
        return None
    return _hour_of(first), _hour_of(last)


def _hour_of(partition: str) -> int:
    return hour_key(datetime.strptime(partition, HOUR_FORMAT).replace(tzinfo=UTC))

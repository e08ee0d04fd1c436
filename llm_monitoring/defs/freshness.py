"""How old an asset may be before Dagster's user interface shows it as overdue."""

from datetime import timedelta

import dagster as dg

from llm_monitoring.defs.partitions import SETTINGS

RUN = timedelta(minutes=30)  # an hour's run may take as long
WEEK = timedelta(days=7)


def no_older_than(age: timedelta) -> dg.FreshnessPolicy | None:
    """The policy; None where monitoring has an end: then everything grows old."""
    return dg.FreshnessPolicy.time_window(fail_window=age) if SETTINGS.end is None else None


HOURLY = no_older_than(timedelta(hours=SETTINGS.heartbeat.late_hours) + RUN)
WEEKLY = no_older_than(WEEK + timedelta(days=1)) if SETTINGS.probes.models else None

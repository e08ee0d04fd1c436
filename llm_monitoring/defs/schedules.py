"""What runs by the clock: the hour that closed, the cost check, the weekly probes, the upkeep.

The hour that closed is run together with the hours before it whose requests may still have come
late; a re-run replaces them and pays no judge twice. Signals come later still: they are taken up
with the hour they came in, and touch only the windows they belong to.
"""

from datetime import datetime

import dagster as dg

from llm_monitoring.defs.cost_check import cost_check_job
from llm_monitoring.defs.jobs import hours_job, ledger_job, maintenance, weeks_job
from llm_monitoring.defs.partitions import SETTINGS, WEEKS, range_tags
from llm_monitoring.hours import HOUR, hour_key
from llm_monitoring.pipeline.ingest import latest

RUNNING = dg.DefaultScheduleStatus.RUNNING


@dg.schedule(
    job=hours_job, cron_schedule="5 * * * *", execution_timezone="UTC", default_status=RUNNING
)
def closed_hour(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """The hour that closed, with the hours before it whose requests may have come late."""
    tags = closed_hours(context.scheduled_execution_time)
    if tags is None:
        return dg.SkipReason("no monitored hour has just closed")
    return dg.RunRequest(run_key=f"{min(tags.values())}..{max(tags.values())}", tags=tags)


def closed_hours(now: datetime) -> dict[str, str] | None:
    """Partition range of a tick; None: the hour that closed is not monitored."""
    last = now.replace(minute=0, second=0, microsecond=0) - HOUR
    if last < SETTINGS.start or (SETTINGS.end is not None and last >= SETTINGS.end):
        return None
    first = max(SETTINGS.start, last - HOUR * late_hours())
    return range_tags(hour_key(first), hour_key(last))


def late_hours() -> int:
    """How late a request may come and still count."""
    return latest(SETTINGS.sources.requests)


@dg.schedule(
    job=cost_check_job, cron_schedule="15 * * * *", execution_timezone="UTC", default_status=RUNNING
)
def hourly_cost_check() -> dg.RunRequest:
    """Spend and cost per request against chart and budget, and what moved them."""
    return dg.RunRequest()


@dg.schedule(
    job=weeks_job, cron_schedule="0 12 * * 3", execution_timezone="UTC", default_status=RUNNING
)
def weekly_probes(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """The canaries of the week, in its middle: a change early in a week is seen in that week."""
    keys = WEEKS.get_partition_keys(current_time=context.scheduled_execution_time)
    if not keys or not SETTINGS.probes.models:
        return dg.SkipReason("no model is probed")
    key = keys[-1]
    return dg.RunRequest(run_key=key, partition_key=key)


@dg.schedule(
    job=maintenance, cron_schedule="30 3 * * *", execution_timezone="UTC", default_status=RUNNING
)
def daily_maintenance() -> dg.RunRequest:
    """Retention, compaction, vacuum."""
    return dg.RunRequest()


@dg.schedule(
    job=ledger_job, cron_schedule="0 * * * *", execution_timezone="UTC", default_status=RUNNING
)
def hourly_ledger() -> dg.RunRequest:
    """What people changed since."""
    return dg.RunRequest()


SCHEDULES = (
    closed_hour, hourly_cost_check, weekly_probes, daily_maintenance, hourly_ledger,
)  # fmt: skip

"""What runs by the clock: the hour that closed, the cost check, the weekly probes, the upkeep.

One run an hour: it ingests, judges, measures and charts, reads the change ledger, checks the cost.

The hour that closed is run together with the hours before it whose requests may still have come
late; a re-run replaces them and pays no judge twice. Signals come later still: they are taken up
with the hour they came in, and touch only the windows they belong to.
"""

from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.storage.asset_check_execution_record import (
    COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES,
)

from llm_monitoring.defs.checks.cost_check import cost_check_job, spend_within_budget
from llm_monitoring.defs.jobs.jobs import hours_job, weeks_job
from llm_monitoring.defs.jobs.upkeep import maintenance
from llm_monitoring.defs.partitions import SETTINGS, WEEKS, range_tags
from llm_monitoring.defs.runs.started_runs import is_waiting
from llm_monitoring.hours import HOUR, hour_key
from llm_monitoring.pipeline.requests.ingest import latest

RUNNING = dg.DefaultScheduleStatus.RUNNING
OVERTAKEN = dg.SkipReason("a newer tick has come")
# Hours run one at a time: of those that are queued, the hour that closed is run first.
BEFORE_HISTORY = {"dagster/priority": "5"}


@dg.schedule(
    job=hours_job, cron_schedule="5 * * * *", execution_timezone="UTC", default_status=RUNNING
)
def closed_hour(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """The hour that closed, with the hours before it whose requests may have come late."""
    if is_overtaken(context, HOUR):
        return OVERTAKEN
    tags = range_of_tick(context.scheduled_execution_time)
    if tags is None:
        return dg.SkipReason("no monitored hour has just closed")
    run_key = f"{min(tags.values())}..{max(tags.values())}"
    return dg.RunRequest(run_key=run_key, tags={**tags, **BEFORE_HISTORY})


def range_of_tick(now: datetime) -> dict[str, str] | None:
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
    job=cost_check_job, cron_schedule="45 * * * *", execution_timezone="UTC", default_status=RUNNING
)
def hourly_cost_check(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Spend and cost per request against chart and budget, where the closed hour's run did not.

    That run checks the cost too; a run of its own would cost a process an hour.
    """
    moment = context.scheduled_execution_time
    if range_of_tick(moment) is None:
        return dg.SkipReason("no monitored hour has just closed")
    checked = last_cost_check(context.instance)
    if checked is not None and checked >= moment.replace(minute=0, second=0, microsecond=0):
        return dg.SkipReason(f"the closed hour's run checked the cost at {checked:%H:%M} UTC")
    return once(context, cost_check_job.name, HOUR)


def last_cost_check(instance: dg.DagsterInstance) -> datetime | None:
    """When the cost was last checked; None: never."""
    key = next(iter(spend_within_budget.check_keys))
    records = instance.event_log_storage.get_asset_check_execution_history(
        key, limit=1, status=COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES
    )
    return datetime.fromtimestamp(records[0].create_timestamp, UTC) if records else None


@dg.schedule(
    job=weeks_job, cron_schedule="0 12 * * 3", execution_timezone="UTC", default_status=RUNNING
)
def weekly_probes(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """The canaries of the week, in its middle: a change early in a week is seen in that week."""
    if is_overtaken(context, 7 * 24 * HOUR):
        return OVERTAKEN  # probes of today are none of an earlier week
    keys = WEEKS.get_partition_keys(current_time=context.scheduled_execution_time)
    if not keys or not SETTINGS.probes.models:
        return dg.SkipReason("no model is probed")
    key = keys[-1]
    return dg.RunRequest(run_key=key, partition_key=key)


@dg.schedule(
    job=maintenance, cron_schedule="30 3 * * *", execution_timezone="UTC", default_status=RUNNING
)
def daily_maintenance(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Retention, compaction, vacuum."""
    return once(context, maintenance.name, 24 * HOUR)


def once(
    context: dg.ScheduleEvaluationContext, job_name: str, period: timedelta
) -> dg.RunRequest | dg.SkipReason:
    """One run, unless a newer tick has come or a run of the job has not begun yet."""
    if is_overtaken(context, period):
        return OVERTAKEN
    if is_waiting(context.instance, job_name):
        return dg.SkipReason("a run of the job waits already")
    return dg.RunRequest()


def is_overtaken(context: dg.ScheduleEvaluationContext, period: timedelta) -> bool:
    """Whether a newer tick has come: after an outage Dagster makes up for old ones."""
    return wall_clock() - context.scheduled_execution_time >= period


def wall_clock() -> datetime:
    """Now."""
    return datetime.now(UTC)


SCHEDULES = (closed_hour, hourly_cost_check, weekly_probes, daily_maintenance)

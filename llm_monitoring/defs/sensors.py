"""Sensors: failed checks start alerts, open alerts start incidents, late files start the hours.

The truth is in the lake, so a sensor only says when to look: losing its cursor, or a daemon that
restarts, neither loses an alert nor makes it twice.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.storage.tags import SCHEDULE_NAME_TAG

from llm_monitoring.alerts.sentences import hour_text
from llm_monitoring.defs.assets import response
from llm_monitoring.defs.jobs.jobs import alerts_job, hours_job, incidents_job
from llm_monitoring.defs.partitions import INCIDENTS, range_of_tags, range_tags
from llm_monitoring.defs.resources import Monitoring
from llm_monitoring.defs.runs.started_runs import failed_runs, is_failing, is_waiting
from llm_monitoring.defs.runs.watching import self_check
from llm_monitoring.defs.schedules import closed_hour
from llm_monitoring.hours import hour_range, hour_start
from llm_monitoring.pipeline.alerts.notify import is_news_due
from llm_monitoring.pipeline.incidents.casework import all_incidents
from llm_monitoring.pipeline.requests.catch_up import (
    WATCHED_DAYS,
    Due,
    HoursRun,
    due_hours,
    failures_by_hour,
    pieces_newest_first,
    resting_hours,
    shorter_where_failed,
)

TERMINAL = (
    dg.DagsterEventType.RUN_SUCCESS,
    dg.DagsterEventType.RUN_FAILURE,
    dg.DagsterEventType.RUN_CANCELED,
)
UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]
SWEEP = "llm_monitoring/sweep"  # tag of a run that catches up, with when it was asked for
PAGE = 200  # events read at a time
LOOK_EVERY = timedelta(minutes=5)  # while nothing is due
AT = "%Y-%m-%dT%H:%M:%S"
DUE = "due"
RUNNING = dg.DefaultSensorStatus.RUNNING
# Assets that answer a failed check: their own results must not start them again.
ANSWERS = (response.alerts.key, response.incidents.key)


@dg.sensor(
    job=alerts_job,
    minimum_interval_seconds=30,
    default_status=RUNNING,
    description="Failed checks, and messages that are due, start the run of the alerts.",
)
def failed_checks(context: dg.SensorEvaluationContext, monitoring: Monitoring) -> dg.SensorResult:
    """New check results, or a message that is due, start the run that reconciles the alerts."""
    seen, cursor = read_evaluations(context.instance, context.cursor)
    failed = sorted(name for name, passed in seen.items() if not passed)
    firing = bool(seen) and monitoring.lake.count("alerts", status="firing") > 0
    waiting = is_news_due(monitoring.lake, monitoring.settings, monitoring.now())
    if not failed and not (seen and firing) and not waiting:
        return dg.SensorResult(cursor=cursor, skip_reason=dg.SkipReason("nothing to tell"))
    reason = ", ".join(failed) or ("results while alerts fire" if firing else "messages are due")
    # The truth is in the lake: a run that has not begun will see this too.
    if is_waiting(context.instance, alerts_job.name):
        return dg.SensorResult(cursor=cursor, skip_reason=dg.SkipReason("a run waits already"))
    if is_failing(context.instance, alerts_job.name, monitoring.now()):
        return dg.SensorResult(cursor=cursor, skip_reason=dg.SkipReason("failed_runs goes on"))
    request = dg.RunRequest(tags={"llm_monitoring/because": reason[:200]})
    return dg.SensorResult(run_requests=[request], cursor=cursor)


def read_evaluations(
    instance: dg.DagsterInstance, cursor: str | None
) -> tuple[dict[str, bool], str]:
    """Check results since a cursor: name -> every result passed; and the next cursor.

    Results have no feed of their own. Those of runs are read from each run that ended; those
    reported outside a run stand under the empty run id.
    """
    position: dict[str, str] = json.loads(cursor) if cursor else {}
    seen: dict[str, bool] = {}
    for kind in TERMINAL:
        page = instance.fetch_run_status_changes(
            kind, limit=PAGE, cursor=position.get(kind.value), ascending=True
        )
        for record in page.records:
            _read_run(instance, record.event_log_entry.run_id, None, seen)
        if page.records:
            position[kind.value] = page.cursor
    outside = _read_run(instance, "", position.get("outside_runs"), seen)
    if outside is not None:
        position["outside_runs"] = outside
    return seen, json.dumps(position, sort_keys=True)


def _read_run(
    instance: dg.DagsterInstance, run_id: str, cursor: str | None, seen: dict[str, bool]
) -> str | None:
    while True:
        page = instance.get_records_for_run(
            run_id,
            cursor=cursor,
            of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION,
            limit=PAGE,
            ascending=True,
        )
        for record in page.records:
            event = record.event_log_entry.dagster_event
            result = event.asset_check_evaluation_data if event else None
            if result is None or result.asset_key in ANSWERS:
                continue
            seen[result.check_name] = seen.get(result.check_name, True) and result.passed
        if page.records:
            cursor = page.cursor
        if not page.has_more:
            return cursor


@dg.sensor(
    job=incidents_job,
    minimum_interval_seconds=30,
    default_status=RUNNING,
    description="Incidents that are new, or that alerts have joined, are investigated.",
)
def open_alerts(context: dg.SensorEvaluationContext, monitoring: Monitoring) -> dg.SensorResult:
    """Each incident, and each that alerts have joined since, is investigated: its asset is run."""
    incidents = all_incidents(monitoring.lake)
    known = set(context.instance.get_dynamic_partitions(INCIDENTS.name or ""))
    new = [row.incident_id for row in incidents if row.incident_id not in known]
    requests = [
        # A key is run once: the same incident again only when its alerts are others. A run that
        # failed is started again by `failed_runs`.
        dg.RunRequest(
            run_key=f"{row.incident_id}:{_short_hash(','.join(row.alerts))}",
            partition_key=row.incident_id,
        )
        for row in incidents
        if row.report_path is None
    ]
    return dg.SensorResult(
        run_requests=requests,
        dynamic_partitions_requests=[INCIDENTS.build_add_request(new)] if new else [],
    )


@dg.sensor(
    job=hours_job,
    minimum_interval_seconds=30,
    default_status=RUNNING,
    description="Hours that were never measured, whose run failed, or whose files changed since, "
    "are run again.",
)
def missing_hours_and_late_files(
    context: dg.SensorEvaluationContext, monitoring: Monitoring
) -> dg.SensorResult | dg.SkipReason:
    """Closed hours that were never measured, whose run failed, or whose files changed, are run.

    What was measured and of which files stands in the lake, what failed in Dagster; the cursor
    only says when nothing was due, so that files are looked through every five minutes. The newest
    hours come first, one run at a time: the hour that closes waits for no more than that.
    """
    instance, now = context.instance, monitoring.now()
    runs = instance.get_runs(dg.RunsFilter(job_name=hours_job.name, statuses=UNFINISHED))
    if any(SWEEP in run.tags for run in runs):
        return dg.SkipReason("hours are being caught up")
    failures = failures_by_hour(_ended_runs(instance, now - timedelta(days=WATCHED_DAYS)))
    was_quiet = f"{now - LOOK_EVERY:{AT}}" < (context.cursor or "") <= f"{now:{AT}}"
    if was_quiet and not failures:
        return dg.SkipReason("nothing was due at the last look, less than five minutes ago")
    due = due_hours(
        monitoring.lake, monitoring.settings, now, failed=failures, began=_first_hour(instance)
    )
    # Hours that failed are asked for again later and later; until then it is others' turn.
    ready = due.now - _hours_of_runs(runs) - resting_hours(failures, now)
    piece = next(pieces_newest_first(ready, shorter_where_failed(failures)), None)
    if piece is None:
        cursor = DUE if due.now else f"{now:{AT}}"
        return dg.SensorResult(skip_reason=_nothing_ready(due), cursor=cursor)
    first, last = piece
    asked = f"{now:%Y-%m-%dT%H:%M:%S}"
    request = dg.RunRequest(
        run_key=f"{first}..{last}:{asked}", tags={**range_tags(first, last), SWEEP: asked}
    )
    return dg.SensorResult(run_requests=[request], cursor=DUE)


def _nothing_ready(due: Due) -> dg.SkipReason:
    if count := len(due.now):
        return dg.SkipReason(f"{count} hours are due: they are run, or failed and rest a while")
    if not due.waiting:
        return dg.SkipReason("every closed hour is measured as its files are now")
    first, last = min(due.waiting), max(due.waiting)
    return dg.SkipReason(
        f"{len(due.waiting)} hours from {hour_text(first)} to {hour_text(last)} are older than the "
        "first that was run by the clock. Their answers cost the judge money, so they wait for "
        "your word: "
        f"llm-monitoring backfill --from {_argument(first)} --to {_argument(last)}"
    )


def _argument(hour: int) -> str:
    """An hour as the command line takes it."""
    return f"{hour_start(hour):%Y-%m-%dT%H}"


def _hours_of_runs(runs: Iterable[dg.DagsterRun]) -> set[int]:
    spans = filter(None, (range_of_tags(run.tags) for run in runs))
    return {hour for span in spans for hour in hour_range(*span)}


def _ended_runs(instance: dg.DagsterInstance, since: datetime) -> Iterator[HoursRun]:
    """Runs that failed since, whoever started them, and those that succeeded after the first.

    What somebody cancelled is left to them.
    """
    failed = list(_hours_runs(instance, dg.DagsterRunStatus.FAILURE, since))
    if failed:
        yield from failed
        first = min(run.ended_at for run in failed)
        yield from _hours_runs(instance, dg.DagsterRunStatus.SUCCESS, first)


def _hours_runs(
    instance: dg.DagsterInstance, status: dg.DagsterRunStatus, since: datetime
) -> Iterator[HoursRun]:
    filters = dg.RunsFilter(job_name=hours_job.name, statuses=[status], updated_after=since)
    for record in instance.get_run_records(filters):
        if span := range_of_tags(record.dagster_run.tags):
            yield HoursRun(
                hours=span,
                began_at=_moment(record.start_time) or record.create_timestamp,
                ended_at=_moment(record.end_time) or record.update_timestamp,
                succeeded=status is dg.DagsterRunStatus.SUCCESS,
            )


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _first_hour(instance: dg.DagsterInstance) -> int | None:
    """First hour that the clock ran, of the runs that are kept; None: it has run none yet."""
    by_clock = dg.RunsFilter(job_name=hours_job.name, tags={SCHEDULE_NAME_TAG: closed_hour.name})
    records = instance.get_run_records(by_clock, limit=1, ascending=True)
    spans = (range_of_tags(record.dagster_run.tags) for record in records)
    return next((span[0] for span in spans if span), None)


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


SENSORS = (failed_checks, open_alerts, missing_hours_and_late_files, failed_runs, self_check)

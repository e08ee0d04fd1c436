"""Sensors: failed checks start alerts, open alerts start incidents, late files start the hours.

The truth is in the lake, so a sensor only says when to look: losing its cursor, or a daemon that
restarts, neither loses an alert nor makes it twice.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice

import dagster as dg

from llm_monitoring.alerts import due
from llm_monitoring.defs.assets import response
from llm_monitoring.defs.jobs import alerts_job, hours_job, incidents_job
from llm_monitoring.defs.partitions import INCIDENTS, range_of_tags, range_tags
from llm_monitoring.defs.resources import Monitoring
from llm_monitoring.defs.started_runs import LOOK_BACK, SWEEP, failed_runs, is_failing, is_waiting
from llm_monitoring.defs.watching import self_check
from llm_monitoring.hours import hour_range, hour_start
from llm_monitoring.pipeline.catch_up import (
    Due,
    due_hours,
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
PAGE = 200  # runs or events read at a time
CATCHING_UP = 2  # such runs at a time
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
    firing = bool(monitoring.lake.rows("alerts", "status = 'firing'")) if seen else False
    waiting = due(monitoring.lake.rows("deliveries"), monitoring.now())
    if not failed and not (seen and firing) and not waiting:
        return dg.SensorResult(cursor=cursor, skip_reason=dg.SkipReason("nothing to tell"))
    reason = ", ".join(failed) or ("results while alerts fire" if seen else "messages are due")
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
    incidents = monitoring.lake.rows("incidents")
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
    minimum_interval_seconds=60,
    default_status=RUNNING,
    description="Hours that were never measured, or whose files changed since, are run again.",
)
def missing_hours_and_late_files(
    context: dg.SensorEvaluationContext, monitoring: Monitoring
) -> dg.SensorResult | dg.SkipReason:
    """Closed hours that were never measured, or whose files changed since, are run again.

    What was measured and of which files stands in the lake; the cursor only says when nothing was
    due, so that files are looked through every five minutes. The newest hours come first, a few
    runs at a time.
    """
    now = monitoring.now()
    if f"{now - LOOK_EVERY:{AT}}" < (context.cursor or "") <= f"{now:{AT}}":
        return dg.SkipReason("nothing was due at the last look, less than five minutes ago")
    runs = context.instance.get_runs(dg.RunsFilter(job_name=hours_job.name, statuses=UNFINISHED))
    free = CATCHING_UP - sum(SWEEP in run.tags for run in runs)
    if free <= 0:
        return dg.SkipReason("hours are being caught up")
    due = due_hours(monitoring.lake, monitoring.settings, now)
    busy = _hours_of_runs(runs)
    failed = list(_failed_ranges(context.instance, now))
    # Hours that failed are asked for again later and later; until then it is others' turn.
    pieces = pieces_newest_first(
        (due.missing | due.changed) - busy - resting_hours(failed, now),
        shorter_where_failed(span for span, _ in failed),
    )
    asked = f"{now:%Y-%m-%dT%H:%M}"
    requests = [
        dg.RunRequest(
            run_key=f"{first}..{last}:{asked}", tags={**range_tags(first, last), SWEEP: asked}
        )
        for first, last in islice(pieces, free)
    ]
    if not requests:
        is_quiet = not (due.missing | due.changed)
        return dg.SensorResult(
            skip_reason=_nothing_due(due), cursor=f"{now:{AT}}" if is_quiet else DUE
        )
    return dg.SensorResult(run_requests=requests, cursor=DUE)


def _nothing_due(due: Due) -> dg.SkipReason:
    if count := len(due.missing | due.changed):
        return dg.SkipReason(f"{count} hours are due: they are run, or failed and rest a while")
    if not due.waiting:
        return dg.SkipReason("every closed hour is measured as its files are now")
    first, last = min(due.waiting), max(due.waiting)
    return dg.SkipReason(
        f"{len(due.waiting)} hours from {first} to {last} are older than the first that was "
        "measured. Their answers cost the judge money, so they wait for your word: "
        f"llm-monitoring backfill --from {hour_text(first)} --to {hour_text(last)}"
    )


def hour_text(hour: int) -> str:
    """An hour as the command line takes it."""
    return f"{hour_start(hour):%Y-%m-%dT%H}"


def _hours_of_runs(runs: Iterable[dg.DagsterRun]) -> set[int]:
    return {hour for span in _ranges_of_runs(runs) for hour in hour_range(*span)}


def _failed_ranges(
    instance: dg.DagsterInstance, now: datetime
) -> Iterator[tuple[tuple[int, int], datetime]]:
    """First and last hour of runs that failed lately, and when each ended."""
    failed = dg.RunsFilter(
        job_name=hours_job.name,
        statuses=[dg.DagsterRunStatus.FAILURE],
        updated_after=now - LOOK_BACK,
    )
    for record in instance.get_run_records(failed, limit=PAGE):
        if span := range_of_tags(record.dagster_run.tags):
            yield span, record.update_timestamp


def _ranges_of_runs(runs: Iterable[dg.DagsterRun]) -> Iterator[tuple[int, int]]:
    return filter(None, (range_of_tags(run.tags) for run in runs))


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


SENSORS = (failed_checks, open_alerts, missing_hours_and_late_files, failed_runs, self_check)

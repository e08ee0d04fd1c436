"""What Dagster knows of runs, sensors and schedules that fail; and the sensor that looks at it."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import takewhile

import dagster as dg
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorTick,
    TickStatus,
)
from dagster_shared.error import SerializableErrorInfo

from llm_monitoring.alerts.failures import HOURS_JOB, RunFact, Seen, TickFact
from llm_monitoring.alerts.sentences import error_text
from llm_monitoring.defs.partitions import PARTITION, range_of_tags
from llm_monitoring.defs.resources import Monitoring
from llm_monitoring.pipeline.alerts import watch
from llm_monitoring.records import Failure

ALERTS_JOB = "reconcile_alerts"
WILL_RETRY_TAG, RETRY_TAG = "dagster/will_retry", "dagster/auto_retry_run_id"
DECISION_TAG = "dagster/max_retries"  # "0": a person decided, and is told what is wrong there
CHARTS = dg.AssetKey("control_charts")
RETRIED_WITHIN = timedelta(minutes=30)  # or the retry that was promised does not come
AGAIN_AFTER = timedelta(minutes=5)  # a run of the alerts that failed is asked for again
OVERLAP = timedelta(hours=2)  # runs that ended while the alerts ran
TICKING = (InstigatorType.SENSOR, InstigatorType.SCHEDULE)
TICKS = 20
SILENT = timedelta(hours=1)  # a sensor ticks by the minute: without ticks, there is none any more
UNDER_WAY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


@dg.sensor(
    job_name=ALERTS_JOB,
    minimum_interval_seconds=90,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Failed runs, failing sensors and schedules, and every charted hour start the "
    "run of the alerts, which ends with the heartbeat.",
)
def self_check(
    context: dg.SensorEvaluationContext, monitoring: Monitoring
) -> dg.RunRequest | dg.SkipReason:
    """The alerts are run once an hour, and whenever something of the monitor fails or recovers."""
    now = monitoring.now()
    if _is_alerts_run_near(context.instance, now):
        return dg.SkipReason("the alerts are about to be run, or failed just now")
    lake, memory = monitoring.lake, watch.recall(monitoring.lake, now)
    seen = look(context.instance, memory, now)
    reason = watch.reason_to_look(lake, monitoring.settings, now, memory, seen)
    if reason is None:
        return dg.SkipReason("the monitor is well")
    return dg.RunRequest(tags={"llm_monitoring/because": reason[:200]})


def look(instance: dg.DagsterInstance, memory: watch.Memory, now: datetime) -> Seen:
    """Runs, sensors and schedules as they are now."""
    last, known = memory.last, memory.known
    failed = list(_failed_runs(instance, {row.failure_id for row in known}, now))
    is_open = [row.failed_at for row in known if row.mended_at is None and row.kind == "run"]
    if is_open and last is not None:
        # What made it good before then was seen then.
        is_open = [max(min(is_open), last.alerts_at - OVERLAP)]
    since = min([*is_open, *(run.at for run in failed)], default=None)
    ended = _runs(instance, [dg.DagsterRunStatus.SUCCESS], since) if since else ()
    waiting = _runs(instance, UNDER_WAY, now - watch.LOOKED_BACK)
    return Seen(
        runs=[*failed, *ended, *waiting],
        ticks=list(_ticks(instance, now)),
        deleted=_deleted_runs(instance, memory.known),
    )


def this_run(now: datetime) -> RunFact:
    """The present run of the alerts: what it tells is told, so that it has succeeded."""
    return RunFact(
        run_id="", name=ALERTS_JOB, partition=None, hours=None, status="succeeded", at=now
    )


def _is_alerts_run_near(instance: dg.DagsterInstance, now: datetime) -> bool:
    records = instance.get_run_records(dg.RunsFilter(job_name=ALERTS_JOB), limit=1)
    return any(
        record.dagster_run.status in UNDER_WAY
        or (
            record.dagster_run.status is dg.DagsterRunStatus.FAILURE
            and abs(now - _ended_at(record)) < AGAIN_AFTER
        )
        for record in records
    )


def _failed_runs(
    instance: dg.DagsterInstance, known: Collection[str], now: datetime
) -> Iterator[RunFact]:
    """Runs that failed for good and are not known yet."""
    since = now - watch.LOOKED_BACK
    filters = dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], updated_after=since)
    for record in instance.get_run_records(filters):
        run, at = record.dagster_run, _ended_at(record)
        is_retried = run.tags.get(WILL_RETRY_TAG) == "true" and (
            RETRY_TAG in run.tags or now - at < RETRIED_WITHIN
        )
        is_decision = run.tags.get(DECISION_TAG) == "0"
        if run.run_id in known or at < since or is_retried or is_decision:
            continue
        yield _fact(record, "failed", _run_reason(instance, run.run_id))


def _runs(
    instance: dg.DagsterInstance, statuses: list[dg.DagsterRunStatus], since: datetime
) -> Iterator[RunFact]:
    filters = dg.RunsFilter(statuses=statuses, updated_after=since)
    for record in instance.get_run_records(filters):
        ended = record.dagster_run.is_finished
        yield _fact(record, "succeeded" if ended else "under_way")


def _deleted_runs(instance: dg.DagsterInstance, known: Iterable[Failure]) -> set[str]:
    wanted = {row.failure_id for row in known if row.mended_at is None and row.kind == "run"}
    if not wanted:
        return set()
    return wanted - {run.run_id for run in instance.get_runs(dg.RunsFilter(run_ids=[*wanted]))}


def _fact(record: dg.RunRecord, status: str, reason: str = "") -> RunFact:
    run = record.dagster_run
    try:
        hours = range_of_tags(run.tags)
    except ValueError:  # a week or an incident
        hours = None
    return RunFact(
        run_id=run.run_id,
        name=_name(run),
        partition=None if hours else run.tags.get(PARTITION),
        hours=hours,
        status=status,
        at=record.create_timestamp if status == "under_way" else _ended_at(record),
        reason=reason,
    )


def _name(run: dg.DagsterRun) -> str:
    """The job, or the assets that were materialised; those with charts are all an hour has."""
    if not run.asset_selection or run.job_name in (HOURS_JOB, ALERTS_JOB):
        return run.job_name
    if CHARTS in run.asset_selection:
        return HOURS_JOB
    return "+".join(sorted(key.to_user_string() for key in run.asset_selection))


def _ended_at(record: dg.RunRecord) -> datetime:
    if record.end_time is None:
        return record.update_timestamp
    return datetime.fromtimestamp(record.end_time, UTC)


def _run_reason(instance: dg.DagsterInstance, run_id: str) -> str:
    """What failed first: the step and its error, else why the run ended."""
    failures = instance.get_records_for_run(
        run_id, of_type=dg.DagsterEventType.STEP_FAILURE, limit=1, ascending=True
    ).records
    for record in failures:
        event = record.event_log_entry.dagster_event
        if event is not None and event.step_key:
            data = event.step_failure_data
            told = data.user_failure_data.description if data.user_failure_data else None
            return f"{_error(data.error, told or '')}, in {event.step_key}"
    ends = instance.get_records_for_run(
        run_id, of_type=dg.DagsterEventType.RUN_FAILURE, limit=1, ascending=False
    ).records
    return error_text(ends[0].event_log_entry.message) if ends else "it ended without a word"


def _error(error: SerializableErrorInfo | None, otherwise: str) -> str:
    """The innermost cause, in a line."""
    while error is not None and error.cause is not None:
        error = error.cause
    return error_text(error.message if error is not None and not otherwise else otherwise)


def _ticks(instance: dg.DagsterInstance, now: datetime) -> Iterator[TickFact]:
    """Sensors and schedules that are switched on."""
    for state in instance.all_instigator_state():
        if state.instigator_type not in TICKING or state.status is InstigatorStatus.STOPPED:
            continue
        ticks = _last_ticks(instance, state)
        # Of schedules, Dagster itself removes those that are gone.
        is_sensor = state.instigator_type is InstigatorType.SENSOR
        if not (is_sensor and _is_silent(ticks, now)):
            yield _tick_fact(state, ticks)


def _is_silent(ticks: Sequence[InstigatorTick], now: datetime) -> bool:
    return bool(ticks) and now - datetime.fromtimestamp(ticks[0].timestamp, UTC) > SILENT


def _last_ticks(instance: dg.DagsterInstance, state: InstigatorState) -> list[InstigatorTick]:
    """Ticks that ended, the newest first; more of them only where the newest failed."""
    for limit in (2, TICKS):
        ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=limit)
        ended = [tick for tick in ticks if tick.status is not TickStatus.STARTED]
        if not ended or ended[0].status is not TickStatus.FAILURE:
            return []
    return ended


def _tick_fact(state: InstigatorState, ticks: list[InstigatorTick]) -> TickFact:
    failing = list(takewhile(lambda tick: tick.status is TickStatus.FAILURE, ticks))
    return TickFact(
        kind=state.instigator_type.value.lower(),
        name=state.instigator_name,
        failing_since=datetime.fromtimestamp(failing[-1].timestamp, UTC) if failing else None,
        reason=_error(failing[0].error, "") if failing else "",
    )

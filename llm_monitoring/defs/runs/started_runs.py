"""Runs that the clock or a sensor started: which still wait, and which failed and are due again."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.storage.dagster_run import FINISHED_STATUSES, RunRecord
from dagster._core.storage.tags import SCHEDULE_NAME_TAG, SENSOR_NAME_TAG

from llm_monitoring.defs.assets.provider import probe_results, provider_drift
from llm_monitoring.defs.checks.cost_check import cost_check_job
from llm_monitoring.defs.jobs.jobs import alerts_job, incidents_job, weeks_job
from llm_monitoring.defs.jobs.upkeep import maintenance
from llm_monitoring.defs.partitions import PARTITION
from llm_monitoring.defs.resources import Monitoring
from llm_monitoring.defs.runs.liveness import mend_dead_runs
from llm_monitoring.hours import week_key, week_start
from llm_monitoring.retries import Attempt, due_again

# Jobs that failed runs start again. What people decide is not among them, and hours that failed
# are due in the sweep, whoever started them.
AGAIN = (weeks_job, alerts_job, incidents_job, maintenance, cost_check_job)
BY_PARTITION = (weeks_job.name, incidents_job.name)  # each partition of these is work of its own
LOOK_BACK = timedelta(days=2)
MOST_RUNS = 200
NOT_BEGUN = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
]
STATES = {
    dg.DagsterRunStatus.FAILURE: "failed",
    dg.DagsterRunStatus.SUCCESS: "succeeded",
    dg.DagsterRunStatus.CANCELED: "cancelled",
}


@dg.sensor(
    jobs=AGAIN,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Runs whose process died are failed; what failed is started again, after 1, 2, "
    "4 ... at most 30 minutes.",
)
def failed_runs(
    context: dg.SensorEvaluationContext, monitoring: Monitoring
) -> dg.SensorResult | dg.SkipReason:
    """Work of the clock and of the sensors that failed is started again."""
    died = mend_dead_runs(context.instance)
    requests = list(requests_again(context.instance, monitoring.now()))
    if requests:
        return dg.SensorResult(run_requests=requests)
    return dg.SkipReason(f"{len(died)} runs had died" if died else "nothing failed is due again")


def requests_again(instance: dg.DagsterInstance, now: datetime) -> Iterator[dg.RunRequest]:
    """What failed and is due: each failed run is followed by one request at most."""
    for job in AGAIN:
        for run in _due_of_job(instance, job.name, now):
            if job is not weeks_job:
                yield _again(run)
            elif run.tags.get(PARTITION) == _week(now):  # probes of today are none of another week
                yield _again(run, _left_of_week(instance, run.tags[PARTITION]))


def _due_of_job(instance: dg.DagsterInstance, name: str, now: datetime) -> Iterator[dg.DagsterRun]:
    """Newest runs of each work of a job that failed long enough ago."""
    filters = dg.RunsFilter(
        job_name=name, statuses=[dg.DagsterRunStatus.FAILURE], updated_after=now - LOOK_BACK
    )
    failed = instance.get_run_records(filters, limit=MOST_RUNS)
    ours = {r.dagster_run.run_id: r for r in failed if _is_ours(r.dagster_run)}
    if not ours:
        return
    since = min(record.create_timestamp for record in ours.values()) - timedelta(seconds=1)
    later = instance.get_run_records(
        dg.RunsFilter(job_name=name, created_after=since), limit=MOST_RUNS
    )
    attempts = [_attempt(r) for r in later if name in BY_PARTITION or _is_ours(r.dagster_run)]
    for attempt in due_again(attempts, now):
        if attempt.run_id in ours:
            yield ours[attempt.run_id].dagster_run


def is_waiting(instance: dg.DagsterInstance, job_name: str) -> bool:
    """Whether a run of the job has not begun: it will see all there is to see."""
    return instance.get_runs_count(dg.RunsFilter(job_name=job_name, statuses=NOT_BEGUN)) > 0


def is_failing(instance: dg.DagsterInstance, job_name: str, now: datetime) -> bool:
    """Whether the newest run of the job failed and `failed_runs` will start it again."""
    recent = dg.RunsFilter(job_name=job_name, updated_after=now - LOOK_BACK)
    runs = instance.get_runs(recent, limit=1)
    return any(run.status == dg.DagsterRunStatus.FAILURE and _is_ours(run) for run in runs)


def _is_ours(run: dg.DagsterRun) -> bool:
    """What somebody started by hand is left to them."""
    return bool(run.tags.keys() & {SCHEDULE_NAME_TAG, SENSOR_NAME_TAG})


def _attempt(record: RunRecord) -> Attempt:
    run = record.dagster_run
    partition = run.tags.get(PARTITION, "") if run.job_name in BY_PARTITION else ""
    ended = record.end_time if run.status in FINISHED_STATUSES else None
    return Attempt(
        run_id=run.run_id,
        work=f"{run.job_name} {partition}",
        began_at=record.create_timestamp,
        ended_at=datetime.fromtimestamp(ended, UTC) if ended else None,
        state=STATES.get(run.status, "unfinished"),  # type: ignore[arg-type]
    )


def _week(now: datetime) -> str:
    """Partition of the week that runs."""
    return f"{week_start(week_key(now)):%Y-%m-%d}"


def _left_of_week(instance: dg.DagsterInstance, week: str) -> list[dg.AssetKey] | None:
    """What is left to do of a week whose probes were answered; None: all of it."""
    answered = dg.AssetRecordsFilter(asset_key=probe_results.key, asset_partitions=[week])
    records = instance.fetch_materializations(answered, limit=1).records
    return [provider_drift.key] if records else None


def _again(run: dg.DagsterRun, assets: list[dg.AssetKey] | None = None) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=f"again:{run.run_id}",
        job_name=run.job_name,
        partition_key=run.tags.get(PARTITION),
        asset_selection=assets,
        tags={"llm_monitoring/because": f"run {run.run_id[:8]} failed"},
    )

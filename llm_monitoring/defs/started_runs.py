"""Runs that the clock or a sensor started: which still wait, and which failed and are due again."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.storage.dagster_run import FINISHED_STATUSES, RunRecord
from dagster._core.storage.tags import SCHEDULE_NAME_TAG, SENSOR_NAME_TAG

from llm_monitoring.defs.cost_check import cost_check_job
from llm_monitoring.defs.jobs import (
    alerts_job,
    incidents_job,
    maintenance,
    weeks_job,
)
from llm_monitoring.defs.liveness import mend_dead_runs
from llm_monitoring.defs.partitions import PARTITION
from llm_monitoring.defs.resources import Monitoring
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
    failed = instance.get_run_records(
        dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], updated_after=now - LOOK_BACK),
        limit=MOST_RUNS,
    )
    names = {job.name for job in AGAIN}
    ours = [r for r in failed if r.dagster_run.job_name in names and _is_ours(r.dagster_run)]
    known = {r.dagster_run.run_id: r.dagster_run for r in ours}
    attempts = []
    for name in {run.job_name for run in known.values()}:
        since = min(r.create_timestamp for r in ours if r.dagster_run.job_name == name)
        attempts += [
            _attempt(record)
            for record in instance.get_run_records(
                dg.RunsFilter(job_name=name, created_after=since - timedelta(seconds=1)),
                limit=MOST_RUNS,
            )
            if name in BY_PARTITION or _is_ours(record.dagster_run)
        ]
    for attempt in due_again(attempts, now):
        if attempt.run_id in known:
            yield _again(known[attempt.run_id])


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


def _again(run: dg.DagsterRun) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=f"again:{run.run_id}",
        job_name=run.job_name,
        partition_key=run.tags.get(PARTITION),
        tags={"llm_monitoring/because": f"run {run.run_id[:8]} failed"},
    )

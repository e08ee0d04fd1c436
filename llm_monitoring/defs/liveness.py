"""Which runs still have a process, and what the others left behind.

The process of a run holds a lock on a file of the run in DAGSTER_HOME. The kernel frees the lock
when the process ends, however it ends: a file whose lock is free is a run that died.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

import dagster as dg
from dagster._core.definitions.executor_definition import IN_PROC_CONFIG
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._core.execution.api import ExecuteRunWithPlanIterable
from dagster._core.execution.context_creation_job import PlanExecutionContextManager
from dagster._core.execution.plan.execute_plan import inner_plan_execution_iterator
from dagster._core.execution.plan.instance_concurrency_context import InstanceConcurrencyContext
from dagster._core.execution.retries import RetryMode
from dagster._core.execution.step_dependency_config import StepDependencyConfig
from dagster._core.executor.in_process import InProcessExecutor
from dagster._utils.interrupts import check_captured_interrupt

FOLDER = "running"
ORPHANED_AFTER = timedelta(minutes=15)
CLAIM_SECONDS = 1.0  # how long a run that waits for a pool sleeps before it looks again
_held: set[Path] = set()


@contextmanager
def alive(instance: dg.DagsterInstance, run_id: str) -> Iterator[None]:
    """Hold the lock of a run while this process works on it; within itself it does nothing."""
    path = _path(instance, run_id)
    if path in _held:
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    # It gets its name once it is locked: nobody may find it without its lock.
    unnamed = path.with_name(f"{path.name}.{os.getpid()}")
    with unnamed.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        unnamed.rename(path)
        _held.add(path)
        try:
            yield
        finally:
            _held.discard(path)
            path.unlink(missing_ok=True)


def has_process(instance: dg.DagsterInstance, run_id: str) -> bool | None:
    """Whether the process of a run is alive; None: the run left no lock, so nobody knows."""
    try:
        with _path(instance, run_id).open() as file:
            return not _locks(file)
    except FileNotFoundError:
        return None


def mend_dead_runs(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """Report runs as failed whose process died, and free the pools that nobody works in.

    Returns:
        Runs that were unfinished and are failed now.
    """
    dead = [*_unlocked(instance), *_orphans(instance)]
    for run in dead:
        instance.report_run_failed(run, "The process of this run died without a word.")
    _free_pools(instance)
    return dead


def _unlocked(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """Unfinished runs whose process is gone; their files are cleared away."""
    folder = _path(instance, "")
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    gone = [name for name in names if has_process(instance, name) is False]
    for name in gone:
        _path(instance, name).unlink(missing_ok=True)
    runs = (instance.get_run_by_id(name) for name in gone)
    return [run for run in runs if run and not run.is_finished]


def _orphans(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """Started runs of a command line that held no lock: of an earlier version, or of a script."""
    records = instance.get_run_records(
        dg.RunsFilter(
            statuses=[dg.DagsterRunStatus.STARTED],
            updated_before=datetime.now(UTC) - ORPHANED_AFTER,
        )
    )
    runs = (record.dagster_run for record in records)
    return [
        run for run in runs
        if run.remote_job_origin is None and has_process(instance, run.run_id) is None
    ]  # fmt: skip


def _free_pools(instance: dg.DagsterInstance) -> None:
    """Slots of runs that have ended: Dagster itself leaves them taken."""
    storage = instance.event_log_storage
    if not storage.supports_global_concurrency_limits:
        return
    for run_id in storage.get_concurrency_run_ids():
        run = instance.get_run_by_id(run_id)
        if (run is None or run.is_finished) and not has_process(instance, run_id):
            storage.free_concurrency_slots_for_run(run_id)


def _path(instance: dg.DagsterInstance, run_id: str) -> Path:
    return Path(instance.root_directory) / FOLDER / run_id


def _locks(file: IO[str]) -> bool:
    """Whether the lock of a file was free; it is again once the file is closed."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class _Patient(InstanceConcurrencyContext):
    """Waits for its pool asleep, and no longer once it is interrupted.

    Dagster's own asks for the time in a loop, with a whole core, and hears nothing.
    """

    def interval_to_next_pending_claim_check(self) -> float:
        if check_captured_interrupt():
            raise DagsterExecutionInterruptedError
        waits: list[float] = [at - time.time() for at in self._pending_timeouts.values()]
        return max(0.0, min(CLAIM_SECONDS, *waits)) if waits else 0.0


def _iterate(job_context: Any, execution_plan: Any) -> Iterator[Any]:
    with _Patient(job_context.instance, job_context.dagster_run) as pools:
        yield from inner_plan_execution_iterator(job_context, execution_plan, pools)


class WatchedExecutor(InProcessExecutor):
    """All steps in one process, which shows for as long as it lives that the run does."""

    def execute(self, plan_context: Any, execution_plan: Any) -> Iterator[Any]:
        """Dagster's events of the run."""
        instance, run_id = plan_context.instance, plan_context.run_id
        steps = ExecuteRunWithPlanIterable(
            execution_plan=execution_plan,
            iterator=_iterate,
            execution_context_manager=PlanExecutionContextManager(
                job=plan_context.job,
                retry_mode=plan_context.retry_mode,
                execution_plan=execution_plan,
                run_config=plan_context.run_config,
                dagster_run=plan_context.dagster_run,
                instance=instance,
                raise_on_error=plan_context.raise_on_error,
                output_capture=plan_context.output_capture,
                step_dependency_config=self.step_dependency_config,
            ),
        )
        with alive(instance, run_id):
            yield from steps


@dg.executor(name="in_process", config_schema=IN_PROC_CONFIG)
def watched_executor(init_context: Any) -> WatchedExecutor:
    """One process a run: a process for each asset would load everything seven times over."""
    config = init_context.executor_config
    return WatchedExecutor(
        retries=RetryMode.from_config(config["retries"]) or RetryMode.ENABLED,
        step_dependency_config=StepDependencyConfig.from_config(
            config.get("step_dependency_config")
        ),
    )

"""How our runs are executed: all steps in one process, which shows that it lives."""

import socket
import time
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
from dagster._core.definitions.executor_definition import IN_PROC_CONFIG
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._core.execution.api import ExecuteRunWithPlanIterable
from dagster._core.execution.context_creation_job import PlanExecutionContextManager
from dagster._core.execution.execute_in_process import core_execute_in_process
from dagster._core.execution.plan.execute_plan import inner_plan_execution_iterator
from dagster._core.execution.plan.instance_concurrency_context import InstanceConcurrencyContext
from dagster._core.execution.retries import RetryMode
from dagster._core.execution.step_dependency_config import StepDependencyConfig
from dagster._core.executor.in_process import InProcessExecutor
from dagster._core.utils import make_new_run_id
from dagster._utils.interrupts import check_captured_interrupt

from llm_monitoring.defs.runs.liveness import LOCKED, alive

CLAIM_SECONDS = 1.0  # how long a run that waits for a pool sleeps before it looks again


def run_here(
    instance: dg.DagsterInstance,
    job: dg.JobDefinition,
    *,
    tags: Mapping[str, str],
    run_config: Mapping[str, Any],
) -> None:
    """One run of a job in this process: as `execute_in_process` does, but with the job's executor.

    Raises:
        KeyboardInterrupt: the process was asked to end; the run is recorded as failed.
        Exception: what made the run fail.
    """
    run_id = make_new_run_id()
    with alive(instance, run_id):
        try:
            core_execute_in_process(
                run_config=run_config,
                job=InMemoryJob(job),
                instance=instance,
                output_capturing_enabled=False,
                raise_on_error=True,
                run_tags={LOCKED: socket.gethostname(), **tags},
                run_id=run_id,
            )
        except DagsterExecutionInterruptedError:
            raise KeyboardInterrupt from None
        finally:
            # A step that was interrupted leaves its pool taken.
            instance.event_log_storage.free_concurrency_slots_for_run(run_id)


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

"""What a run of this process waits for, said while it waits; dead runs in its way are cleared."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import dagster as dg

from llm_monitoring.defs.runs.liveness import mend_dead_runs

LOOK_SECONDS = 5.0
UNDER_WAY = [
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


@contextmanager
def watching_pools(instance: dg.DagsterInstance, tell: Callable[[str], None]) -> Iterator[None]:
    """Look now, and every few seconds while the block runs, for dead runs and held pools."""
    told: set[str] = set()

    def look() -> None:
        for sentence in [*mended(instance), *held_pools(instance)]:
            if sentence not in told:
                told.add(sentence)
                tell(sentence)

    look()
    ended = threading.Event()
    thread = threading.Thread(target=_repeat, args=(look, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def wait_for_runs(instance: dg.DagsterInstance, tell: Callable[[str], None]) -> None:
    """Wait until the runs that are under way now have ended; dead ones are cleared away."""
    told: set[str] = set()
    waited: list[str] | None = None  # None: whatever runs
    while True:
        for sentence in mended(instance):
            tell(sentence)
        runs = instance.get_runs(dg.RunsFilter(run_ids=waited, statuses=UNDER_WAY))
        if not runs:
            return
        waited = [run.run_id for run in runs]
        for run in runs:
            if run.run_id not in told:
                told.add(run.run_id)
                tell(f"waiting for run {_short(run)} of {run.job_name} to end")
        time.sleep(LOOK_SECONDS)


def mended(instance: dg.DagsterInstance) -> list[str]:
    """Clear away what dead runs left, and say of which."""
    return [
        f"run {_short(run)} of {run.job_name} had died: reported as failed, its pools are free"
        for run in mend_dead_runs(instance)
    ]


def held_pools(instance: dg.DagsterInstance) -> list[str]:
    """Pools that a run waits for, and which run holds each, since when."""
    storage = instance.event_log_storage
    if not storage.supports_global_concurrency_limits:
        return []
    sentences = []
    for pool in sorted(storage.get_concurrency_keys()):
        info = storage.get_concurrency_info(pool)
        if info.pending_step_count:
            sentences += [f"waiting for pool {pool}: {_holder(instance, run_id)}"
                          for run_id in sorted(info.active_run_ids)]  # fmt: skip
    return sentences


def _holder(instance: dg.DagsterInstance, run_id: str) -> str:
    record = instance.get_run_record_by_id(run_id)
    if record is None:
        return f"held by run {run_id[:8]}, which was deleted"
    run = record.dagster_run
    since = datetime.fromtimestamp(record.start_time or 0, UTC)
    state = run.status.value.lower()
    return f"held by run {_short(run)} of {run.job_name}, {state} at {since:%H:%M} UTC"


def _short(run: dg.DagsterRun) -> str:
    return run.run_id[:8]


def _repeat(look: Callable[[], None], ended: threading.Event) -> None:
    while not ended.wait(LOOK_SECONDS):
        look()

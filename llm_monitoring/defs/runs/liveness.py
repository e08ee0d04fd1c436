"""Which runs still have a process, and what the others left behind.

The process of a run holds a lock on a file of the run in DAGSTER_HOME. The kernel frees the lock
when the process ends, however it ends: a file whose lock is free is a run that died.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

import dagster as dg

FOLDER = "running"
LOCKED = "llm_monitoring/host"  # tag of a command line's run: where its lock is
ORPHANED_AFTER = timedelta(minutes=15)
_held: set[Path] = set()


@contextmanager
def alive(instance: dg.DagsterInstance, run_id: str) -> Iterator[None]:
    """Hold the lock of a run while this process works on it; within itself it does nothing."""
    path = _path(instance, run_id)
    if path in _held:
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    # It comes to its place once it is locked: nobody may find it there without its lock.
    unnamed = path.parent.with_name(f".{run_id}.{os.getpid()}")
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
    gone = _unlocked(instance)
    runs = (instance.get_run_by_id(run_id) for run_id in gone)
    dead = [*(run for run in runs if run and not run.is_finished), *_orphans(instance)]
    for run in dead:
        instance.report_run_failed(run, "The process of this run died without a word.")
    for run_id in gone:
        _path(instance, run_id).unlink(missing_ok=True)
    _free_pools(instance)
    return dead


def _unlocked(instance: dg.DagsterInstance) -> list[str]:
    """Runs whose file is there and whose process is gone."""
    folder = _path(instance, "")
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return [name for name in names if has_process(instance, name) is False]


def _orphans(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """Started runs of a command line that never held a lock: those of an earlier version."""
    started = instance.get_run_records(
        dg.RunsFilter(
            statuses=[dg.DagsterRunStatus.STARTED],
            updated_before=datetime.now(UTC) - ORPHANED_AFTER,
        )
    )
    runs = (record.dagster_run for record in started)
    return [run for run in runs if run.remote_job_origin is None and LOCKED not in run.tags]


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

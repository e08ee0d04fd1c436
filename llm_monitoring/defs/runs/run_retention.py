"""Old runs of Dagster: deleted with their events, check results and logs.

Dagster deletes none itself, and its own `delete_run` leaves check results, tags, logs and, in
SQLite, the run's file. What was monitored is in the lake and stays.
"""

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import dagster as dg
from dagster._core.storage.event_log.schema import (
    AssetCheckExecutionsTable,
    AssetEventTagsTable,
    SqlEventLogStorageTable,
)
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.runs.schema import RunsTable, RunTagsTable
from dagster._core.storage.runs.sql_run_storage import SqlRunStorage
from sqlalchemy import select

FINISHED = [
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
]
BATCH = 50  # runs deleted in one transaction: the file is locked for a second or two
AT_MOST = 5000  # runs at a time, minutes; the rest goes the next day
VACUUM_BYTES = 2**30  # a file with more left in it would be locked for too long
INDEX = "index"


def delete_old_runs(
    instance: dg.DagsterInstance, before: datetime, at_most: int = AT_MOST, batch: int = BATCH
) -> int:
    """Delete finished runs that were created before a moment, oldest first; returns how many.

    Runs that have not finished stay. A kill in between leaves runs that the next call deletes.
    """
    deleted = 0
    finished = dg.RunsFilter(statuses=FINISHED, created_before=before)
    while deleted < at_most:
        limit = min(batch, at_most - deleted)
        records = instance.get_run_records(finished, limit=limit, ascending=True)
        if not records:
            break
        _delete(instance, [record.dagster_run.run_id for record in records])
        deleted += len(records)
    if deleted:
        _give_back_space(instance)
    return deleted


def _delete(instance: dg.DagsterInstance, run_ids: Sequence[str]) -> None:
    """The row of the run last: while it is there, the next call finds the run again."""
    for run_id in run_ids:
        instance.compute_log_manager.delete_logs(prefix=[run_id])
    events, runs = instance.event_log_storage, instance.run_storage
    if not isinstance(events, SqlEventLogStorage) or not isinstance(runs, SqlRunStorage):
        for run_id in run_ids:
            instance.delete_run(run_id)
        return
    of_runs = SqlEventLogStorageTable.c.run_id.in_(run_ids)
    with events.index_connection() as connection:
        ids = select(SqlEventLogStorageTable.c.id).where(of_runs)
        connection.execute(
            AssetEventTagsTable.delete().where(AssetEventTagsTable.c.event_id.in_(ids))
        )
        connection.execute(SqlEventLogStorageTable.delete().where(of_runs))
        connection.execute(
            AssetCheckExecutionsTable.delete().where(
                AssetCheckExecutionsTable.c.run_id.in_(run_ids)
            )
        )
    if isinstance(events, SqliteEventLogStorage):
        for run_id in run_ids:
            _unlink(events.path_for_shard(run_id))
    with runs.connect() as connection:
        connection.execute(RunTagsTable.delete().where(RunTagsTable.c.run_id.in_(run_ids)))
        connection.execute(RunsTable.delete().where(RunsTable.c.run_id.in_(run_ids)))


def _unlink(database: str) -> None:
    for suffix in ("", "-wal", "-shm"):
        Path(database + suffix).unlink(missing_ok=True)


def _give_back_space(instance: dg.DagsterInstance) -> None:
    """Shrink the index where half of it is empty; what stays empty otherwise is used again."""
    events = instance.event_log_storage
    if not isinstance(events, SqliteEventLogStorage):
        return
    database = sqlite3.connect(events.path_for_shard(INDEX), timeout=60, isolation_level=None)
    try:
        pages, free, size = (
            database.execute(f"pragma {what}").fetchone()[0]
            for what in ("page_count", "freelist_count", "page_size")
        )
        if free > pages / 2 and (pages - free) * size <= VACUUM_BYTES:
            database.execute("vacuum")
            database.execute("pragma wal_checkpoint(truncate)")
    finally:
        database.close()

"""Dagster's own SQLite event log, but with its connections kept open.

Stock, every event opens a new engine and costs about 15 ms, one for each asset and partition: a
month of hours would spend minutes on nothing else. Files and schema are the same, so `dagster dev`
reads what was written here.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any

from dagster._core.events import ASSET_EVENTS
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.storage.event_log.sqlite.sqlite_event_log import (
    INDEX_SHARD_NAME,
    SqliteEventLogStorage,
)
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.event import listen
from sqlalchemy.pool import QueuePool

BUSY_SECONDS = 60
KEPT_OPEN = 8  # files; each run has one, and the daemon sees thousands of runs


class PooledSqliteEventLogStorage(SqliteEventLogStorage):
    """One engine for each database file: of the index always, of runs for those used last."""

    @classmethod
    def from_config_value(
        cls, inst_data: Any, config_value: Mapping[str, Any]
    ) -> "PooledSqliteEventLogStorage":
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            engine = self._engine(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.connect() as connection, connection.begin():
                yield connection

    def has_table(self, table_name: str) -> bool:
        """Stock asks the database before each check result; a table that is there stays there."""
        known: set[str] = self.__dict__.setdefault("_known_tables", set())
        if table_name not in known and super().has_table(table_name):
            known.add(table_name)
        return table_name in known

    def store_event(self, event: EventLogEntry) -> None:
        """As stock does, and those who watch the run's file hear of it."""
        super().store_event(event)
        self._touch(event.run_id)

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Materialisations of a range, planned or done, in one transaction; stock has one each."""
        for is_batch, group in groupby(events, lambda e: e.dagster_event_type in ASSET_EVENTS):
            if is_batch:
                self._store_asset_events(list(group))
            else:
                for event in group:
                    self.store_event(event)

    def _store_asset_events(self, batch: Sequence[EventLogEntry]) -> None:
        rows = [self._event_to_row(event) for event in batch]
        with self.run_connection(batch[0].run_id) as connection:
            connection.execute(SqlEventLogStorageTable.insert(), rows)
        self._touch(batch[0].run_id)
        insert = SqlEventLogStorageTable.insert().returning(
            SqlEventLogStorageTable.c.id, sort_by_parameter_order=True
        )
        with self.index_connection() as connection:
            ids = list(connection.execute(insert, rows).scalars())
            self._store_asset_event_tags(connection, batch, ids)
            # The table of assets keeps the latest event of each.
            latest = {
                event.get_dagster_event().asset_key: (event, at)
                for event, at in zip(batch, ids, strict=True)
            }
            for event, at in latest.values():
                self._store_asset_event(connection, event, at)

    def _touch(self, run_id: str) -> None:
        # While a connection stays open, events stand in a file beside the one that is watched.
        os.utime(self.path_for_shard(run_id))

    def _engine(self, shard: str) -> Engine:
        """The engine of a file; of those of runs, the ones used last stay open."""
        engines: dict[str, Engine] = self.__dict__.setdefault("_engines", {})
        engine = engines.pop(shard, None) or self._open(shard)
        engines[shard] = engine
        runs = [name for name in engines if name != INDEX_SHARD_NAME]
        for old in runs[:-KEPT_OPEN]:
            engines.pop(old).dispose()
            self._initialized_dbs.discard(old)
        return engine

    def _open(self, shard: str) -> Engine:
        engine = create_engine(
            self.conn_string_for_shard(shard),
            poolclass=QueuePool,
            connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
        )
        listen(engine, "connect", _write_without_waiting)
        return engine

    def dispose(self) -> None:
        """Close every connection, then what the storage itself holds."""
        for engine in self.__dict__.get("_engines", {}).values():
            engine.dispose()
        super().dispose()


class PooledSqliteStorage(DagsterSqliteStorage):
    """Dagster's own SQLite storage, with that event log."""

    def __init__(self, base_dir: str, inst_data: Any = None) -> None:
        super().__init__(base_dir, inst_data)
        stock = self._event_log_storage
        self._event_log_storage = PooledSqliteEventLogStorage(stock._base_dir)
        stock.dispose()

    @classmethod
    def from_config_value(
        cls, inst_data: Any, config_value: Mapping[str, Any]
    ) -> "PooledSqliteStorage":
        return cls.from_local(inst_data=inst_data, **config_value)


def _write_without_waiting(connection: Any, _record: Any) -> None:
    # A lost event after a power cut is re-run; the lake's own commits do wait for the disk.
    connection.execute("pragma synchronous = normal")

"""The Dagster instance that runs in this process are recorded in, beside monitoring.yaml."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData

from llm_monitoring.cli.event_log import PooledSqliteStorage
from llm_monitoring.cli.home import EVENT_BATCH, dagster_home

__all__ = ["dagster_home", "open_instance"]


@contextmanager
def open_instance(config: Path) -> Iterator[dg.DagsterInstance]:
    """The instance, with an event log that keeps its connections while this process writes."""
    home = dagster_home(config)
    os.environ["DAGSTER_HOME"] = str(home)
    os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", EVENT_BATCH)
    with dg.DagsterInstance.from_ref(pooled(InstanceRef.from_dir(str(home)))) as instance:
        yield instance


def pooled(ref: InstanceRef) -> InstanceRef:
    """The same instance with our event log, where it keeps its events in SQLite; else as it is."""
    stored = ref.storage_data
    if stored is None or stored.class_name != DagsterSqliteStorage.__name__:
        return ref
    ours = ConfigurableClassData(
        PooledSqliteStorage.__module__, PooledSqliteStorage.__name__, stored.config_yaml
    )
    return ref._replace(storage_data=ours)

"""The Dagster instance that runs in this process are recorded in, beside monitoring.yaml."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from dagster._core.instance.ref import InstanceRef

from llm_monitoring.private_files import make_private

PROJECT_FILE = Path("dagster.yaml")
EVENT_BATCH = "500"  # materialisations of a range that are recorded together


def dagster_home(config: Path) -> Path:
    """DAGSTER_HOME, else `.dagster/` beside monitoring.yaml; it is given the dagster.yaml."""
    home = Path(os.environ.get("DAGSTER_HOME") or config.parent / ".dagster").resolve()
    make_private(home)
    if PROJECT_FILE.exists() and not (home / PROJECT_FILE.name).exists():
        shutil.copy(PROJECT_FILE, home / PROJECT_FILE.name)
    return home


@contextmanager
def open_instance(config: Path) -> Iterator[dg.DagsterInstance]:
    """The instance, with an event log that keeps its connections while this process writes."""
    home = dagster_home(config)
    os.environ["DAGSTER_HOME"] = str(home)
    os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", EVENT_BATCH)
    event_log = {
        "module": "llm_monitoring.cli.event_log",
        "class": "PooledSqliteEventLogStorage",
        "config": {"base_dir": str(home / "history" / "runs")},
    }
    ref = InstanceRef.from_dir(str(home), overrides={"event_log_storage": event_log})
    with dg.DagsterInstance.from_ref(ref) as instance:
        yield instance

"""The Dagster instance that runs in this process are recorded in, beside monitoring.yaml."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from dagster._core.instance.ref import InstanceRef

from llm_monitoring.cli.running.home import EVENT_BATCH, dagster_home


@contextmanager
def open_instance(config: Path) -> Iterator[dg.DagsterInstance]:
    """The instance of DAGSTER_HOME, which is named in the environment from then on."""
    home = dagster_home(config)
    os.environ["DAGSTER_HOME"] = str(home)
    os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", EVENT_BATCH)
    with dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(home))) as instance:
        yield instance

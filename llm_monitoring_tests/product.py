"""The small simulated product, run through a real Dagster instance."""

import logging
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg
import yaml
from dagster._core.instance.ref import InstanceRef

from llm_monitoring.cli.running.backfill import QUIET
from llm_monitoring.definitions import defs
from llm_monitoring.defs.partitions import HOURS as HOURS_DEFINITION
from llm_monitoring.defs.partitions import hour_partition, range_tags
from llm_monitoring.defs.resources import Monitoring
from llm_monitoring.hours import shift
from llm_monitoring.lake import TABLES
from llm_monitoring.simulation.definitions import SimulatedMonitoring, simulated_monitoring
from llm_monitoring_tests.simulated import START


class Clocked(SimulatedMonitoring):
    """Monitoring that is told the time."""

    time: str = ""

    def now(self) -> datetime:
        return datetime.fromisoformat(self.time) if self.time else super().now()


@dataclass(frozen=True)
class Product:
    """A folder with logs, lake and reports, and the instance its runs are recorded in."""

    folder: Path
    instance: dg.DagsterInstance
    monitoring: Monitoring

    def run(self, job: str, **how: Any) -> dg.ExecuteInProcessResult:
        """One run of a job; `raise_on_error=False` to look at how it failed."""
        logging.getLogger("dagster").setLevel(logging.CRITICAL)
        how["run_config"] = {**QUIET, **how.get("run_config", {})}
        return defs.resolve_job_def(job).execute_in_process(
            instance=self.instance, resources={"monitoring": self.monitoring}, **how
        )

    def run_hours(self, first: int, last: int, **how: Any) -> dg.ExecuteInProcessResult:
        """One run over a range of hours, counted from the start."""
        return self.run("hours", tags=range_tags(shift(START, first), shift(START, last)), **how)

    def run_hour(self, hour: int, **how: Any) -> dg.ExecuteInProcessResult:
        """One run of one hour, counted from the start."""
        return self.run("hours", partition_key=partition(hour), **how)

    def table(self, name: str) -> list[dict[str, Any]]:
        """All rows of a table, in the order of its key, but for wall clock and folder."""
        key = ", ".join(f'"{column}"' for column in TABLES[name].key)
        rows = self.monitoring.lake.run(f"select * from {name} order by {key}").to_pylist()
        return [{k: v for k, v in row.items() if k not in WALL_CLOCK | PLACES} for row in rows]

    def with_settings(self, name: str, settings: Mapping[str, Any]) -> "Product":
        """The same product under a monitoring.yaml that says something else."""
        file = self.folder / f"{name}.yaml"
        file.write_text(yaml.safe_dump({"extends": "monitoring.yaml", **settings}))
        return replace(self, monitoring=simulated_monitoring(file))

    def at(self, moment: datetime) -> "Product":
        """The same product at another time."""
        clocked = Clocked(
            config_path=self.monitoring.config_path,
            duckdb=self.monitoring.duckdb,
            time=moment.isoformat(),
        )
        return replace(self, monitoring=clocked)

    def check_statuses(self, asset: str, check: str) -> dict[str, str]:
        """Partition -> status, as Dagster's user interface reads it; outdated ones are left out."""
        key = dg.AssetCheckKey(dg.AssetKey(asset), check)
        state = self.instance.event_log_storage.get_asset_check_state([(key, HOURS_DEFINITION)])[
            key
        ]
        return {
            partition_key: status.value
            for status, subset in state.subsets.items()
            if not subset.is_empty
            for partition_key in subset.subset_value.get_partition_keys()
        }


def partition(hour: int) -> str:
    """Partition key of an hour, counted from the start."""
    return hour_partition(shift(START, hour))


def copy_product(source: Path, target: Path, *, only_logs: bool = False) -> None:
    """A product of its own with the same contents."""
    for name in ("logs",) if only_logs else ("logs", "lake", "home"):
        shutil.copytree(source / name, target / name)
    shutil.copy(source / "monitoring.yaml", target)


@contextmanager
def open_product(folder: Path) -> Iterator[Product]:
    """The product with its Dagster instance, which is closed again."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    overrides = {
        "telemetry": {"enabled": False},
        "event_log_storage": {
            "module": "llm_monitoring.cli.event_log",
            "class": "PooledSqliteEventLogStorage",
            "config": {"base_dir": str(home / "history" / "runs")},
        },
    }
    ref = InstanceRef.from_dir(str(home), overrides=overrides)
    with dg.DagsterInstance.from_ref(ref) as instance:
        yield Product(folder, instance, simulated_monitoring(folder / "monitoring.yaml"))


WALL_CLOCK = {
    "judged_at", "created_at", "updated_at", "probed_at", "read_at", "modified_ns", "dropped_at",
}  # fmt: skip
PLACES = {"file", "path"}  # a copy of the product lies in another folder

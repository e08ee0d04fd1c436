"""Old runs go with all they left; young and unfinished ones stay."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.compute_log_manager import ComputeIOType

from llm_monitoring.defs.runs.run_retention import delete_old_runs
from llm_monitoring_tests.product import Product

pytestmark = pytest.mark.slow

LATER = datetime.now(UTC) + timedelta(days=1)
DAYS = dg.DailyPartitionsDefinition(start_date="2026-10-05", end_date="2026-10-10")


@dg.asset(partitions_def=DAYS, check_specs=[dg.AssetCheckSpec("is_fine", asset="measured")])
def measured() -> Iterator[Any]:
    yield dg.MaterializeResult()
    yield dg.AssetCheckResult(check_name="is_fine", passed=True)


@dg.job
def waiting() -> None: ...


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    ref = InstanceRef.from_dir(str(tmp_path), overrides={"telemetry": {"enabled": False}})
    with dg.DagsterInstance.from_ref(ref) as instance:
        yield instance


def run(instance: dg.DagsterInstance, day: str = "2026-10-05") -> str:
    return dg.materialize([measured], instance=instance, partition_key=day).run_id


def rows(home: Path, database: str, table: str, run_id: str) -> int:
    with sqlite3.connect(home / "history" / database) as connection:
        statement = f"select count(*) from {table} where run_id = ?"
        count: int = connection.execute(statement, (run_id,)).fetchone()[0]
        return count


def test_nothing_of_an_old_run_is_left(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    run_id = run(instance)
    log_key = [run_id, "compute_logs", "step"]
    with instance.compute_log_manager.open_log_stream(log_key, ComputeIOType.STDERR) as stream:
        assert stream is not None
        stream.write("a line")
    assert rows(tmp_path, "runs/index.db", "event_logs", run_id)
    assert delete_old_runs(instance, LATER) == 1
    for table in ("event_logs", "asset_check_executions"):
        assert rows(tmp_path, "runs/index.db", table, run_id) == 0
    for table in ("runs", "run_tags"):
        assert rows(tmp_path, "runs.db", table, run_id) == 0
    assert not [path for path in tmp_path.rglob("*") if run_id in path.name]
    with sqlite3.connect(tmp_path / "history" / "runs" / "index.db") as connection:
        assert connection.execute("select count(*) from asset_event_tags").fetchone() == (0,)


def test_unfinished_and_younger_runs_stay(instance: dg.DagsterInstance) -> None:
    old = run(instance)
    unfinished = instance.create_run_for_job(waiting, status=dg.DagsterRunStatus.STARTED).run_id
    assert delete_old_runs(instance, datetime.now(UTC) - timedelta(minutes=1)) == 0
    assert delete_old_runs(instance, LATER) == 1
    assert instance.get_run_by_id(old) is None
    assert instance.get_run_by_id(unfinished) is not None


def test_runs_go_oldest_first_and_so_many_at_a_time(instance: dg.DagsterInstance) -> None:
    runs = [run(instance, f"2026-10-0{day}") for day in (5, 6, 7)]
    assert delete_old_runs(instance, LATER, at_most=2, batch=1) == 2
    assert [instance.get_run_by_id(run_id) is not None for run_id in runs] == [False, False, True]
    assert delete_old_runs(instance, LATER) == 1
    assert delete_old_runs(instance, LATER) == 0


def test_a_deletion_that_was_killed_is_gone_on_with(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = run(instance)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(type(instance.run_storage), "connect", killed)
        with pytest.raises(KeyboardInterrupt):
            delete_old_runs(instance, LATER)
    assert instance.get_run_by_id(run_id) is not None
    assert delete_old_runs(instance, LATER) == 1


def test_the_index_is_shrunk_where_most_of_it_is_empty(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    for day in (5, 6, 7):
        run(instance, f"2026-10-0{day}")
    index = tmp_path / "history" / "runs" / "index.db"
    with sqlite3.connect(index) as connection:
        connection.execute("create table filler as select zeroblob(3000000) as bytes")
        connection.execute("drop table filler")
    before = index.stat().st_size
    delete_old_runs(instance, LATER)
    with sqlite3.connect(index) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")
    assert index.stat().st_size < before - 2_000_000


def test_maintenance_deletes_old_runs_and_no_measured_hour_is_asked_for_again(
    product: Product,
) -> None:
    hours = {row["hour"] for row in product.table("window_metrics")}
    before = product.instance.get_runs_count()
    product.at(LATER + timedelta(days=61)).run("maintenance")
    assert before > 1
    assert product.instance.get_runs_count() == 1  # its own
    assert {row["hour"] for row in product.table("window_metrics")} == hours
    assert product.run_hour(59).success

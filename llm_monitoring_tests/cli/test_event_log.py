"""The pooled event log against Dagster's own: it is the same log, only quicker.

It overrides private methods of Dagster's storage. When Dagster changes these, this is what fails.
"""

import os
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage

from llm_monitoring.cli import event_log
from llm_monitoring.cli.event_log import PooledSqliteEventLogStorage
from llm_monitoring.cli.running.instance import open_instance

DAYS = dg.DailyPartitionsDefinition(start_date="2026-10-05", end_date="2026-10-10")


@dg.asset(
    partitions_def=DAYS,
    check_specs=[dg.AssetCheckSpec("is_fine", asset="measured")],
)
def measured(context: dg.AssetExecutionContext) -> Any:
    yield dg.MaterializeResult(metadata={"days": len(context.partition_keys)})
    yield dg.AssetCheckResult(check_name="is_fine", passed=False, metadata={"text": "'; drop"})


@dg.asset
def broken() -> None:
    raise RuntimeError("as meant")


TAGS = {
    "dagster/asset_partition_range_start": "2026-10-05",
    "dagster/asset_partition_range_end": "2026-10-08",
}


def run_everything(instance: dg.DagsterInstance) -> list[str]:
    """Ids of a run that succeeds and of one that fails; and a result outside a run."""
    good = dg.materialize([measured], instance=instance, tags=TAGS)
    bad = dg.materialize([broken], instance=instance, raise_on_error=False)
    instance.report_runless_asset_event(dg.AssetMaterialization("elsewhere"))
    return [good.run_id, bad.run_id]


def stock_instance(home: Path) -> dg.DagsterInstance:
    stock = {"storage": {"sqlite": {"base_dir": str(home)}}}
    return dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(home), overrides=stock))


def told(instance: dg.DagsterInstance, runs: list[str]) -> dict[str, Any]:
    """What Dagster shows of the runs, without ids and times."""
    key, storage = dg.AssetKey("measured"), instance.event_log_storage
    check = dg.AssetCheckKey(key, "is_fine")
    return {
        "events": [[_of(entry) for entry in instance.all_logs(run)] for run in runs],
        "stats": [instance.get_run_stats(run).steps_failed for run in runs],
        "statuses": [instance.get_run_by_id(run).status for run in runs],  # type: ignore[union-attr]
        "partitions": instance.get_materialized_partitions(key),
        "assets": sorted(key.to_user_string() for key in instance.all_asset_keys()),
        "checks": [
            (record.status.value, record.partition)
            for record in storage.get_asset_check_execution_history(check, limit=10)
        ],
        "failed runs": len(
            instance.fetch_run_status_changes(dg.DagsterEventType.RUN_FAILURE, limit=10).records
        ),
    }


def _of(entry: Any) -> tuple[str, str | None]:
    event = entry.dagster_event
    return (event.event_type_value if event else "log", event.step_key if event else None)


def test_both_tell_the_same_of_the_same_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / ".dagster"))
    with open_instance(tmp_path / "monitoring.yaml") as instance:
        assert isinstance(instance.event_log_storage, PooledSqliteEventLogStorage)
        runs = run_everything(instance)
        written = told(instance, runs)
    # The stock class reads the files that were written by the pooled one.
    with stock_instance(tmp_path / ".dagster") as instance:
        assert type(instance.event_log_storage) is SqliteEventLogStorage
        assert told(instance, runs) == written
    stock_home = tmp_path / "stock"
    stock_home.mkdir()
    with stock_instance(stock_home) as instance:
        assert told(instance, run_everything(instance)) == written
    assert written["partitions"] == {"2026-10-05", "2026-10-06", "2026-10-07", "2026-10-08"}
    assert written["failed runs"] == 1
    assert written["stats"] == [0, 1]


def test_a_log_the_stock_class_began_is_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / ".dagster"))
    home = tmp_path / ".dagster"
    home.mkdir()
    with stock_instance(home) as instance:
        first = run_everything(instance)
    with open_instance(tmp_path / "monitoring.yaml") as instance:
        before = told(instance, first)
        second = run_everything(instance)
        assert told(instance, second)["events"] == before["events"]
    with stock_instance(home) as instance:
        assert told(instance, [*first, *second])["failed runs"] == 2


@pytest.mark.parametrize(
    ("storage", "ours"),
    [
        ({}, True),
        ({"storage": {"sqlite": {"base_dir": "{folder}/elsewhere"}}}, False),
        ({"storage": {"sqlite": {"base_dir": {"env": "TEST_BASE_DIR"}}}}, False),
        ({"storage": {"custom": {"module": "llm_monitoring_tests.cli.test_event_log",
                                 "class": "Theirs", "config": {"base_dir": "{folder}/x"}}}}, False),
        ({"event_log_storage": {"module": "dagster._core.storage.event_log",
                                "class": "SqliteEventLogStorage",
                                "config": {"base_dir": "{folder}/y"}}}, False),
    ],
    ids=["none", "another folder", "from the environment", "a class of their own", "the older way"],
)  # fmt: skip
def test_any_storage_of_the_instance_works_and_is_ours_where_nobody_chose_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, storage: dict[str, Any], ours: bool
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / ".dagster"))
    monkeypatch.setenv("TEST_BASE_DIR", str(tmp_path / "from_env"))
    text = yaml.safe_dump(storage).replace("{folder}", str(tmp_path))
    (tmp_path / ".dagster").mkdir()
    (tmp_path / ".dagster" / "dagster.yaml").write_text(text)
    with open_instance(tmp_path / "monitoring.yaml") as instance:
        assert isinstance(instance.event_log_storage, PooledSqliteEventLogStorage) == ours
        good, bad = run_everything(instance)
    configured = InstanceRef.from_dir(str(tmp_path / ".dagster"))
    with dg.DagsterInstance.from_ref(configured) as instance:
        statuses = [instance.get_run_by_id(run).status for run in (good, bad)]  # type: ignore[union-attr]
        assert statuses == [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]


class Theirs(DagsterSqliteStorage):
    """A storage that somebody wrote themselves."""

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> "Theirs":
        return cls.from_local(inst_data=inst_data, **config_value)


def test_the_methods_that_are_overridden_are_still_there() -> None:
    for name in ("_connect", "_initdb", "conn_string_for_shard", "dispose", "from_config_value"):
        assert hasattr(SqliteEventLogStorage, name), name


def test_connections_are_closed_with_the_storage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / ".dagster"))
    with open_instance(tmp_path / "monitoring.yaml") as instance:
        run_everything(instance)
        engines = list(instance.event_log_storage.__dict__["_engines"].values())
        assert sum(engine.pool.checkedout() for engine in engines) == 0
        assert sum(engine.pool.checkedin() for engine in engines) > 0
    assert sum(engine.pool.checkedin() for engine in engines) == 0


def test_only_the_files_of_the_runs_used_last_stay_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / ".dagster"))
    monkeypatch.setattr(event_log, "KEPT_OPEN", 2)
    with open_instance(tmp_path / "monitoring.yaml") as instance:
        runs = [dg.materialize([broken], instance=instance, raise_on_error=False).run_id
                for _ in range(4)]  # fmt: skip
        engines = instance.event_log_storage.__dict__["_engines"]
        assert set(engines) == {"index", *runs[-2:]}
        assert [instance.get_run_stats(run).steps_failed for run in runs] == [1] * 4


def test_who_watches_a_run_hears_of_each_event(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / ".dagster"))
    with open_instance(tmp_path / "monitoring.yaml") as instance:
        runs = run_everything(instance)
        file = Path(instance.event_log_storage.path_for_shard(runs[0]))  # type: ignore[attr-defined]
        os.utime(file, (0, 0))
        instance.report_engine_event("hello", run_id=runs[0], job_name="any")
        assert file.stat().st_mtime > 0

"""What Dagster loads: every asset is named, grouped and explained, and nothing warns."""

import os
import subprocess
import sys

import dagster as dg
import pytest

from llm_monitoring.definitions import defs
from llm_monitoring_tests.conftest import REPOSITORY

ASSETS = {
    "raw_requests": "ingestion",
    "user_signals": "ingestion",
    "changes": "ingestion",
    "sampled_requests": "judging",
    "judgements": "judging",
    "input_features": "inputs",
    "window_metrics": "control",
    "control_charts": "control",
    "probe_results": "provider",
    "provider_drift": "provider",
    "alerts": "response",
    "incidents": "response",
    "regression_cases": "response",
}
GRAPH = defs.resolve_asset_graph()


def test_the_definitions_load_in_a_fresh_process_with_warnings_as_errors() -> None:
    code = (
        "from llm_monitoring.definitions import defs; import dagster as dg; "
        "dg.Definitions.validate_loadable(defs)"
    )
    environment = {**os.environ, "LLM_MONITORING_CONFIG": "demo/monitoring.yaml"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning:dagster", "-c", code],
        cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_a_mistake_in_the_configuration_is_shown_when_definitions_load(tmp_path) -> None:
    file = tmp_path / "monitoring.yaml"
    file.write_text("product: Shop\nstart: 2026-01-01T00:00:00Z\nfeaturs: []\n")
    done = subprocess.run(
        [sys.executable, "-c", "import llm_monitoring.definitions"],
        cwd=REPOSITORY, env={**os.environ, "LLM_MONITORING_CONFIG": str(file)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert f"{file}:3: featurs" in done.stderr


def test_the_assets_are_those_of_the_design_each_in_its_group() -> None:
    groups = {
        node.key.to_user_string(): node.group_name
        for node in GRAPH.asset_nodes
        if node.is_materializable
    }
    assert groups == ASSETS


@pytest.mark.parametrize("name", sorted(ASSETS))
def test_every_asset_says_what_one_row_is(name: str) -> None:
    description = GRAPH.get(dg.AssetKey(name)).description or ""
    assert description.startswith("One row is one ")


def test_every_asset_reads_only_assets_there_are() -> None:
    known = {dg.AssetKey(name) for name in ASSETS}
    assert {parent for node in GRAPH.asset_nodes for parent in node.parent_keys} <= known


def test_a_range_of_every_partitioned_asset_is_one_run() -> None:
    for name in set(ASSETS) - {"changes", "alerts", "incidents", "regression_cases"}:
        node = GRAPH.get(dg.AssetKey(name))
        assert node.backfill_policy == dg.BackfillPolicy.single_run(), name


def test_a_check_says_what_is_true_when_it_passes() -> None:
    keys = GRAPH.asset_check_keys
    assert len(keys) >= 15
    for key in keys:
        spec = GRAPH.get(key)
        assert (spec.description or "").endswith("."), key.name
        assert key.name == key.name.lower()


def test_every_job_schedule_and_sensor_is_explained() -> None:
    repository = defs.get_repository_def()
    for schedule in repository.schedule_defs:
        assert schedule.description or schedule.job.description, schedule.name
    for sensor in repository.sensor_defs:
        assert sensor.description, sensor.name
    jobs = [job for job in repository.get_all_jobs() if not job.name.startswith("__")]
    assert all(job.description for job in jobs)
    assert {"hours", "weeks", "ledger", "cost_check", "reconcile_alerts", "maintenance"} <= {
        job.name for job in jobs
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "watched"),
    [
        ("monitoring.yaml", ["alerts", "control_charts", "window_metrics"]),
        ("demo/monitoring.yaml", []),  # it ends, so that everything in it grows old
    ],
)
def test_what_is_made_every_hour_is_shown_as_overdue_when_it_is_not(
    name: str, watched: list[str]
) -> None:
    code = (
        "from llm_monitoring.definitions import defs;"
        "print(*(s.key.path[0] for s in defs.resolve_all_asset_specs() if s.freshness_policy))"
    )
    environment = {**os.environ, "LLM_MONITORING_CONFIG": str(REPOSITORY / name)}
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, check=True
    )
    assert sorted(run.stdout.decode().split()) == watched

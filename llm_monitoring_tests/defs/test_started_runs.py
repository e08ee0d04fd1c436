"""What the clock and the sensors started: started again where it failed, and never piled up."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
from dagster._core.events import RunFailureReason
from dagster._core.execution.retries import auto_reexecution_should_retry_run

from llm_monitoring.definitions import defs
from llm_monitoring.defs.assets.provider import provider_drift
from llm_monitoring.defs.jobs.jobs import DECISIONS
from llm_monitoring.defs.partitions import PARTITION, range_tags
from llm_monitoring.defs.runs.started_runs import (
    AGAIN,
    LOOK_BACK,
    is_failing,
    is_waiting,
    requests_again,
)
from llm_monitoring.defs.sensors import failed_checks
from llm_monitoring.hours import week_key, week_start

FAILURE, SUCCESS, STARTED = (
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.STARTED,
)
BY_CLOCK = {"dagster/schedule_name": "a schedule"}


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    retries = {"run_retries": {"enabled": True, "max_retries": 1}}
    with dg.DagsterInstance.ephemeral(settings=retries) as instance:
        yield instance


def started(
    instance: dg.DagsterInstance, job: str, status: dg.DagsterRunStatus, **tags: str
) -> dg.DagsterRun:
    """A run of the clock that is in a state now."""
    run = instance.create_run_for_job(
        defs.resolve_job_def(job), tags={**BY_CLOCK, **tags}, status=dg.DagsterRunStatus.STARTED
    )
    if status == dg.DagsterRunStatus.FAILURE:
        instance.report_run_failed(run)
    elif status == dg.DagsterRunStatus.SUCCESS:
        instance.report_dagster_event(dg.DagsterEvent(
            event_type_value=dg.DagsterEventType.RUN_SUCCESS.value, job_name=job), run.run_id
        )  # fmt: skip
    return run


THIS_WEEK, LAST_WEEK = (
    f"{week_start(week_key(datetime.now(UTC) - timedelta(weeks=n))):%Y-%m-%d}" for n in (0, 1)
)


def again(instance: dg.DagsterInstance, minutes: float = 1.1) -> list[dg.RunRequest]:
    """What is asked for so many minutes from now."""
    return list(requests_again(instance, datetime.now(UTC) + timedelta(minutes=minutes)))


@pytest.mark.parametrize("job", ["reconcile_alerts", "cost_check", "maintenance"])
def test_work_of_the_clock_that_failed_is_started_again_under_the_failed_runs_name(
    instance: dg.DagsterInstance, job: str
) -> None:
    failed = started(instance, job, FAILURE)
    (request,) = again(instance)
    assert (request.job_name, request.run_key) == (job, f"again:{failed.run_id}")
    assert again(instance, 0.5) == []


def test_a_week_is_started_again_whatever_became_of_another(instance: dg.DagsterInstance) -> None:
    started(instance, "weeks", FAILURE, **{PARTITION: THIS_WEEK})
    started(instance, "weeks", SUCCESS, **{PARTITION: LAST_WEEK})
    (request,) = again(instance)
    assert (request.partition_key, request.asset_selection) == (THIS_WEEK, None)


def test_a_week_that_is_over_is_not_probed_any_more(instance: dg.DagsterInstance) -> None:
    started(instance, "weeks", FAILURE, **{PARTITION: LAST_WEEK})
    assert again(instance) == []


def test_probes_that_were_answered_are_not_asked_again(instance: dg.DagsterInstance) -> None:
    started(instance, "weeks", FAILURE, **{PARTITION: THIS_WEEK})
    probed = dg.AssetMaterialization("probe_results", partition=LAST_WEEK)
    instance.report_runless_asset_event(probed)
    assert [r.asset_selection for r in again(instance)] == [None]
    instance.report_runless_asset_event(probed._replace(partition=THIS_WEEK))
    (request,) = again(instance)
    assert request.asset_selection == [provider_drift.key]
    selected = defs.resolve_job_def("weeks").get_subset(asset_selection={provider_drift.key})
    assert [node.name for node in selected.nodes] == ["provider_drift"]


def test_work_that_failed_is_seen_however_often_other_work_fails(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llm_monitoring.defs.runs.started_runs.MOST_RUNS", 2)
    started(instance, "maintenance", FAILURE)
    for _ in range(3):
        started(instance, "hours", FAILURE)
    assert [r.job_name for r in again(instance)] == ["maintenance"]


def test_an_investigation_that_failed_is_started_again_until_it_succeeds(
    instance: dg.DagsterInstance,
) -> None:
    for minutes in (1.1, 2.1, 4.1):
        started(instance, "investigate_incident", FAILURE, **{PARTITION: "one"})
        (request,) = again(instance, minutes)
        assert request.partition_key == "one"
        assert again(instance, minutes - 0.5) == []
    started(instance, "investigate_incident", SUCCESS, **{PARTITION: "one"})
    assert again(instance, 600) == []


@pytest.mark.parametrize("status", [SUCCESS, STARTED])
def test_what_was_made_good_or_goes_on_is_left_alone(
    instance: dg.DagsterInstance, status: dg.DagsterRunStatus
) -> None:
    started(instance, "maintenance", FAILURE)
    started(instance, "maintenance", status)
    assert again(instance, 60) == []


def test_what_a_person_started_is_left_to_them(instance: dg.DagsterInstance) -> None:
    run = instance.create_run_for_job(defs.resolve_job_def("maintenance"))
    instance.report_run_failed(run)
    assert again(instance) == []


@pytest.mark.parametrize("job", DECISIONS, ids=lambda job: job.name)
def test_a_decision_is_never_started_again(
    instance: dg.DagsterInstance, job: dg.JobDefinition
) -> None:
    resolved = defs.resolve_job_def(job.name)
    assert resolved.run_tags["dagster/max_retries"] == "0"
    assert job not in AGAIN
    refused = instance.add_run(
        dg.DagsterRun(job_name=job.name, tags={**resolved.run_tags, **BY_CLOCK})
    )
    instance.report_run_failed(refused)
    assert again(instance, 60) == []
    assert not _is_retried_by_dagster(instance, refused)


def test_dagster_itself_retries_other_work_once(instance: dg.DagsterInstance) -> None:
    assert _is_retried_by_dagster(instance, started(instance, "ledger", FAILURE))


def _is_retried_by_dagster(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    failed = instance.get_run_by_id(run.run_id)
    assert failed
    return auto_reexecution_should_retry_run(instance, failed, RunFailureReason.STEP_FAILURE)


def test_hours_are_left_to_the_sweep(instance: dg.DagsterInstance) -> None:
    started(instance, "hours", FAILURE, **range_tags(2026100500, 2026100501))
    assert again(instance, 60) == []


def test_every_job_is_started_again_or_swept_or_a_persons() -> None:
    jobs = {job.name for job in defs.jobs or ()}
    by_hand = {"ledger"}
    assert {job.name for job in (*AGAIN, *DECISIONS)} | {"hours"} | by_hand == jobs


def test_a_run_waits_until_it_has_begun(instance: dg.DagsterInstance) -> None:
    job = defs.resolve_job_def("ledger")
    assert not is_waiting(instance, "ledger")
    run = instance.create_run_for_job(job, status=dg.DagsterRunStatus.NOT_STARTED)
    assert is_waiting(instance, "ledger")
    instance.delete_run(run.run_id)
    instance.create_run_for_job(job, status=STARTED)
    assert not is_waiting(instance, "ledger")


def test_a_job_fails_until_its_failure_is_so_old_that_nothing_starts_it_again(
    instance: dg.DagsterInstance,
) -> None:
    started(instance, "reconcile_alerts", FAILURE)
    now = datetime.now(UTC)
    assert is_failing(instance, "reconcile_alerts", now)
    later = now + LOOK_BACK + timedelta(minutes=1)
    assert not is_failing(instance, "reconcile_alerts", later)
    assert list(requests_again(instance, later)) == []


def test_failed_checks_ask_for_no_run_while_one_waits_or_the_last_failed(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _asked(instance, monkeypatch) == 1
    waiting = instance.create_run_for_job(
        defs.resolve_job_def("reconcile_alerts"),
        tags=BY_CLOCK,
        status=dg.DagsterRunStatus.NOT_STARTED,
    )
    for _ in range(3):
        assert _asked(instance, monkeypatch) == 0
    instance.report_run_failed(waiting)
    assert _asked(instance, monkeypatch) == 0
    started(instance, "reconcile_alerts", STARTED)
    assert _asked(instance, monkeypatch) == 1


def _asked(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many runs the sensor asks for while messages are due."""
    monkeypatch.setattr("llm_monitoring.defs.sensors.is_news_due", lambda *_: True)
    monitoring = defs.resources["monitoring"]  # type: ignore[index]
    with dg.build_sensor_context(
        instance=instance, resources={"monitoring": monitoring}
    ) as context:
        result: Any = failed_checks(context)
    return len(result.run_requests or [])

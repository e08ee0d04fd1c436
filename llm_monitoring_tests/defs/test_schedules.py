"""What runs by the clock, evaluated at moments of our choosing."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import dagster as dg
import pytest
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon
from dagster._utils.schedules import schedule_execution_time_iterator

from llm_monitoring.definitions import defs
from llm_monitoring.defs import schedules
from llm_monitoring.defs.partitions import RANGE_END, RANGE_START, SETTINGS, WEEKS
from llm_monitoring_tests.product import Product

START, END = SETTINGS.start, SETTINGS.end


@pytest.fixture(autouse=True)
def in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ticks are evaluated when they are due, unless a test says otherwise."""
    monkeypatch.setattr(schedules, "is_overtaken", lambda *_: False)


def tick(
    schedule: dg.ScheduleDefinition, moment: datetime, instance: dg.DagsterInstance | None = None
) -> Any:
    context = dg.build_schedule_context(scheduled_execution_time=moment, instance=instance)
    return schedule(context)


def range_of(request: dg.RunRequest) -> tuple[str, str]:
    """First and last partition of a run."""
    return request.tags[RANGE_START], request.tags[RANGE_END]


@pytest.mark.parametrize("schedule", schedules.SCHEDULES, ids=lambda s: s.name)
def test_of_the_ticks_that_are_made_up_for_after_an_outage_only_the_newest_runs(
    schedule: dg.ScheduleDefinition, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    probed = SETTINGS.probes.model_copy(update={"models": ["a model"]})
    monkeypatch.setattr(schedules, "SETTINGS", SETTINGS.model_copy(update={"probes": probed}))
    now = START + timedelta(days=15, hours=12, minutes=20)
    monkeypatch.setattr(schedules, "wall_clock", lambda: now)
    ticks = list(_ticks_before(schedule, now))
    assert len(ticks) > 1
    with dg.instance_for_test() as instance:
        results = [tick(schedule, moment, instance) for moment in ticks]
    assert isinstance(results[0], dg.RunRequest)
    assert {type(result) for result in results[1:]} == {dg.SkipReason}


def _ticks_before(schedule: dg.ScheduleDefinition, now: datetime) -> Iterator[datetime]:
    """The three newest ticks of a schedule, newest first."""
    ticks = schedule_execution_time_iterator(
        now.timestamp(), schedule.cron_schedule, "UTC", ascending=False
    )
    return islice(ticks, 3)


def test_upkeep_is_not_asked_for_while_a_run_of_it_waits() -> None:
    moment = START + timedelta(days=3, hours=3, minutes=30)
    with dg.instance_for_test() as instance:
        assert isinstance(tick(schedules.daily_maintenance, moment, instance), dg.RunRequest)
        job = defs.resolve_job_def("maintenance")
        run = instance.create_run_for_job(job, status=dg.DagsterRunStatus.NOT_STARTED)
        assert isinstance(tick(schedules.daily_maintenance, moment, instance), dg.SkipReason)
        instance.report_run_failed(run)
        assert isinstance(tick(schedules.daily_maintenance, moment, instance), dg.RunRequest)


def late_by(hours: int, kind: str = "requests") -> Any:
    """The demo's settings with rows that come late."""
    source = getattr(SETTINGS.sources, kind)[0].model_copy(update={"late_hours": hours})
    sources = SETTINGS.sources.model_copy(update={kind: [source]})
    return SETTINGS.model_copy(update={"sources": sources})


@pytest.mark.parametrize(("late", "first"), [(1, "2026-10-08-05:00"), (24, "2026-10-07-06:00")])
def test_the_hour_that_closed_is_run_with_the_hours_requests_may_be_late_for(
    late: int, first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedules, "SETTINGS", late_by(late))
    request = tick(schedules.closed_hour, START + timedelta(days=3, hours=7, minutes=5))
    assert range_of(request) == (first, "2026-10-08-06:00")


def test_signals_that_come_late_run_no_hour_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedules, "SETTINGS", late_by(48, "signals"))
    request = tick(schedules.closed_hour, START + timedelta(days=3, hours=7, minutes=5))
    assert range_of(request) == ("2026-10-08-05:00", "2026-10-08-06:00")


def test_the_first_hours_have_no_hours_before_them() -> None:
    request = tick(schedules.closed_hour, START + timedelta(hours=2, minutes=5))
    assert range_of(request) == ("2026-10-05-00:00", "2026-10-05-01:00")


def test_the_hour_that_closed_is_run_before_the_history_that_waits() -> None:
    request = tick(schedules.closed_hour, START + timedelta(hours=2, minutes=5))
    with dg.instance_for_test() as instance:
        job = defs.resolve_job_def("hours")
        queued = [instance.create_run_for_job(job, tags=tags) for tags in ({}, request.tags)]
        ordered = QueuedRunCoordinatorDaemon(1)._priority_sort(queued)
    assert ordered == [queued[1], queued[0]]


def test_two_ticks_of_one_hour_are_one_run_and_two_hours_are_two() -> None:
    keys = [
        tick(schedules.closed_hour, START + timedelta(hours=hours, minutes=5)).run_key
        for hours in (30, 30, 31)
    ]
    assert keys[0] == keys[1] != keys[2]


@pytest.mark.parametrize(
    "moment", [START + timedelta(minutes=5), END + timedelta(hours=1, minutes=5)]
)
def test_outside_the_monitored_time_no_hour_closes(moment: datetime) -> None:
    assert isinstance(tick(schedules.closed_hour, moment), dg.SkipReason)


def test_the_last_hour_closes_at_the_end() -> None:
    assert (
        tick(schedules.closed_hour, END + timedelta(minutes=5))
        .tags[RANGE_END]
        .startswith("2026-10-25-23")
    )


def test_without_an_end_hours_close_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedules, "SETTINGS", SETTINGS.model_copy(update={"end": None}))
    request = tick(schedules.closed_hour, datetime(2031, 2, 1, 0, 5, tzinfo=UTC))
    assert range_of(request) == ("2031-01-31-22:00", "2031-01-31-23:00")


def test_probes_are_asked_for_the_week_that_runs() -> None:
    wednesday = START + timedelta(days=9, hours=12)
    request = tick(schedules.weekly_probes, wednesday)
    weeks = WEEKS.get_partition_keys(current_time=wednesday)
    assert request.partition_key == weeks[-1]
    assert request.run_key == request.partition_key


def test_no_probes_without_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    none = SETTINGS.model_copy(update={"probes": SETTINGS.probes.model_copy(update={"models": []})})
    monkeypatch.setattr(schedules, "SETTINGS", none)
    assert isinstance(tick(schedules.weekly_probes, START + timedelta(days=9)), dg.SkipReason)


def test_every_schedule_starts_a_job_that_exists_and_runs_by_itself() -> None:
    for schedule in schedules.SCHEDULES:
        assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING
        assert schedule.execution_timezone == "UTC"
        assert defs.resolve_job_def(schedule.job_name)


def cost_tick(product: Product, moment: datetime) -> Any:
    context = dg.build_schedule_context(instance=product.instance, scheduled_execution_time=moment)
    return schedules.hourly_cost_check(context)


def test_the_run_of_an_hour_reads_the_ledger_and_checks_the_cost(product: Product) -> None:
    result = product.run_hour(59)
    assert result.success
    checked = {e.check_name for e in result.get_asset_check_evaluations()}
    assert "spend_within_budget" in checked
    assert "changes" in {
        e.asset_key.to_user_string() for e in result.get_asset_materialization_events()
    }
    assert product.table("changes")
    steps = [e.step_key for e in result.all_events if e.is_step_success]
    assert steps.index("control_charts") < steps.index("window_metrics_spend_within_budget")


def test_the_cost_is_checked_once_an_hour_by_the_run_or_by_the_schedule(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedules, "SETTINGS", SETTINGS.model_copy(update={"end": None}))
    product.run("cost_check")
    now = datetime.now(UTC)
    assert isinstance(cost_tick(product, now), dg.SkipReason)
    assert isinstance(cost_tick(product, now + timedelta(hours=1)), dg.RunRequest)


def test_outside_the_monitored_time_no_cost_is_checked(product: Product) -> None:
    assert isinstance(cost_tick(product, END + timedelta(hours=1, minutes=45)), dg.SkipReason)


def test_spend_within_budget_passes(monitored: Product) -> None:
    result = _cost(monitored)
    # Charts of product_search are out of control: its prompt was bloated.
    assert not result.passed
    assert "spent" not in (result.description or "")
    told = (result.description or "").split("; ")
    assert "avg_cost_per_request_usd of product_search is out of control" in told
    assert len(told) == len(set(told))  # two charts watch each


def test_spend_over_budget_fails_and_names_what_moved_it(product: Product) -> None:
    poor = product.with_settings(
        "poor",
        {
            "features": [
                {"feature_id": "product_search", "sample_rate": 0.015, "budget_usd_per_day": 0.01},
                {"feature_id": "support_chat", "sample_rate": 0.015},
                {"feature_id": "order_summary", "sample_rate": 0.015, "budget_usd_per_day": 100},
            ]
        },
    )
    result = _cost(poor)
    assert not result.passed
    assert "product_search spent $" in (result.description or "")
    assert "budget $0.010" in (result.description or "")
    assert "order_summary spent" not in (result.description or "")
    table = str(result.metadata["costs"].value)
    assert r"| product\_search |" in table
    assert r"gpt\-4o\-mini\-2024\-07\-18 $" in table


def _cost(product: Product) -> dg.AssetCheckEvaluation:
    result = product.run("cost_check")
    assert result.success
    return result.get_asset_check_evaluations()[0]

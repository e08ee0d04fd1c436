"""The monitor watches itself: what fails in a real Dagster instance becomes alerts."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
import stamina
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    InProcessCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster._core.storage.tags import SENSOR_NAME_TAG
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster_shared.error import SerializableErrorInfo

from llm_monitoring.alerts.failures import Seen
from llm_monitoring.definitions import defs
from llm_monitoring.defs.assets import windows
from llm_monitoring.defs.partitions import range_tags
from llm_monitoring.defs.runs.watching import AGAIN_AFTER, look, self_check
from llm_monitoring.hours import hour_start, shift
from llm_monitoring.pipeline.alerts import reconcile
from llm_monitoring.pipeline.alerts.watch import recall
from llm_monitoring_tests.product import Product
from llm_monitoring_tests.receiver import Receiver
from llm_monitoring_tests.simulated import START

pytestmark = pytest.mark.slow

ON_DUTY = {SENSOR_NAME_TAG: "self_check"}


def moment(hours: float) -> datetime:
    """So many hours after the start."""
    return hour_start(START) + timedelta(hours=hours)


def explode(*_: object, **__: object) -> None:
    raise OSError(28, "No space left on device")


def monitor_alerts(product: Product) -> list[Any]:
    return product.monitoring.lake.rows("alerts", layer="monitor")


def messages(product: Product) -> list[tuple[str, str]]:
    """(kind, status) of the messages about the monitor, the oldest first."""
    rows = [
        row
        for row in product.monitoring.lake.rows("deliveries")
        if any(topic.startswith("monitor/") for topic in row.topics)
    ]
    return [(row.kind, row.status) for row in sorted(rows, key=lambda row: row.updated_at)]


def asked(product: Product) -> str | None:
    """Why the sensor wants the alerts run; None: it does not."""
    with dg.build_sensor_context(
        instance=product.instance, resources={"monitoring": product.monitoring}
    ) as context:
        result = self_check(context)
    return result.tags["llm_monitoring/because"] if isinstance(result, dg.RunRequest) else None


def seen(product: Product, now: datetime) -> Seen:
    return look(product.instance, recall(product.monitoring.lake, now), now)


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with Receiver() as receiver, stamina.set_testing(True, attempts=1):
        monkeypatch.setenv("TEST_HEARTBEAT", receiver.address)
        yield receiver


# --------------------------------------------------------------------------------- failed runs


def test_a_failed_hour_is_one_alert_with_its_reason_and_is_resolved_when_made_good(
    fresh: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(windows, "recompute", explode)
        for hour in (12, 13, 14):
            assert not fresh.run_hour(hour, raise_on_error=False).success
        fresh.run("reconcile_alerts")
        fresh.run("reconcile_alerts")
    (alert,) = monitor_alerts(fresh)
    assert (alert.subject, alert.severity, alert.status) == ("monitor/run/hours", "page", "firing")
    assert "No space left on device, in control_charts" in alert.summary
    assert (
        "for the hours from Mon 2026-10-05 12:00 UTC until Mon 2026-10-05 15:00 UTC"
        in alert.summary
    )
    assert alert.windows == 3
    assert messages(fresh) == [("firing", "delivered")]
    assert alert.incident_id is None

    fresh.run_hours(12, 14)
    fresh.run("reconcile_alerts")
    fresh.run("reconcile_alerts")
    (alert,) = monitor_alerts(fresh)
    assert alert.status == "resolved"
    assert messages(fresh) == [("firing", "delivered")]  # it may fail again at once
    later = datetime.now(UTC) + timedelta(hours=5)
    fresh.at(later).run("reconcile_alerts")
    assert messages(fresh) == [("firing", "delivered"), ("resolved", "delivered")]


def test_a_failure_before_anything_was_measured_is_told_too(
    fresh: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(windows, "measure_hours", explode)
    assert not fresh.run_hour(0, raise_on_error=False).success
    fresh.run("reconcile_alerts")
    assert messages(fresh) == [("firing", "delivered")]


def test_what_was_made_good_before_it_was_told_is_not_told(
    fresh: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(windows, "recompute", explode)
        assert not fresh.run_hour(12, raise_on_error=False).success
    fresh.run_hour(12)
    fresh.run("reconcile_alerts")
    assert monitor_alerts(fresh) == []


def test_a_run_that_will_be_tried_again_is_not_a_failure_yet(
    fresh: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(windows, "recompute", explode)
    run_id = fresh.run_hour(12, raise_on_error=False).run_id
    fresh.instance.add_run_tags(run_id, {"dagster/will_retry": "true"})
    fresh.run("reconcile_alerts")
    assert monitor_alerts(fresh) == []
    # The retry never came.
    fresh.at(datetime.now(moment(0).tzinfo) + timedelta(hours=1)).run("reconcile_alerts")
    assert len(monitor_alerts(fresh)) == 1


def test_a_decision_that_was_refused_is_no_failure_of_the_monitor(fresh: Product) -> None:
    config = {"ops": {"resolve": {"config": {"incident_id": "none", "who": "Ada"}}}}
    result = fresh.run(
        "resolve_incident",
        run_config=config,
        raise_on_error=False,
        tags={"dagster/max_retries": "0"},
    )
    assert not result.success
    now = fresh.monitoring.now()
    assert look(fresh.instance, recall(fresh.monitoring.lake, now), now).runs == []


def test_a_failed_run_that_somebody_deleted_is_told_no_more(
    fresh: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(windows, "recompute", explode)
    run_id = fresh.run_hour(12, raise_on_error=False).run_id
    fresh.run("reconcile_alerts")
    assert [alert.status for alert in monitor_alerts(fresh)] == ["firing"]
    fresh.instance.delete_run(run_id)
    fresh.run("reconcile_alerts")
    assert [alert.status for alert in monitor_alerts(fresh)] == ["resolved"]


def test_upkeep_that_fails_is_a_ticket(fresh: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llm_monitoring.lake.Lake.expire", explode)
    assert not fresh.run("maintenance", raise_on_error=False).success
    fresh.run("reconcile_alerts")
    (alert,) = monitor_alerts(fresh)
    assert (alert.subject, alert.severity) == ("monitor/run/maintenance", "ticket")


# ------------------------------------------------------------------------ sensors and schedules


def tick(product: Product, status: TickStatus, minute: float, error: str | None = None) -> None:
    """The sensor of incidents ticked so many minutes after the start, as the daemon records it."""
    instance, name = product.instance, "open_alerts"
    location = InProcessCodeLocationOrigin(
        LoadableTargetOrigin(module_name="llm_monitoring.definitions"), location_name="here"
    )
    origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(location, "repository"), name)
    selector = origin.get_selector().get_id()
    if instance.get_instigator_state(origin.get_id(), selector) is None:
        data = SensorInstigatorData(min_interval=30)
        instance.add_instigator_state(
            InstigatorState(origin, InstigatorType.SENSOR, InstigatorStatus.DECLARED_IN_CODE, data)
        )
    instance.create_tick(
        TickData(
            instigator_origin_id=origin.get_id(),
            instigator_name=name,
            instigator_type=InstigatorType.SENSOR,
            status=status,
            timestamp=moment(minute / 60).timestamp(),
            run_ids=[],
            selector_id=selector,
            error=SerializableErrorInfo(error, [], "ValueError") if error else None,
        )
    )


def test_a_sensor_that_keeps_failing_is_an_alert_until_it_works(fresh: Product) -> None:
    for minute in range(7):
        tick(fresh, TickStatus.FAILURE, minute, "ValueError: no such incident 'of a user'")
    fresh.at(moment(4 / 60)).run("reconcile_alerts")
    assert monitor_alerts(fresh) == []
    fresh.at(moment(6 / 60)).run("reconcile_alerts")
    (alert,) = monitor_alerts(fresh)
    assert (alert.subject, alert.severity) == ("monitor/sensor/open_alerts", "ticket")
    assert "ValueError: no such incident ..." in alert.summary
    assert "of a user" not in alert.summary

    tick(fresh, TickStatus.SKIPPED, 8)
    fresh.at(moment(9 / 60)).run("reconcile_alerts")
    assert [alert.status for alert in monitor_alerts(fresh)] == ["resolved"]


def test_a_sensor_that_is_switched_off_or_no_longer_there_fails_no_more(fresh: Product) -> None:
    for minute in range(7):
        tick(fresh, TickStatus.FAILURE, minute, "ValueError: no")
    fresh.at(moment(6 / 60)).run("reconcile_alerts")
    assert [alert.status for alert in monitor_alerts(fresh)] == ["firing"]
    (state,) = fresh.instance.all_instigator_state()
    later = moment(30 / 60)
    assert seen(fresh, later).ticks[0].failing_since is not None
    assert seen(fresh, moment(3)).ticks == []  # it has not ticked for hours
    fresh.instance.update_instigator_state(state.with_status(InstigatorStatus.STOPPED))
    assert seen(fresh, later).ticks == []
    fresh.at(later).run("reconcile_alerts")
    assert [alert.status for alert in monitor_alerts(fresh)] == ["resolved"]


def test_a_sensor_that_fails_on_and_off_is_told_once_and_over_when_it_is_quiet(
    fresh: Product,
) -> None:
    for half in (0, 30):
        tick(fresh, TickStatus.FAILURE, half, "ValueError: again")
        fresh.at(moment((half + 10) / 60)).run("reconcile_alerts")
        tick(fresh, TickStatus.SUCCESS, half + 15)
        fresh.at(moment((half + 20) / 60)).run("reconcile_alerts")
    assert messages(fresh) == [("firing", "delivered")]
    fresh.at(moment(4.1)).run("reconcile_alerts")
    assert messages(fresh) == [("firing", "delivered"), ("resolved", "delivered")]


# ------------------------------------------------------------- the hourly look, and what is missing


def test_the_alerts_are_looked_at_once_an_hour_and_after_each_charted_hour(fresh: Product) -> None:
    fresh.run_hours(0, 1)
    at = fresh.at(moment(2.2))
    assert asked(at) == "the hourly look at the alerts"
    at.run("reconcile_alerts", tags=ON_DUTY)
    assert asked(at) is None
    assert asked(fresh.at(moment(3.5))) == "the hourly look at the alerts"
    fresh.run_hour(2)
    later = fresh.at(moment(3.2))
    assert asked(later) == f"hour {shift(START, 2)} is charted"
    later.run("reconcile_alerts", tags=ON_DUTY)
    assert asked(later) is None
    fresh.run_hour(1)
    assert asked(later) == "earlier hours are charted anew"
    later.run("reconcile_alerts", tags=ON_DUTY)
    assert asked(later) is None


def test_a_late_hour_or_a_heartbeat_that_was_not_heard_is_looked_at_sooner(
    fresh: Product, receiver: Receiver
) -> None:
    watched = fresh.with_settings("watched", {"heartbeat": {"url_env": "TEST_HEARTBEAT"}})
    fresh.run_hours(0, 1)
    watched.at(moment(3.9)).run("reconcile_alerts", tags=ON_DUTY)
    assert asked(watched.at(moment(4.1))) is None
    assert asked(watched.at(moment(5.1))) == "no hour is charted in time"
    receiver.status = 503
    watched.at(moment(3.95)).run("reconcile_alerts", tags=ON_DUTY)
    assert asked(watched.at(moment(4.21))) == "the heartbeat was not heard"


def test_after_a_clock_that_ran_ahead_the_alerts_are_looked_at_at_once(fresh: Product) -> None:
    fresh.run_hours(0, 1)
    fresh.at(moment(4.2)).run("reconcile_alerts", tags=ON_DUTY)
    right = fresh.at(moment(2.2))
    assert asked(right) == "the hourly look at the alerts"
    right.run("reconcile_alerts", tags=ON_DUTY)
    assert asked(right) is None


def test_a_failed_run_starts_the_alerts_and_so_does_what_makes_it_good(
    fresh: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh.run_hour(11)
    fresh.run("reconcile_alerts", tags=ON_DUTY)
    with monkeypatch.context() as broken:
        broken.setattr(windows, "recompute", explode)
        fresh.run_hour(11, raise_on_error=False)
    assert asked(fresh) == "run hours fails"
    fresh.run("reconcile_alerts", tags=ON_DUTY)
    assert asked(fresh) is None
    fresh.run_hour(11)
    assert asked(fresh) == "run hours was made good"
    fresh.run("reconcile_alerts", tags=ON_DUTY)
    assert asked(fresh) is None


def test_an_alerts_run_that_is_on_its_way_or_failed_just_now_is_enough(
    fresh: Product,
) -> None:
    assert asked(fresh) is not None
    waiting = fresh.instance.create_run_for_job(
        defs.resolve_job_def("reconcile_alerts"), status=dg.DagsterRunStatus.STARTED
    )
    assert asked(fresh) is None
    fresh.instance.report_run_failed(waiting)
    assert asked(fresh) is None
    later = fresh.at(datetime.now(moment(0).tzinfo) + AGAIN_AFTER)
    assert asked(later) is not None


def test_missing_hours_are_an_alert_unless_the_monitor_has_just_come_back(fresh: Product) -> None:
    fresh.run_hours(0, 3)
    fresh.at(moment(4.2)).run("reconcile_alerts", tags=ON_DUTY)
    # It was away: what is missing may be on its way.
    fresh.at(moment(20)).run("reconcile_alerts", tags=ON_DUTY)
    assert monitor_alerts(fresh) == []
    for hour in (21, 22.1):
        fresh.at(moment(hour)).run("reconcile_alerts", tags=ON_DUTY)
    (alert,) = monitor_alerts(fresh)
    assert (alert.subject, alert.severity) == ("monitor/missing/hours", "page")
    assert "these hours were not measured: from Mon 2026-10-05 04:00 UTC" in alert.summary
    assert messages(fresh) == [("firing", "delivered")]
    fresh.run_hours(4, 20)
    fresh.at(moment(22.2)).run("reconcile_alerts", tags=ON_DUTY)
    assert [alert.status for alert in monitor_alerts(fresh)] == ["resolved"]


def test_where_no_hour_was_ever_charted_those_since_it_went_on_duty_are_missing(
    fresh: Product,
) -> None:
    for hour in (500.0, 501.3, 502.6, 504.1):
        at = fresh.at(moment(hour))
        assert asked(at) is not None
        at.run("reconcile_alerts", tags=ON_DUTY)
        # Nothing of the weeks before: nobody may want them.
        assert len(monitor_alerts(fresh)) == (1 if hour > 504 else 0)
        assert asked(fresh.at(moment(hour + 0.3))) is None
    (alert,) = monitor_alerts(fresh)
    assert alert.severity == "page"
    assert "from Sun 2026-10-25 20:00 UTC until Sun 2026-10-25 22:00 UTC" in alert.summary


def test_hours_that_a_run_is_on_are_not_missing_yet(fresh: Product) -> None:
    fresh.run_hours(0, 3)
    for hour in (4.2, 5.2, 6.2):
        fresh.at(moment(hour)).run("reconcile_alerts", tags=ON_DUTY)
    fresh.instance.create_run_for_job(
        defs.resolve_job_def("hours"),
        tags=range_tags(shift(START, 4), shift(START, 4)),
        status=dg.DagsterRunStatus.STARTED,
    )
    fresh.at(moment(7.2)).run("reconcile_alerts", tags=ON_DUTY)
    assert monitor_alerts(fresh) == []


def test_a_backfill_tells_of_no_missing_hours(fresh: Product) -> None:
    fresh.run_hours(0, 3)
    fresh.at(moment(30)).run("reconcile_alerts")
    assert monitor_alerts(fresh) == []


# ------------------------------------------------------------------------------- the heartbeat


def test_the_heartbeat_is_the_last_step_of_a_run_that_a_sensor_started(
    fresh: Product, receiver: Receiver
) -> None:
    watched = fresh.with_settings("watched", {"heartbeat": {"url_env": "TEST_HEARTBEAT"}})
    fresh.run_hours(0, 3)
    watched.at(moment(4.2)).run("reconcile_alerts")
    assert receiver.paths == []
    result = watched.at(moment(4.2)).run("reconcile_alerts", tags=ON_DUTY)
    assert receiver.paths == ["/ping/T0PSECRET"]
    (materialization,) = result.asset_materializations_for_node("alerts")
    assert materialization.metadata["heartbeat"].value == "sent"


def test_the_heartbeat_is_withheld_when_the_newest_hour_is_late(
    fresh: Product, receiver: Receiver
) -> None:
    watched = fresh.with_settings("watched", {"heartbeat": {"url_env": "TEST_HEARTBEAT"}})
    fresh.run_hours(0, 3)
    watched.at(moment(7.1)).run("reconcile_alerts", tags=ON_DUTY)
    assert receiver.paths == []
    (heartbeat,) = fresh.monitoring.lake.rows("heartbeats")
    assert heartbeat.outcome == "withheld"


def test_a_failed_hour_and_failing_alerts_are_told_as_fail(
    fresh: Product, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = fresh.with_settings("watched", {"heartbeat": {"url_env": "TEST_HEARTBEAT"}})
    fresh.run_hours(0, 3)
    with monkeypatch.context() as broken:
        broken.setattr(windows, "recompute", explode)
        fresh.run_hour(3, raise_on_error=False)
    watched.at(moment(4.2)).run("reconcile_alerts", tags=ON_DUTY)
    with monkeypatch.context() as broken:
        broken.setattr(reconcile, "reconcile_alerts", explode)
        result = watched.at(moment(4.3)).run("reconcile_alerts", tags=ON_DUTY, raise_on_error=False)
    assert not result.success
    assert receiver.paths == ["/ping/T0PSECRET/fail", "/ping/T0PSECRET/fail"]


def test_a_heartbeat_that_nobody_hears_fails_no_run(fresh: Product, receiver: Receiver) -> None:
    receiver.status = 503
    watched = fresh.with_settings("watched", {"heartbeat": {"url_env": "TEST_HEARTBEAT"}})
    fresh.run_hours(0, 3)
    assert watched.at(moment(4.2)).run("reconcile_alerts", tags=ON_DUTY).success
    (heartbeat,) = fresh.monitoring.lake.rows("heartbeats")
    assert (heartbeat.outcome, heartbeat.reason) == (
        "undelivered", "heartbeat was answered 503",
    )  # fmt: skip

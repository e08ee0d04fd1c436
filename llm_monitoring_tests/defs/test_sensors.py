"""Sensors called as the daemon calls them: with the cursor it kept, an old one, or none."""

import gzip
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import dagster as dg
import pytest
import stamina

from llm_monitoring.definitions import defs
from llm_monitoring.defs.assets import windows
from llm_monitoring.defs.assets.requests import REJECTS
from llm_monitoring.defs.assets.response import DELIVERED
from llm_monitoring.defs.partitions import INCIDENTS, RANGE_START, range_tags
from llm_monitoring.defs.sensors import (
    failed_checks,
    missing_hours_and_late_files,
    open_alerts,
    read_evaluations,
    swept_hours,
)
from llm_monitoring.hours import hour_key, hour_range, hour_start, shift
from llm_monitoring_tests.product import HOURS, OUTAGE, START, Product, partition


def evaluate(sensor: dg.SensorDefinition, product: Product, cursor: str | None = None) -> Any:
    with dg.build_sensor_context(
        instance=product.instance, cursor=cursor, resources={"monitoring": product.monitoring}
    ) as context:
        return sensor(context)


def moment(hours: float) -> datetime:
    """So many hours after the start."""
    return hour_start(START) + timedelta(hours=hours)


# ---------------------------------------------------------------- failed checks start the alerts


def test_failed_checks_start_the_alerts_run_and_say_why(monitored: Product) -> None:
    result = evaluate(failed_checks, monitored)
    (request,) = result.run_requests
    assert "requests_present" in request.tags["llm_monitoring/because"]
    assert "cost_in_control" in request.tags["llm_monitoring/because"]
    assert "costs_known" not in request.tags["llm_monitoring/because"]


def test_results_are_read_once(monitored: Product) -> None:
    seen, cursor = read_evaluations(monitored.instance, None)
    assert not seen["requests_present"]
    assert seen["quality_in_control"]
    again, same = read_evaluations(monitored.instance, cursor)
    assert (again, same) == ({}, cursor)


def test_the_checks_of_the_alerts_do_not_start_the_alerts_again(product: Product) -> None:
    _, cursor = read_evaluations(product.instance, None)
    product.run("reconcile_alerts")
    assert read_evaluations(product.instance, cursor)[0] == {}


def test_a_result_reported_outside_a_run_is_read_too_and_once(product: Product) -> None:
    _, cursor = read_evaluations(product.instance, None)
    product.instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(
            asset_key=dg.AssetKey("raw_requests"),
            check_name=REJECTS,
            passed=False,
            partition=partition(3),
            metadata={},
        )
    )
    result = evaluate(failed_checks, product, cursor)
    assert [request.tags for request in result.run_requests] == [
        {"llm_monitoring/because": REJECTS}
    ]
    assert not evaluate(failed_checks, product, result.cursor).run_requests


def test_passed_checks_start_nothing_where_nothing_fires(fresh: Product) -> None:
    fresh.run_hour(12)
    result = evaluate(failed_checks, fresh)
    assert not result.run_requests
    assert result.cursor is not None


def test_passed_checks_start_the_alerts_while_one_fires_so_that_it_can_end(
    product: Product,
) -> None:
    assert any(row["status"] == "firing" for row in product.table("alerts"))
    _, cursor = read_evaluations(product.instance, None)
    product.instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(
            asset_key=dg.AssetKey("raw_requests"),
            check_name=REJECTS,
            passed=True,
            partition=partition(12),
            metadata={},
        )
    )
    (request,) = evaluate(failed_checks, product, cursor).run_requests
    assert request.tags["llm_monitoring/because"] == "results while alerts fire"


@pytest.mark.parametrize("cursor", ["kept", "lost"])
def test_each_alert_is_created_once_whatever_became_of_the_cursor(
    product: Product, cursor: str
) -> None:
    before = product.table("alerts")
    deliveries = product.table("deliveries")
    first = evaluate(failed_checks, product)
    product.run("reconcile_alerts")
    old = {"kept": evaluate(failed_checks, product, first.cursor).cursor, "lost": None}
    if evaluate(failed_checks, product, old[cursor]).run_requests:
        product.run("reconcile_alerts")
    assert product.table("alerts") == before
    assert product.table("deliveries") == deliveries
    assert len({row["fingerprint"] for row in before}) == len(before) > 0


def test_a_run_that_fails_reports_its_checks_too(fresh: Product, monkeypatch: Any) -> None:
    def explode(*_: object) -> None:
        raise OSError("the disk is full")

    file = fresh.folder / "logs" / "requests-2026-10-05-12.jsonl.gz"
    file.write_bytes(gzip.compress(b'{"request_id": "broken"\n' * 9))
    monkeypatch.setattr(windows, "refold", explode)
    assert not fresh.run_hour(12, raise_on_error=False).success
    (request,) = evaluate(failed_checks, fresh).run_requests
    assert REJECTS in request.tags["llm_monitoring/because"]


# ------------------------------------------------------------------ alerts: firing and resolved


def test_an_alert_fires_and_is_resolved_when_the_hours_after_it_are_run(product: Product) -> None:
    last = OUTAGE + 1
    _forget_hours_after(product, last)
    product.run("reconcile_alerts")
    firing = _alerts(product, "missing_windows")
    assert [row["status"] for row in firing] == ["firing"]
    product.run_hours(last + 1, HOURS - 1)
    product.run("reconcile_alerts")
    over = _alerts(product, "missing_windows")
    assert [row["status"] for row in over] == ["resolved"]
    assert over[0]["fingerprint"] == firing[0]["fingerprint"]
    assert over[0]["windows"] == 2
    messages = product.monitoring.lake.rows(
        "deliveries", "fingerprint = $fingerprint", fingerprint=over[0]["fingerprint"]
    )
    assert sorted(message.kind for message in messages) == ["firing", "resolved"]
    assert {message.status for message in messages} == {"delivered"}


def test_an_alert_that_goes_on_is_repeated_after_a_day(product: Product) -> None:
    lake = product.monitoring.lake
    stale = [
        replace(alert, notified_hour=shift(START, HOURS - 25))
        for alert in lake.rows("alerts", "status = 'firing'")
    ]
    lake.upsert("alerts", stale)
    for _ in range(2):
        product.run("reconcile_alerts")
    repeated = [
        row["fingerprint"] for row in product.table("deliveries") if row["kind"] == "repeated"
    ]
    assert sorted(repeated) == sorted(alert.fingerprint for alert in stale)


def _forget_hours_after(product: Product, hour: int) -> None:
    """As if the hours after it had not been run yet, and nobody had been told anything."""
    lake = product.monitoring.lake
    for name in ("window_metrics", "control_charts", "source_reads"):
        lake.delete(name, f"hour > {shift(START, hour)}")
    for name in ("alerts", "deliveries", "incidents"):
        lake.replace_all(name, [])


def _alerts(product: Product, metric: str) -> list[dict[str, Any]]:
    return [row for row in product.table("alerts") if row["metric"] == metric]


# ----------------------------------------------------------------------------------- the outbox


class Receiver:
    """A webhook that is down until it is told to be up."""

    def __init__(self) -> None:
        self.is_up = False
        self.delivered: list[str] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if receiver.is_up:
                    receiver.delivered.append(body["delivery_id"])
                self.send_response(200 if receiver.is_up else 503)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}/hook"


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    receiver = Receiver()
    thread = threading.Thread(target=receiver.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("TEST_WEBHOOK", receiver.address)
    with stamina.set_testing(True, attempts=1):
        yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()
    thread.join()


WEBHOOK = {
    "channels": [
        {"name": "hook", "kind": "webhook", "url_env": "TEST_WEBHOOK", "minimum_severity": "page"}
    ]
}
NOON = datetime(2026, 10, 8, 12, tzinfo=UTC)


def test_a_message_to_a_channel_that_was_down_is_delivered_once(
    product: Product, receiver: Receiver
) -> None:
    product.monitoring.lake.replace_all("alerts", [])
    hooked = product.with_settings("hooked", WEBHOOK)
    hooked.at(NOON).run("reconcile_alerts")
    waiting = hooked.monitoring.lake.rows("deliveries", "channel = 'hook'")
    assert waiting
    assert {(d.status, d.attempts) for d in waiting} == {("failed", 1)}
    assert receiver.delivered == []

    receiver.is_up = True
    # Too early to try again, so nothing is started.
    soon = hooked.at(NOON + timedelta(seconds=30))
    _, cursor = read_evaluations(product.instance, None)
    assert not evaluate(failed_checks, soon, cursor).run_requests
    later = hooked.at(NOON + timedelta(minutes=2))
    (request,) = evaluate(failed_checks, later, cursor).run_requests
    assert request.tags["llm_monitoring/because"] == "messages are due"
    for _ in range(2):
        later.run("reconcile_alerts")
    told = hooked.monitoring.lake.rows("deliveries", "channel = 'hook'")
    assert {(d.status, d.attempts) for d in told} == {("delivered", 2)}
    assert sorted(receiver.delivered) == sorted(d.delivery_id for d in waiting)


def test_a_channel_that_stays_down_fails_a_check(product: Product, receiver: Receiver) -> None:
    product.monitoring.lake.replace_all("alerts", [])
    hooked = product.with_settings("hooked", WEBHOOK)
    lake = hooked.monitoring.lake
    assert _deliveries_succeed(hooked.at(NOON)).passed
    lake.upsert("deliveries", [replace(d, attempts=4) for d in lake.rows("deliveries")])
    result = _deliveries_succeed(hooked.at(NOON + timedelta(hours=1)))
    assert not result.passed
    assert {value.value for value in result.metadata.values()} == {"hook: webhook answered 503"}
    told = lake.rows("deliveries", "channel = 'hook'")
    assert {(d.status, d.attempts) for d in told} == {("failed", 5)}
    assert len(result.metadata) == len(told)


def _deliveries_succeed(product: Product) -> dg.AssetCheckEvaluation:
    run = product.run("reconcile_alerts")
    (result,) = [e for e in run.get_asset_check_evaluations() if e.check_name == DELIVERED]
    return result


# --------------------------------------------------------------------- open alerts are incidents


def test_an_incident_is_a_partition_and_is_investigated_once(product: Product) -> None:
    incidents = product.table("incidents")
    result = evaluate(open_alerts, product)
    assert [r.partition_key for r in result.run_requests] == [i["incident_id"] for i in incidents]
    (added,) = result.dynamic_partitions_requests
    assert (added.partitions_def_name, sorted(added.partition_keys)) == (
        INCIDENTS.name,
        sorted(i["incident_id"] for i in incidents),
    )
    again = evaluate(open_alerts, product)
    assert [r.run_key for r in again.run_requests] == [r.run_key for r in result.run_requests]


def test_an_incident_with_a_report_is_left_alone(product: Product) -> None:
    first, *others = evaluate(open_alerts, product).run_requests
    product.instance.add_dynamic_partitions(INCIDENTS.name or "", [first.partition_key])
    product.run("investigate_incident", partition_key=first.partition_key)
    after = evaluate(open_alerts, product)
    assert [r.run_key for r in after.run_requests] == [r.run_key for r in others]
    (added,) = after.dynamic_partitions_requests
    assert first.partition_key not in added.partition_keys


def test_an_incident_that_alerts_join_is_investigated_again(product: Product) -> None:
    first = evaluate(open_alerts, product)
    lake = product.monitoring.lake
    (incident, *_) = lake.rows("incidents")
    lake.upsert("incidents", [replace(incident, alerts=[*incident.alerts, "one more"])])
    second = evaluate(open_alerts, product)
    keys = {r.partition_key: r.run_key for r in first.run_requests}
    changed = {r.partition_key for r in second.run_requests if r.run_key != keys[r.partition_key]}
    assert changed == {incident.incident_id}


def test_no_alert_no_incident(fresh: Product) -> None:
    result = evaluate(open_alerts, fresh)
    assert not result.run_requests
    assert not result.dynamic_partitions_requests


# -------------------------------------------------------------------- missing hours, late files


def test_missing_hours_are_asked_for_as_ranges(product: Product) -> None:
    missing = [*range(10), 12, *range(14, HOURS)]
    _forget(product, missing)
    result = evaluate(missing_hours_and_late_files, product.at(moment(20.1)))
    wanted = [(0, 9), (12, 12), (14, 18)]  # hour 19 is the schedule's
    assert [r.tags for r in result.run_requests] == [
        range_tags(shift(START, first), shift(START, last)) for first, last in wanted
    ]


def test_an_hour_is_not_asked_for_twice(fresh: Product) -> None:
    at = fresh.at(moment(3.1))
    first = evaluate(missing_hours_and_late_files, at)
    again = evaluate(missing_hours_and_late_files, at, first.cursor)
    # The daemon runs a key once.
    assert [r.run_key for r in again.run_requests] == [r.run_key for r in first.run_requests]
    (request,) = first.run_requests
    fresh.run("hours", tags=request.tags)
    assert not evaluate(missing_hours_and_late_files, at, first.cursor).run_requests
    assert not evaluate(missing_hours_and_late_files, at).run_requests


def _forget(product: Product, hours: list[int]) -> None:
    """As if these hours, counted from the start, had not been measured."""
    listed = ", ".join(str(shift(START, hour)) for hour in hours)
    product.monitoring.lake.delete("window_metrics", f"hour in ({listed})")


def test_hours_that_a_run_is_on_are_not_asked_for(fresh: Product) -> None:
    tags = range_tags(START, shift(START, 15))
    fresh.instance.create_run_for_job(
        defs.resolve_job_def("hours"), tags=tags, status=dg.DagsterRunStatus.STARTED
    )
    result = evaluate(missing_hours_and_late_files, fresh.at(moment(20.1)))
    assert [r.tags for r in result.run_requests] == [range_tags(shift(START, 16), shift(START, 18))]


def test_hours_whose_run_failed_are_asked_for_again_with_the_next_hour(fresh: Product) -> None:
    first, later = (
        evaluate(missing_hours_and_late_files, fresh.at(moment(hours))).run_requests[0]
        for hours in (20.1, 21.1)
    )
    assert first.tags[RANGE_START] == later.tags[RANGE_START] == partition(0)
    assert first.run_key != later.run_key


def test_an_hour_whose_file_changed_is_run_again_and_once(product: Product) -> None:
    at = product.at(moment(HOURS + 3))
    cursor = evaluate(missing_hours_and_late_files, at).cursor
    file = product.folder / "logs" / "requests-2026-10-06-16.jsonl.gz"
    file.write_bytes(file.read_bytes() + gzip.compress(b"{}\n"))
    result = evaluate(missing_hours_and_late_files, at, cursor)
    late = [r for r in result.run_requests if r.tags == range_tags(2026100616, 2026100616)]
    assert len(late) == 1
    after = evaluate(missing_hours_and_late_files, at, result.cursor).run_requests
    assert range_tags(2026100616, 2026100616) not in [r.tags for r in after]


def test_before_an_hour_has_closed_nothing_is_asked_for(fresh: Product) -> None:
    result = evaluate(missing_hours_and_late_files, fresh.at(moment(1.5)))
    assert result.skip_reason is not None


def test_the_sweep_looks_back_a_week_and_not_past_the_end(monitored: Product) -> None:
    settings = monitored.monitoring.settings
    end = settings.end
    assert end is not None
    week = list(swept_hours(settings, end - timedelta(days=2)))
    assert week == list(hour_range(hour_key(end - timedelta(days=9, hours=2)), week[-1]))
    assert week[-1] == hour_key(end - timedelta(days=2, hours=2))
    assert list(swept_hours(settings, end + timedelta(days=400)))[-1] == shift(hour_key(end), -1)
    endless = settings.model_copy(update={"end": None})
    much_later = end + timedelta(days=400)
    assert list(swept_hours(endless, much_later))[-1] == hour_key(much_later - timedelta(hours=2))

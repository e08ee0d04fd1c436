"""Sensors called as the daemon calls them: with the cursor it kept, an old one, or none."""

import gzip
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from llm_monitoring.definitions import defs
from llm_monitoring.defs.assets import windows
from llm_monitoring.defs.assets.requests import REJECTS
from llm_monitoring.defs.assets.response import DELIVERED
from llm_monitoring.defs.partitions import (
    INCIDENTS,
    RANGE_START,
    range_of_tags,
    range_tags,
)
from llm_monitoring.defs.sensors import (
    SWEEP,
    failed_checks,
    missing_hours_and_late_files,
    open_alerts,
    read_evaluations,
)
from llm_monitoring.hours import HOUR, hour_key, hour_start, hours_between, shift
from llm_monitoring.pipeline.requests.ingest import ingest_requests, ingest_signals
from llm_monitoring_tests.product import Product, partition
from llm_monitoring_tests.simulated import HOURS, OUTAGE, START


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


@pytest.mark.slow
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
    monkeypatch.setattr(windows, "recompute", explode)
    assert not fresh.run_hour(12, raise_on_error=False).success
    (request,) = evaluate(failed_checks, fresh).run_requests
    assert REJECTS in request.tags["llm_monitoring/because"]


# ------------------------------------------------------------------ alerts: firing and resolved


@pytest.mark.slow
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


def _forget_hours_after(product: Product, hour: int) -> None:
    """As if the hours after it had not been run yet, and nobody had been told anything."""
    lake = product.monitoring.lake
    for name in ("window_metrics", "control_charts", "source_reads"):
        lake.delete(name, f"hour > {shift(START, hour)}")
    for name in ("alerts", "deliveries", "incidents"):
        lake.replace_all(name, [])


def _alerts(product: Product, metric: str) -> list[dict[str, Any]]:
    return [row for row in product.table("alerts") if row["metric"] == metric]


# --------------------------------------------------------------------------------- the channels


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
    hooked = _with_old_incidents(product)
    hooked.at(NOON).run("reconcile_alerts")
    (waiting,) = (
        d for d in hooked.monitoring.lake.rows("deliveries", channel="hook") if d.attempts
    )
    assert (waiting.status, waiting.attempts) == ("failed", 1)
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
    told = [d for d in hooked.monitoring.lake.rows("deliveries", channel="hook") if d.attempts]
    assert {d.status for d in told} == {"delivered"}
    assert sorted(receiver.delivered) == sorted(d.delivery_id for d in told)
    assert waiting.delivery_id in receiver.delivered


def test_a_channel_that_stays_down_fails_a_check_and_is_told_by_the_others(
    product: Product, receiver: Receiver
) -> None:
    hooked = _with_old_incidents(product)
    lake = hooked.monitoring.lake
    assert _deliveries_succeed(hooked.at(NOON)).passed
    failed = lake.rows("deliveries", status="failed")
    lake.upsert("deliveries", [replace(d, attempts=4) for d in failed])
    later = hooked.at(NOON + timedelta(hours=1))
    result = _deliveries_succeed(later)
    assert not result.passed
    assert result.description == "Nothing reaches hook"
    assert result.metadata["hook"].value == "5 attempts: webhook answered 503"
    later.run("reconcile_alerts")
    (alert,) = [a for a in lake.rows("alerts") if a.subject == "monitor/channel/hook"]
    assert "messages to the channel hook fail (webhook answered 503)" in alert.summary


def _with_old_incidents(product: Product) -> Product:
    """Its incidents were opened a while ago: their messages wait for no page any more."""
    lake = product.monitoring.lake
    opened = [replace(i, opened_at=NOON - timedelta(hours=1)) for i in lake.rows("incidents")]
    lake.upsert("incidents", opened)
    return product.with_settings("hooked", WEBHOOK)


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


def asked(result: Any) -> list[tuple[int, int]]:
    """Ranges of hours that were asked for, counted from the start."""
    ranges = (range_of_tags(request.tags) for request in getattr(result, "run_requests", ()))
    return [tuple(hours_between(START, hour) for hour in found or ()) for found in ranges]  # type: ignore[misc]


def test_missing_hours_are_asked_for_as_ranges_the_newest_first(product: Product) -> None:
    _read_logs_as_stored(product)
    _forget(product, [*range(10), 12, *range(14, HOURS)])
    at = product.at(moment(20.1))
    assert asked(evaluate(missing_hours_and_late_files, at)) == [(14, 18)]  # 19 is the schedule's
    failed_run(product, 14, 18)
    assert asked(evaluate(missing_hours_and_late_files, at)) == [(12, 12)]  # while those rest


@pytest.mark.slow
def test_however_long_it_was_down_every_hour_is_asked_for_in_turn(fresh: Product) -> None:
    at = fresh.at(moment(20 * 24))
    seen: list[tuple[int, int]] = []
    for _ in range(20):
        found = asked(evaluate(missing_hours_and_late_files, at))
        seen += found
        for first, last in found:
            failed_run(fresh, first, last, **{SWEEP: "2026102500"})
    assert seen[0][1] == 20 * 24 - 2
    assert max(last - first for first, last in seen) == 47
    hours = {hour for first, last in seen for hour in range(first, last + 1)}
    assert hours == set(range(20 * 24 - 1))


def failed_run(product: Product, first: int, last: int, **tags: str) -> None:
    """A run of hours, counted from the start, that failed just now."""
    product.instance.create_run_for_job(
        defs.resolve_job_def("hours"),
        tags={**range_tags(shift(START, first), shift(START, last)), **tags},
        status=dg.DagsterRunStatus.FAILURE,
    )


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTED])
def test_while_a_run_catches_up_no_other_is_asked_for(
    fresh: Product, status: dg.DagsterRunStatus
) -> None:
    fresh.instance.create_run_for_job(
        defs.resolve_job_def("hours"),
        tags={**range_tags(START, shift(START, 5)), SWEEP: "1"},
        status=status,
    )
    assert asked(evaluate(missing_hours_and_late_files, fresh.at(moment(20.1)))) == []


def test_an_hour_that_was_run_is_not_asked_for_again(fresh: Product) -> None:
    at = fresh.at(moment(3.1))
    first = evaluate(missing_hours_and_late_files, at)
    again = evaluate(missing_hours_and_late_files, at)
    # The daemon runs a key once.
    assert [r.run_key for r in again.run_requests] == [r.run_key for r in first.run_requests]
    (request,) = first.run_requests
    fresh.run("hours", tags=request.tags)
    assert asked(evaluate(missing_hours_and_late_files, at)) == []


LATER = timedelta(minutes=10)  # than the wall clock that Dagster stamps runs with


def asked_later(product: Product, cursor: str | None = None) -> list[tuple[int, int]]:
    """What is asked for once the runs that failed have rested."""
    at = product.at(datetime.now(UTC) + LATER)
    return asked(evaluate(missing_hours_and_late_files, at, cursor))


@pytest.mark.slow
def test_an_hour_whose_run_fails_after_it_was_ingested_is_run_until_it_is_made_good(
    product: Product,
) -> None:
    _read_logs_as_stored(product)
    product = product.with_settings("ended", {"end": f"{moment(HOURS):%Y-%m-%dT%H:%MZ}"})
    assert asked_later(product) == []
    file = product.folder / "logs" / "requests-2026-10-06-16.jsonl.gz"
    file.write_bytes(file.read_bytes() + gzip.compress(b"{}\n"))
    lake, settings, hour = product.monitoring.lake, product.monitoring.settings, shift(START, 40)
    ingest_requests(lake, settings, hour, hour, datetime.now(UTC))
    ingest_signals(lake, settings, hour, hour, datetime.now(UTC))
    assert asked_later(product) == [], "the files are as they were ingested"
    failed_run(product, 40, 40)
    quiet = f"{datetime.now(UTC) + LATER:%Y-%m-%dT%H:%M:%S}"
    assert asked_later(product, quiet) == [(40, 40)]
    product.run_hour(40)
    assert asked_later(product) == []


def test_the_newest_hour_is_asked_for_once_its_run_failed(fresh: Product) -> None:
    now = datetime.now(UTC) + LATER
    since = now.replace(minute=0, second=0, microsecond=0) - 3 * HOUR
    recent = fresh.with_settings("recent", {"start": f"{since:%Y-%m-%dT%H:%MZ}", "end": None})
    newest = hours_between(START, hour_key(since)) + 2
    assert asked_later(recent) == [(newest - 2, newest - 1)]
    failed_run(recent, newest - 1, newest)
    assert asked_later(recent) == [(newest, newest)]


def _forget(product: Product, hours: list[int]) -> None:
    """As if these hours, counted from the start, had not been measured."""
    listed = ", ".join(str(shift(START, hour)) for hour in hours)
    product.monitoring.lake.delete("window_metrics", f"hour in ({listed})")


def _read_logs_as_stored(product: Product) -> None:
    """The copy's files lie elsewhere and are younger: as if they were those that were read."""
    lake = product.monitoring.lake
    rows = []
    for row in lake.rows("log_files"):
        path = product.folder / "logs" / Path(row.path).name
        stat = path.stat()
        here = {"size_bytes": stat.st_size, "modified_ns": stat.st_mtime_ns, "path": str(path)}
        rows.append(replace(row, **here))
    lake.replace_all("log_files", rows)


def test_hours_that_a_run_is_on_are_not_asked_for(fresh: Product) -> None:
    fresh.instance.create_run_for_job(
        defs.resolve_job_def("hours"),
        tags=range_tags(START, shift(START, 15)),
        status=dg.DagsterRunStatus.STARTED,
    )
    assert asked(evaluate(missing_hours_and_late_files, fresh.at(moment(20.1)))) == [(16, 18)]


def test_hours_whose_run_failed_are_asked_for_again_with_the_next_hour(fresh: Product) -> None:
    first, later = (
        evaluate(missing_hours_and_late_files, fresh.at(moment(hours))).run_requests[0]
        for hours in (20.1, 21.1)
    )
    assert first.tags[RANGE_START] == later.tags[RANGE_START]
    assert first.run_key != later.run_key


@pytest.mark.slow
def test_an_hour_whose_file_changed_is_run_again_and_once(product: Product) -> None:
    _read_logs_as_stored(product)
    at = product.at(moment(HOURS + 1))
    before = asked(evaluate(missing_hours_and_late_files, at))
    file = product.folder / "logs" / "requests-2026-10-06-16.jsonl.gz"
    file.write_bytes(file.read_bytes() + gzip.compress(b"{}\n"))
    found = asked(evaluate(missing_hours_and_late_files, at))
    assert set(found) - set(before) == {(40, 40)}
    product.run_hour(40)
    assert asked(evaluate(missing_hours_and_late_files, at)) == before


def test_a_file_that_is_gone_asks_for_nothing(product: Product) -> None:
    _read_logs_as_stored(product)
    at = product.at(moment(HOURS + 1))
    before = asked(evaluate(missing_hours_and_late_files, at))
    for file in product.folder.glob("logs/*-2026-10-06-1*"):
        file.unlink()
    assert asked(evaluate(missing_hours_and_late_files, at)) == before


def test_before_an_hour_has_closed_nothing_is_asked_for(fresh: Product) -> None:
    result = evaluate(missing_hours_and_late_files, fresh.at(moment(-3.5)))
    assert not result.run_requests
    assert result.skip_reason


def test_while_nothing_is_due_files_are_looked_through_every_five_minutes(fresh: Product) -> None:
    minute = 1 / 60
    quiet = evaluate(missing_hours_and_late_files, fresh.at(moment(1)))
    due_at = moment(3.1)

    def looked(cursor: str, hours: float) -> bool:
        result = evaluate(missing_hours_and_late_files, fresh.at(moment(hours)), cursor=cursor)
        return isinstance(result, dg.SensorResult)

    assert quiet.skip_reason
    assert not looked(quiet.cursor, 1 + 4 * minute)
    assert looked(quiet.cursor, 1 + 6 * minute)
    assert looked(quiet.cursor, 0.9), "the clock was set back"
    busy = evaluate(missing_hours_and_late_files, fresh.at(due_at))
    assert busy.run_requests
    assert looked(busy.cursor, 3.1 + minute)


PAID = {
    "judge": {"kind": "endpoint", "base_url": "http://127.0.0.1:9", "model": "judge-2026-01-01"}
}


def test_with_a_paid_judge_the_history_of_an_empty_lake_waits_for_a_word(fresh: Product) -> None:
    result = evaluate(
        missing_hours_and_late_files, fresh.with_settings("paid", PAID).at(moment(20.1))
    )
    assert not result.run_requests
    message = result.skip_reason.skip_message
    assert "from Mon 2026-10-05 00:00 UTC to Mon 2026-10-05 18:00 UTC" in message
    assert "backfill --from 2026-10-05T00 --to 2026-10-05T18" in message


def test_with_a_paid_judge_gaps_after_the_first_hour_of_the_clock_are_caught_up(
    product: Product,
) -> None:
    _read_logs_as_stored(product)
    _forget(product, [*range(1, 10), 15, 16])  # a person ran the oldest hour alone
    paid = product.with_settings("paid", PAID).at(moment(20.1))
    assert asked(evaluate(missing_hours_and_late_files, paid)) == []
    failed_run(product, 12, 13, **{"dagster/schedule_name": "closed_hour"})
    assert asked(evaluate(missing_hours_and_late_files, paid)) == [(15, 16)]

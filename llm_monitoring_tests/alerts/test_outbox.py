"""Deliveries: made once, tried again with back-off, counted when they keep failing."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from llm_monitoring.alerts import (
    Message,
    after_attempt,
    deliveries_for,
    dropped,
    due,
    payload_of,
    text_of,
    undeliverable,
)
from llm_monitoring.alerts.outbox import LONGEST_WAIT, wait_after
from llm_monitoring.records import Alert, Delivery
from llm_monitoring.settings.models import ChannelSettings

NOW = datetime(2026, 10, 21, 8, tzinfo=UTC)
LOG = ChannelSettings(name="log", kind="log", minimum_severity="info")
PAGER = ChannelSettings(name="pager", kind="webhook", url_env="PAGER", minimum_severity="page")


def _alert(severity: str = "page") -> Alert:
    return Alert(
        fingerprint="f1",
        layer="quality",
        subject="a/*/-/flag_rate/sr_mixture",
        feature_id="a",
        model_id=None,
        metric="flag_rate",
        severity=severity,
        status="firing",
        first_hour=2026102014,
        last_hour=2026102018,
        windows=5,
        change_hour=None,
        direction="up",
        summary="flag rate of a up from 2.0 % to 9.0 %",
        incident_id=None,
        created_at=NOW,
        updated_at=NOW,
        notified_hour=2026102018,
    )


def _message(kind: str = "firing", follows: int | None = None, severity: str = "page") -> Message:
    return Message(alert=_alert(severity), kind=kind, follows=follows)


def _delivery(**changes: Any) -> Delivery:
    (delivery,) = deliveries_for([_message()], [LOG], NOW)
    return delivery if not changes else after_attempt(delivery, **changes)


def test_every_channel_that_wants_the_severity_gets_a_delivery() -> None:
    made = deliveries_for([_message(), _message(severity="ticket")], [LOG, PAGER], NOW)
    assert [(d.channel, d.status, d.attempts) for d in made] == [
        ("log", "pending", 0),
        ("pager", "pending", 0),
        ("log", "pending", 0),
    ]


def test_a_stored_delivery_is_not_made_again() -> None:
    first = deliveries_for([_message()], [LOG, PAGER], NOW)
    later = NOW + timedelta(hours=3)
    made = deliveries_for([_message()], [LOG, PAGER], later, {first[0].delivery_id})
    assert made == deliveries_for([_message()], [PAGER], later)


def test_messages_that_differ_have_deliveries_that_differ() -> None:
    messages = [
        _message(),
        _message("repeated", 2026102018),
        _message("repeated", 2026102118),
        _message("resolved", 2026102118),
    ]
    ids = {d.delivery_id for d in deliveries_for(messages, [LOG, PAGER], NOW)}
    assert len(ids) == 8


def test_a_new_delivery_is_due_at_once() -> None:
    assert due([_delivery()], NOW) == [_delivery()]


def test_a_failed_delivery_waits_longer_each_time() -> None:
    waits = [wait_after(attempts) for attempts in range(1, 6)]
    assert waits == [timedelta(minutes=m) for m in (1, 2, 4, 8, 16)]
    assert wait_after(10_000) == LONGEST_WAIT
    failed = _delivery(error="down", now=NOW)
    assert due([failed], NOW + timedelta(seconds=59)) == []
    assert due([failed], NOW + timedelta(seconds=60)) == [failed]


def test_a_delivered_message_is_never_due() -> None:
    done = _delivery(error=None, now=NOW)
    assert (done.status, done.attempts, done.error) == ("delivered", 1, None)
    assert due([done], NOW + timedelta(days=999)) == []


def test_a_dropped_message_is_never_due_and_no_trouble() -> None:
    gone = dropped(_delivery(error="down", now=NOW), "no such channel", NOW)
    assert (gone.status, gone.attempts, gone.error) == ("dropped", 1, "no such channel")
    assert due([gone], NOW + timedelta(days=999)) == []
    assert undeliverable([gone], after_attempts=1) == []


def test_firing_goes_out_before_resolved() -> None:
    made = deliveries_for([_message("resolved", 1), _message()], [LOG], NOW)
    assert [d.kind for d in due(made, NOW)] == ["firing", "resolved"]


def test_a_channel_that_was_down_gets_the_message_when_it_is_up() -> None:
    delivery, now = _delivery(), NOW
    for _ in range(3):
        delivery = after_attempt(delivery, "webhook answered 503", now)
        assert (delivery.status, delivery.error) == ("failed", "webhook answered 503")
        now += wait_after(delivery.attempts)
        assert due([delivery], now) == [delivery]
    delivery = after_attempt(delivery, None, now)
    assert (delivery.status, delivery.attempts, delivery.error) == ("delivered", 4, None)


@pytest.mark.parametrize(("attempts", "trouble"), [(4, False), (5, True), (9, True)])
def test_a_delivery_that_keeps_failing_is_undeliverable(attempts: int, trouble: bool) -> None:
    delivery = _delivery()
    for _ in range(attempts):
        delivery = after_attempt(delivery, "down", NOW)
    assert bool(undeliverable([delivery])) is trouble
    assert undeliverable([after_attempt(delivery, None, NOW)]) == []


def test_the_text_names_severity_and_kind() -> None:
    assert text_of(_alert(), "repeated") == (
        "[page] still firing: flag rate of a up from 2.0 % to 9.0 %"
    )


def test_the_payload_is_json_with_the_alert_and_the_delivery() -> None:
    payload = json.loads(json.dumps(payload_of(_alert(), _delivery())))
    assert payload["fingerprint"] == "f1"
    assert payload["kind"] == "firing"
    assert payload["delivery_id"] == _delivery().delivery_id
    assert payload["created_at"] == "2026-10-21T08:00:00+00:00"

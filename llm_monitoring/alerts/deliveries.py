"""Deliveries: one message to one channel, from its claim to its end.

What a channel has heard is read off its delivered rows alone; there is no queue. So a channel that
was down is told the newest state when it is back, never what was in between.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from llm_monitoring.records import Delivery

FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(minutes=15)
LOST_AFTER = timedelta(minutes=10)  # claimed for longer: the process that sent it was killed
ABOUT_TOPICS = ("firing", "worse", "repeated", "resolved", "summary")


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What a channel heard last of a topic."""

    kind: str
    severity: str
    places: int
    at: datetime
    delivery_id: str
    was_worse: bool  # that it became worse was said since it began
    resolved_at: datetime | None  # when it was last called over; None: never
    settled_at: datetime | None  # when it was last called over, or was in a summary; None: never


def heard_of(deliveries: Iterable[Delivery]) -> dict[str, Heard]:
    """Topic -> what one channel has heard last.

    Args:
        deliveries: of one channel.
    """
    told: dict[str, Heard] = {}
    delivered = (row for row in deliveries if row.status == "delivered")
    for row in sorted(delivered, key=lambda row: row.updated_at):
        for topic in row.topics or () if row.kind in ABOUT_TOPICS else ():
            told[topic] = _heard(row, topic, told.get(topic))
    return told


def _heard(row: Delivery, topic: str, before: Heard | None) -> Heard:
    parts = (entry.partition(" ") for entry in row.standing or ())
    severities = {name: severity for severity, _, name in parts}
    # Of a summary, what goes on is told to its end if the channel had only missed its begin.
    kind = "repeated" if row.kind == "summary" and topic in severities else row.kind
    is_settled = kind in ("resolved", "summary")
    # A message about many topics does not say how many places each of them has.
    was_worse = kind == "worse" or len(row.topics) > 1
    if before is None:
        before = Heard(
            kind=kind, severity=row.severity, places=1, at=row.updated_at,
            delivery_id=row.delivery_id, was_worse=False, resolved_at=None, settled_at=None,
        )  # fmt: skip
    return Heard(
        kind=kind,
        severity=severities.get(topic, row.severity),
        places=row.places or before.places,
        at=row.updated_at,
        delivery_id=row.delivery_id,
        was_worse=was_worse or (kind == "repeated" and before.was_worse),
        resolved_at=row.updated_at if kind == "resolved" else before.resolved_at,
        settled_at=row.updated_at if is_settled else before.settled_at,
    )


def delivery_id(channel: str, topics: Iterable[str], kind: str, follows: str | None) -> str:
    """The same for the same news, whoever says it: two processes say it once.

    Args:
        follows: id of the delivery the channel heard before of the same; None: of none.
    """
    parts = (channel, kind, follows or "", *sorted(topics))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def refresh_row(channel: str, now: datetime) -> Delivery:
    """What becomes of telling a channel again what goes on: no news, but it may fail."""
    return Delivery(
        delivery_id=delivery_id(channel, (), "refresh", None), channel=channel, topics=[],
        kind="refresh", severity="info", places=None, standing=[],
        status="sending", attempts=0, error=None, of_message=False,
        due_at=now, retry_at=None, claimed_by=None, updated_at=now, text="(what goes on)",
    )  # fmt: skip


def is_unsettled(row: Delivery, now: datetime) -> bool:
    """It failed, or whoever sent it was killed: it is tried again if it is still news."""
    return row.status == "failed" or (row.status == "sending" and is_lost(row, now))


def is_lost(row: Delivery, now: datetime) -> bool:
    """Claimed so long ago (or by a clock that ran so far ahead) that nobody sends it any more."""
    return abs(now - row.updated_at) >= LOST_AFTER  # two clocks may differ by a little


def paused_until(deliveries: Iterable[Delivery], now: datetime) -> datetime | None:
    """Until when a channel is left alone after it failed; None: it may be tried now."""
    waits = [
        row.retry_at
        for row in deliveries
        if row.status == "failed" and not row.of_message and row.retry_at is not None
    ]
    # A clock that was put back must not make it wait for longer than it was asked to.
    return max((wait for wait in waits if now < wait <= now + timedelta(days=1)), default=None)


def down_since(deliveries: Iterable[Delivery], now: datetime) -> datetime | None:
    """Since when a channel has had news that it did not take; None: it takes them."""
    failing = (row.due_at for row in deliveries if is_unsettled(row, now) and not row.of_message)
    return min(failing, default=None)


def due_since(deliveries: Iterable[Delivery], now: datetime) -> dict[str, datetime]:
    """Topic -> since when a channel has had news of it that it did not take."""
    due: dict[str, datetime] = {}
    for row in deliveries:
        for topic in row.topics if is_unsettled(row, now) else ():
            due[topic] = min(row.due_at, due.get(topic, row.due_at))
    return due


def claimed(row: Delivery, claimed_by: str, now: datetime) -> Delivery:
    """The delivery about to be sent by this process."""
    return replace(row, status="sending", claimed_by=claimed_by, updated_at=now)


def delivered(row: Delivery, now: datetime) -> Delivery:
    """The delivery that was taken."""
    return replace(
        row, status="delivered", attempts=row.attempts + 1, error=None, of_message=False,
        retry_at=None, updated_at=now,
    )  # fmt: skip


def refused(
    row: Delivery,
    reason: str,
    now: datetime,
    *,
    retry_after_seconds: float | None = None,
    of_message: bool = False,
) -> Delivery:
    """The delivery that was not taken, and when it is tried again."""
    attempts = row.attempts + 1
    wait = wait_after(attempts)
    if retry_after_seconds is not None:
        wait = max(wait, timedelta(seconds=min(retry_after_seconds, 86_400)))
    return replace(
        row, status="failed", attempts=attempts, error=reason, of_message=of_message,
        retry_at=now + wait, updated_at=now,
    )  # fmt: skip


def wait_after(attempts: int) -> timedelta:
    """Back-off after so many failed attempts: 1, 2, 4, .. minutes, at most a quarter of an hour."""
    return min(LONGEST_WAIT, FIRST_WAIT * (1 << min(attempts - 1, 16)))


def dropped(row: Delivery, reason: str, now: datetime) -> Delivery:
    """The delivery given up: it is no news any more, or its channel was taken out."""
    return replace(row, status="dropped", error=reason, updated_at=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class FailingChannel:
    """A channel that has refused so many attempts that people have to know."""

    channel: str
    since: datetime
    attempts: int
    error: str


def failing_channels(deliveries: Sequence[Delivery], attempts: int) -> list[FailingChannel]:
    """Channels that keep failing, in order of their names.

    Args:
        attempts: failed ones in a row, from which on a channel is named.
    """
    by_channel: dict[str, list[Delivery]] = defaultdict(list)
    for row in sorted(deliveries, key=lambda row: (row.channel, row.updated_at)):
        if row.status == "failed":
            by_channel[row.channel].append(row)
    failing = [_failing(name, rows) for name, rows in by_channel.items()]
    return [channel for channel in failing if channel.attempts >= attempts]


def _failing(channel: str, rows: Sequence[Delivery]) -> FailingChannel:
    """Attempts at any of its messages count together; one that only it is refused for itself."""
    refused = max((row.attempts for row in rows if row.of_message), default=0)
    return FailingChannel(
        channel=channel,
        since=min(row.due_at for row in rows),
        attempts=max(refused, sum(row.attempts for row in rows if not row.of_message)),
        error=rows[-1].error or "no reason given",
    )

"""Telling people: what each channel is due is read off the lake, sent, and recorded.

The channels go side by side, so that one that hangs delays no other. Within a channel each result
is stored before the next message is sent; where it cannot be stored, sending stops.
"""

import os
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from llm_monitoring.adapters.channels import Message, Refusal, deliver, refresh
from llm_monitoring.alerts import deliveries as outbox
from llm_monitoring.alerts.news import Situation
from llm_monitoring.alerts.notifying import Plan, Planned, plan_channel
from llm_monitoring.alerts.topics import topics_of
from llm_monitoring.hours import HOUR, hour_start
from llm_monitoring.lake import TABLES, Lake
from llm_monitoring.pipeline.alerts.letters import Letters
from llm_monitoring.pipeline.windows.stored import newest_hour
from llm_monitoring.records import Alert, Delivery, Incident
from llm_monitoring.settings import Settings
from llm_monitoring.settings.notifying import ChannelSettings

TURN_SECONDS = 60  # a slow channel leaves the rest to the next run
REFRESHED = ("alertmanager",)  # kinds that forget what they are not told again

Result = TypeVar("Result")
Send = Callable[[ChannelSettings, Message], Refusal | None]
Renew = Callable[[ChannelSettings, Sequence[Message]], Refusal | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a round of messages came to."""

    delivered: int
    failed: int
    failing: Sequence[outbox.FailingChannel]  # that people have to know of


def is_news_due(lake: Lake, settings: Settings, now: datetime) -> bool:
    """Some channel has a message to be sent now."""
    situation = read_situation(lake, now)
    plans = (plan_channel(channel, settings, situation) for channel in settings.channels)
    return any(each.is_sent for plan in plans for each in plan.messages)


def notify(
    lake: Lake, settings: Settings, now: datetime, send: Send = deliver, renew: Renew = refresh
) -> Told:
    """Tell every channel what it is due.

    Raises:
        Exception: a result could not be stored; no message was sent after that.
    """
    situation = read_situation(lake, now)
    book = _Book(lake, now, {row.delivery_id: row for row in situation.deliveries})
    book.drop(_of_gone_channels(settings, situation), "its channel is no longer configured")
    letters = Letters(lake, settings, situation)

    def serve(channel: ChannelSettings) -> None:
        plan = plan_channel(channel, settings, situation)
        book.drop(plan.superseded, "there is newer news")
        is_down = _send_all(channel, plan, letters, book, send)
        if channel.kind in REFRESHED and plan.going_on and not is_down:
            _renew(channel, plan, letters, book, renew)

    with ThreadPoolExecutor(max_workers=max(1, len(settings.channels))) as threads:
        list(threads.map(serve, settings.channels))  # raises what was raised
    failing = outbox.failing_channels(failed_deliveries(lake), settings.notifications.attempts)
    return Told(delivered=book.delivered, failed=book.failed, failing=failing)


def read_situation(lake: Lake, now: datetime) -> Situation:
    """Everything that decides who is told what."""
    alerts: list[Alert] = lake.rows("alerts")
    incidents: list[Incident] = TABLES["incidents"].to_records(
        lake.query("incidents_in_short", everything=True, named=[])
    )
    newest = newest_hour(lake)
    return Situation(
        topics=topics_of(alerts, incidents),
        silences=lake.rows("silences"),
        deliveries=_with_topics(lake.rows("deliveries")),
        newest_hour_end=None if newest is None else hour_start(newest) + HOUR,
        now=now,
    )


def failed_deliveries(lake: Lake) -> list[Delivery]:
    """Messages that were not taken and are tried again."""
    return _with_topics(lake.rows("deliveries", status="failed"))


def _with_topics(rows: Iterable[Delivery]) -> list[Delivery]:
    """Rows of an earlier version say nothing of topics: they are left out."""
    return [row for row in rows if row.due_at is not None]


def _of_gone_channels(settings: Settings, situation: Situation) -> list[Delivery]:
    """Messages on their way to channels that were taken out."""
    names = {channel.name for channel in settings.channels}
    return [
        row
        for row in situation.deliveries
        if row.channel not in names and row.status in ("failed", "sending")
    ]


def _send_all(
    channel: ChannelSettings, plan: Plan, letters: Letters, book: "_Book", send: Send
) -> bool:
    """One message after the other, until one shows that the channel is down or its time is up.

    Returns:
        Whether the channel is down.
    """
    until = time.monotonic() + TURN_SECONDS
    for planned in plan.messages:
        if time.monotonic() > until:
            return False
        if not planned.is_sent:
            book.store([planned.delivery])
            continue
        refusal = _send(channel, planned, letters, book, send)
        if refusal is not None and not refusal.of_message:
            return True
    return False


def _send(
    channel: ChannelSettings, planned: Planned, letters: Letters, book: "_Book", send: Send
) -> Refusal | None:
    message = letters.write(planned)
    row = replace(planned.delivery, text=message.text)
    if not book.claim(row):
        return None  # another process sends it, or has
    refusal = send(channel, message)
    book.record(row, refusal)
    return refusal


def _renew(
    channel: ChannelSettings, plan: Plan, letters: Letters, book: "_Book", renew: Renew
) -> None:
    """Tell again what goes on, to a channel that would forget it; only a failure is stored."""
    row = outbox.refresh_row(channel.name, book.now())
    known = book.known.get(row.delivery_id)
    failed = known if known is not None and known.status == "failed" else None
    refusal = renew(channel, [letters.write_again(topic) for topic in plan.going_on])
    if refusal is not None or failed is not None:
        book.record(failed or row, refusal)


class _Book:
    """Deliveries as they are stored; once that fails, nothing more is sent."""

    def __init__(self, lake: Lake, began: datetime, known: dict[str, Delivery]) -> None:
        self.known = known
        self.delivered = self.failed = 0
        self._lake, self._began, self._started = lake, began, time.monotonic()
        self._who = f"{os.getpid()}-{uuid.uuid4().hex[:12]}"
        self._lock = threading.Lock()
        self._broken = False

    def now(self) -> datetime:
        """The time, by the clock that the run was given."""
        return self._began + timedelta(seconds=time.monotonic() - self._started)

    def claim(self, row: Delivery) -> bool:
        """From now on it is ours; False: another process was quicker."""
        mine = outbox.claimed(row, self._who, self.now())
        seen = self.known.get(row.delivery_id)
        return self._stored(lambda: self._lake.claim("deliveries", mine, seen, CLAIMED_BY))

    def record(self, row: Delivery, refusal: Refusal | None) -> None:
        """Store what became of a message."""
        if refusal is None:
            self.delivered += 1
            self.store([outbox.delivered(row, self.now())])
            return
        self.failed += 1
        self.store(
            [
                outbox.refused(
                    row,
                    refusal.reason,
                    self.now(),
                    retry_after_seconds=refusal.retry_after_seconds,
                    of_message=refusal.of_message,
                )
            ]
        )

    def drop(self, rows: Iterable[Delivery], reason: str) -> None:
        """Give up messages that are no news any more, unless another process has sent them."""
        for row in rows:
            given_up = outbox.dropped(row, reason, self.now())
            self._stored(partial(self._lake.claim, "deliveries", given_up, row, CLAIMED_BY))

    def store(self, rows: Sequence[Delivery]) -> None:
        """Store rows."""
        if rows:
            self._stored(lambda: self._lake.upsert("deliveries", rows))

    def _stored(self, write: Callable[[], Result]) -> Result:
        """One write at a time. Where one fails, the next sends nothing either."""
        with self._lock:
            if self._broken:
                raise NotRecordedError("an earlier result could not be stored: sending stops")
            try:
                return write()
            except BaseException:
                self._broken = True
                raise


class NotRecordedError(RuntimeError):
    """Another channel's result could not be stored."""


# Columns that tell whether a row is still the one that was read.
CLAIMED_BY = ("status", "attempts", "claimed_by")

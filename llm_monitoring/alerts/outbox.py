"""The outbox: which message goes to which channel, when it is tried again, when that is trouble.

Deliveries are stored before the alerts they tell of. A run that dies in between makes the same
messages again, with the same delivery ids, and nothing is lost or doubled.
"""

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any

from llm_monitoring.alerts.episodes import RANKS
from llm_monitoring.alerts.reconcile import Message
from llm_monitoring.records import Alert, Delivery
from llm_monitoring.settings.models import ChannelSettings

FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=6)


def deliveries_for(
    messages: Iterable[Message],
    channels: Iterable[ChannelSettings],
    now: datetime,
    known: Collection[str] = (),
) -> list[Delivery]:
    """New deliveries, one for each message and channel that wants its severity.

    Args:
        messages: of one reconciliation.
        channels: as in monitoring.yaml.
        now: stamped on the deliveries.
        known: ids of deliveries stored already, but for dropped ones; they are not made again.
    """
    channels = list(channels)
    made = [
        Delivery(
            delivery_id=_delivery_id(message, channel.name),
            fingerprint=message.alert.fingerprint,
            kind=message.kind,
            channel=channel.name,
            status="pending",
            attempts=0,
            error=None,
            updated_at=now,
        )
        for message in messages
        for channel in channels
        if RANKS.index(message.alert.severity) >= RANKS.index(channel.minimum_severity)
    ]
    return [delivery for delivery in made if delivery.delivery_id not in known]


def due(deliveries: Iterable[Delivery], now: datetime) -> list[Delivery]:
    """Deliveries to try now, oldest first: new ones, and failed ones that waited long enough."""
    waiting = (delivery for delivery in deliveries if delivery.status not in FINAL)
    ready = [d for d in waiting if d.attempts == 0 or now >= d.updated_at + wait_after(d.attempts)]
    return sorted(ready, key=lambda d: (d.updated_at, KINDS.index(d.kind), d.delivery_id))


def wait_after(attempts: int) -> timedelta:
    """Back-off after so many failed attempts: 1, 2, 4, .. minutes, at most 6 hours."""
    return min(LONGEST_WAIT, FIRST_WAIT * (1 << min(attempts - 1, 16)))


def after_attempt(delivery: Delivery, error: str | None, now: datetime) -> Delivery:
    """The delivery after one more attempt; error None: it was delivered."""
    return replace(
        delivery,
        status="delivered" if error is None else "failed",
        attempts=delivery.attempts + 1,
        error=error,
        updated_at=now,
    )


def dropped(delivery: Delivery, reason: str, now: datetime) -> Delivery:
    """The delivery given up: its channel was taken out, or its alert was never stored."""
    return replace(delivery, status="dropped", error=reason, updated_at=now)


def undeliverable(deliveries: Iterable[Delivery], after_attempts: int = 5) -> list[Delivery]:
    """Deliveries that keep failing: a failed check, for nobody hears the alerts."""
    return [d for d in deliveries if d.status == "failed" and d.attempts >= after_attempts]


def text_of(alert: Alert, kind: str) -> str:
    """One line a person reads."""
    return f"[{alert.severity}] {KIND_WORDS[kind]}: {alert.summary}"


def payload_of(alert: Alert, delivery: Delivery) -> dict[str, Any]:
    """What a machine reads, ready for JSON: the alert, the kind and the id of the delivery.

    A channel may hear a delivery twice (killed after sending, before recording): the id tells.
    """
    fields = {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in asdict(alert).items()
    }
    return {**fields, "kind": delivery.kind, "delivery_id": delivery.delivery_id}


def _delivery_id(message: Message, channel: str) -> str:
    parts = (message.alert.fingerprint, message.kind, str(message.follows), channel)
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:16]


FINAL = ("delivered", "dropped")
KIND_WORDS: dict[str, str] = {
    "firing": "firing",
    "repeated": "still firing",
    "resolved": "resolved",
}
KINDS: tuple[str, ...] = tuple(KIND_WORDS)

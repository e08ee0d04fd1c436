"""Silences: until when nobody is told of some alerts, who decided it and why.

A silence holds back messages, never alerts: those are recorded, charted and shown as ever. It ends
by itself, or earlier when somebody ends it, and what still goes on then is told.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from llm_monitoring.records import Alert, Silence
from llm_monitoring.segments import attributes_of, lies_within, segment_of
from llm_monitoring.settings.notifying import LAYERS
from llm_monitoring.written import (
    MistakeError,
    check_words,
    moment_of,
    nearest_first,
    refuse_unless,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Names there are, so that a misspelt one does not silence nothing."""

    features: Collection[str]
    metrics: Collection[str]
    incidents: Collection[str]


def is_silenced(alert: Alert, silences: Iterable[Silence], at: datetime) -> bool:
    """Nobody is to be told of the alert at this time."""
    return any(holds_back(silence, alert) for silence in open_silences(silences, at))


def silent_until(alert: Alert, silences: Iterable[Silence], at: datetime) -> datetime | None:
    """When the latest silence ended that held the alert back; what goes on is told after it.

    Returns:
        The end, <= `at`; None: none ever held it back, or one still does.
    """
    silences = list(silences)
    if is_silenced(alert, silences, at):
        return None
    ends = [
        silence.until
        for silence in silences
        # One that was over before there was the alert held nothing back.
        if silence.starts_at < silence.until <= at and silence.until > alert.created_at
        if holds_back(silence, alert)
    ]
    return max(ends, default=None)


def open_silences(silences: Iterable[Silence], at: datetime) -> list[Silence]:
    """Those in force at this time, the one that ends first before the others."""
    in_force = [silence for silence in silences if silence.starts_at <= at < silence.until]
    return sorted(in_force, key=lambda silence: (silence.until, silence.silence_id))


def silences_of(
    alerts: Sequence[Alert], silences: Iterable[Silence], at: datetime
) -> list[Silence]:
    """Those in force at this time that hold at least one of the alerts back."""
    return [
        silence
        for silence in open_silences(silences, at)
        if any(holds_back(silence, alert) for alert in alerts)
    ]


def decide_silence(
    known: Known,
    now: datetime,
    *,
    incident_id: str | None = None,
    feature_id: str | None = None,
    segment: Mapping[str, str] | None = None,
    metric: str | None = None,
    layer: str | None = None,
    everything: bool = False,
    until: str | None = None,
    hours: float | None = None,
    who: str,
    why: str,
) -> Silence:
    """A silence as people write it down, checked.

    Args:
        known: names there are. Values of a segment may be yet to come.
        now: when it is decided; the silence begins then.
        everything: all alerts there are; instead of saying which.
        until: time such as `2026-10-20T14:30`, UTC where no zone is given; or
        hours: how long, instead.

    Raises:
        MistakeError: an argument is wrong.
    """
    who = check_words("who", who, LONGEST_NAME)
    why = check_words("why", why, LONGEST_REASON)
    chosen = {
        "incident_id": incident_id,
        "feature_id": feature_id,
        "metric": metric,
        "layer": layer,
    }
    part = segment_of(segment or {})
    _check_chosen(chosen, part, known, everything=everything)
    end = _end(until, hours, now)
    parts = (*chosen.values(), part, now.isoformat(), end.isoformat(), who, why)
    return Silence(
        silence_id=hashlib.sha256(repr(parts).encode()).hexdigest()[:12],
        **chosen,
        segment=part,
        starts_at=now,
        until=end,
        who=who,
        why=why,
        decided_at=now,
    )


def end_silence(silence: Silence, who: str, now: datetime) -> Silence:
    """The silence, ended now; its reason says by whom.

    Raises:
        MistakeError: it is over already, or nobody is named.
    """
    who = check_words("who", who, LONGEST_NAME)
    refuse_unless(
        now < silence.until,
        f"silence {silence.silence_id} was over at {silence.until:%Y-%m-%d %H:%M} UTC",
    )
    return replace(silence, until=now, why=f"{silence.why} (ended early by {who})")


def holds_back(silence: Silence, alert: Alert) -> bool:
    """It is about this alert, whenever it is in force."""
    pairs = (
        (silence.incident_id, alert.incident_id),
        (silence.feature_id, alert.feature_id),
        (silence.metric, alert.metric),
        (silence.layer, alert.layer),
    )
    return lies_within(alert.segment, silence.segment) and all(
        wanted is None or wanted == found for wanted, found in pairs
    )


def about(silence: Silence) -> str:
    """What it silences, in words."""
    named = (
        ("incident", silence.incident_id),
        ("feature", silence.feature_id),
        *attributes_of(silence.segment).items(),
        ("metric", silence.metric),
        ("layer", silence.layer),
    )
    return ", ".join(f"{what} {value}" for what, value in named if value) or "everything"


def _check_chosen(
    chosen: dict[str, str | None], segment: str, known: Known, *, everything: bool
) -> None:
    given = {**chosen, **attributes_of(segment)}
    empty = [name for name, value in given.items() if value is not None and not value.strip()]
    refuse_unless(not empty, f"{', '.join(empty)}: is empty; leave it out to mean any")
    named = [name for name, value in given.items() if value is not None]
    refuse_unless(
        bool(named) or everything,
        "say what to silence: incident, feature, segment, metric or layer; or everything",
    )
    refuse_unless(
        not (named and everything), f"everything, or only some {', '.join(named)}: not both"
    )
    there = {
        "incident_id": known.incidents,
        "feature_id": known.features,
        "metric": known.metrics,
        "layer": LAYERS,
    }
    for name, names in there.items():
        value = chosen[name]
        if value is not None and value not in names:
            nearest = nearest_first(value, names)
            raise MistakeError(f"{name}: there is no {value[:80]!r}; there are: {nearest}")


def _end(until: str | None, hours: float | None, now: datetime) -> datetime:
    refuse_unless(
        (until is None) != (hours is None), "say until when, or for how many hours: one of them"
    )
    if hours is not None:
        refuse_unless(
            0 < hours <= LONGEST_SILENCE / timedelta(hours=1),
            f"hours: expected more than 0 and at most {LONGEST_SILENCE.days} days, got {hours:g}",
        )
        return now + timedelta(hours=hours)
    end = moment_of("until", until or "")
    refuse_unless(end > now, f"until: {until} is not in the future; now is {now:%Y-%m-%dT%H:%M}")
    refuse_unless(
        end - now <= LONGEST_SILENCE,
        f"until: {until} is more than {LONGEST_SILENCE.days} days away",
    )
    return end


LONGEST_SILENCE = timedelta(days=90)
LONGEST_NAME, LONGEST_REASON = 200, 2000  # characters

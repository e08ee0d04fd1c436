"""What a topic calls for on a channel: a message of some kind, or none.

One topic gets one message when it begins, one when it becomes worse, one a day while it lasts and
one when it is over. By the wall clock: what is old when it is found is a line of a summary at most.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from llm_monitoring.alerts.deliveries import Heard
from llm_monitoring.alerts.topics import (
    HISTORY,
    Topic,
    began_last_at,
    came_back_at,
    heard,
    left_of,
    news_at,
    overdue,
    waits_for_report,
)
from llm_monitoring.records import Delivery, Silence
from llm_monitoring.settings.notifying import (
    KEYED,
    ChannelSettings,
    NotificationSettings,
    QuietHours,
)
from llm_monitoring.severity import rank

REPORT_WAIT = timedelta(minutes=10)  # a message waits so long for the page it links to
GROWN = 2  # as many places as it was told of, twice over: then it has become worse


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Everything that decides who is told what."""

    topics: Sequence[Topic]
    silences: Sequence[Silence]
    deliveries: Sequence[Delivery]
    newest_hour_end: datetime | None  # of what was measured; None: nothing was
    now: datetime


@dataclass(frozen=True, slots=True)
class News:
    """What a channel does not know yet of a topic."""

    topic: Topic  # as it is to be told
    kind: str
    told: Heard | None


def news_of(
    topic: Topic,
    told: Heard | None,
    due: Mapping[str, datetime],
    timings: NotificationSettings,
    situation: Situation,
) -> News | None:
    """What is to be told of a topic; None: nothing."""
    if topic.topic_id == HISTORY:
        found = tuple(a for a in topic.alerts if told is None or a.created_at > told.at)
        return News(replace(topic, alerts=found), "summary", told) if found else None
    rest = left_of(topic, told.settled_at) if told else topic
    loud = heard(rest, situation.silences, situation.now) if rest else None
    if rest is None or (rest.going_on and not (loud and loud.going_on)):
        return None  # all that goes on is silent: neither going on nor over
    # Somebody who heard of it hears that it is over, silence or not.
    loud = loud or replace(rest, is_silent=True)
    # A channel that could not be reached was due its news before they were old.
    oldest = due.get(topic.topic_id, situation.now) - hours_of(timings.within_hours)
    kind = _kind(loud, told, oldest, timings, situation)
    return None if kind is None else News(loud, kind, told)


def _kind(
    topic: Topic,
    told: Heard | None,
    oldest: datetime,
    timings: NotificationSettings,
    situation: Situation,
) -> str | None:
    """Kind of message that a topic calls for; None: none."""
    if not topic.going_on:
        return _over(topic, told, oldest, timings, situation)
    if told is not None and told.kind in GOING_ON:
        return _still(topic, told, timings, situation)
    news = news_at(topic, situation.silences, situation.now)
    if told is None or news > told.at:
        return "firing" if news >= oldest else "summary"
    came_back = told.kind == "resolved" and came_back_at(topic) >= told.at
    return "firing" if came_back and topic.last_seen_at >= oldest else None


def _still(
    topic: Topic, told: Heard, timings: NotificationSettings, situation: Situation
) -> str | None:
    """Of a topic that a channel knows to go on."""
    if rank(topic.severity) > rank(told.severity):
        return "worse"
    if not told.was_worse and topic.places >= _grown(topic, told):
        return "worse"
    waited = situation.now - told.at >= hours_of(timings.repeat_hours)
    return "repeated" if waited and is_repeated(topic, timings, situation) else None


def _grown(topic: Topic, told: Heard) -> int:
    """From how many places on it has become worse: any other failure of the monitor makes it so."""
    of_monitor = any(alert.layer == "monitor" for alert in topic.going_on)
    return told.places + 1 if of_monitor else max(GROWN * told.places, told.places + 2)


def is_repeated(topic: Topic, timings: NotificationSettings, situation: Situation) -> bool:
    """It goes on, and nobody has taken it, or not done what was to be done."""
    is_taken = topic.incident is not None and topic.incident.acknowledged_at is not None
    is_wanted = not is_taken or bool(overdue(topic, situation.now))
    return is_wanted and _is_known(topic, timings, situation)


def _is_known(topic: Topic, timings: NotificationSettings, situation: Situation) -> bool:
    """It goes on for all we know; where nothing is measured any more, nobody knows."""
    if any(alert.layer == "monitor" for alert in topic.going_on):
        return True
    newest = situation.newest_hour_end
    return newest is not None and situation.now - newest <= hours_of(timings.within_hours)


def _over(
    topic: Topic,
    told: Heard | None,
    oldest: datetime,
    timings: NotificationSettings,
    situation: Situation,
) -> str | None:
    if told is not None and told.kind in GOING_ON:
        return _once_quiet(topic, told, timings, situation.now)
    if topic.is_withdrawn or topic.is_closed or topic.is_silent:
        return None
    if told is not None and began_last_at(topic) <= told.at:
        return None
    first = news_at(topic, situation.silences, situation.now)
    is_old = min(first, topic.last_seen_at) < oldest
    return "summary" if is_old else _once_quiet(topic, told, timings, situation.now)


def _once_quiet(
    topic: Topic, told: Heard | None, timings: NotificationSettings, now: datetime
) -> str | None:
    """Over only once it has been quiet for a while; for longer where it came back before."""
    if topic.is_closed or topic.is_withdrawn:
        return "resolved"
    resolved_at = told.resolved_at if told else None
    came_back = resolved_at is not None and now - resolved_at < hours_of(timings.repeat_hours)
    quiet = timings.repeat_hours if came_back else timings.resolved_after_hours
    return "resolved" if now - topic.last_seen_at >= hours_of(quiet) else None


def is_held(
    channel: ChannelSettings, news: News, timings: NotificationSettings, now: datetime
) -> bool:
    """It waits: for the page it links to, or for people to be awake."""
    if news.told is None and waits_for_report(news.topic, now, REPORT_WAIT):
        return True
    wakes = news.topic.severity == "page" and news.kind in ("firing", "worse")
    closes = channel.kind in KEYED and news.kind == "resolved"  # it rings nobody's telephone
    return not wakes and not closes and is_quiet(timings.quiet_hours, now)


def is_quiet(quiet: QuietHours | None, now: datetime) -> bool:
    """Only pages are sent now."""
    if quiet is None:
        return False
    local = now.astimezone(ZoneInfo(quiet.timezone)).time()
    if quiet.start <= quiet.end:
        return quiet.start <= local < quiet.end
    return local >= quiet.start or local < quiet.end


def hours_of(count: int) -> timedelta:
    return timedelta(hours=count)


GOING_ON = ("firing", "worse", "repeated")  # kinds after which a channel knows that it goes on

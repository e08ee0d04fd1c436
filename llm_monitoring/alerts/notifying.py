"""What one channel is to be told now: its news as messages, held against what failed before."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from llm_monitoring.alerts.deliveries import (
    Heard,
    delivery_id,
    down_since,
    due_since,
    heard_of,
    is_unsettled,
    paused_until,
)
from llm_monitoring.alerts.news import (
    GOING_ON,
    News,
    Situation,
    hours_of,
    is_held,
    is_quiet,
    is_repeated,
    news_of,
)
from llm_monitoring.alerts.topics import Topic, heard, topic_for
from llm_monitoring.records import Delivery
from llm_monitoring.settings.models import Settings
from llm_monitoring.settings.notifying import KEYED, ChannelSettings, NotificationSettings
from llm_monitoring.severity import most_severe, rank

RECENTLY = timedelta(hours=12)


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A message a channel is to be sent now."""

    delivery: Delivery  # as it is to be stored, without its words
    topics: tuple[Topic, ...]  # as that channel sees them; of a digest none
    heard: Heard | None  # what it heard of its topic before; None: nothing, or it has many topics

    @property
    def is_sent(self) -> bool:
        """It goes out; else it is only written down that it does not."""
        return self.delivery.status != "dropped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What follows for one channel."""

    messages: tuple[Planned, ...]  # most severe first; none while the channel is left alone
    superseded: tuple[Delivery, ...]  # failed ones that are no news any more
    going_on: tuple[Topic, ...]  # that it was told of and that go on: to be refreshed now


def plan_channel(channel: ChannelSettings, settings: Settings, situation: Situation) -> Plan:
    """What one channel is to be told now."""
    mine = [row for row in situation.deliveries if row.channel == channel.name]
    told, now = heard_of(mine), situation.now
    timings, due = settings.notifications, due_since(mine, now)
    views = [view for t in situation.topics if (view := topic_for(channel, t, settings))]
    every = [
        each
        for view in views
        if (each := news_of(view, told.get(view.topic_id), due, timings, situation)) is not None
    ]
    held = {each.topic.topic_id for each in every if is_held(channel, each, timings, now)}
    old, new = _old_and_new(
        channel, [each for each in every if each.topic.topic_id not in held], mine, timings, now
    )
    daily = [each for each in new if each.kind == "repeated" and channel.kind not in KEYED]
    names = {each.topic.topic_id for each in every}
    others = [view for view in views if view.topic_id not in names]
    soon = _soon(others, told, timings, situation) if daily else []
    known = {name for name, last in told.items() if last.kind in GOING_ON}
    going_on = tuple(v for v in views if v.topic_id in known and v.going_on)
    digests = _digest(channel, mine, timings, situation)
    if is_quiet(timings.quiet_hours, now):
        held |= {name for each in digests for name in each.delivery.topics}
        digests = []
    planned = [
        *(_single(channel, each, now) for each in new if each not in daily),
        *_daily(channel, [*(each.topic for each in daily), *soon], told, now),
        *_summary(channel, old, mine, timings, now),
        *digests,
    ]
    return _settled(planned, held, mine, going_on, now)


def _old_and_new(
    channel: ChannelSettings,
    news: Sequence[News],
    mine: Sequence[Delivery],
    timings: NotificationSettings,
    now: datetime,
) -> tuple[list[News], list[News]]:
    """What goes into a summary, and what is told by itself.

    A channel that knows topics again keeps no old news, and each message replaces the one before.
    """
    new = [each for each in news if each.kind != "summary"]
    if channel.kind in KEYED:
        return [], new
    old = [each for each in news if each.kind == "summary"]
    return ([*old, *new], []) if _was_down(mine, timings, now) else (old, new)


def _was_down(mine: Sequence[Delivery], timings: NotificationSettings, now: datetime) -> bool:
    """For so long that what it missed is told at once."""
    since = down_since(mine, now)
    return since is not None and now - since >= hours_of(timings.summary_after_hours)


# ------------------------------------------------------------------------------------- messages


def _single(channel: ChannelSettings, news: News, now: datetime) -> Planned:
    follows = news.told.delivery_id if news.told else None
    delivery = _delivery(channel.name, [news.topic], news.kind, follows, now)
    return Planned(delivery=delivery, topics=(news.topic,), heard=news.told)


def _soon(
    others: Iterable[Topic],
    told: Mapping[str, Heard],
    timings: NotificationSettings,
    situation: Situation,
) -> list[Topic]:
    """What would be repeated within hours, and may as well be now."""
    return [
        loud
        for other in others
        if (last := told.get(other.topic_id)) is not None and last.kind in GOING_ON
        if situation.now - last.at >= RECENTLY
        if (loud := heard(other, situation.silences, situation.now)) is not None and loud.going_on
        if is_repeated(loud, timings, situation)
    ]


def _daily(
    channel: ChannelSettings, topics: Sequence[Topic], told: Mapping[str, Heard], now: datetime
) -> list[Planned]:
    """One message a day for all that goes on; what was told this morning is left out."""
    if not topics:
        return []
    if len(topics) == 1:
        return [_single(channel, News(topics[0], "repeated", told[topics[0].topic_id]), now)]
    last_ids = sorted(told[topic.topic_id].delivery_id for topic in topics)
    delivery = _delivery(channel.name, topics, "repeated", " ".join(last_ids), now)
    return [Planned(delivery=delivery, topics=tuple(topics), heard=None)]


def _summary(
    channel: ChannelSettings,
    news: Sequence[News],
    mine: Sequence[Delivery],
    timings: NotificationSettings,
    now: datetime,
) -> list[Planned]:
    """One for all that is old; at most one a day, but after a channel was down."""
    last = _last(mine, "summary")
    is_soon = last is not None and now - last.updated_at < timedelta(days=1)
    if not news or (is_soon and not _was_down(mine, timings, now)):
        return []
    topics = [each.topic for each in news]
    delivery = _delivery(channel.name, topics, "summary", last.delivery_id if last else None, now)
    # What is old is told this once; what a channel missed, from here to its end.
    missed = [each.topic for each in news if each.kind != "summary"]
    delivery = replace(delivery, standing=_standing(missed))
    return [Planned(delivery=delivery, topics=tuple(topics), heard=None)]


def _digest(
    channel: ChannelSettings,
    mine: Sequence[Delivery],
    timings: NotificationSettings,
    situation: Situation,
) -> list[Planned]:
    """The weekly digest, once its time has come; a channel that is new waits for its first week."""
    if timings.digest is None or not channel.digest or channel.kind in KEYED:
        return []
    week = digest_moment(timings, situation.now)
    name = f"digest/{week:%Y-%m-%d}"
    of_week = [row for row in mine if row.kind == "digest" and row.topics == [name]]
    is_past = situation.now - week > timedelta(days=3)
    if is_past or any(row.status in ("delivered", "dropped") for row in of_week):
        return []
    delivery = replace(
        _delivery(channel.name, [], "digest", name, situation.now), topics=[name], severity="info"
    )
    if not any(row.kind == "digest" for row in mine):
        delivery = replace(delivery, status="dropped", error="the channel was new in that week")
    return [Planned(delivery=delivery, topics=(), heard=None)]


def digest_moment(timings: NotificationSettings, now: datetime) -> datetime:
    """When the newest digest was due."""
    digest = timings.digest
    if digest is None:
        raise ValueError("no digest is wanted")
    local = now.astimezone(ZoneInfo(digest.timezone))
    days = (local.weekday() - WEEKDAYS.index(digest.weekday)) % 7
    moment = (local - timedelta(days=days)).replace(
        hour=digest.hour, minute=0, second=0, microsecond=0
    )
    moment = moment if moment <= local else moment - timedelta(days=7)
    return moment.astimezone(UTC)


def again(topic: Topic, now: datetime) -> Delivery:
    """A message that says once more what a channel knows; it is no news and is not stored."""
    return _delivery("", [topic], "repeated", None, now)


def _delivery(
    channel: str, topics: Sequence[Topic], kind: str, follows: str | None, now: datetime
) -> Delivery:
    names = [topic.topic_id for topic in topics]
    return Delivery(
        delivery_id=delivery_id(channel, names, kind, follows),
        channel=channel,
        topics=names,
        kind=kind,
        severity=most_severe(topic.severity for topic in topics) if topics else "info",
        places=topics[0].places if len(topics) == 1 else None,
        standing=_standing(topics),
        status="sending",
        attempts=0,
        error=None,
        of_message=False,
        due_at=now,
        retry_at=None,
        claimed_by=None,
        updated_at=now,
        text="",
    )


def _standing(topics: Iterable[Topic]) -> list[str]:
    return [f"{topic.severity} {topic.topic_id}" for topic in topics if topic.going_on]


def _settled(
    planned: Iterable[Planned],
    held: Collection[str],
    mine: Sequence[Delivery],
    going_on: tuple[Topic, ...],
    now: datetime,
) -> Plan:
    """The plan against what failed before: older news gives way to newer.

    Args:
        held: topics whose news wait for a time to be told: what failed of them waits with them.
    """
    planned = list(planned)
    wanted = {each.delivery.delivery_id for each in planned}
    stored = {row.delivery_id: row for row in mine}
    failed = [
        row
        for row in mine
        if is_unsettled(row, now)
        if row.kind != "refresh" or not going_on  # nothing is left to tell again
    ]
    superseded = tuple(
        row
        for row in failed
        if row.delivery_id not in wanted and not any(name in held for name in row.topics)
    )
    inherited = [_inherits(each, stored, superseded) for each in planned]
    ready = [each for each in inherited if _is_ready(each.delivery, stored, mine, now)]
    return Plan(
        messages=tuple(sorted(ready, key=_order)),
        superseded=superseded,
        going_on=going_on if paused_until(mine, now) is None else (),
    )


def _inherits(
    planned: Planned, stored: Mapping[str, Delivery], superseded: Iterable[Delivery]
) -> Planned:
    """It goes on where the attempts before it ended, whatever those wanted to say."""
    new = planned.delivery
    same = stored.get(new.delivery_id)
    if same is not None and same.status != "dropped":
        before = [same]
    else:
        before = [row for row in superseded if set(row.topics) & set(new.topics)]
    before = [row for row in before if not row.of_message or row is same]
    if not before:
        return planned
    most = max(before, key=lambda row: row.attempts)
    delivery = replace(
        new, attempts=most.attempts, error=most.error, retry_at=most.retry_at,
        due_at=min(row.due_at for row in before),
    )  # fmt: skip
    return replace(planned, delivery=delivery)


def _is_ready(
    delivery: Delivery, stored: Mapping[str, Delivery], mine: Sequence[Delivery], now: datetime
) -> bool:
    """Nobody sends it, it has waited for its next attempt, and its channel is not left alone."""
    row = stored.get(delivery.delivery_id)
    if row is not None and row.status != "dropped" and not is_unsettled(row, now):
        return False
    waits = delivery.retry_at is not None and now < delivery.retry_at <= now + timedelta(days=1)
    return not waits and paused_until(mine, now) is None


def _order(planned: Planned) -> tuple[int, int, datetime, str]:
    new = planned.delivery
    began = min((topic.began_at for topic in planned.topics), default=new.due_at)
    # One that the channel fails at, and at no other, must not be in front of the others for ever.
    return -rank(new.severity), new.attempts, began, new.delivery_id


def _last(mine: Iterable[Delivery], kind: str) -> Delivery | None:
    rows = (row for row in mine if row.kind == kind and row.status == "delivered")
    return max(rows, key=lambda row: row.updated_at, default=None)


WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

"""Messages in full: what is planned for a channel becomes words, fields and links."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from llm_monitoring.adapters.channels import Message
from llm_monitoring.alerts.news import Situation
from llm_monitoring.alerts.notifying import Planned, again, digest_moment
from llm_monitoring.alerts.topics import Topic
from llm_monitoring.alerts.weekly import WEEK, Week, digest_text, digest_title
from llm_monitoring.alerts.wording import (
    Place,
    payload_of,
    since,
    summary_payload,
    summary_text,
    summary_title,
    text_of,
    title_of,
)
from llm_monitoring.hours import HOUR, hour_key
from llm_monitoring.lake import Lake
from llm_monitoring.links import report_link, runs_link
from llm_monitoring.pipeline.alerts.false_alarms import false_alarm_digest
from llm_monitoring.records import Delivery
from llm_monitoring.settings import Settings


class Letters:
    """Messages in full, made from what is planned."""

    def __init__(self, lake: Lake, settings: Settings, situation: Situation) -> None:
        self.lake, self.settings, self.situation = lake, settings, situation
        incidents = {t.topic_id for t in situation.topics if t.incident is not None}
        links = {name: report_link(settings, name) for name in incidents}
        self.place = Place(
            product=settings.product,
            simulated=settings.simulated,
            reports={name: link for name, link in links.items() if link},
            runs=runs_link(settings),
            now=situation.now,
        )

    def write(self, planned: Planned) -> Message:
        """The message, in words and fields."""
        delivery, topics, place = planned.delivery, planned.topics, self.place
        if delivery.kind == "digest":
            week = self._week(delivery)
            return self._message(delivery, topics, digest_title(week), digest_text(week), {})
        if len(topics) > 1 or delivery.kind == "summary":
            return self._message(
                delivery,
                topics,
                summary_title(delivery, topics, place),
                summary_text(delivery, topics, place),
                summary_payload(topics, place),
            )
        topic = topics[0]
        return self._message(
            delivery,
            topics,
            title_of(delivery, topic, place),
            text_of(delivery, topic, planned.heard, place),
            payload_of(delivery, topic, place),
        )

    def write_again(self, topic: Topic) -> Message:
        """What goes on, for a channel that has heard of it and must hear it again and again."""
        delivery = again(topic, self.situation.now)
        place = self.place
        return self._message(
            delivery,
            (topic,),
            title_of(delivery, topic, place),
            text_of(delivery, topic, None, place),
            payload_of(delivery, topic, place),
        )

    def _message(
        self,
        delivery: Delivery,
        topics: Sequence[Topic],
        title: str,
        text: str,
        payload: Mapping[str, object],
    ) -> Message:
        one = topics[0] if len(topics) == 1 else None
        over = one is not None and not one.going_on
        return Message(
            delivery_id=delivery.delivery_id,
            product=self.settings.product,
            topic=one.topic_id if one else delivery.kind,
            kind=delivery.kind,
            severity=delivery.severity,
            title=title,
            text=text,
            sent_at=self.situation.now,
            starts_at=since(one) if one else self.situation.now,
            ends_at=min(one.last_seen_at, self.situation.now) if one and over else None,
            link=self.place.reports.get(one.topic_id) if one else None,
            payload=payload,
        )

    def _week(self, delivery: Delivery) -> Week:
        settings, situation = self.settings, self.situation
        until = digest_moment(settings.notifications, situation.now)
        mine = [row for row in situation.deliveries if row.channel == delivery.channel]
        return Week(
            product=settings.product,
            until=until,
            now=situation.now,
            alerts=[alert for topic in situation.topics for alert in topic.alerts],
            incidents=[t.incident for t in situation.topics if t.incident],
            missed=self.lake.rows("missed_incidents"),
            deliveries=mine,
            silences=situation.silences,
            spend_usd=_spends(self.lake, until),
            false_alarms=false_alarm_digest(self.lake, settings),
            quiet=settings.notifications.quiet_hours,
            reports=self.place.reports,
        )


def _spends(lake: Lake, until: datetime) -> dict[str, tuple[float, float]]:
    """Known spend of each feature in the week before a moment, and in the week before that."""
    middle, last = hour_key(until - WEEK), hour_key(until - HOUR)
    first = hour_key(until - 2 * WEEK)
    rows = lake.query(
        "weekly_spend", hours=(first, last), first=first, middle=middle, last=last
    ).to_pylist()
    return {row["feature_id"]: (row["spend"], row["spend_before"]) for row in rows}

"""Topics: what one message is about. Alerts of one incident are one topic, never one each."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from llm_monitoring.alerts.reconcile import is_history, is_withdrawn
from llm_monitoring.alerts.silences import is_silenced, silent_until
from llm_monitoring.hours import HOUR, hour_start
from llm_monitoring.incidents.steps import overdue_steps
from llm_monitoring.records import Alert, Incident, Silence
from llm_monitoring.settings.models import Settings
from llm_monitoring.settings.notifying import ChannelSettings
from llm_monitoring.severity import most_severe, rank

WEEK = timedelta(days=7)
HISTORY = "history"  # topic of all that was over long before it was found


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """Alerts that are told together: those of an incident, of the monitor, or of no incident."""

    topic_id: str
    alerts: tuple[Alert, ...]  # not empty; withdrawn ones too
    incident: Incident | None
    is_silent: bool = False  # people have decided not to be told of any of it

    @property
    def is_closed(self) -> bool:
        """A person has closed its incident."""
        return self.incident is not None and self.incident.status == "resolved"

    @property
    def going_on(self) -> tuple[Alert, ...]:
        """Alerts that still fire; once a person has closed the incident, those that rose since."""
        return tuple(a for a in self.alerts if a.status == "firing" and self._is_left(a))

    def _is_left(self, alert: Alert) -> bool:
        if not self.is_closed or self.incident is None:
            return True
        closed_at, rose_at = self.incident.resolved_at, alert.severity_at
        return closed_at is not None and rose_at is not None and rose_at > closed_at

    @property
    def is_withdrawn(self) -> bool:
        """All of it turned out not to be."""
        return all(is_withdrawn(alert) for alert in self.alerts)

    @property
    def shown(self) -> tuple[Alert, ...]:
        """The alerts a message is about: what goes on, else what was; no withdrawn ones."""
        return self.going_on or tuple(a for a in self.alerts if not is_withdrawn(a)) or self.alerts

    @property
    def severity(self) -> str:
        """Of the most severe alert that is shown."""
        return most_severe(alert.severity for alert in self.shown)

    @property
    def features(self) -> list[str]:
        """Features that are shown, in order."""
        return sorted({alert.feature_id for alert in self.shown if alert.feature_id})

    @property
    def models(self) -> list[str]:
        """Models that alerts shown are about, in order."""
        return sorted({alert.model_id for alert in self.shown if alert.model_id})

    @property
    def places(self) -> int:
        """How many features it concerns, or parts of the monitor; at least 1."""
        return len(self.features) or len({alert.subject for alert in self.shown})

    @property
    def began_at(self) -> datetime:
        """Begin of the first window out of control."""
        return hour_start(min(alert.first_hour for alert in self.shown))

    @property
    def last_seen_at(self) -> datetime:
        """End of the last window out of control."""
        return max(_end(alert, alert.last_hour) for alert in self.alerts)


def topics_of(alerts: Iterable[Alert], incidents: Iterable[Incident]) -> list[Topic]:
    """All alerts by topic; those whose incident somebody has deleted are still told together.

    Args:
        incidents: read after the alerts, so that one opened meanwhile is not missed.
    """
    known = {incident.incident_id: incident for incident in incidents}
    members: dict[str, list[Alert]] = defaultdict(list)
    for alert in alerts:
        members[_topic_id(alert)].append(alert)
    return [
        Topic(topic_id=name, alerts=tuple(grouped), incident=known.get(name))
        for name, grouped in sorted(members.items())
    ]


def _topic_id(alert: Alert) -> str:
    if alert.incident_id is not None:
        return alert.incident_id
    if alert.layer == "monitor":
        # What pages has its own topic: an old ticket must not make the next page look like news
        # of the same.
        return f"monitor/{alert.severity}"
    if is_history(alert):
        return HISTORY
    return f"{alert.severity}/{alert.feature_id or alert.model_id or alert.layer}"


def topic_for(channel: ChannelSettings, topic: Topic, settings: Settings) -> Topic | None:
    """The topic as a channel is to see it; None: nothing of it concerns that channel."""
    wanted = tuple(alert for alert in topic.alerts if _wants(channel, alert, settings))
    return replace(topic, alerts=wanted) if wanted else None


def _wants(channel: ChannelSettings, alert: Alert, settings: Settings) -> bool:
    owner = settings.feature(alert.feature_id).owner if alert.feature_id else None
    return (
        rank(alert.severity) >= rank(channel.minimum_severity)
        and _is_among(alert.layer, channel.layers)
        and _is_among(alert.feature_id, channel.features)
        and _is_among(owner, channel.owners)
        # That a channel is down is told by the others.
        and alert.subject != f"monitor/channel/{channel.name}"
    )


def _is_among(name: str | None, wanted: Collection[str]) -> bool:
    return not wanted or name in wanted


def heard(topic: Topic, silences: Sequence[Silence], now: datetime) -> Topic | None:
    """The topic without alerts that somebody has silenced; None: it is silent altogether."""
    loud = tuple(alert for alert in topic.alerts if not is_silenced(alert, silences, now))
    return replace(topic, alerts=loud) if loud else None


def left_of(topic: Topic, settled_at: datetime | None) -> Topic | None:
    """The topic without what was over when it was last told; None: nothing is left.

    Alerts of an incident belong together; others share no more than a topic that never ends.
    """
    if topic.incident is not None or settled_at is None:
        return topic
    left = tuple(
        alert
        for alert in topic.alerts
        if alert.status == "firing" or _end(alert, alert.last_hour) > settled_at
    )
    return replace(topic, alerts=left) if left else None


def began_last_at(topic: Topic) -> datetime:
    """When the last of its alarms could be known."""
    return max(map(_known_at, topic.shown))


def came_back_at(topic: Topic) -> datetime:
    """Of what goes on: when it was last seen, or recorded; later than its end, it has come back."""
    return max(max(a.created_at, _end(a, a.last_hour)) for a in topic.going_on)


def news_at(topic: Topic, silences: Sequence[Silence], now: datetime) -> datetime:
    """When its newest news came: an alarm, a severity that rose, or a silence that ended."""
    return max(_news_at(alert, silences, now) for alert in topic.shown)


def _news_at(alert: Alert, silences: Sequence[Silence], now: datetime) -> datetime:
    began = _known_at(alert)
    rose = alert.severity_at
    # One that has its severity since it was recorded is as old as its windows are.
    risen = rose if rose is not None and rose > alert.created_at else began
    return max(began, risen, silent_until(alert, silences, now) or began)


def _known_at(alert: Alert) -> datetime:
    """When its first window was over, or earlier: probes are answered within their week."""
    return min(_end(alert, alert.first_hour), alert.created_at)


def _end(alert: Alert, hour: int) -> datetime:
    """End of a window of an alert; the provider's are weeks."""
    return hour_start(hour) + (WEEK if alert.layer == "provider" else HOUR)


def overdue(topic: Topic, now: datetime) -> list[str]:
    """Steps of its incident whose clock has run out."""
    return overdue_steps(topic.incident, now) if topic.incident else []


def waits_for_report(topic: Topic, now: datetime, longest: timedelta) -> bool:
    """Its incident was opened just now, and its page is about to be written."""
    incident = topic.incident
    return (
        incident is not None
        and incident.report_path is None
        and timedelta(0) <= now - incident.opened_at < longest
    )

"""What a message says: for people, and field by field for machines. Only our own words go out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from llm_monitoring.alerts.deliveries import Heard
from llm_monitoring.alerts.sentences import (
    hour_text,
    listed,
    moment_text,
    name_text,
    title_text,
)
from llm_monitoring.alerts.topics import HISTORY, Topic, overdue
from llm_monitoring.hours import hour_start
from llm_monitoring.incidents.evidence import from_json
from llm_monitoring.records import Alert, Delivery
from llm_monitoring.severity import rank

SHOWN_ALERTS = 3
SHOWN_TOPICS = 10
SENT_ALERTS = 50  # alerts, or topics, in the fields for machines


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Whose messages these are, and where their links lead."""

    product: str
    simulated: bool
    reports: Mapping[str, str]  # topic -> address of its page; those without are left out
    runs: str | None  # address of Dagster's runs; None: not known
    now: datetime


def title_of(delivery: Delivery, topic: Topic, place: Place) -> str:
    """One line: how grave, new or not, whose, what."""
    word = KIND_WORDS[delivery.kind]
    return f"[{delivery.severity}] {word}: {_product(place)}: {headline(topic)}"


def text_of(delivery: Delivery, topic: Topic, before: Heard | None, place: Place) -> str:
    """All a person needs to act on it without looking anything up.

    Args:
        topic: as the channel sees it.
        before: what the channel heard last of it.
    """
    lines = [
        title_of(delivery, topic, place),
        *_change_lines(delivery, topic, before),
        _state_line(topic, place.now),
        *_places_line(topic),
        *_alert_lines(topic),
        *_facts_line(topic),
        *_inputs_lines(topic),
        *_proposal_line(topic),
        *_people_lines(topic, place),
        *_action_lines(topic, place),
    ]
    return "\n".join(lines)


def headline(topic: Topic) -> str:
    """What happened: the title of the incident, else its most severe alert's sentence."""
    if topic.incident is not None:
        return title_text(topic.incident.title)
    alerts = _by_severity(topic.shown)
    more = len(alerts) - 1
    return alerts[0].summary + (f", and {more} more" if more else "")


def payload_of(delivery: Delivery, topic: Topic, place: Place) -> dict[str, Any]:
    """The fields of a message about one topic, ready for JSON."""
    sent = _by_severity(topic.shown)
    return {
        "product": place.product,
        "simulated": place.simulated,
        "status": "firing" if topic.going_on else "resolved",
        "headline": headline(topic),
        "incident_id": topic.incident.incident_id if topic.incident else None,
        "report": place.reports.get(topic.topic_id),
        "features": topic.features,
        "models": topic.models,
        "since": since(topic).isoformat(),
        "last_seen_at": topic.last_seen_at.isoformat(),
        "requests": requests(topic),
        "places": delivery.places,
        "alerts": [_fields(alert) for alert in sent[:SENT_ALERTS]],
        "alerts_left_out": max(0, len(sent) - SENT_ALERTS),
    }


def summary_text(delivery: Delivery, topics: Sequence[Topic], place: Place) -> str:
    """One message about many topics: that go on, that are old, or that a channel missed."""
    # What goes on comes first, then the most severe, then the newest.
    ordered = sorted(topics, key=lambda topic: topic.last_seen_at, reverse=True)
    ordered = sorted(ordered, key=lambda t: (not t.going_on, -rank(t.severity)))
    named = [topic for topic in ordered if topic.topic_id != HISTORY]
    past = sum(len(topic.alerts) for topic in topics if topic.topic_id == HISTORY)
    lines = [
        summary_title(delivery, topics, place),
        *([OLD_NEWS] if delivery.kind == "summary" else []),
        *(_topic_line(topic, place) for topic in named[:SHOWN_TOPICS]),
    ]
    if len(named) > SHOWN_TOPICS:
        lines.append(f"- and {len(named) - SHOWN_TOPICS} more")
    if past:
        lines.append(f"- {_count(past, 'finding')} that had long been over when they were found")
    return "\n".join(lines)


def summary_title(delivery: Delivery, topics: Sequence[Topic], place: Place) -> str:
    """One line about many topics."""
    total = sum(len(t.alerts) if t.topic_id == HISTORY else 1 for t in topics)
    if delivery.kind == "repeated":
        worst = max(topics, key=lambda topic: rank(topic.severity))
        told = f"{_count(total, 'finding')}, such as {headline(worst)}"
        return f"[{delivery.severity}] still going on: {_product(place)}: {told}"
    going = sum(bool(topic.going_on) for topic in topics)
    told = f"{going} still going on" if going else "all over"
    return f"[{delivery.severity}] summary: {_product(place)}: {_count(total, 'finding')}, {told}"


def summary_payload(topics: Sequence[Topic], place: Place) -> dict[str, Any]:
    """The fields of a message about many topics, ready for JSON."""
    named = [topic for topic in topics if topic.topic_id != HISTORY]
    return {
        "product": place.product,
        "simulated": place.simulated,
        "topics": [
            {
                "topic": topic.topic_id,
                "status": "firing" if topic.going_on else "resolved",
                "severity": topic.severity,
                "headline": headline(topic),
                "since": since(topic).isoformat(),
                "last_seen_at": topic.last_seen_at.isoformat(),
                "report": place.reports.get(topic.topic_id),
            }
            for topic in named[:SENT_ALERTS]
        ],
        "topics_left_out": max(0, len(named) - SENT_ALERTS),
        "long_over": sum(len(t.alerts) for t in topics if t.topic_id == HISTORY),
    }


def since(topic: Topic) -> datetime:
    """When it began: the estimated change, else the first window out of control."""
    if topic.incident is not None:
        return min(hour_start(topic.incident.change_hour), topic.began_at)
    changes = [alert.change_hour for alert in topic.shown if alert.change_hour]
    return min([topic.began_at, *map(hour_start, changes)])


def requests(topic: Topic) -> int | None:
    """Requests behind the windows out of control, of the metric that leads; None: not known."""
    lead = _by_severity(topic.shown)[0]
    counted: dict[str | None, int] = {}
    for alert in topic.shown:
        if alert.metric == lead.metric and alert.n is not None:
            # A chart, a line and the charts of single models count the same requests.
            counted[alert.feature_id] = max(alert.n, counted.get(alert.feature_id, 0))
    return sum(counted.values()) if counted else None


# ---------------------------------------------------------------------------------------- lines


def _change_lines(delivery: Delivery, topic: Topic, before: Heard | None) -> list[str]:
    """What is other than in the message before."""
    if before is None:
        return []
    if delivery.kind == "firing" and before.kind == "resolved" and topic.incident is not None:
        return [f"It is back: it was over at {moment_text(before.at)}."]
    if delivery.kind != "worse":
        return []
    told = f"Worse than reported at {moment_text(before.at)}: "
    if topic.severity != before.severity:
        return [f"{told}{topic.severity} now, {before.severity} then."]
    what = "features" if topic.features else "parts"
    return [f"{told}{topic.places} {what} now, {before.places} then."]


def _state_line(topic: Topic, now: datetime) -> str:
    if topic.going_on:
        last = max(topic.going_on, key=lambda alert: alert.last_hour)
        window = "week" if last.layer == "provider" else "hour"
        return f"Still going on: last seen in the {window} of {hour_text(last.last_hour)}."
    if topic.is_closed and topic.incident is not None:
        verdict = (topic.incident.verdict or "no verdict").replace("_", " ")
        return f"Closed by {title_text(topic.incident.resolved_by or 'nobody named')}: {verdict}."
    if topic.is_withdrawn:
        return "Withdrawn: history was computed again and no longer shows it."
    return f"Over: last seen until {moment_text(min(topic.last_seen_at, now))}."


def _places_line(topic: Topic) -> list[str]:
    names, models = topic.features, topic.models
    parts = []
    if len(names) > 1:
        parts.append(f"{len(names)} features: {listed(map(name_text, names))}")
    if models:
        parts.append(f"model{'s' if len(models) > 1 else ''} {listed(map(name_text, models))}")
    return ["; ".join(parts) + "."] if parts else []


def _alert_lines(topic: Topic) -> list[str]:
    """One line a metric: its most severe alert stands for the others."""
    by_metric: dict[str, list[Alert]] = {}
    for alert in _by_severity(topic.shown):
        by_metric.setdefault(alert.metric, []).append(alert)
    groups = list(by_metric.values())
    if topic.incident is None and len(topic.shown) == 1:
        return []  # the title says it
    lines = [_alert_line(group) for group in groups[:SHOWN_ALERTS]]
    left = sum(map(len, groups[SHOWN_ALERTS:]))
    return [*lines, *([f"- and {left} more"] if left else [])]


def _alert_line(group: Sequence[Alert]) -> str:
    first, more = group[0], len(group) - 1
    like = f" (and {more} more like it)" if more else ""
    return f"- {first.severity}: {first.summary}{like}"


def _facts_line(topic: Topic) -> list[str]:
    count = requests(topic)
    return [] if count is None else [f"{_count(count, 'request')} in the windows concerned."]


def _inputs_lines(topic: Topic) -> list[str]:
    """What users ask now, where that is what moved; their own words stand in the report alone."""
    if topic.incident is None:
        return []
    return [title_text(change.reading) for change in from_json(topic.incident.evidence).inputs]


def _proposal_line(topic: Topic) -> list[str]:
    """How to accept what lasts, of the alert that leads."""
    proposed = [alert.proposal for alert in _by_severity(topic.going_on) if alert.proposal]
    return proposed[:1]


def _people_lines(topic: Topic, place: Place) -> list[str]:
    incident, lines = topic.incident, []
    if incident is not None and incident.acknowledged_by and not topic.is_closed:
        lines.append(f"Taken by {title_text(incident.acknowledged_by)}.")
    late = overdue(topic, place.now)
    if late:
        lines.append(f"Overdue: {', '.join(late)}.")
    return lines


def _action_lines(topic: Topic, place: Place) -> list[str]:
    """Where to look and what to do."""
    incident = topic.incident
    if incident is None:
        is_monitor = any(alert.layer == "monitor" for alert in topic.shown)
        runs = [f"Runs: {place.runs}"] if place.runs else []
        return ["What is wrong: llm-monitoring status", *runs] if is_monitor else []
    link = place.reports.get(topic.topic_id)
    lines = [f"Incident: {incident.incident_id}", *([f"Report: {link}"] if link else [])]
    if topic.is_closed:
        return lines
    step = "show" if incident.acknowledged_by else "ack"
    word = "Next" if incident.acknowledged_by else "Take it"
    return [*lines, f"{word}: llm-monitoring incidents {step} {incident.incident_id}"]


def _topic_line(topic: Topic, place: Place) -> str:
    state = "going on" if topic.going_on else f"until {moment_text(topic.last_seen_at)}"
    late, link = overdue(topic, place.now), place.reports.get(topic.topic_id)
    steps = f" (overdue: {', '.join(late)})" if late and topic.going_on else ""
    return f"- {topic.severity}, {state}: {headline(topic)}{steps}" + (f" {link}" if link else "")


def _product(place: Place) -> str:
    simulated = place.simulated and "simulated" not in place.product.lower()
    return name_of(place.product) + (" (simulated)" if simulated else "")


def name_of(product: str) -> str:
    """The product's name as monitoring.yaml has it, on one line."""
    return " ".join(product.split())[:80]


def _fields(alert: Alert) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in asdict(alert).items()
    }


def _by_severity(alerts: Iterable[Alert]) -> list[Alert]:
    """Most severe first, then by how early they came; the same order every time."""
    return sorted(alerts, key=lambda a: (-rank(a.severity), a.first_hour, a.fingerprint))


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


OLD_NEWS = "Found in older data, or while this channel could not be reached; reported this once."
KIND_WORDS: dict[str, str] = {
    "firing": "new",
    "worse": "worse",
    "repeated": "still going on",
    "resolved": "over",
}

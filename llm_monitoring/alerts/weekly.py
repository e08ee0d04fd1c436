"""The weekly digest: what became of a week, in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from llm_monitoring.alerts.deliveries import ABOUT_TOPICS
from llm_monitoring.alerts.news import is_quiet
from llm_monitoring.alerts.sentences import (
    error_text,
    hour_text,
    moment_text,
    name_text,
    title_text,
)
from llm_monitoring.alerts.silences import about, open_silences
from llm_monitoring.hours import hour_start
from llm_monitoring.incidents.steps import overdue_steps
from llm_monitoring.records import Alert, Delivery, Incident, MissedIncident, Silence
from llm_monitoring.settings.notifying import QuietHours

WEEK = timedelta(days=7)
SHOWN = 5
# Where a team has named no quiet hours, people sleep at night.
NIGHT = QuietHours.model_validate({"start": "22:00", "end": "07:00"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """What the digest is made of."""

    product: str
    until: datetime  # the week before this moment
    now: datetime
    alerts: Sequence[Alert]
    incidents: Sequence[Incident]
    missed: Sequence[MissedIncident]
    deliveries: Sequence[Delivery]  # to the channel the digest goes to
    silences: Sequence[Silence]
    spend_usd: Mapping[str, tuple[float, float]]  # feature -> in the week, in the week before
    false_alarms: str  # expected and judged, in words
    quiet: QuietHours | None
    reports: Mapping[str, str]  # incident -> address of its page


def digest_title(week: Week) -> str:
    """One line."""
    return f"[info] weekly digest: {week.product}: the week to {moment_text(week.until)}"


def digest_text(week: Week) -> str:
    """All of the digest."""
    return "\n".join(
        [
            digest_title(week),
            _incidents_line(week),
            *_open_lines(week),
            _precision_line(week),
            *_missed_lines(week),
            *_catch_line(week),
            _messages_line(week),
            *_spend_line(week),
            *_silence_lines(week),
        ]
    )


def _incidents_line(week: Week) -> str:
    opened = [i for i in week.incidents if _is_in(week, i.opened_at)]
    closed = [i for i in week.incidents if _is_in(week, i.resolved_at)]
    return f"Incidents: {len(opened)} opened, {len(closed)} closed, {len(_open(week))} open now."


def _open_lines(week: Week) -> list[str]:
    lines = [_open_line(week, incident) for incident in _open(week)[:SHOWN]]
    more = len(_open(week)) - SHOWN
    return [*lines, *([f"- and {more} more"] if more > 0 else [])]


def _open_line(week: Week, incident: Incident) -> str:
    late = overdue_steps(incident, week.now)
    told = f"overdue: {', '.join(late)}" if late else f"step {incident.step}"
    link = week.reports.get(incident.incident_id)
    return f"- {incident.severity}, {told}: {title_text(incident.title)}" + (
        f" {link}" if link else ""
    )


def _precision_line(week: Week) -> str:
    """Of the last four weeks: a week alone has too few to say anything."""
    since = week.until - 4 * WEEK
    judged = [i.verdict for i in week.incidents if i.verdict and since <= i.opened_at < week.until]
    if not judged:
        return f"Nobody has given a verdict in four weeks; {week.false_alarms}."
    real = len(judged) - judged.count("false_positive")
    return f"Of {len(judged)} incidents judged in four weeks {real} were real; {week.false_alarms}."


def _missed_lines(week: Week) -> list[str]:
    missed = [row for row in week.missed if _is_in(week, row.named_at)]
    if not missed:
        return ["Missed: nobody has named one."]
    return [f"Missed, as people named them: {len(missed)}.", *map(_missed_line, missed[:SHOWN])]


def _missed_line(row: MissedIncident) -> str:
    place = name_text(row.feature_id) if row.feature_id else "the product"
    return f"- {place}, since {hour_text(row.hour)}: {error_text(row.what)}"


def _catch_line(week: Week) -> list[str]:
    """From the estimated change to the window that raised the alarm."""
    delays = [
        max(0.0, (hour_start(a.first_hour) - hour_start(a.change_hour)) / timedelta(hours=1)) + 1
        for a in week.alerts
        if a.change_hour is not None and a.severity != "info" and a.layer != "provider"
        if _is_in(week, hour_start(a.first_hour)) and a.incident_id is not None
    ]
    if not delays:
        return []
    return [
        f"Time to catch: {median(delays):.0f} h in the middle, {max(delays):.0f} h at most, "
        f"from the estimated change to the end of the window that raised the alarm."
    ]


def _messages_line(week: Week) -> str:
    sent = [
        row
        for row in week.deliveries
        if row.status == "delivered" and row.kind in ABOUT_TOPICS and _is_in(week, row.updated_at)
    ]
    asleep = sum(is_quiet(week.quiet or NIGHT, row.updated_at) for row in sent)
    night = week.quiet or NIGHT
    hours = f"{night.start:%H:%M}-{night.end:%H:%M} {night.timezone}"
    return f"Messages to this channel: {len(sent)}, {asleep} of them while people slept ({hours})."


def _spend_line(week: Week) -> list[str]:
    if not week.spend_usd:
        return []
    now, before = (sum(pair[i] for pair in week.spend_usd.values()) for i in (0, 1))
    dearest = sorted(week.spend_usd.items(), key=lambda item: (-item[1][0], item[0]))[:SHOWN]
    listed = ", ".join(f"{name_text(name)} ${spent[0]:,.2f}" for name, spent in dearest)
    return [f"Known spend: ${now:,.2f}, ${before:,.2f} the week before: {listed}."]


def _silence_lines(week: Week) -> list[str]:
    return [
        f"Silent until {moment_text(silence.until)}: {error_text(about(silence))} "
        f"({title_text(silence.who)})"
        for silence in open_silences(week.silences, week.now)
    ]


def _open(week: Week) -> list[Incident]:
    waiting = (incident for incident in week.incidents if incident.status != "resolved")
    return sorted(waiting, key=lambda incident: (incident.opened_at, incident.incident_id))


def _is_in(week: Week, moment: datetime | None) -> bool:
    return moment is not None and week.until - WEEK <= moment < week.until

"""Whether the monitor is well, as the lake shows it: one line a subject."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from llm_monitoring.alerts import failing_channels
from llm_monitoring.alerts.monitor import complaint
from llm_monitoring.alerts.sentences import error_text, hour_text
from llm_monitoring.alerts.silences import about, open_silences
from llm_monitoring.hours import HOUR, hour_key, hour_start
from llm_monitoring.lake import Lake
from llm_monitoring.lake.layout import LayoutError
from llm_monitoring.pipeline.alerts.notify import failed_deliveries
from llm_monitoring.pipeline.alerts.watch import (
    BREAK,
    due_hour,
    last_heartbeat,
    missing_hours,
    newest_charted,
    open_failures,
    recall,
)
from llm_monitoring.pipeline.windows.stored import newest_hour
from llm_monitoring.plain_text import one_line
from llm_monitoring.records import Failure
from llm_monitoring.settings import Settings
from llm_monitoring.severity import SEVERITIES

Mark = Literal["ok", "warn", "error"]
Told = tuple[Mark, str]
Look = Callable[[Lake, Settings, datetime], Told]


@dataclass(frozen=True, slots=True)
class StatusLine:
    """One subject."""

    mark: Mark
    subject: str
    text: str


def lake_status(lake: Lake, settings: Settings, now: datetime) -> list[StatusLine]:
    """Every subject; one that cannot be read is a line that says so.

    Of a lake of another layout that is all there is to say.
    """
    try:
        return [_told(subject, look, lake, settings, now) for subject, look in SUBJECTS.items()]
    except LayoutError as error:
        return [StatusLine("error", "lake", str(error))]


def _told(subject: str, look: Look, lake: Lake, settings: Settings, now: datetime) -> StatusLine:
    try:
        mark, text = look(lake, settings, now)
    except LayoutError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever the store says is the status
        return StatusLine("error", subject, f"the lake cannot be read: {error_text(str(error))}")
    return StatusLine(mark, subject, text)


def _measured(lake: Lake, settings: Settings, now: datetime) -> Told:
    return _newest(newest_hour(lake), settings, now)


def _charted(lake: Lake, settings: Settings, now: datetime) -> Told:
    return _newest(newest_charted(lake), settings, now)


def _newest(newest: int | None, settings: Settings, now: datetime) -> Told:
    due = due_hour(settings, now)
    if newest is None:
        begun = due >= hour_key(settings.start)
        return ("error" if begun else "ok"), "no hour yet"
    age = age_text(now - (hour_start(newest) + HOUR))
    if newest < due:
        return "error", f"hour {hour_text(newest)}, which ended {age} ago: late"
    return "ok", f"hour {hour_text(newest)}, which ended {age} ago"


def _missing(lake: Lake, settings: Settings, now: datetime) -> Told:
    missing = missing_hours(lake, settings, now, recall(lake, now))
    if not missing:
        return "ok", "none"
    first, last = hour_text(missing[0]), hour_text(missing[-1])
    return "error", f"{len(missing)} without charts, the first {first}, the last {last}"


def _alerts(lake: Lake, settings: Settings, now: datetime) -> Told:
    del settings
    counts = Counter(alert.severity for alert in lake.rows("alerts", status="firing"))
    named = [f"{counts[severity]} {severity}" for severity in reversed(SEVERITIES)]
    last = last_heartbeat(lake)
    if last is None:
        return "warn", f"{', '.join(named)} open; no sensor has looked at them yet"
    age = now - last.alerts_at
    text = f"{', '.join(named)} open, looked at {age_text(age)} ago"
    return ("error" if age > BREAK else "ok"), text


def _failures(lake: Lake, settings: Settings, now: datetime) -> Told:
    del settings, now
    things: dict[tuple[str, str], list[Failure]] = defaultdict(list)
    for row in sorted(open_failures(lake), key=lambda row: row.failed_at):
        things[row.kind, row.name].append(row)
    told = [_count_text(rows) + complaint(rows) for rows in things.values()]
    return ("error", "; ".join(told)) if told else ("ok", "none")


def _count_text(rows: Sequence[Failure]) -> str:
    return f"{len(rows)} times " if len(rows) > 1 else ""


def _messages(lake: Lake, settings: Settings, now: datetime) -> Told:
    waiting = failed_deliveries(lake)
    if not waiting:
        return "ok", "none has failed"
    failing = failing_channels(waiting, settings.notifications.attempts)
    told = {f"{d.channel}: {error_text(d.error)}" for d in waiting if d.error}
    oldest = age_text(now - min(d.updated_at for d in waiting))
    words = f"{len(waiting)} failed, last tried up to {oldest} ago"
    return ("error" if failing else "warn"), "; ".join([words, *sorted(told)])


def _silences(lake: Lake, settings: Settings, now: datetime) -> Told:
    """Somebody wanted them, so they are no trouble; forgotten ones should be seen."""
    del settings
    silences = open_silences(lake.rows("silences"), now)
    told = [
        f"{one_line(about(s))} until {s.until:%Y-%m-%d %H:%M} UTC" for s in silences[:MOST_SILENCES]
    ]
    told += [f"{rest} more"] if (rest := len(silences) - len(told)) else []
    return "ok", f"{len(silences)} open: {'; '.join(told)}" if silences else "none"


def _heartbeat(lake: Lake, settings: Settings, now: datetime) -> Told:
    last = last_heartbeat(lake)
    if settings.heartbeat.url_env is None:
        return "warn", "none is configured: nobody outside hears when this machine dies"
    if last is None:
        return "error", "never sent"
    age = now - last.alerts_at
    words = f"{last.outcome.replace('_', ' ')} {age_text(age)} ago"
    mark: Mark = "ok" if last.outcome == "sent" and age <= BREAK else "error"
    return mark, f"{words}: {last.reason}" if last.reason else words


def age_text(age: timedelta) -> str:
    """Such as `12 min`, `3 h 05 min` or `2 days`; one in the future is none."""
    minutes = max(0, int(age.total_seconds() // 60))
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{minutes // (24 * 60)} days"


MOST_SILENCES = 3  # that are told one by one
SUBJECTS: dict[str, Look] = {
    "measured": _measured,
    "charted": _charted,
    "missing hours": _missing,
    "alerts": _alerts,
    "failures": _failures,
    "messages": _messages,
    "silences": _silences,
    "heartbeat": _heartbeat,
}

"""The monitor watches itself: failures become rows, and the heartbeat says that all is reported."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from llm_monitoring.adapters.heartbeat import beat
from llm_monitoring.alerts.deliveries import failing_channels
from llm_monitoring.alerts.failures import Seen, last_due, uncharted_hours, update_failures
from llm_monitoring.alerts.monitor import Signal, signal_of
from llm_monitoring.hours import LAST_HOUR, hour_key
from llm_monitoring.lake import TABLES, Lake
from llm_monitoring.pipeline.alerts.alert_reading import has_unread_charts
from llm_monitoring.pipeline.alerts.notify import failed_deliveries
from llm_monitoring.records import Failure, Heartbeat
from llm_monitoring.settings import Settings

BREAK = timedelta(hours=2)  # without a run of the alerts for so long, the monitor was away
LOOKED_BACK = timedelta(days=7)  # runs that failed longer ago are not looked for any more
SOON = timedelta(minutes=15)
HOURLY = timedelta(minutes=75)  # an hour, and the time an hour's run may take


@dataclass(frozen=True, slots=True)
class Memory:
    """What earlier runs of the alerts stored."""

    last: Heartbeat | None  # None: no sensor has started the alerts yet
    known: list[Failure]  # open ones, and those that a look at the runs would find again


def recall(lake: Lake, now: datetime) -> Memory:
    """What the lake holds of the monitor itself."""
    return Memory(last_heartbeat(lake), known_failures(lake, now))


def last_heartbeat(lake: Lake) -> Heartbeat | None:
    """The newest one; None: no sensor has started the alerts yet."""
    beats: list[Heartbeat] = lake.rows("heartbeats")
    return beats[-1] if beats else None


def known_failures(lake: Lake, now: datetime) -> list[Failure]:
    """Failures that are open, and those that a look at the runs would find again."""
    rows: list[Failure] = TABLES["failures"].to_records(
        lake.query("known_failures", since=now - LOOKED_BACK)
    )
    return rows


def open_failures(lake: Lake) -> list[Failure]:
    """Failures that are not made good."""
    rows: list[Failure] = lake.rows("failures", mended_at=None)
    return rows


def missing_hours(lake: Lake, settings: Settings, now: datetime, memory: Memory) -> list[int]:
    """Hours without charts that should have some by now, in order.

    Before the first hour is charted, those since the monitor is on duty: of what lies before, none
    may be wanted.
    """
    charted = lake.distinct("control_charts", "hour")
    return uncharted_hours(charted, due_hour(settings, now), first_expected(settings, now, memory))


def first_expected(settings: Settings, now: datetime, memory: Memory) -> int:
    """First hour that is expected to be charted where none is; found missing, it stays so."""
    on_duty = max(hour_key(on_duty_since(memory.last, now)), hour_key(settings.start))
    missing = [row.first_hour for row in memory.known if row.kind == "missing" and _is_open(row)]
    return min([on_duty, *(hour for hour in missing if hour is not None)])


def due_hour(settings: Settings, now: datetime) -> int:
    """Newest hour that should have charts by now."""
    return last_due(now, settings.heartbeat.late_hours, settings.end)


def newest_charted(lake: Lake, since: int = 0) -> int | None:
    """Newest hour that has charts; None: none from `since` on has."""
    span = lake.span("control_charts", hours=(since, LAST_HOUR))
    return None if span is None else span[1]


def note_failures(
    lake: Lake, settings: Settings, now: datetime, memory: Memory, seen: Seen, *, on_duty: bool
) -> list[Failure]:
    """Store what failed and what was made good since; returns the rows that changed.

    Args:
        memory: what is known so far.
        seen: runs, sensors and schedules; the missing hours are looked up here.
        on_duty: a sensor started this run; else nobody expects hours to be measured by themselves.
    """
    patience = timedelta(hours=settings.heartbeat.late_hours)
    just_back = not on_duty or now < on_duty_since(memory.last, now) + patience
    missing = missing_hours(lake, settings, now, memory)
    channels = failing_channels(failed_deliveries(lake), settings.notifications.attempts)
    seen = replace(seen, missing=missing, just_back=just_back, channels=channels)
    changed = update_failures(memory.known, seen, now)
    if changed:
        lake.upsert("failures", changed)
    return changed


def reason_to_look(
    lake: Lake, settings: Settings, now: datetime, memory: Memory, seen: Seen
) -> str | None:
    """Why the alerts should be run now, by what is known of the monitor itself; None: no reason."""
    last, known = memory.last, memory.known
    # One in the future was stamped by a clock that was put right since.
    if last is None or not timedelta(0) <= now - last.alerts_at < HOURLY:
        return "the hourly look at the alerts"
    changed = update_failures(known, seen, now)
    if changed:
        verb = "was made good" if changed[0].mended_at else "fails"
        return f"{changed[0].kind} {changed[0].name} {verb}"
    newest = newest_charted(lake, last.hour or 0) or last.hour or 0
    if has_unread_charts(lake):
        is_new = newest > (last.hour or 0)
        return f"hour {newest} is charted" if is_new else "earlier hours are charted anew"
    if now - last.alerts_at >= SOON:
        if last.outcome == "undelivered":
            return "the heartbeat was not heard"
        due = due_hour(settings, now)
        is_late = newest < due if newest else first_expected(settings, now, memory) <= due
        if is_late and not any(map(_is_open, known)):
            return "no hour is charted in time"
    return None


def vouch(
    lake: Lake, settings: Settings, now: datetime, last: Heartbeat | None, *, keep_failing: int
) -> Heartbeat:
    """Send the heartbeat, the last thing a run of the alerts does; store and return what came.

    Args:
        last: the one before; None: there was none.
        keep_failing: channels that nothing reaches.
    """
    newest = newest_charted(lake)
    signal = signal_of(
        open_failures(lake),
        newest=newest,
        due=due_hour(settings, now),
        keep_failing=keep_failing,
    )
    outcome, reason = _send(settings, signal)
    heartbeat = Heartbeat(
        alerts_at=now,
        on_duty_since=on_duty_since(last, now),
        hour=newest,
        outcome=outcome,
        reason=reason,
    )
    lake.replace_all("heartbeats", [heartbeat])
    return heartbeat


@contextmanager
def failure_heard(settings: Settings) -> Iterator[None]:
    """Where the alerts themselves fail, such as on a full disk, the outside watcher hears it."""
    try:
        yield
    except Exception:
        beat(settings.heartbeat, failed=True)
        raise


def _send(settings: Settings, signal: Signal) -> tuple[str, str | None]:
    """Outcome, and why it was not simply sent."""
    if settings.heartbeat.url_env is None:
        return "off", signal.reason
    if signal.kind == "withheld":
        return "withheld", signal.reason
    error = beat(settings.heartbeat, failed=signal.kind == "fail")
    if error is not None:
        return "undelivered", error
    return ("sent_fail" if signal.kind == "fail" else "sent"), signal.reason


def on_duty_since(last: Heartbeat | None, now: datetime) -> datetime:
    """Since when the alerts have been run by themselves without a break."""
    has_gone_on = last is not None and timedelta(0) <= now - last.alerts_at <= BREAK
    return last.on_duty_since if last is not None and has_gone_on else now


def _is_open(row: Failure) -> bool:
    return row.mended_at is None

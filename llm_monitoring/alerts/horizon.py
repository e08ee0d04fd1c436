"""How far back the alerts have to look: what is long over and did not change is settled."""

from collections.abc import Iterable

from llm_monitoring.hours import LAST_HOUR, shift
from llm_monitoring.records import Alert

READ_ALWAYS = 7 * 24  # hours that are read whatever changed
APART = 7 * 24  # hours after an alert from which on windows that change do not concern it
EVERYTHING = 0
WEEKLY = ("provider", "monitor")  # layers whose few rows are always read


def first_hour_needed(known: Iterable[Alert], changed: int | None, newest: int) -> int:
    """First hour whose windows have to be read; no episode lies on both sides of it.

    Args:
        known: all alerts stored so far.
        changed: first hour that may have changed since they were; None: nothing did; 0: all may.
        newest: newest window in the lake.
    """
    if changed == EVERYTHING:
        return EVERYTHING
    recent = shift(newest, -READ_ALWAYS)
    since = recent if changed is None else min(changed, recent)
    near = shift(since, -APART)
    # From the latest that ended on: each may begin within the next one. One that lies wholly before
    # is settled, however near: had it gone on, it would reach into what is read.
    for alert in sorted(filter(_is_hourly, known), key=_end, reverse=True):
        if _end(alert) < min(since, near):
            break
        since = min(since, alert.first_hour)
    return since


def is_settled(alert: Alert, since: int) -> bool:
    """Its windows are not read, so nothing is said of it."""
    return _is_hourly(alert) and alert.first_hour < since


def _is_hourly(alert: Alert) -> bool:
    return alert.layer not in WEEKLY


def _end(alert: Alert) -> int:
    return LAST_HOUR if alert.status == "firing" else alert.last_hour

"""The false-alarm budget and what became of it: how many were expected, how many there were."""

from collections.abc import Iterable
from dataclasses import dataclass

from llm_monitoring.alerts.reconcile import is_withdrawn
from llm_monitoring.alerts.runs import watched_by
from llm_monitoring.hours import shift
from llm_monitoring.records import Alert, Incident
from llm_monitoring.stats.multiplicity import HOURS_PER_WEEK, expected_false_alarms


@dataclass(frozen=True, slots=True, kw_only=True)
class FalseAlarms:
    """False alarms of the charts that take a budget, in the last weeks."""

    weeks: int
    expected: float  # of charts in control, for the windows that were charted
    confirmed: int  # alarms that people called false
    unjudged: int  # alarms that nobody has judged yet

    def sentence(self) -> str:
        """Expected and observed, in words."""
        return (
            f"in the last {self.weeks} weeks: {self.expected:.1f} false alarms expected by the "
            f"budget, {self.confirmed} confirmed by people as false, {_alarms(self.unjudged)} not "
            "judged yet"
        )


def digest_hours(newest_hour: int, weeks: int) -> tuple[int, int]:
    """First and last window of the last weeks."""
    return shift(newest_hour, 1 - weeks * HOURS_PER_WEEK), newest_hour


def false_alarms(
    alerts: Iterable[Alert],
    incidents: Iterable[Incident],
    charted: Iterable[tuple[int, float]],
    *,
    newest_hour: int,
    weeks: int,
) -> FalseAlarms:
    """Expected and observed false alarms of the last weeks.

    Args:
        alerts: all there are; those of other charts and of other weeks are left out.
        incidents: all there are; an alarm is judged by its incident's verdict.
        charted: windows in which a chart had an opinion in those weeks, and its run length; charts
            that come and go count for as long as they were there.
        newest_hour: newest window in the lake.
    """
    first, last = digest_hours(newest_hour, weeks)
    verdicts = {incident.incident_id: incident.verdict for incident in incidents}
    judged = [
        verdicts.get(alert.incident_id or "")
        for alert in alerts
        if first <= alert.first_hour <= last and _has_budget(alert) and not is_withdrawn(alert)
    ]
    return FalseAlarms(
        weeks=weeks,
        expected=sum(expected_false_alarms(windows, length) for windows, length in charted),
        confirmed=judged.count("false_positive"),
        unjudged=judged.count(None),
    )


def _has_budget(alert: Alert) -> bool:
    return watched_by(alert.subject) != alert.subject


def _alarms(count: int) -> str:
    return f"{count} alarm{'' if count == 1 else 's'}"

"""What fires now, one row a cause: the alerts of an incident together, the others alone."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from llm_monitoring.alerts.points import feature_text
from llm_monitoring.alerts.runs import watched_by
from llm_monitoring.alerts.sentences import listed, name_text
from llm_monitoring.records import Alert, ChartPoint
from llm_monitoring.severity import most_severe, rank
from llm_monitoring.stats.charts import SILENCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Firing alerts of one incident, or one alert that has none."""

    incident_id: str | None  # None: it has none, or none yet
    alerts: Sequence[Alert]  # most severe first, then oldest; not empty

    @property
    def severity(self) -> str:
        """Of the most severe."""
        return most_severe(alert.severity for alert in self.alerts)

    @property
    def place(self) -> str:
        """Features concerned, else models; of many only some."""
        features = sorted({a.feature_id for a in self.alerts if a.feature_id})
        models = sorted({a.model_id for a in self.alerts if a.model_id})
        return listed(map(feature_text, features)) or listed(map(name_text, models)) or "all"

    @property
    def since(self) -> int:
        """First hour of the change, or out of control where that is not known."""
        return min(alert.change_hour or alert.first_hour for alert in self.alerts)

    @property
    def text(self) -> str:
        """The most severe alert's sentence, and how many there are beside it."""
        more = len(self.alerts) - 1
        return f"{self.alerts[0].summary}{f' (and {more} more)' if more else ''}"


def causes_of(firing: Iterable[Alert]) -> list[Cause]:
    """Causes of firing alerts, most severe first, then oldest."""
    ordered = sorted(firing, key=_home)
    causes = [
        Cause(incident_id=home[0] or None, alerts=sorted(alerts, key=_urgency))
        for home, alerts in groupby(ordered, key=_home)
    ]
    return sorted(causes, key=lambda cause: (-rank(cause.severity), cause.since))


def incidents_of(points: Iterable[ChartPoint], alerts: Sequence[Alert]) -> list[str]:
    """Incidents of the alerts that cover windows of charts, in order of their names."""
    found = {
        alert.incident_id
        for point in points
        for alert in alerts
        if alert.incident_id and watched_by(alert.subject) in _subjects(point)
        if _covers(alert, point)
    }
    return sorted(name for name in found if name)


def _covers(alert: Alert, point: ChartPoint) -> bool:
    """It is about this window, or fires still: a window is charted before the alerts are read."""
    goes_on = alert.status == "firing" and not point.alarm_started
    return alert.first_hour <= point.hour and (goes_on or point.hour <= alert.last_hour)


def _subjects(point: ChartPoint) -> set[str]:
    """What the alert is called that follows from a window of a chart."""
    if point.failure is not None:
        return {f"data/chart_failed/{point.feature_id}"}
    if point.chart == SILENCE:
        return {f"data/missing_windows/{point.feature_id}", "data/source_gap/requests"}
    return {watched_by(point.chart_id)}


def _home(alert: Alert) -> tuple[str, str]:
    return (alert.incident_id, "") if alert.incident_id else ("", alert.fingerprint)


def _urgency(alert: Alert) -> tuple[int, int, str]:
    return -rank(alert.severity), alert.first_hour, alert.fingerprint

"""What was caught of the faults that were switched on, and what alarmed without one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from llm_monitoring.hours import HOUR, hour_start, hours_between, shift
from llm_monitoring.records import Alert
from llm_monitoring.simulation.faults import Fault

# A chart may close an episode and open another while the effects of a fault fade.
AFTERMATH_HOURS = 24
FLEET = ("request_count", "request_share")  # what one feature's volume moves of all features
PROBED_AFTER = timedelta(days=2, hours=12)  # the weekly schedule asks on Wednesday at noon


@dataclass(frozen=True, slots=True, kw_only=True)
class Catch:
    """One fault, and the first alarm it raised."""

    fault: str
    alert: Alert | None
    injected_at: datetime
    alarm_at: datetime | None

    @property
    def series(self) -> str | None:
        """Chart, test or kind of data trouble that alarmed first."""
        return self.alert.subject if self.alert else None

    @property
    def words(self) -> str:
        """The same for a reader."""
        if self.alert is None:
            return "nothing"
        about = self.alert.feature_id or self.alert.model_id or "the product"
        return f"{self.alert.metric.replace('_', ' ')} of {about}"

    @property
    def delay_hours(self) -> float | None:
        """From the fault's first instant to the end of the window that alarmed."""
        if self.alarm_at is None:
            return None
        return (self.alarm_at - self.injected_at) / HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorecard:
    """Every fault, and the alerts that none of them explains."""

    catches: tuple[Catch, ...]
    false_alarms: tuple[Alert, ...]


def score(
    alerts: Iterable[Alert], faults: Sequence[Fault], models: dict[str, set[str]]
) -> Scorecard:
    """Hold alerts against the faults' own list of what they move.

    Args:
        alerts: all alerts, informational ones included.
        faults: those that were switched on.
        models: feature -> names its models are asked or answer by; a probe alert names a model.
    """
    alerts = sorted(alerts, key=_order)
    explained = {
        fault.name: [alert for alert in alerts if explains(fault, alert, models)]
        for fault in faults
    }
    known = {alert.fingerprint for found in explained.values() for alert in found}
    return Scorecard(
        catches=tuple(_catch(fault, explained[fault.name]) for fault in faults),
        false_alarms=tuple(alert for alert in alerts if alert.fingerprint not in known),
    )


def explains(fault: Fault, alert: Alert, models: dict[str, set[str]]) -> bool:
    """The alert began while the fault was on, or in its aftermath, on a series it moves."""
    # A feature that falls silent changes the total, and the share of every other one.
    is_volume = alert.metric in FLEET and "request_count" in fault.affects
    if alert.metric not in fault.affects and not is_volume:
        return False
    if alert.layer == "provider":
        served = alert.model_id in models.get(fault.feature_id, ())
        return served and alarm_at(alert) >= hour_start(fault.first_hour)
    late = hours_between(fault.last_hour, alert.first_hour)
    began = alert.first_hour >= fault.first_hour and late <= AFTERMATH_HOURS
    return began and (is_volume or alert.feature_id == fault.feature_id)


def alarm_at(alert: Alert) -> datetime:
    """When the alarm could be known: the window closed, or the probes were asked."""
    if alert.layer == "provider":
        return hour_start(alert.first_hour) + PROBED_AFTER
    return hour_start(shift(alert.first_hour, 1))


def _order(alert: Alert) -> tuple[datetime, bool, bool, str]:
    """First alarm first; of those at once, what pages and what a chart saw."""
    return alarm_at(alert), alert.severity != "page", alert.layer == "data", alert.subject


def _catch(fault: Fault, alerts: Sequence[Alert]) -> Catch:
    first = alerts[0] if alerts else None
    return Catch(
        fault=fault.name,
        alert=first,
        injected_at=hour_start(fault.first_hour),
        alarm_at=alarm_at(first) if first else None,
    )

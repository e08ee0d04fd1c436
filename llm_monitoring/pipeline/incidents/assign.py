"""Every open alert gets its incident."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from llm_monitoring import alerts as alerting
from llm_monitoring.incidents.grouping import assign
from llm_monitoring.incidents.steps import open_incident, update_incident
from llm_monitoring.lake import Lake
from llm_monitoring.pipeline.incidents.casework import OF_ALERTS
from llm_monitoring.pipeline.windows.stored import models_of_feature, newest_hour
from llm_monitoring.records import Alert, Incident
from llm_monitoring.settings import Settings

Grown = tuple[Incident, Sequence[Alert]]  # and the alerts that are new in it


def assign_incidents(lake: Lake, settings: Settings, now: datetime) -> list[str]:
    """Give every open alert its incident, opening new ones; returns those that changed."""
    everything: list[Alert] = lake.rows("alerts")
    known: list[Incident] = lake.rows("incidents")
    newest = newest_hour(lake)
    if newest is None:
        return []
    models = models_of_feature(lake, newest)
    eligible = [alert for alert in everything if _belongs_to_one(alert)]
    decided = assign(eligible, known, settings.incidents.join_hours, models)
    grown = list(_grown(known, decided.joined, everything))
    opened = list(_opened(decided.opened, {row.incident_id for row in known}, now))
    if grown:  # somebody may decide something about them right now
        columns = ("alerts", "report_path", *OF_ALERTS)
        lake.update("incidents", [incident for incident, _ in grown], columns)
    if opened:
        lake.upsert("incidents", [incident for incident, _ in opened])
    changed = [*grown, *opened]
    if changed:
        joined = [replace(a, incident_id=i.incident_id) for i, group in changed for a in group]
        lake.upsert("alerts", joined)
    return [incident.incident_id for incident, _ in changed]


def _belongs_to_one(alert: Alert) -> bool:
    """What was over long before it was found, and what turned out not to be, opens no incident.

    What fails in the monitor is no incident of the product.
    """
    return alert.incident_id is not None or not (
        alert.layer == "monitor" or alerting.is_history(alert) or alerting.is_withdrawn(alert)
    )


def _grown(
    known: Iterable[Incident],
    joined: Mapping[str, Sequence[Alert]],
    everything: Sequence[Alert],
) -> Iterator[Grown]:
    """Incidents that alerts have joined; without a report, the sensor has them investigated."""
    for incident in known:
        new = joined.get(incident.incident_id, ())
        if new:
            members = [a for a in everything if a.incident_id == incident.incident_id]
            larger = update_incident(incident, [*members, *new])
            yield replace(larger, report_path=None), new


def _opened(groups: Iterable[Sequence[Alert]], taken: set[str], now: datetime) -> Iterator[Grown]:
    for group in groups:
        incident = open_incident(group, taken, now)
        taken.add(incident.incident_id)
        yield incident, group

"""Incidents as they are stored: found, changed by whoever works them, with their alerts."""

from collections.abc import Callable, Iterable, Sequence

from llm_monitoring.lake import TABLES, Lake
from llm_monitoring.records import Alert, Incident

# Who writes which columns of an incident; nobody else's work is undone.
OF_ALERTS = ("severity", "feature_id", "segment", "change_hour", "first_hour", "last_hour")
OF_INVESTIGATION = ("title", "step", "evidence", *OF_ALERTS)
OF_PEOPLE = (
    "status", "step", "acknowledged_at", "acknowledged_by", "verdict", "verdict_by",
    "verdict_note", "resolved_at", "resolved_by", "evidence",
)  # fmt: skip


class NoSuchIncidentError(LookupError):
    """There is no incident by this id; the message names those there are."""


def find_incident(lake: Lake, incident_id: str) -> Incident:
    """The stored incident.

    Raises:
        NoSuchIncidentError: there is none by this id.
    """
    found: list[Incident] = lake.rows("incidents", incident_id=incident_id)
    if not found:
        known = ", ".join(sorted(lake.distinct("incidents", "incident_id"))) or "none yet"
        raise NoSuchIncidentError(f"no incident {incident_id!r}; there are: {known}")
    return found[0]


def change_incident(
    lake: Lake,
    incident_id: str,
    change: Callable[[Incident], Incident],
    columns: Sequence[str] = OF_PEOPLE,
) -> Incident:
    """The incident as it is stored by now, changed; only these columns are stored.

    Whoever does this does it one at a time, so that no decision is lost.

    Raises:
        NoSuchIncidentError: there is none by this id.
    """
    incident = change(find_incident(lake, incident_id))
    lake.update("incidents", [incident], columns)
    return incident


def all_incidents(lake: Lake) -> list[Incident]:
    """Every incident, without its evidence."""
    return _in_short(lake, everything=True)


def standing_incidents(lake: Lake, alerts: Iterable[Alert] = ()) -> list[Incident]:
    """Incidents that are not resolved, and those of some alerts; without their evidence."""
    named = sorted({alert.incident_id for alert in alerts if alert.incident_id})
    return _in_short(lake, named=named)


def members_of(lake: Lake, incident: Incident) -> list[Alert]:
    """Its alerts, also those that do not know it yet."""
    alerts: list[Alert] = TABLES["alerts"].to_records(
        lake.query("alerts_of", incident_id=incident.incident_id, listed=incident.alerts)
    )
    return alerts


def case_count(lake: Lake, incident_id: str) -> int:
    """Regression cases learned from an incident so far."""
    return lake.count("regression_cases", incident_id=incident_id)


def _in_short(lake: Lake, *, everything: bool = False, named: Sequence[str] = ()) -> list[Incident]:
    rows: list[Incident] = TABLES["incidents"].to_records(
        lake.query("incidents_in_short", everything=everything, named=list(named))
    )
    return rows

"""What people decide about an incident: each is stored, and the page is written anew.

Whoever calls these does it one at a time, so that no decision is lost. A step that is refused
raises an `IncidentError`, an incident that is not there a `NoSuchIncidentError`.
"""

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

from llm_monitoring.incidents import steps
from llm_monitoring.incidents.missed import missed_incident
from llm_monitoring.lake import Lake
from llm_monitoring.pipeline.alerts.silences import known_names
from llm_monitoring.pipeline.incidents.casework import case_count, change_incident, find_incident
from llm_monitoring.pipeline.incidents.pages import write_page
from llm_monitoring.records import Incident, MissedIncident, RegressionCase
from llm_monitoring.settings import Settings


def acknowledge(
    lake: Lake, settings: Settings, now: datetime, incident_id: str, *, who: str
) -> Incident:
    """Take an incident."""
    return _decide(
        lake, settings, now, incident_id, lambda stored: steps.acknowledge(stored, who, now)
    )


def record_verdict(
    lake: Lake, settings: Settings, now: datetime, incident_id: str,
    *, who: str, verdict: str, note: str,
) -> Incident:  # fmt: skip
    """Say what an incident is."""
    return _decide(
        lake, settings, now, incident_id,
        lambda stored: steps.record_verdict(stored, verdict, who, note, now),
    )  # fmt: skip


def complete_step(
    lake: Lake, settings: Settings, now: datetime, incident_id: str,
    *, who: str, step: str, note: str,
) -> Incident:  # fmt: skip
    """Finish scope, isolate or respond."""
    return _decide(
        lake, settings, now, incident_id,
        lambda stored: steps.complete_step(stored, step, who, note, now),
    )  # fmt: skip


def learn(
    lake: Lake, settings: Settings, now: datetime, incident_id: str,
    *, request_ids: Collection[str],
) -> list[RegressionCase]:  # fmt: skip
    """Turn failing requests into regression cases; none named: every one of the triage sample."""
    incident = find_incident(lake, incident_id)
    cases = steps.regression_cases(incident, now, list(request_ids) or None)
    if cases:
        lake.upsert("regression_cases", cases)
    write_page(lake, settings, now, incident_id)
    return cases


def resolve(
    lake: Lake, settings: Settings, now: datetime, incident_id: str,
    *, who: str, no_cases_reason: str,
) -> Incident:  # fmt: skip
    """Close an incident; refused without a verdict and without regression cases."""
    cases = case_count(lake, incident_id)
    return _decide(
        lake, settings, now, incident_id,
        lambda stored: steps.resolve(stored, who, now, cases, no_cases_reason),
    )  # fmt: skip


def name_missed(lake: Lake, settings: Settings, now: datetime, **asked: Any) -> MissedIncident:
    """Store a fault that people noticed and the monitor did not.

    Args:
        asked: as `missed_incident` takes it.
    """
    entry = missed_incident(known_names(lake, settings).features, now, **asked)
    lake.upsert("missed_incidents", [entry])
    return entry


def _decide(
    lake: Lake,
    settings: Settings,
    now: datetime,
    incident_id: str,
    change: Callable[[Incident], Incident],
) -> Incident:
    incident = change_incident(lake, incident_id, change)
    write_page(lake, settings, now, incident_id)
    return incident

"""Investigating an incident: its records are read, its evidence is gathered and stored."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from llm_monitoring.hours import hours_between, shift
from llm_monitoring.incidents.evidence import Material
from llm_monitoring.incidents.group import shared_models
from llm_monitoring.incidents.investigate import investigate, title
from llm_monitoring.incidents.steps import attach_evidence, update_incident
from llm_monitoring.lake import TABLES, Lake
from llm_monitoring.pipeline.incidents.casework import (
    OF_INVESTIGATION,
    change_incident,
    find_incident,
    members_of,
)
from llm_monitoring.pipeline.incidents.inputs import inputs_of_incident
from llm_monitoring.pipeline.windows.stored import models_of_feature
from llm_monitoring.records import Incident, InputFeature, Request
from llm_monitoring.settings import Settings

WEEK = 168
MOST_WINDOWS = 72  # hours of an incident that are looked at
RECENT_WINDOWS = 24  # hours before the change, to see what was new
SAMPLED_REQUESTS = 20_000  # of a bigger window, so many requests are looked at
MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class _Period:
    first: int
    last: int

    @property
    def hours(self) -> tuple[int, int]:
        return self.first, self.last

    @property
    def windows(self) -> int:
        return hours_between(self.first, self.last) + 1


def investigate_incident(lake: Lake, settings: Settings, incident_id: str) -> Incident:
    """Gather the evidence of an incident anew and store it.

    Raises:
        NoSuchIncidentError: there is none by this id.
    """
    incident = find_incident(lake, incident_id)
    members = members_of(lake, incident)
    incident = update_incident(incident, members)
    after = _incident_period(incident)
    before = _Period(shift(after.first, -WEEK), shift(after.last, -WEEK))
    week_before = _Period(before.first, shift(after.first, -1))
    features = sorted({a.feature_id for a in members if a.feature_id})
    recent = _Period(shift(after.first, -RECENT_WINDOWS), shift(after.first, -1))
    evidence = investigate(
        incident,
        members,
        before=replace(
            _material(lake, before, features), inputs=_inputs(lake, week_before, features)
        ),
        after=_material(lake, after, features),
        changes=lake.rows("changes"),
        recent=_material(lake, recent, features).requests,
        triage_sample=settings.incidents.triage_sample,
        suspect_hours=settings.incidents.suspect_hours,
        attributes=sorted({n for each in settings.breakdowns for n in each.attributes}),
    )
    evidence = replace(
        evidence,
        inputs=inputs_of_incident(
            lake, settings, members, before=week_before.hours, after=after.hours
        ),
    )
    models = shared_models(members, models_of_feature(lake, after.last))
    named = title(incident, members, evidence, models)
    return change_incident(
        lake,
        incident_id,
        lambda stored: attach_evidence(update_incident(stored, members), evidence, named),
        OF_INVESTIGATION,
    )


def _incident_period(incident: Incident) -> _Period:
    """From the estimated change on, at most MOST_WINDOWS."""
    first = min(incident.change_hour, incident.first_hour)
    last = max(incident.last_hour, first)
    return _Period(first, min(last, shift(first, MOST_WINDOWS - 1)))


def _material(lake: Lake, period: _Period, features: Sequence[str]) -> Material:
    """Records of a period; of a big one the judged requests and a share of the others."""
    mine = _about(features)
    total = lake.count("raw_requests", hours=period.hours, **mine)
    share = min(1.0, SAMPLED_REQUESTS / total) if total else 1.0
    return Material(
        windows=period.windows,
        requests=_requests(lake, period, features, share),
        judgements=lake.rows("judgements", hours=period.hours, **mine),
        inputs=_inputs(lake, period, features),
        signals=lake.rows("user_signals", hours=(period.first, shift(period.last, 1))),
        sampled=share < 1,
    )


def _requests(lake: Lake, period: _Period, features: Sequence[str], share: float) -> list[Request]:
    """Judged requests are there whatever the share: they are what triage looks at."""
    rows: list[Request] = TABLES["raw_requests"].to_records(
        lake.query(
            "incident_requests", hours=period.hours, first=period.first, last=period.last,
            everything=not features, features=list(features), share=int(share * MILLION),
        )
    )  # fmt: skip
    return rows


def _inputs(lake: Lake, period: _Period, features: Sequence[str]) -> list[InputFeature]:
    rows: list[InputFeature] = lake.rows("input_features", hours=period.hours, **_about(features))
    return rows


def _about(features: Sequence[str]) -> dict[str, Sequence[str]]:
    """Rows of these features; none named: of any."""
    return {"feature_id": features} if features else {}

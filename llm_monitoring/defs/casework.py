"""Working an incident: its records are loaded, its evidence gathered, its report written."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import dagster as dg

from llm_monitoring.alerts.silences import silences_of
from llm_monitoring.defs.lake_state import models_of_feature
from llm_monitoring.defs.pictures import chart_pictures
from llm_monitoring.defs.resources import Monitoring
from llm_monitoring.hours import hours_between, shift
from llm_monitoring.incidents.evidence import Material, from_json
from llm_monitoring.incidents.group import shared_models
from llm_monitoring.incidents.grouping import SEVERITIES
from llm_monitoring.incidents.investigate import investigate, title
from llm_monitoring.incidents.steps import attach_evidence, update_incident
from llm_monitoring.lake import TABLES, Lake
from llm_monitoring.links import report_link
from llm_monitoring.pipeline.incident_inputs import inputs_of_incident
from llm_monitoring.plain_text import markdown
from llm_monitoring.private_files import write_private
from llm_monitoring.records import Alert, ChartPoint, Incident, InputFeature
from llm_monitoring.reports.incident_page import Picture, incident_page

WEEK = 168
MOST_WINDOWS = 72  # hours of an incident that are looked at
RECENT_WINDOWS = 24  # hours before the change, to see what was new
SAMPLED_REQUESTS = 20_000  # of a bigger window, so many requests are looked at
PICTURES = 6
POOL = "incidents"
# Who writes which columns of an incident; nobody else's work is undone.
OF_ALERTS = ("severity", "feature_id", "model_id", "change_hour", "first_hour", "last_hour")
OF_INVESTIGATION = ("title", "step", "evidence", *OF_ALERTS)
OF_PEOPLE = (
    "status", "step", "acknowledged_at", "acknowledged_by", "verdict", "verdict_by",
    "verdict_note", "resolved_at", "resolved_by", "evidence",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Period:
    first: int
    last: int

    @property
    def windows(self) -> int:
        return hours_between(self.first, self.last) + 1


def work_incident(monitoring: Monitoring, incident_id: str) -> tuple[Incident, Path]:
    """Gather the evidence of an incident anew, store it, and write its report.

    Where alerts have joined meanwhile, it stays without a report, so that it is done again.

    Raises:
        Failure: there is no such incident.
    """
    lake = monitoring.lake
    before = find_incident(lake, incident_id)
    incident = investigate_incident(monitoring, incident_id)
    path = write_page(monitoring, incident_id)
    if find_incident(lake, incident_id).alerts == before.alerts:
        lake.update("incidents", [replace(incident, report_path=str(path))], ["report_path"])
    return incident, path


def investigate_incident(monitoring: Monitoring, incident_id: str) -> Incident:
    """Gather the evidence of an incident anew and store it.

    Raises:
        Failure: there is no such incident.
    """
    lake, settings = monitoring.lake, monitoring.settings.incidents
    incident = find_incident(lake, incident_id)
    members = _members(lake, incident)
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
        triage_sample=settings.triage_sample,
        suspect_hours=settings.suspect_hours,
    )
    evidence = replace(
        evidence,
        inputs=inputs_of_incident(
            lake,
            monitoring.settings,
            members,
            before=(week_before.first, week_before.last),
            after=(after.first, after.last),
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


def change_incident(
    lake: Lake,
    incident_id: str,
    change: Callable[[Incident], Incident],
    columns: Sequence[str] = OF_PEOPLE,
) -> Incident:
    """The incident as it is stored by now, changed; only these columns are stored.

    Whoever does this is in the pool `incidents`, one at a time, so that no decision is lost.

    Raises:
        Failure: there is no such incident.
    """
    incident = change(find_incident(lake, incident_id))
    lake.update("incidents", [incident], columns)
    return incident


def find_incident(lake: Lake, incident_id: str) -> Incident:
    """The stored incident.

    Raises:
        Failure: there is none by this id.
    """
    found: list[Incident] = lake.rows("incidents", "incident_id = $id", id=incident_id)
    if not found:
        known = ", ".join(row.incident_id for row in lake.rows("incidents")) or "none yet"
        raise dg.Failure(f"no incident {incident_id!r}; there are: {known}")
    return found[0]


def write_report(
    monitoring: Monitoring, incident: Incident, leave_out: Collection[str] = ()
) -> Path:
    """Write the incident's page with other evidence than is stored, then store that.

    Args:
        incident: with the evidence as it shall be.
        leave_out: ids of regression cases that are about to be deleted.
    """
    path = write_page(monitoring, incident.incident_id, incident.evidence, leave_out)
    monitoring.lake.update("incidents", [incident], ["evidence"])
    return path


def write_page(
    monitoring: Monitoring,
    incident_id: str,
    evidence: str | None = None,
    leave_out: Collection[str] = (),
) -> Path:
    """Write the page of an incident as it is stored; returns where.

    Args:
        evidence: to be shown instead of what is stored; None: what is stored.
        leave_out: ids of regression cases that are not shown.
    """
    lake, settings = monitoring.lake, monitoring.settings
    members = _members(lake, find_incident(lake, incident_id))
    pictures = _pictures(monitoring, members)
    # Drawing takes its time: only now the words are read, of which some may be gone by now.
    incident = find_incident(lake, incident_id)
    cases = lake.rows("regression_cases", "incident_id = $id", id=incident_id)
    now = monitoring.now()
    page = incident_page(
        replace(incident, evidence=incident.evidence if evidence is None else evidence),
        members,
        pictures,
        [case for case in cases if case.case_id not in leave_out],
        product=settings.product,
        now=now,
        simulated=settings.simulated,
        silences=silences_of(members, lake.rows("silences"), now),
    )
    path = settings.reports / f"{incident_id}.html"
    write_private(path, page)
    if incident.report_path not in (None, str(path)):  # reports go to another folder now
        lake.update("incidents", [replace(incident, report_path=str(path))], ["report_path"])
    return path


def write_cases(monitoring: Monitoring) -> tuple[Path, int]:
    """Write every regression case as JSON lines; returns where, and how many they are."""
    cases = monitoring.lake.rows("regression_cases")
    path = monitoring.settings.reports / "regression_cases.jsonl"
    table = TABLES["regression_cases"].to_arrow(cases)
    lines = table.to_pandas().to_json(orient="records", lines=True, date_format="iso")
    write_private(path, lines.encode())
    return path, len(cases)


def report_metadata(monitoring: Monitoring, incident: Incident, path: Path) -> dict[str, Any]:
    """What Dagster shows of an incident: a link to its report, its state, what to do."""
    responses = from_json(incident.evidence).responses
    link = report_link(monitoring.settings, incident.incident_id)
    return {
        **({"report_link": dg.MetadataValue.url(link)} if link else {}),
        "report": dg.MetadataValue.path(str(path)),
        "title": incident.title,
        "severity": incident.severity,
        "status": f"{incident.status}, step {incident.step}",
        "alerts": len(incident.alerts),
        "recommended": dg.MetadataValue.md("\n".join(f"- {markdown(r.text)}" for r in responses)),
    }


def _members(lake: Lake, incident: Incident) -> list[Alert]:
    """Its alerts, also those that do not know it yet."""
    listed = "incident_id = $id or list_contains($listed, fingerprint)"
    alerts: list[Alert] = lake.rows(
        "alerts", listed, id=incident.incident_id, listed=incident.alerts
    )
    return alerts


def _incident_period(incident: Incident) -> _Period:
    """From the estimated change on, at most MOST_WINDOWS."""
    first = min(incident.change_hour, incident.first_hour)
    last = max(incident.last_hour, first)
    return _Period(first, min(last, shift(first, MOST_WINDOWS - 1)))


def _material(lake: Lake, period: _Period, features: Sequence[str]) -> Material:
    """Records of a period; of a big one the judged requests and a share of the others."""
    hours = (period.first, period.last)
    mine = "list_contains($features, feature_id)" if features else "true"
    named = {"features": list(features)}
    total = lake.run(
        f"select count(*) as n from raw_requests where hour between $first and $last and {mine}",
        hours=hours, first=period.first, last=period.last, **named,
    )["n"][0].as_py()  # fmt: skip
    share = min(1.0, SAMPLED_REQUESTS / total) if total else 1.0
    # Judged requests are kept whatever the share: they are what triage looks at.
    chosen = (
        f"{mine} and (hash(request_id) % 1000000 < {int(share * 1_000_000)} or request_id in"
        " (select request_id from sampled_requests where hour between $first and $last))"
    )
    return Material(
        windows=period.windows,
        requests=lake.rows(
            "raw_requests", chosen if share < 1 else mine,
            hours=hours, first=period.first, last=period.last, **named,
        ),
        judgements=lake.rows("judgements", mine, hours=hours, **named),
        inputs=_inputs(lake, period, features),
        signals=lake.rows("user_signals", hours=(period.first, shift(period.last, 1))),
        sampled=share < 1,
    )  # fmt: skip


def _inputs(lake: Lake, period: _Period, features: Sequence[str]) -> list[InputFeature]:
    mine = "list_contains($features, feature_id)" if features else "true"
    rows: list[InputFeature] = lake.rows(
        "input_features", mine, hours=(period.first, period.last), features=list(features)
    )
    return rows


def _pictures(monitoring: Monitoring, members: Sequence[Alert]) -> list[Picture]:
    """Charts of the alerts, most severe first; alerts that no chart raised have none."""
    pictures = []
    for alert in sorted(members, key=lambda a: (SEVERITIES.index(a.severity), a.first_hour)):
        points: list[ChartPoint] = monitoring.lake.rows(
            "control_charts", "chart_id = $id",
            hours=(alert.last_hour, alert.last_hour), id=alert.subject,
        )  # fmt: skip
        pictures += [chart_pictures(monitoring, point) for point in points]
    return pictures[:PICTURES]

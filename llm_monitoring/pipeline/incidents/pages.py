"""What is written of incidents: a page each, and the regression cases as JSON lines."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from llm_monitoring.alerts.silences import silences_of
from llm_monitoring.lake import TABLES, Lake
from llm_monitoring.pipeline.incidents.casework import find_incident, members_of
from llm_monitoring.pipeline.incidents.investigate import investigate_incident
from llm_monitoring.pipeline.studies.pictures import chart_pictures
from llm_monitoring.private_files import write_private
from llm_monitoring.records import Alert, ChartPoint, Incident
from llm_monitoring.reports.incident_page import Picture, incident_page
from llm_monitoring.settings import Settings
from llm_monitoring.severity import rank

PICTURES = 6


def work_incident(
    lake: Lake, settings: Settings, now: datetime, incident_id: str
) -> tuple[Incident, Path]:
    """Gather the evidence of an incident anew, store it, and write its report.

    Where alerts have joined meanwhile, it stays without a report, so that it is done again.

    Raises:
        NoSuchIncidentError: there is none by this id.
    """
    before = find_incident(lake, incident_id)
    incident = investigate_incident(lake, settings, incident_id)
    path = write_page(lake, settings, now, incident_id)
    if find_incident(lake, incident_id).alerts == before.alerts:
        lake.update("incidents", [replace(incident, report_path=str(path))], ["report_path"])
    return incident, path


def write_report(
    lake: Lake,
    settings: Settings,
    now: datetime,
    incident: Incident,
    *,
    leave_out: Collection[str] = (),
) -> Path:
    """Write the incident's page with other evidence than is stored, then store that.

    Args:
        incident: with the evidence as it shall be.
        leave_out: ids of regression cases that are about to be deleted.
    """
    path = write_page(
        lake, settings, now, incident.incident_id,
        evidence=incident.evidence, leave_out=leave_out,
    )  # fmt: skip
    lake.update("incidents", [incident], ["evidence"])
    return path


def write_page(
    lake: Lake,
    settings: Settings,
    now: datetime,
    incident_id: str,
    *,
    evidence: str | None = None,
    leave_out: Collection[str] = (),
) -> Path:
    """Write the page of an incident as it is stored; returns where.

    Args:
        evidence: to be shown instead of what is stored; None: what is stored.
        leave_out: ids of regression cases that are not shown.

    Raises:
        NoSuchIncidentError: there is none by this id.
    """
    members = members_of(lake, find_incident(lake, incident_id))
    pictures = _pictures(lake, settings, members)
    # Drawing takes its time: only now the words are read, of which some may be gone by now.
    incident = find_incident(lake, incident_id)
    cases = lake.rows("regression_cases", incident_id=incident_id)
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


def write_cases(lake: Lake, settings: Settings) -> tuple[Path, int]:
    """Write every regression case as JSON lines; returns where, and how many they are."""
    cases = lake.rows("regression_cases")
    path = settings.reports / "regression_cases.jsonl"
    table = TABLES["regression_cases"].to_arrow(cases)
    lines = table.to_pandas().to_json(orient="records", lines=True, date_format="iso")
    write_private(path, lines.encode())
    return path, len(cases)


def _pictures(lake: Lake, settings: Settings, members: Sequence[Alert]) -> list[Picture]:
    """Charts of the alerts, most severe first; alerts that no chart raised have none."""
    pictures: list[Picture] = []
    for alert in sorted(members, key=lambda a: (-rank(a.severity), a.first_hour)):
        at = (alert.last_hour, alert.last_hour)
        points: list[ChartPoint] = lake.rows("control_charts", hours=at, chart_id=alert.subject)
        pictures += [chart_pictures(lake, settings, point) for point in points]
    return pictures[:PICTURES]

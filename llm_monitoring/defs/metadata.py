"""What Dagster shows beside assets and checks: pictures, tables, links."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import dagster as dg

from llm_monitoring.incidents.evidence import from_json
from llm_monitoring.lake import Lake
from llm_monitoring.links import incident_link, report_link
from llm_monitoring.pipeline.studies.pictures import Drawing
from llm_monitoring.pipeline.studies.power_table import typical_powers
from llm_monitoring.plain_text import markdown
from llm_monitoring.power import Power, movement_text, verdict_text
from llm_monitoring.records import Incident
from llm_monitoring.reports.inline import markdown_image
from llm_monitoring.settings import Settings

SHOWN = 12  # rows: the event log keeps a copy with every window


def drawn(drawings: Iterable[Drawing]) -> dict[str, Any]:
    """Pictures by their titles: a small one inline, a big one a click away, or the reason."""
    return {
        drawing.title: drawing.problem
        if drawing.image is None
        else dg.MetadataValue.md(markdown_image(drawing.image, drawing.name))
        for drawing in drawings
    }


def hours_to_detect(lake: Lake, settings: Settings) -> dict[str, Any]:
    """What would go unnoticed longest; nothing where no baseline is learned."""
    try:
        powers = typical_powers(lake, settings)
    except Exception as error:  # noqa: BLE001 - told in the table's place: the charts are stored
        return {"hours_to_detect": f"cannot be computed: {type(error).__name__}: {error}"}
    if not powers:
        return {}
    records = [dg.TableRecord(_record(power)) for power in powers[:SHOWN]]
    return {"hours_to_detect": dg.MetadataValue.table(records)}


def report_metadata(settings: Settings, incident: Incident, path: Path) -> dict[str, Any]:
    """A link to the report of an incident, its state, what to do."""
    responses = from_json(incident.evidence).responses
    link = report_link(settings, incident.incident_id)
    return {
        **({"report_link": dg.MetadataValue.url(link)} if link else {}),
        "report": dg.MetadataValue.path(str(path)),
        "title": incident.title,
        "severity": incident.severity,
        "status": f"{incident.status}, step {incident.step}",
        "alerts": len(incident.alerts),
        "recommended": dg.MetadataValue.md("\n".join(f"- {markdown(r.text)}" for r in responses)),
    }


def where_it_stands(settings: Settings, incident: Incident) -> dg.MetadataValue[Any]:
    """Address of an incident; its id where nobody says how people reach one."""
    link = link_of(settings, incident)
    return dg.MetadataValue.url(link) if link else dg.MetadataValue.text(incident.incident_id)


def link_of(settings: Settings, incident: Incident) -> str | None:
    """Address of an incident's report, or of its page in Dagster; None: nobody says how."""
    has_report = incident.report_path is not None
    return incident_link(settings, incident.incident_id, has_report=has_report)


def _record(power: Power) -> dict[str, str | int | float]:
    return {
        "feature": power.feature_id,
        "metric": power.metric.name,
        "change": movement_text(power),
        "rows_per_hour": round(power.rows_per_hour),
        "hours": "" if power.hours is None else round(power.hours, 1),
        "within_a_day": verdict_text(power),
        "baseline": power.status,
    }

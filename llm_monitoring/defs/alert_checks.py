"""The checks of the alerts: for each layer, whether something of it is out of control now."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import dagster as dg

from llm_monitoring.alerts.causes import Cause, causes_of
from llm_monitoring.alerts.sentences import hour_text
from llm_monitoring.hours import hour_start
from llm_monitoring.incidents.steps import overdue_steps
from llm_monitoring.lake import TABLES, Lake
from llm_monitoring.links import incident_link
from llm_monitoring.plain_text import markdown
from llm_monitoring.records import Alert, Incident
from llm_monitoring.settings import Settings

ON_TIME = "incidents_on_time"
# Layer -> the check that fails while an alert of it fires, and what is true while it passes.
LAYERS: dict[str, tuple[str, str]] = {
    "infrastructure": (
        "infrastructure_in_control_now",
        "No alert about errors, refusals, latency or volume fires.",
    ),
    "cost": ("cost_in_control_now", "No alert about spend, tokens or budgets fires."),
    "quality": ("quality_in_control_now", "No alert about judged quality fires."),
    "satisfaction": ("satisfaction_in_control_now", "No alert about users' reactions fires."),
    "inputs": ("inputs_in_control_now", "No alert about what users ask fires."),
    "provider": ("provider_unchanged_now", "No alert about a provider's models fires."),
    "data": ("data_complete_now", "No alert about missing, rejected or unscored data fires."),
    "monitor": ("monitor_well_now", "No alert about the monitoring itself fires."),
}
ALERT_CHECKS = (
    *(dg.AssetCheckSpec(name, asset="alerts", description=text) for name, text in LAYERS.values()),
    dg.AssetCheckSpec(
        ON_TIME, asset="alerts", description="No clock of an incident's step has run out."
    ),
)


def read_incidents(lake: Lake, firing: Iterable[Alert]) -> list[Incident]:
    """Incidents that are not resolved, and those of firing alerts; without their evidence."""
    named = sorted({alert.incident_id for alert in firing if alert.incident_id})
    rows: list[Incident] = TABLES["incidents"].to_records(
        lake.query("incidents_in_short", everything=False, named=named)
    )
    return rows


def report_alerts(
    settings: Settings, firing: Sequence[Alert], incidents: Sequence[Incident], now: datetime
) -> Iterator[dg.AssetCheckResult]:
    """A result for each of ALERT_CHECKS, as it is now."""
    for layer, (name, _) in LAYERS.items():
        yield _layer_result(settings, name, [a for a in firing if a.layer == layer], incidents)
    yield _on_time(settings, incidents, now)


def alerts_table(
    settings: Settings, firing: Iterable[Alert], incidents: Iterable[Incident]
) -> dg.MarkdownMetadataValue:
    """What fires, one line a cause, most severe first, with a link to each incident.

    Dagster shows up to 1,000 characters of Markdown at once, and more of it a click away.
    """
    known = _by_name(incidents)
    lines = [_line(settings, cause, known) for cause in causes_of(firing)]
    return dg.MetadataValue.md("\n".join([*_HEAD, *lines]) if lines else "nothing fires")


def _layer_result(
    settings: Settings, name: str, firing: Sequence[Alert], incidents: Sequence[Incident]
) -> dg.AssetCheckResult:
    """What only informs is shown and fails nothing."""
    causes = causes_of(firing)
    severities = {alert.severity for alert in firing}
    is_page = "page" in severities
    return dg.AssetCheckResult(
        check_name=name,
        passed=not severities - {"info"},
        severity=dg.AssetCheckSeverity.ERROR if is_page else dg.AssetCheckSeverity.WARN,
        description="; ".join(cause.text for cause in causes) or "nothing fires",
        metadata=dict(_entry(settings, cause, _by_name(incidents)) for cause in causes),
    )


def _entry(
    settings: Settings, cause: Cause, known: Mapping[str, Incident]
) -> tuple[str, dg.MetadataValue[Any]]:
    """A line of a check's metadata: Dagster hides Markdown there, and follows addresses."""
    about = f"{cause.severity}: {cause.place}, since {hour_text(cause.since)}"
    incident = known.get(cause.incident_id or "")
    if incident:
        return about, where_it_stands(settings, incident)
    return f"{about} ({cause.alerts[0].subject})", dg.MetadataValue.text("no incident")


def _on_time(
    settings: Settings, incidents: Iterable[Incident], now: datetime
) -> dg.AssetCheckResult:
    """Clocks of all incidents: they run out also when nobody looks at one."""
    late = [(row, steps) for row in incidents if (steps := overdue_steps(row, now))]
    told = {row.incident_id: ", ".join(steps) for row, steps in late}
    return dg.AssetCheckResult(
        check_name=ON_TIME,
        passed=not late,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(f"{name}: {steps}" for name, steps in told.items())
        or "no clock has run out",
        metadata={row.incident_id: where_it_stands(settings, row) for row, _ in late},
    )


def _line(settings: Settings, cause: Cause, known: Mapping[str, Incident]) -> str:
    incident = known.get(cause.incident_id or "")
    home = _linked(settings, incident) if incident else "none"
    since = f"{hour_start(cause.since):%m-%d %H:%M}".translate(UNBROKEN)
    return f"| {cause.severity} | {home} | {markdown(cause.place)} | {since} |"


def _linked(settings: Settings, incident: Incident) -> str:
    name, link = markdown(incident.incident_id), _link(settings, incident)
    return f"[{name}]({link})" if link else name


def where_it_stands(settings: Settings, incident: Incident) -> dg.MetadataValue[Any]:
    """Address of an incident; its id where nobody says how people reach one."""
    link = _link(settings, incident)
    return dg.MetadataValue.url(link) if link else dg.MetadataValue.text(incident.incident_id)


def _link(settings: Settings, incident: Incident) -> str | None:
    has_report = incident.report_path is not None
    return incident_link(settings, incident.incident_id, has_report=has_report)


def _by_name(incidents: Iterable[Incident]) -> dict[str, Incident]:
    return {incident.incident_id: incident for incident in incidents}


_HEAD = ("| severity | incident | feature | since (UTC) |", "|---|---|---|---|")
# Dagster's column is narrow, and breaks a line after any hyphen.
UNBROKEN = str.maketrans({"-": "\N{NON-BREAKING HYPHEN}"})

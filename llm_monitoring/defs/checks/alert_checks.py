"""The checks of the alerts: for each layer, whether something of it is out of control now."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import dagster as dg

from llm_monitoring.alerts import checks
from llm_monitoring.alerts.causes import Cause, causes_of
from llm_monitoring.alerts.sentences import hour_text
from llm_monitoring.defs.metadata import link_of, where_it_stands
from llm_monitoring.hours import hour_start
from llm_monitoring.incidents.steps import overdue_steps
from llm_monitoring.plain_text import markdown
from llm_monitoring.records import Alert, Incident
from llm_monitoring.settings import Settings

ON_TIME = "incidents_on_time"
ALERT_CHECKS = (
    *(
        dg.AssetCheckSpec(name, asset="alerts", description=text)
        for name, text in checks.ALERT_CHECKS.values()
    ),
    dg.AssetCheckSpec(
        ON_TIME,
        asset="alerts",
        description="No clock of an incident's step has run out. Red: the named incidents wait for "
        "somebody.",
    ),
)


def report_alerts(
    settings: Settings, firing: Sequence[Alert], incidents: Sequence[Incident], now: datetime
) -> Iterator[dg.AssetCheckResult]:
    """A result for each of ALERT_CHECKS, as it is now."""
    for layer, (name, _) in checks.ALERT_CHECKS.items():
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
    name, link = markdown(incident.incident_id), link_of(settings, incident)
    return f"[{name}]({link})" if link else name


def _by_name(incidents: Iterable[Incident]) -> dict[str, Incident]:
    return {incident.incident_id: incident for incident in incidents}


_HEAD = ("| severity | incident | feature | since (UTC) |", "|---|---|---|---|")
# Dagster's column is narrow, and breaks a line after any hyphen.
UNBROKEN = str.maketrans({"-": "\N{NON-BREAKING HYPHEN}"})

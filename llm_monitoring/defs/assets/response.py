"""What follows from a failed check: alerts, incidents, and the cases that are learned."""

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import dagster as dg
from dagster._core.storage.tags import SENSOR_NAME_TAG

from llm_monitoring import alerts as alerting
from llm_monitoring.alerts.horizon import is_settled
from llm_monitoring.control import chart_count
from llm_monitoring.defs.alert_checks import (
    ALERT_CHECKS,
    alerts_table,
    read_incidents,
    report_alerts,
)
from llm_monitoring.defs.assets.provider import provider_drift
from llm_monitoring.defs.assets.requests import changes
from llm_monitoring.defs.assets.windows import control_charts
from llm_monitoring.defs.casework import (
    OF_ALERTS,
    POOL,
    report_metadata,
    work_incident,
    write_cases,
)
from llm_monitoring.defs.episodes import read_episodes
from llm_monitoring.defs.freshness import HOURLY
from llm_monitoring.defs.lake_state import models_of_feature, newest_hour
from llm_monitoring.defs.partitions import INCIDENTS
from llm_monitoring.defs.resources import Monitoring
from llm_monitoring.defs.watching import look, this_run
from llm_monitoring.hours import HOUR, hour_key
from llm_monitoring.incidents.grouping import assign
from llm_monitoring.incidents.steps import open_incident, update_incident
from llm_monitoring.pipeline.alert_reading import start_reading
from llm_monitoring.pipeline.false_alarms import false_alarm_digest
from llm_monitoring.pipeline.notify import notify
from llm_monitoring.pipeline.watch import Memory, failure_heard, note_failures, recall, vouch
from llm_monitoring.plain_text import markdown
from llm_monitoring.rebaselines import accepted_by
from llm_monitoring.records import Alert, Heartbeat, Incident

DELIVERED = "deliveries_succeed"


@dg.asset(
    group_name="response",
    deps=[control_charts, provider_drift],
    pool="alerts",
    kinds={"deltalake"},
    freshness_policy=HOURLY,
    check_specs=[
        dg.AssetCheckSpec(DELIVERED, asset="alerts", description="Messages reach every channel."),
        *ALERT_CHECKS,
    ],
)
def alerts(
    context: dg.AssetExecutionContext, monitoring: Monitoring
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    """One row is one alert. A run reconciles all alerts with what the lake says is out of control.

    Each alert is created exactly once, and each channel gets the newest state of each incident,
    whatever starts the run and however often. One that a sensor started ends with the heartbeat.
    """
    lake, settings = monitoring.lake, monitoring.settings
    on_duty = SENSOR_NAME_TAG in context.run.tags
    with failure_heard(settings) if on_duty else nullcontext():
        memory = recall(lake, monitoring.now())
        _note_failures(context.instance, monitoring, memory, on_duty=on_duty)
        found = reconcile_alerts(monitoring)
        changed = assign_incidents(monitoring)
        told = notify(lake, settings, monitoring.now())
        heartbeat = (
            vouch(lake, settings, monitoring.now(), memory.last, keep_failing=len(told.failing))
            if on_duty
            else None
        )
    open_alerts = lake.rows("alerts", "status = 'firing'")
    open_incidents = read_incidents(lake, open_alerts)
    yield dg.MaterializeResult(
        metadata={
            "out_of_control_now": alerts_table(settings, open_alerts, open_incidents),
            "new_or_changed": len(found.alerts),
            "messages_delivered": told.delivered,
            "messages_failed": told.failed,
            "over_long_before_found": found.silent,
            "incidents_opened_or_joined": changed,
            "firing": len(open_alerts),
            "summaries": dg.MetadataValue.md(
                "\n".join(f"- **{a.severity}** {markdown(a.summary)}" for a in open_alerts)
                or "none firing"
            ),
            "expected_by_chance": alerting.expected_by_chance(
                settings.control.false_alarms_per_week, chart_count(settings)
            ),
            "false_alarms": _digest(monitoring),
            "proposed_baselines": dg.MetadataValue.md(_proposed(found.proposals)),
            "heartbeat": _heartbeat_text(heartbeat),
        }
    )
    names = ", ".join(channel.channel for channel in told.failing)
    yield dg.AssetCheckResult(
        check_name=DELIVERED,
        passed=not told.failing,
        description=f"Nothing reaches {names}" if names else "Messages reach every channel.",
        metadata={c.channel: f"{c.attempts} attempts: {c.error}" for c in told.failing},
    )
    yield from report_alerts(settings, open_alerts, open_incidents, monitoring.now())


@dg.asset(
    group_name="response",
    partitions_def=INCIDENTS,
    deps=[alerts, changes],
    pool=POOL,
    kinds={"deltalake"},
)
def incidents(
    context: dg.AssetExecutionContext, monitoring: Monitoring
) -> dg.MaterializeResult[Any]:
    """One row is one incident: its five steps, clocks, evidence, suspects and report.

    A re-run gathers the evidence again; what people recorded stays.
    """
    incident, path = work_incident(monitoring, context.partition_key)
    return dg.MaterializeResult(metadata=report_metadata(monitoring, incident, path))


@dg.asset(group_name="response", deps=[incidents], kinds={"deltalake"})
def regression_cases(monitoring: Monitoring) -> dg.MaterializeResult[Any]:
    """One row is one failing case, ready for an eval suite; written out as JSON lines too."""
    path, count = write_cases(monitoring)
    return dg.MaterializeResult(
        metadata={"dagster/row_count": count, "path": dg.MetadataValue.path(str(path))}
    )


def reconcile_alerts(monitoring: Monitoring) -> alerting.Reconciliation:
    """Bring the alerts up to what the lake says now."""
    lake, settings, now = monitoring.lake, monitoring.settings, monitoring.now()
    # Before the first window there may be failures to tell, and the wall clock is all there is.
    clock_hour = hour_key(now - HOUR)
    newest = newest_hour(lake) or clock_hour
    alerts_so_far: list[Alert] = lake.rows("alerts")
    since, readings = start_reading(lake, alerts_so_far, newest)
    found = alerting.reconcile(
        read_episodes(lake, settings, newest, since, clock_hour),
        [alert for alert in alerts_so_far if not is_settled(alert, since)],
        now,
        newest_hour=newest,
        accepted_by=accepted_by(alerts_so_far, lake.rows("rebaselines")),
    )
    if found.alerts:
        lake.upsert("alerts", found.alerts)
    # Last: a run that dies before reads the same changes again.
    if readings:
        lake.upsert("alert_readings", readings)
    return found


def assign_incidents(monitoring: Monitoring) -> list[str]:
    """Give every open alert its incident, opening new ones; returns those that changed."""
    lake, now = monitoring.lake, monitoring.now()
    everything: list[Alert] = lake.rows("alerts")
    known: list[Incident] = lake.rows("incidents")
    newest = newest_hour(lake)
    if newest is None:
        return []
    models = models_of_feature(lake, newest)
    # What was over long before it was found, and what turned out not to be, opens no incident;
    # what fails in the monitor is no incident of the product.
    eligible = [
        a
        for a in everything
        if a.incident_id
        or not (a.layer == "monitor" or alerting.is_history(a) or alerting.is_withdrawn(a))
    ]
    decided = assign(eligible, known, monitoring.settings.incidents.join_hours, models)
    taken = {incident.incident_id for incident in known}
    grown: list[tuple[Incident, Sequence[Alert]]] = []
    for incident in known:
        joined = decided.joined.get(incident.incident_id, ())
        members = [a for a in everything if a.incident_id == incident.incident_id]
        if joined:
            # Without a report, the sensor has the incident investigated anew.
            larger = update_incident(incident, [*members, *joined])
            grown.append((replace(larger, report_path=None), joined))
    opened: list[tuple[Incident, Sequence[Alert]]] = []
    for group in decided.opened:
        incident = open_incident(group, taken, now)
        taken.add(incident.incident_id)
        opened.append((incident, group))
    if grown:  # somebody may decide something about them right now
        columns = ("alerts", "report_path", *OF_ALERTS)
        lake.update("incidents", [incident for incident, _ in grown], columns)
    if opened:
        lake.upsert("incidents", [incident for incident, _ in opened])
    changed = [*grown, *opened]
    if changed:
        lake.upsert("alerts", [_joined(a, i.incident_id) for i, group in changed for a in group])
    return [incident.incident_id for incident, _ in changed]


def _note_failures(
    instance: dg.DagsterInstance, monitoring: Monitoring, memory: Memory, *, on_duty: bool
) -> None:
    now = monitoring.now()
    seen = look(instance, memory, now)
    seen = replace(seen, runs=[*seen.runs, this_run(now)])
    note_failures(monitoring.lake, monitoring.settings, now, memory, seen, on_duty=on_duty)


def _heartbeat_text(heartbeat: Heartbeat | None) -> str:
    if heartbeat is None:
        return "not sent: no sensor started this run"
    return f"{heartbeat.outcome}: {heartbeat.reason}" if heartbeat.reason else heartbeat.outcome


def _digest(monitoring: Monitoring) -> str:
    lake, newest = monitoring.lake, newest_hour(monitoring.lake)
    if newest is None:
        return "nothing was measured"
    return false_alarm_digest(lake, monitoring.settings, newest)


def _proposed(proposals: Sequence[alerting.Proposal]) -> str:
    """Configurations for the job `rebaseline`, to paste; the reason and the name are a person's."""
    pasted = (f"```yaml\n{proposal.job_config()}\n```" for proposal in proposals)
    return "\n\n".join(pasted) or "none"


def _joined(alert: Alert, incident_id: str) -> Alert:
    return replace(alert, incident_id=incident_id)

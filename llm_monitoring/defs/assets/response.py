"""What follows from a failed check: alerts, incidents, and the cases that are learned."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import dagster as dg
from dagster._core.storage.tags import SENSOR_NAME_TAG

from llm_monitoring.alerts import Proposal, expected_by_chance
from llm_monitoring.alerts.failures import Seen
from llm_monitoring.control import chart_count
from llm_monitoring.defs.assets.provider import provider_drift
from llm_monitoring.defs.assets.requests import changes
from llm_monitoring.defs.assets.windows import control_charts
from llm_monitoring.defs.checks.alert_checks import ALERT_CHECKS, alerts_table, report_alerts
from llm_monitoring.defs.freshness import HOURLY
from llm_monitoring.defs.jobs.deciding import POOL, found
from llm_monitoring.defs.metadata import report_metadata
from llm_monitoring.defs.partitions import INCIDENTS
from llm_monitoring.defs.resources import Monitoring
from llm_monitoring.defs.runs.watching import look, this_run
from llm_monitoring.pipeline.alerts.false_alarms import false_alarm_digest
from llm_monitoring.pipeline.alerts.notify import Told
from llm_monitoring.pipeline.alerts.reconcile import Round, alert_round
from llm_monitoring.pipeline.alerts.watch import Memory
from llm_monitoring.pipeline.incidents.casework import standing_incidents
from llm_monitoring.pipeline.incidents.pages import work_incident, write_cases
from llm_monitoring.plain_text import markdown
from llm_monitoring.records import Alert, Heartbeat, Incident

DELIVERED = "deliveries_succeed"


@dg.asset(
    group_name="response",
    deps=[control_charts, provider_drift],
    pool="alerts",
    kinds={"deltalake"},
    freshness_policy=HOURLY,
    check_specs=[
        dg.AssetCheckSpec(
            DELIVERED,
            asset="alerts",
            description="Messages reach every channel. Red: nothing reaches the named ones.",
        ),
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
    done = alert_round(
        lake,
        settings,
        monitoring.now,
        partial(_look, context.instance, monitoring),
        on_duty=SENSOR_NAME_TAG in context.run.tags,
    )
    firing = lake.rows("alerts", status="firing")
    standing = standing_incidents(lake, firing)
    yield dg.MaterializeResult(metadata=_alerts_metadata(monitoring, done, firing, standing))
    yield _delivered(done.told)
    yield from report_alerts(settings, firing, standing, monitoring.now())


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
    settings = monitoring.settings
    with found():
        incident, path = work_incident(
            monitoring.lake, settings, monitoring.now(), context.partition_key
        )
    return dg.MaterializeResult(metadata=report_metadata(settings, incident, path))


@dg.asset(group_name="response", deps=[incidents], kinds={"deltalake"})
def regression_cases(monitoring: Monitoring) -> dg.MaterializeResult[Any]:
    """One row is one failing case, ready for an eval suite; written out as JSON lines too."""
    path, count = write_cases(monitoring.lake, monitoring.settings)
    return dg.MaterializeResult(
        metadata={"dagster/row_count": count, "path": dg.MetadataValue.path(str(path))}
    )


def _look(instance: dg.DagsterInstance, monitoring: Monitoring, memory: Memory) -> Seen:
    """What Dagster knows, this run among it."""
    now = monitoring.now()
    seen = look(instance, memory, now)
    return replace(seen, runs=[*seen.runs, this_run(now)])


def _alerts_metadata(
    monitoring: Monitoring, done: Round, firing: Sequence[Alert], standing: Sequence[Incident]
) -> dict[str, Any]:
    settings = monitoring.settings
    summaries = "\n".join(f"- **{a.severity}** {markdown(a.summary)}" for a in firing)
    return {
        "out_of_control_now": alerts_table(settings, firing, standing),
        "new_or_changed": len(done.found.alerts),
        "messages_delivered": done.told.delivered,
        "messages_failed": done.told.failed,
        "over_long_before_found": done.found.silent,
        "incidents_opened_or_joined": done.incidents,
        "firing": len(firing),
        "summaries": dg.MetadataValue.md(summaries or "none firing"),
        "expected_by_chance": expected_by_chance(
            settings.control.false_alarms_per_week, chart_count(settings)
        ),
        "false_alarms": false_alarm_digest(monitoring.lake, settings),
        "proposed_baselines": dg.MetadataValue.md(_proposed(done.found.proposals)),
        "heartbeat": _heartbeat_text(done.heartbeat),
    }


def _delivered(told: Told) -> dg.AssetCheckResult:
    names = ", ".join(channel.channel for channel in told.failing)
    return dg.AssetCheckResult(
        check_name=DELIVERED,
        passed=not told.failing,
        description=f"Nothing reaches {names}" if names else "Messages reach every channel.",
        metadata={c.channel: f"{c.attempts} attempts: {c.error}" for c in told.failing},
    )


def _heartbeat_text(heartbeat: Heartbeat | None) -> str:
    if heartbeat is None:
        return "not sent: no sensor started this run"
    return f"{heartbeat.outcome}: {heartbeat.reason}" if heartbeat.reason else heartbeat.outcome


def _proposed(proposals: Sequence[Proposal]) -> str:
    """Configurations for the job `rebaseline`, to paste; the reason and the name are a person's."""
    pasted = (f"```yaml\n{proposal.job_config()}\n```" for proposal in proposals)
    return "\n\n".join(pasted) or "none"

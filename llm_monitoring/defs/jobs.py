"""Jobs: the hours, the weeks, the upkeep of the lake, and what people do with an incident."""

import dagster as dg
from pydantic import Field

from llm_monitoring.defs.assets import inputs, judging, provider, requests, response, windows
from llm_monitoring.defs.baselines import rebaseline
from llm_monitoring.defs.casework import find_incident, write_cases, write_report
from llm_monitoring.defs.cost_check import spend_within_budget
from llm_monitoring.defs.resources import Monitoring
from llm_monitoring.incidents import steps
from llm_monitoring.pipeline.retention import delete_cases, expire
from llm_monitoring.records import Incident

HOURLY_ASSETS: tuple[dg.AssetsDefinition, ...] = (
    requests.raw_requests,
    requests.user_signals,
    requests.sampled_requests,
    judging.judgements,
    inputs.input_features,
    windows.window_metrics,
    windows.control_charts,
)
hours_job = dg.define_asset_job(
    "hours",
    # The cost check has a schedule of its own.
    selection=dg.AssetSelection.assets(*HOURLY_ASSETS)
    - dg.AssetSelection.checks(spend_within_budget),
    description="Ingest, judge, measure and chart an hour or a range of hours.",
)
weeks_job = dg.define_asset_job(
    "weeks",
    selection=dg.AssetSelection.assets(provider.probe_results, provider.provider_drift),
    description="Probe the models and compare them with their reference run.",
)
alerts_job = dg.define_asset_job(
    "reconcile_alerts",
    selection=dg.AssetSelection.assets(response.alerts),
    description="Bring the alerts up to what the lake says, and deliver what is due.",
)
incidents_job = dg.define_asset_job(
    "investigate_incident",
    selection=dg.AssetSelection.assets(response.incidents),
    description="Gather the evidence of an incident anew and write its report.",
)
ledger_job = dg.define_asset_job(
    "ledger",
    selection=dg.AssetSelection.assets(requests.changes),
    description="Read the change ledger again.",
)


@dg.op
def maintain_lake(context: dg.OpExecutionContext, monitoring: Monitoring) -> None:
    """Delete rows past their retention, compact small files, checkpoint, vacuum."""
    lake, retention = monitoring.lake, monitoring.settings.retention
    expired = expire(lake, retention, monitoring.now())
    for incident in expired.incidents:
        write_report(monitoring, incident, leave_out=expired.cases)
    deleted = delete_cases(lake, expired.cases)
    if retention.regression_case_days is not None:
        write_cases(monitoring)
    context.log.info(
        f"expired: {expired.versions}, {deleted} regression cases; words removed from rows "
        f"of {expired.blanked} and from {len(expired.incidents)} incidents; given today's "
        f"properties: {expired.configured}"
    )
    for table, counts in lake.maintain(retention.replaced_files_hours).items():
        context.log.info(f"{table}: {counts}")


@dg.job(description="Retention, compaction, checkpoints and vacuum of every table.")
def maintenance() -> None:
    """Upkeep of the lake."""
    maintain_lake()


class Step(dg.Config):
    """Who does something with which incident."""

    incident_id: str
    who: str


class VerdictStep(Step):
    """A reviewer's verdict: real_regression, false_positive or accepted_shift."""

    verdict: str
    note: str = ""


class NoteStep(Step):
    """A finished step (scope, isolate or respond) and what it found or did."""

    step: str
    note: str


class LearnStep(Step):
    """Failing requests to learn from; none named: every failing one of the triage sample."""

    request_ids: list[str] = Field(default_factory=list)


class ResolveStep(Step):
    """Closing; the reason is heard only where nothing failing was logged."""

    no_cases_reason: str = ""


@dg.op
def acknowledge(config: Step, monitoring: Monitoring) -> None:
    """Take an incident."""
    incident = find_incident(monitoring.lake, config.incident_id)
    _store(monitoring, steps.acknowledge(incident, config.who, monitoring.now()))


@dg.op
def record_verdict(config: VerdictStep, monitoring: Monitoring) -> None:
    """Say what an incident is."""
    _store(
        monitoring,
        steps.record_verdict(
            find_incident(monitoring.lake, config.incident_id),
            config.verdict,
            config.who,
            config.note,
            monitoring.now(),
        ),
    )


@dg.op
def complete_step(config: NoteStep, monitoring: Monitoring) -> None:
    """Finish scope, isolate or respond."""
    _store(
        monitoring,
        steps.complete_step(
            find_incident(monitoring.lake, config.incident_id),
            config.step,
            config.who,
            config.note,
            monitoring.now(),
        ),
    )


@dg.op
def learn(context: dg.OpExecutionContext, config: LearnStep, monitoring: Monitoring) -> None:
    """Turn confirmed failing requests into regression cases."""
    incident = find_incident(monitoring.lake, config.incident_id)
    wanted = config.request_ids or None
    cases = steps.regression_cases(incident, monitoring.now(), wanted)
    if cases:
        monitoring.lake.upsert("regression_cases", cases)
    write_report(monitoring, incident)
    context.log.info(f"{len(cases)} regression cases of {incident.incident_id}")


@dg.op
def resolve(config: ResolveStep, monitoring: Monitoring) -> None:
    """Close an incident; refused without a verdict and without regression cases."""
    incident = find_incident(monitoring.lake, config.incident_id)
    cases = monitoring.lake.rows("regression_cases", "incident_id = $id", id=config.incident_id)
    _store(
        monitoring,
        steps.resolve(incident, config.who, monitoring.now(), len(cases), config.no_cases_reason),
    )


@dg.job(description="Somebody takes an incident.")
def acknowledge_incident() -> None:
    """Acknowledge."""
    acknowledge()


@dg.job(description="Somebody says what an incident is.")
def record_incident_verdict() -> None:
    """Verdict."""
    record_verdict()


@dg.job(description="Somebody finished the scope, isolate or respond step of an incident.")
def complete_incident_step() -> None:
    """Step."""
    complete_step()


@dg.job(description="Failing requests of an incident become regression cases.")
def learn_from_incident() -> None:
    """Learn."""
    learn()


@dg.job(description="Somebody closes an incident; refused without regression cases.")
def resolve_incident() -> None:
    """Resolve."""
    resolve()


def _store(monitoring: Monitoring, incident: Incident) -> None:
    monitoring.lake.upsert("incidents", [incident])
    write_report(monitoring, incident)


JOBS = (
    hours_job,
    weeks_job,
    alerts_job,
    incidents_job,
    ledger_job,
    maintenance,
    acknowledge_incident,
    record_incident_verdict,
    complete_incident_step,
    learn_from_incident,
    resolve_incident,
    rebaseline,
)

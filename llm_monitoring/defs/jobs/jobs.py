"""Jobs: the hours, the weeks, the upkeep of the lake, and what people do with an incident."""

from collections.abc import Callable
from datetime import timedelta

import dagster as dg
from pydantic import Field

from llm_monitoring.defs.assets import inputs, judging, provider, requests, response, windows
from llm_monitoring.defs.checks.cost_check import spend_within_budget
from llm_monitoring.defs.jobs.baselines import DECISION, rebaseline
from llm_monitoring.defs.jobs.silencing import (
    end_silence_early,
    name_missed_incident,
    silence_alerts,
)
from llm_monitoring.defs.resources import Monitoring
from llm_monitoring.incidents import steps
from llm_monitoring.pipeline.incidents.casework import (
    POOL,
    change_incident,
    find_incident,
    write_cases,
    write_page,
    write_report,
)
from llm_monitoring.pipeline.upkeep.retention import delete_cases, expire
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
    # One at a time, by a limit in dagster.yaml: two would wait for each other's pools, and leave
    # the alerts no place.
    tags={"llm_monitoring/hours": "one at a time"},
    # Ledger and cost check are steps of it: starting a process costs more than their work.
    selection=dg.AssetSelection.assets(*HOURLY_ASSETS, requests.changes)
    | dg.AssetSelection.checks(spend_within_budget),
    description="Ingest, judge, measure and chart an hour or a range of hours, read the change "
    "ledger again, and check the cost.",
)
weeks_job = dg.define_asset_job(
    "weeks",
    selection=dg.AssetSelection.assets(provider.probe_results, provider.provider_drift),
    description="Probe the models and compare them with their reference run.",
)
alerts_job = dg.define_asset_job(
    "reconcile_alerts",
    tags={"dagster/priority": "10"},  # before whatever else is queued
    selection=dg.AssetSelection.assets(response.alerts),
    description="Bring the alerts up to what the lake says, and deliver what is due.",
)
incidents_job = dg.define_asset_job(
    "investigate_incident",
    selection=dg.AssetSelection.assets(response.incidents, response.regression_cases),
    description="Gather the evidence of an incident anew, write its report and all cases.",
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
    done = lake.maintain(retention.replaced_files_hours)
    context.log.info("\n".join(f"{table}: {counts}" for table, counts in done.items()))
    failed = {table: counts["error"] for table, counts in done.items() if "error" in counts}
    if failed:
        raise dg.Failure(f"could not be maintained, all others were: {failed}")


@dg.op
def forget_old_runs(context: dg.OpExecutionContext, monitoring: Monitoring) -> None:
    """Delete Dagster's runs past their retention, with their events and logs."""
    # Dagster's storage classes take a second to import, and only this op names them.
    from llm_monitoring.defs.runs.run_retention import delete_old_runs  # noqa: PLC0415

    oldest = monitoring.now() - timedelta(days=monitoring.settings.retention.runs_days)
    context.log.info(f"runs deleted: {delete_old_runs(context.instance, oldest)}")


@dg.job(description="Retention of rows and runs; compaction, checkpoints and vacuum of tables.")
def maintenance() -> None:
    """Upkeep of the lake and of Dagster's own storage."""
    maintain_lake()
    forget_old_runs()


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


@dg.op(pool=POOL)
def acknowledge(config: Step, monitoring: Monitoring) -> None:
    """Take an incident."""
    now = monitoring.now()
    _decide(monitoring, config, lambda stored: steps.acknowledge(stored, config.who, now))


@dg.op(pool=POOL)
def record_verdict(config: VerdictStep, monitoring: Monitoring) -> None:
    """Say what an incident is."""
    now = monitoring.now()
    _decide(
        monitoring,
        config,
        lambda stored: steps.record_verdict(stored, config.verdict, config.who, config.note, now),
    )


@dg.op(pool=POOL)
def complete_step(config: NoteStep, monitoring: Monitoring) -> None:
    """Finish scope, isolate or respond."""
    now = monitoring.now()
    _decide(
        monitoring,
        config,
        lambda stored: steps.complete_step(stored, config.step, config.who, config.note, now),
    )


@dg.op(pool=POOL)
def learn(context: dg.OpExecutionContext, config: LearnStep, monitoring: Monitoring) -> None:
    """Turn confirmed failing requests into regression cases."""
    incident = find_incident(monitoring.lake, config.incident_id)
    wanted = config.request_ids or None
    cases = steps.regression_cases(incident, monitoring.now(), wanted)
    if cases:
        monitoring.lake.upsert("regression_cases", cases)
    write_page(monitoring, incident.incident_id)
    context.log.info(f"{len(cases)} regression cases of {incident.incident_id}")


@dg.op(pool=POOL)
def resolve(config: ResolveStep, monitoring: Monitoring) -> None:
    """Close an incident; refused without a verdict and without regression cases."""
    cases = monitoring.lake.rows("regression_cases", "incident_id = $id", id=config.incident_id)
    now, why = monitoring.now(), config.no_cases_reason
    _decide(
        monitoring, config, lambda stored: steps.resolve(stored, config.who, now, len(cases), why)
    )


@dg.job(tags=DECISION, description="Somebody takes an incident.")
def acknowledge_incident() -> None:
    """Acknowledge."""
    acknowledge()


@dg.job(tags=DECISION, description="Somebody says what an incident is.")
def record_incident_verdict() -> None:
    """Verdict."""
    record_verdict()


@dg.job(
    tags=DECISION,
    description="Somebody finished the scope, isolate or respond step of an incident.",
)
def complete_incident_step() -> None:
    """Step."""
    complete_step()


@dg.job(tags=DECISION, description="Failing requests of an incident become regression cases.")
def learn_from_incident() -> None:
    """Learn."""
    learn()


@dg.job(tags=DECISION, description="Somebody closes an incident; refused without regression cases.")
def resolve_incident() -> None:
    """Resolve."""
    resolve()


def _decide(monitoring: Monitoring, step: Step, change: Callable[[Incident], Incident]) -> None:
    change_incident(monitoring.lake, step.incident_id, change)
    write_page(monitoring, step.incident_id)


# What people decide; refused is refused, whatever becomes of the reason.
DECISIONS = (
    acknowledge_incident,
    record_incident_verdict,
    complete_incident_step,
    learn_from_incident,
    resolve_incident,
    rebaseline,
    silence_alerts,
    end_silence_early,
    name_missed_incident,
)
JOBS = (
    hours_job,
    weeks_job,
    alerts_job,
    incidents_job,
    ledger_job,
    maintenance,
    *DECISIONS,
)

"""Jobs: the hours, the weeks, the upkeep of the lake, and what people do with an incident."""

import dagster as dg

from llm_monitoring.defs.assets import inputs, judging, provider, requests, response, windows
from llm_monitoring.defs.checks.cost_check import spend_within_budget
from llm_monitoring.defs.jobs.baselines import rebaseline
from llm_monitoring.defs.jobs.incident_steps import (
    acknowledge_incident,
    complete_incident_step,
    learn_from_incident,
    record_incident_verdict,
    resolve_incident,
)
from llm_monitoring.defs.jobs.silencing import (
    end_silence_early,
    name_missed_incident,
    silence_alerts,
)
from llm_monitoring.defs.jobs.upkeep import maintenance

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

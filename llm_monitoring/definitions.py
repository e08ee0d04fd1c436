"""The wiring diagram: every asset, check, job, schedule, sensor and resource."""

import warnings

import dagster as dg

with warnings.catch_warnings():
    # What we use of both: one run for a range, and a check with a result for each hour.
    warnings.filterwarnings("ignore", "Parameter `backfill_policy`", dg.BetaWarning)
    warnings.filterwarnings("ignore", "Specifying a partitions_def", dg.PreviewWarning)
    from llm_monitoring.defs.assets import inputs, judging, provider, requests, response, windows
    from llm_monitoring.defs.checks.cost_check import cost_check_job, spend_within_budget
    from llm_monitoring.defs.jobs.jobs import JOBS
    from llm_monitoring.defs.jobs.silencing import IN_MEMORY
    from llm_monitoring.defs.partitions import configuration_path
    from llm_monitoring.defs.resources import Monitoring, monitoring_resource
    from llm_monitoring.defs.runs.executor import watched_executor
    from llm_monitoring.defs.schedules import SCHEDULES
    from llm_monitoring.defs.sensors import SENSORS


def definitions_with(monitoring: Monitoring) -> dg.Definitions:
    """All of it, around one monitoring resource; a code location of one's own may hand in its.

    Raises:
        DagsterInvalidDefinitionError: the parts do not fit together.
    """
    definitions = dg.Definitions(
        assets=[
            requests.raw_requests,
            requests.user_signals,
            requests.changes,
            requests.sampled_requests,
            judging.judgements,
            inputs.input_features,
            windows.window_metrics,
            windows.control_charts,
            provider.probe_results,
            provider.provider_drift,
            response.alerts,
            response.incidents,
            response.regression_cases,
        ],
        asset_checks=[spend_within_budget],
        jobs=[*JOBS, cost_check_job],
        schedules=SCHEDULES,
        sensors=SENSORS,
        executor=watched_executor,
        resources={
            "monitoring": monitoring,
            IN_MEMORY: dg.mem_io_manager,
        },
    )
    with warnings.catch_warnings():
        # Dagster copies a sensor of several jobs, and warns of a parameter of its own.
        warnings.filterwarnings("ignore", "Parameter `owners` of initializer", dg.BetaWarning)
        definitions.get_repository_def()
    return definitions


defs = definitions_with(monitoring_resource(configuration_path()))

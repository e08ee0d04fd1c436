"""The cost check: spend and cost per request against chart and budget, and what moved it."""

import dagster as dg

from llm_monitoring.alerts.sentences import until_text
from llm_monitoring.defs.assets.windows import control_charts, window_metrics
from llm_monitoring.defs.resources import Monitoring
from llm_monitoring.pipeline.studies.cost import cost_report
from llm_monitoring.pipeline.windows.stored import newest_hour


@dg.asset_check(
    asset=window_metrics,
    name="spend_within_budget",
    additional_deps=[control_charts],  # whose alarms it tells
    description="The last 24 hours are within budget, and no cost chart is out of control. Red: "
    "one of both is not; the result says which feature spent what.",
)
def spend_within_budget(monitoring: Monitoring) -> dg.AssetCheckResult:
    """Each feature's last day against its budget, its charts, and the same day a week before.

    Spend that is not known only warns: no budget is known to be spent, nor that none is.
    """
    newest = newest_hour(monitoring.lake)
    if newest is None:
        return dg.AssetCheckResult(
            passed=False, severity=dg.AssetCheckSeverity.WARN, description="nothing was measured"
        )
    report = cost_report(monitoring.lake, monitoring.settings, newest)
    told = [*report.troubles, *report.unknowns]
    return dg.AssetCheckResult(
        passed=not told,
        severity=dg.AssetCheckSeverity.ERROR if report.troubles else dg.AssetCheckSeverity.WARN,
        description="; ".join(told) or f"within budget {until_text(newest)}",
        metadata={"last_hour": newest, "costs": dg.MetadataValue.md(report.table())},
    )


cost_check_job = dg.define_asset_job(
    "cost_check",
    selection=dg.AssetSelection.checks(spend_within_budget),
    description="Spend and cost per request against chart and budget, and what moved them.",
)

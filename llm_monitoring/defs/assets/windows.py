"""Windows and control charts: what is measured every hour, and whether it is in control."""

import dagster as dg

from llm_monitoring.alerts.data import crowd_text
from llm_monitoring.alerts.silent import find_crowds
from llm_monitoring.defs.assets.inputs import input_features
from llm_monitoring.defs.assets.judging import judgements
from llm_monitoring.defs.assets.requests import Results, raw_requests, user_signals
from llm_monitoring.defs.checks.chart_checks import CHART_CHECKS, report_charts
from llm_monitoring.defs.checks.check_reports import Finding, hourly_check, report
from llm_monitoring.defs.freshness import HOURLY
from llm_monitoring.defs.metadata import drawn, hours_to_detect
from llm_monitoring.defs.partitions import HOURS, hour_partition, hours_of
from llm_monitoring.defs.resources import Monitoring
from llm_monitoring.metrics import OTHER_FEATURES
from llm_monitoring.pipeline.studies.pictures import draw_sparklines
from llm_monitoring.pipeline.windows.chart import recompute
from llm_monitoring.pipeline.windows.late import recompute_late
from llm_monitoring.pipeline.windows.measure import measure_hours

WATCHED = "features_watched"


@dg.asset(
    group_name="control",
    partitions_def=HOURS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    deps=[raw_requests, user_signals, judgements, input_features],
    # Two runs at once could each measure without the reactions that the other just stored.
    pool="window_metrics",
    kinds={"duckdb", "deltalake"},
    freshness_policy=HOURLY,
    check_specs=[
        hourly_check(
            "window_metrics",
            WATCHED,
            "Every feature that the logs name is watched. Red: they name too many that "
            "monitoring.yaml does not; the busiest are watched, the others counted together.",
        )
    ],
)
def window_metrics(context: dg.AssetExecutionContext, monitoring: Monitoring) -> Results:
    """One row is one (window, segment, metric): value, n, stddev. A re-run replaces its hours.

    Windows of other hours are measured again where what came late has changed them.
    """
    measured = measure_hours(
        monitoring.lake,
        monitoring.settings,
        monitoring.embedder,
        monitoring.epoch,
        hours=hours_of(context),
    )
    yield dg.MaterializeResult(
        metadata={
            "dagster/partition_row_count": measured.rows,
            "measured_again": len(measured.again),
            "delta_version": measured.version,
        }
    )
    yield from report_watched(context, monitoring)


def report_watched(context: dg.AssetExecutionContext, monitoring: Monitoring) -> Results:
    """Whether every feature has windows of its own."""
    others = monitoring.lake.rows(
        "window_metrics", hours=hours_of(context), feature_id=OTHER_FEATURES
    )
    crowds = {hour_partition(found.hour): found for found in find_crowds(others)}

    def all_watched(partition: str) -> Finding:
        found = crowds.get(partition)
        return Finding(found is None, crowd_text(found) if found else "every feature is watched")

    yield from report(context, WATCHED, all_watched, dg.AssetCheckSeverity.WARN)


@dg.asset(
    group_name="control",
    partitions_def=HOURS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    deps=[window_metrics],
    # Two replays at once could each miss the other's windows.
    pool="control_charts",
    kinds={"deltalake"},
    freshness_policy=HOURLY,
    check_specs=list(CHART_CHECKS),
)
def control_charts(context: dg.AssetExecutionContext, monitoring: Monitoring) -> Results:
    """One row is one (window, chart): state, statistic, limit, alarm or not.

    A run replays from the state before its first window and ripples over windows after its last.
    Charts of earlier windows that were measured again are recomputed from there.
    """
    first, last = hours_of(context)
    late = recompute_late(monitoring.lake, monitoring.settings, first)
    recomputed = recompute(monitoring.lake, monitoring.settings, first, last)
    # Once a run: metadata of the result is stored with each of its hours.
    context.add_asset_metadata(
        {
            "charts": recomputed.charts,
            "windows_replayed_until": recomputed.last,
            "baselines_learned": recomputed.baselines,
            **hours_to_detect(monitoring.lake, monitoring.settings),
            **drawn(draw_sparklines(monitoring.lake, last)),
        },
        partition_key=hour_partition(last),
    )
    yield dg.MaterializeResult(metadata={"delta_version": recomputed.version})
    yield from report_charts(context, monitoring, late)

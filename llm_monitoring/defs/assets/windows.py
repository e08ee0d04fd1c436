"""Windows and control charts: what is measured every hour, and whether it is in control."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from llm_monitoring.defs.assets.inputs import input_features
from llm_monitoring.defs.assets.judging import judgements
from llm_monitoring.defs.assets.requests import Results, raw_requests, user_signals
from llm_monitoring.defs.chart_checks import CHART_CHECKS, report_charts
from llm_monitoring.defs.freshness import HOURLY
from llm_monitoring.defs.judges import current_epoch
from llm_monitoring.defs.partitions import HOURS, hour_partition, hours_of
from llm_monitoring.defs.pictures import sparklines
from llm_monitoring.defs.power_table import hours_to_detect
from llm_monitoring.defs.resources import Monitoring
from llm_monitoring.hours import hour_range, shift
from llm_monitoring.lake import TABLES, Lake
from llm_monitoring.metrics import (
    FLEET_FEATURES,
    METRICS,
    Family,
    measurements_sql,
    silent_windows,
)
from llm_monitoring.pipeline.chart import refold
from llm_monitoring.settings import Settings

WINDOW_METRICS = TABLES["window_metrics"]
PIECE = 120  # hours measured at once: with 300 features of 50 requests an hour, under 400 MB


@dg.asset(
    group_name="control",
    partitions_def=HOURS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    deps=[raw_requests, user_signals, judgements, input_features],
    kinds={"duckdb", "deltalake"},
    freshness_policy=HOURLY,
)
def window_metrics(
    context: dg.AssetExecutionContext, monitoring: Monitoring
) -> dg.MaterializeResult[Any]:
    """One row is one (window, segment, metric): value, n, stddev. A re-run replaces its hours.

    A long range is measured and committed piece by piece: memory stays small.
    """
    epoch = current_epoch(monitoring)
    stored = [_replace(monitoring, hours, epoch) for hours in pieces(*hours_of(context))]
    return dg.MaterializeResult(
        metadata={
            "dagster/partition_row_count": sum(rows for rows, _ in stored),
            "delta_version": stored[-1][1],
        }
    )


@dg.asset(
    group_name="control",
    partitions_def=HOURS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    deps=[window_metrics],
    # Two folds at once could each miss the other's windows.
    pool="control_charts",
    kinds={"deltalake"},
    freshness_policy=HOURLY,
    check_specs=list(CHART_CHECKS),
)
def control_charts(context: dg.AssetExecutionContext, monitoring: Monitoring) -> Results:
    """One row is one (window, chart): state, statistic, limit, alarm or not.

    A run folds from the state before its first window and ripples over windows after its last.
    """
    first, last = hours_of(context)
    refolded = refold(monitoring.lake, monitoring.settings, first, last)
    # Once a run: metadata of the result is stored with each of its hours.
    context.add_asset_metadata(
        {
            "charts": refolded.charts,
            "windows_folded_until": refolded.last,
            "baselines_learned": refolded.baselines,
            **hours_to_detect(monitoring.lake, monitoring.settings),
            **sparklines(monitoring, last),
        },
        partition_key=hour_partition(last),
    )
    yield dg.MaterializeResult(metadata={"delta_version": refolded.version})
    yield from report_charts(context, monitoring)


def _replace(monitoring: Monitoring, hours: tuple[int, int], epoch: str) -> tuple[int, int]:
    """Measure and store some hours; returns the rows stored and the Delta version."""
    lake, settings = monitoring.lake, monitoring.settings
    families = measured_families(settings)
    rows = pa.concat_tables([measure(lake, settings, family, hours, epoch) for family in families])
    return rows.num_rows, lake.replace_hours("window_metrics", rows, *hours)


def pieces(first: int, last: int) -> Iterator[tuple[int, int]]:
    """The range in pieces of at most PIECE hours, first and last hour of each."""
    while first <= last:
        yield first, min(shift(first, PIECE - 1), last)
        first = shift(first, PIECE)


def measured_families(settings: Settings) -> list[Family]:
    """Families of metrics that have a source; without signals nothing is said of satisfaction."""
    families: list[Family] = ["requests", "judgements", "inputs"]
    if len(settings.features) >= FLEET_FEATURES:
        families.append("fleet")
    return [*families, "signals"] if settings.sources.signals else families


def measure(
    lake: Lake, settings: Settings, family: Family, hours: tuple[int, int], epoch: str
) -> pa.Table:
    """Windows of one family, those without rows included.

    Returns:
        Rows of window_metrics.
    """
    first, last = hours
    # Within the hour a reaction always counts, however late others may come.
    settle_hours = max([1, *(source.late_hours for source in settings.sources.signals)])
    measured = lake.query(
        f"window_{family}",
        # Reactions come later than the requests they belong to.
        hours=(first, shift(last, settle_hours) if family == "signals" else last),
        fragments={"measurements": measurements_sql(family)},
        first=first,
        last=last,
        settle_us=settle_hours * 3_600_000_000,
    )
    measured = measured.select(WINDOW_METRICS.schema.names).cast(WINDOW_METRICS.schema)
    # Of every window one row is enough to see that it is there.
    total = measured.filter(
        pc.and_(pc.is_null(measured["model_id"]), pc.equal(measured["metric"], FIRST[family]))
    )
    present = set(zip(total["hour"].to_pylist(), total["feature_id"].to_pylist(), strict=True))
    silent = silent_windows(
        family,
        hour_range(first, last),
        [feature.feature_id for feature in settings.features],
        present,
        epoch if family == "judgements" else None,
    )
    return pa.concat_tables([measured, WINDOW_METRICS.to_arrow(silent)])


FIRST: dict[Family, str] = {metric.family: metric.name for metric in reversed(METRICS)}

"""How long a change would go unnoticed, as metadata: a small table beside the charts."""

import math
from collections.abc import Iterator
from typing import Any

import dagster as dg

from llm_monitoring.control import parse_baseline, series_run_length
from llm_monitoring.lake import Lake
from llm_monitoring.metrics import BY_NAME, Metric
from llm_monitoring.power import (
    CHART,
    Change,
    Power,
    by_series,
    in_force,
    movement_text,
    of_feature,
    power_of,
    typical_rows,
    verdict_text,
)
from llm_monitoring.records import Baseline
from llm_monitoring.settings import Settings
from llm_monitoring.stats.baselines import SilenceBaseline
from llm_monitoring.stats.charts import CHARTS

MAIN = ("quality_mean", "error_rate", "avg_cost_per_request_usd")  # of each feature
CHANGE = Change()
SHOWN = 12  # rows: the event log keeps a copy with every window


def hours_to_detect(lake: Lake, settings: Settings) -> dict[str, Any]:
    """What would go unnoticed longest, from stored baselines alone; nothing if none is learned."""
    stored = lake.rows(
        "baselines",
        "contains(chart_id, '/*/') and list_contains($metrics, split_part(chart_id, '/', -2))",
        metrics=list(MAIN),
    )
    try:
        told = sorted(_powers(settings, stored), key=_unnoticed, reverse=True)
    except Exception as error:  # noqa: BLE001 - told in the table's place: the charts are stored
        return {"hours_to_detect": f"cannot be computed: {type(error).__name__}: {error}"}
    if not told:
        return {}
    records = [dg.TableRecord(_record(power)) for power in told[:SHOWN]]
    return {"hours_to_detect": dg.MetadataValue.table(records)}


def _powers(settings: Settings, stored: list[Baseline]) -> Iterator[Power]:
    grouped = by_series(stored)
    for feature in settings.features:
        for metric in (BY_NAME[name] for name in MAIN):
            known = in_force(of_feature(grouped, feature.feature_id, metric.name))
            power = None if known is None else _power(settings, feature.feature_id, metric, known)
            if power is not None:
                yield power


def _power(settings: Settings, feature_id: str, metric: Metric, known: Baseline) -> Power | None:
    baseline = parse_baseline(known)
    if isinstance(baseline, SilenceBaseline):
        return None
    return power_of(
        metric,
        feature_id,
        baseline,
        status=known.status,
        rows=typical_rows(baseline),
        change=CHANGE,
        run_length=series_run_length(settings, feature_id) / CHARTS[CHART].share,
    )


def _unnoticed(power: Power) -> float:
    return math.inf if power.hours is None else power.hours


def _record(power: Power) -> dict[str, str | int | float]:
    return {
        "feature": power.feature_id,
        "metric": power.metric.name,
        "change": movement_text(power),
        "rows_per_hour": round(power.rows_per_hour),
        "hours": "" if power.hours is None else round(power.hours, 1),
        "within_a_day": verdict_text(power),
        "baseline": power.status,
    }

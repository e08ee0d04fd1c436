"""How long a change would go unnoticed, from stored baselines alone."""

import math
from collections.abc import Iterator

from llm_monitoring.control import parse_baseline, series_run_length
from llm_monitoring.lake import TABLES, Lake
from llm_monitoring.metrics import BY_NAME, Metric
from llm_monitoring.power import (
    CHART,
    Change,
    Power,
    by_series,
    in_force,
    of_feature,
    power_of,
    typical_rows,
)
from llm_monitoring.records import Baseline
from llm_monitoring.settings import Settings
from llm_monitoring.stats.baselines import SilenceBaseline
from llm_monitoring.stats.charts import CHARTS

MAIN = ("quality_mean", "error_rate", "avg_cost_per_request_usd")  # of each feature
CHANGE = Change()


def typical_powers(lake: Lake, settings: Settings) -> list[Power]:
    """Power of the main series, those first that would go unnoticed longest; none if none learned.

    The rows of a window are those that the baseline was learned of.
    """
    stored: list[Baseline] = TABLES["baselines"].to_records(
        lake.query("baselines_of_metrics", metrics=list(MAIN))
    )
    return sorted(_powers(settings, stored), key=_unnoticed, reverse=True)


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

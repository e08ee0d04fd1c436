"""A small product's settings, and series with faults at known hours."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np

from llm_monitoring.backtesting import FoundEpisode
from llm_monitoring.control import Series
from llm_monitoring.hours import shift
from llm_monitoring.records import WindowMetric
from llm_monitoring.settings import Settings
from llm_monitoring_tests.lake.examples import FIRST, window

PHASE_ONE = 336
ERRORS = Series("search", "{}", None, "error_rate")
SCORES = Series("search", "{}", "e1", "quality_mean")


def settings(features: int = 1, **control: Any) -> Settings:
    names = ["search", "chat", "summary"][:features]
    return Settings.model_validate(
        {
            "product": "Shop",
            "start": datetime(2026, 10, 5, tzinfo=UTC),
            "features": [{"feature_id": name} for name in names],
            "control": control,
        }
    )


def hour(offset: int) -> int:
    return shift(FIRST, offset)


def rates(
    hours: int,
    rate: Callable[[int], float],
    *,
    n: int = 200,
    seed: int = 1,
    start: int = 0,
    **known: Any,
) -> list[WindowMetric]:
    """Windows of a rate that is told for each hour."""
    rng = np.random.default_rng(seed)
    return [
        window(hour(start + i), float(rng.binomial(n, rate(i))) / n, n=n, **known)
        for i in range(hours)
    ]


def scores(
    hours: int, mean: Callable[[int], float], *, n: int = 25, seed: int = 2
) -> list[WindowMetric]:
    """Windows of a mean score that is told for each hour."""
    rng = np.random.default_rng(seed)
    return [
        window(
            hour(i),
            mean(i) + float(rng.normal(0, 0.2)),
            n=n,
            stddev=1.0,
            metric="quality_mean",
            epoch="e1",
        )
        for i in range(hours)
    ]


def episode(first: int, last: int, series: Series = ERRORS, **known: Any) -> FoundEpisode:
    """An episode; its hours are counted from the start."""
    fields: dict[str, Any] = {
        "series": series,
        "chart": "sr_mixture",
        "first_hour": hour(first),
        "last_hour": hour(last),
        "is_open": False,
        "direction": "up",
        "before": 0.01,
        "level": 0.05,
        "change_hour": hour(first),
    }
    return FoundEpisode(**(fields | known))

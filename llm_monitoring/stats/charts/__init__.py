"""The catalogue of control charts."""

from collections.abc import Callable, Sequence

from llm_monitoring.stats.baselines import (
    AnyBaseline,
    Reading,
    learn_count,
    learn_mean,
    learn_positive,
    learn_proportion,
)
from llm_monitoring.stats.charts.chart import Chart, Point, Side, run
from llm_monitoring.stats.charts.classical import cusum, ewma, laney_p, shewhart, variance_cusum
from llm_monitoring.stats.charts.lines import missing, reference_ewma
from llm_monitoring.stats.charts.outage import outage
from llm_monitoring.stats.charts.sr_mixture import sr_mixture
from llm_monitoring.stats.charts.threshold import static_threshold

STATE_VERSION = 5  # raised when a stored state would be read differently: charts are recomputed

LEARN: dict[str, Callable[[Sequence[Reading]], AnyBaseline]] = {
    "proportion": learn_proportion,
    "mean": learn_mean,
    "positive": learn_positive,
    "count": learn_count,
}
CHARTS: dict[str, Callable[..., Chart]] = {
    "sr_mixture": sr_mixture,
    "outage": outage,
    "missing": missing,
    "variance_cusum": variance_cusum,
    "cusum": cusum,
    "ewma": ewma,
    "shewhart": shewhart,
    "laney_p": laney_p,
    "static_threshold": static_threshold,
    "reference_ewma": reference_ewma,
}

__all__ = [
    "CHARTS",
    "LEARN",
    "STATE_VERSION",
    "Chart",
    "Point",
    "Side",
    "cusum",
    "ewma",
    "laney_p",
    "missing",
    "outage",
    "reference_ewma",
    "run",
    "shewhart",
    "sr_mixture",
    "static_threshold",
    "variance_cusum",
]

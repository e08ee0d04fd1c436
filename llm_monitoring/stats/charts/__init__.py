"""Control charts, and the catalogue of them."""

from llm_monitoring.stats.charts.catalogue import (
    CHARTS,
    LEARN,
    ChartKind,
    Learn,
    rank_in_pair,
    shares_of,
)
from llm_monitoring.stats.charts.chart import Chart, Point, Side, run
from llm_monitoring.stats.charts.lines import SILENCE, missing, reference_ewma
from llm_monitoring.stats.charts.single_window import single_window
from llm_monitoring.stats.charts.sr_mixture import sr_mixture
from llm_monitoring.stats.charts.threshold import LINE, static_threshold

__all__ = [
    "CHARTS",
    "LEARN",
    "LINE",
    "SILENCE",
    "Chart",
    "ChartKind",
    "Learn",
    "Point",
    "Side",
    "missing",
    "rank_in_pair",
    "reference_ewma",
    "run",
    "shares_of",
    "single_window",
    "sr_mixture",
    "static_threshold",
]

"""Control: the budget, which charts watch which series, and the fold that makes their points.

All of it is pure: `pipeline/chart.py` reads and writes what is folded here.
"""

from llm_monitoring.control.budget import (
    MODELS_PER_FEATURE,
    OUTAGE_SHARE,
    UNLISTED_FEATURES,
    chart_count,
    chart_run_length,
    series_run_length,
    ticket_margin,
)
from llm_monitoring.control.folding import ACCEPT_WINDOWS, Folded, fold
from llm_monitoring.control.resuming import (
    LEARNING_WINDOWS,
    RELEVEL_WINDOWS,
    PhaseOne,
    Resume,
    can_resume,
)
from llm_monitoring.control.series import NAMED, Series, charts_of, concerns, group, named_charts
from llm_monitoring.control.stored import parse_baseline, phase_one_hours

__all__ = [
    "ACCEPT_WINDOWS",
    "LEARNING_WINDOWS",
    "MODELS_PER_FEATURE",
    "NAMED",
    "OUTAGE_SHARE",
    "RELEVEL_WINDOWS",
    "UNLISTED_FEATURES",
    "Folded",
    "PhaseOne",
    "Resume",
    "Series",
    "can_resume",
    "chart_count",
    "chart_run_length",
    "charts_of",
    "concerns",
    "fold",
    "group",
    "named_charts",
    "parse_baseline",
    "phase_one_hours",
    "series_run_length",
    "ticket_margin",
]

"""Control: the budget, which charts watch which series, and the replay that makes their points.

All of it is pure: `pipeline/chart.py` reads and writes what is replayed here.
"""

from llm_monitoring.control.budget import (
    UNLISTED_FEATURES,
    chart_count,
    chart_run_length,
    series_run_length,
    ticket_margin,
)
from llm_monitoring.control.checkpoint import (
    LEARNING_WINDOWS,
    RELEVEL_WINDOWS,
    Checkpoint,
    PhaseOne,
    can_resume,
)
from llm_monitoring.control.replaying import ACCEPT_WINDOWS, Replayed, replay
from llm_monitoring.control.series import (
    Series,
    chart_mistake,
    chart_names,
    charts_of,
    concerns,
    group,
    named_charts,
)
from llm_monitoring.control.stored import parse_baseline, phase_one_hours, skips

__all__ = [
    "ACCEPT_WINDOWS",
    "LEARNING_WINDOWS",
    "RELEVEL_WINDOWS",
    "UNLISTED_FEATURES",
    "Checkpoint",
    "PhaseOne",
    "Replayed",
    "Series",
    "can_resume",
    "chart_count",
    "chart_mistake",
    "chart_names",
    "chart_run_length",
    "charts_of",
    "concerns",
    "group",
    "named_charts",
    "parse_baseline",
    "phase_one_hours",
    "replay",
    "series_run_length",
    "skips",
    "ticket_margin",
]

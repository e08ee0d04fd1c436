"""Backtesting: charts, drawn lines and budgets over stored windows, against labelled incidents.

Nothing is written: windows come in, episodes go out.
"""

from llm_monitoring.backtesting.rules import CONFIGURED, Rule, check_metric, parse_rule
from llm_monitoring.backtesting.scoring import (
    LabelledIncident,
    Outcome,
    RuleResult,
    median_delay,
)
from llm_monitoring.backtesting.watching import FoundEpisode, Watched, watch_series

__all__ = [
    "CONFIGURED",
    "FoundEpisode",
    "LabelledIncident",
    "Outcome",
    "Rule",
    "RuleResult",
    "Watched",
    "check_metric",
    "median_delay",
    "parse_rule",
    "watch_series",
]

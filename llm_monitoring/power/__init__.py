"""Power: how long a change would go unnoticed, and what it takes to notice it in time.

It is given for sr_mixture at the configured budget, from the baseline in force and the rows an hour
of late. Of what is judged the rate can be chosen: a higher one costs money and buys hours.
"""

from llm_monitoring.power.baselines import by_series, in_force, of_feature
from llm_monitoring.power.change import Change
from llm_monitoring.power.rows import Rows, Sampling, rows_of, typical_rows
from llm_monitoring.power.series import CHART, SAMPLED, Power, power_of, waiting
from llm_monitoring.power.words import movement_text, verdict_text

__all__ = [
    "CHART",
    "SAMPLED",
    "Change",
    "Power",
    "Rows",
    "Sampling",
    "by_series",
    "in_force",
    "movement_text",
    "of_feature",
    "power_of",
    "rows_of",
    "typical_rows",
    "verdict_text",
    "waiting",
]

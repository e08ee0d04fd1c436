"""The false-alarm budget: one number for all charts together, and every series' share of it.

The charts of one series share its part as the catalogue of charts says.
"""

import math

from llm_monitoring.metrics import ALL_FEATURES, CHARTED
from llm_monitoring.settings import Settings
from llm_monitoring.stats.charts import CHARTS, shares_of
from llm_monitoring.stats.multiplicity import run_length

# The budget is shared out before it is known which models a feature will use, and which features
# that monitoring.yaml does not name: those share one feature's part.
MODELS_PER_FEATURE = 4
UNLISTED_FEATURES = 10


def chart_count(settings: Settings) -> int:
    """Series the false-alarm budget is shared by; it does not depend on what was logged so far."""
    by_model = sum(metric.by_model for metric in CHARTED) * MODELS_PER_FEATURE
    return (len(settings.features) + 1) * (len(CHARTED) + by_model)


def series_run_length(settings: Settings, feature_id: str | None = None) -> float:
    """Windows in control per false page of one series, so that all together keep the budget.

    Args:
        feature_id: the feature; one that monitoring.yaml does not name has a smaller share.
    """
    each = run_length(settings.control.false_alarms_per_week, chart_count(settings))
    listed = {ALL_FEATURES, *(feature.feature_id for feature in settings.features)}
    return each if feature_id is None or feature_id in listed else each * UNLISTED_FEATURES


def chart_run_length(settings: Settings, feature_id: str, chart: str) -> float | None:
    """Windows in control per false page of one chart; None: the chart takes no budget.

    Args:
        chart: its name; one that the settings do not choose has the share it would have alone.
    """
    alone = CHARTS[chart].share if chart in CHARTS else 0.0
    share = shares_of(settings.control.chart).get(chart, alone)
    return series_run_length(settings, feature_id) / share if share else None


def ticket_margin(settings: Settings) -> float:
    """How far above its limit a statistic has to rise before an episode is worth a page, nats.

    0 unless a larger budget was given to tickets: then charts open episodes at that budget.
    """
    pages, tickets = settings.control.false_alarms_per_week, settings.control.false_tickets_per_week
    return 0.0 if tickets is None else math.log(tickets / pages)

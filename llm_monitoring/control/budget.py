"""The false-alarm budget: one number for all charts together, and every series' share of it.

Nine tenths of a share go to the chart that finds what lasts, one tenth to the one that finds a
single window far out.
"""

import math

from llm_monitoring.metrics import ALL_FEATURES, CHARTED
from llm_monitoring.settings import Settings
from llm_monitoring.stats.multiplicity import run_length

# The budget is shared out before it is known which models a feature will use, and which features
# that monitoring.yaml does not name: so many of those are watched, and share one feature's part.
MODELS_PER_FEATURE = 4
UNLISTED_FEATURES = 50
OUTAGE_SHARE = 0.1  # of a series' budget


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
        chart: name in the catalogue of charts.
    """
    shares = {"sr_mixture": 1 - OUTAGE_SHARE, "outage": OUTAGE_SHARE}
    if chart not in shares:
        return None
    is_alone = settings.control.chart == chart == "outage"
    return series_run_length(settings, feature_id) / (1.0 if is_alone else shares[chart])


def ticket_margin(settings: Settings) -> float:
    """How far above its limit a statistic has to rise before an episode is worth a page, nats.

    0 unless a larger budget was given to tickets: then charts open episodes at that budget.
    """
    pages, tickets = settings.control.false_alarms_per_week, settings.control.false_tickets_per_week
    return 0.0 if tickets is None else math.log(tickets / pages)

"""The false-alarm budget: one number for all charts together, and every series' share of it.

The charts of one series share its part as the catalogue of charts says.
"""

import math

from llm_monitoring.metrics import ALL_FEATURES, CHARTED, OF_SEGMENTS
from llm_monitoring.settings import Settings
from llm_monitoring.settings.control import Breakdown
from llm_monitoring.stats.charts import CHARTS, shares_of
from llm_monitoring.stats.multiplicity import run_length

# The budget is shared out before it is known which features there are that monitoring.yaml does not
# name: so many of those are watched, and share one feature's part.
UNLISTED_FEATURES = 50


def chart_count(settings: Settings) -> int:
    """Series the false-alarm budget is shared by; it does not depend on what was logged so far.

    Of a breakdown as many segments count as are charted in one window at most, so that the budget
    is kept whichever come and go; or as many as its settings say.
    """
    segments = sum(
        breakdown.sharers * len(_metrics_of(breakdown)) for breakdown in settings.breakdowns
    )
    return (len(settings.features) + 1) * (len(CHARTED) + segments)


def charted_metrics(settings: Settings) -> dict[frozenset[str], tuple[str, ...]]:
    """Attributes of each breakdown -> metrics that are charted of each of its segments."""
    return {frozenset(each.attributes): _metrics_of(each) for each in settings.breakdowns}


def _metrics_of(breakdown: Breakdown) -> tuple[str, ...]:
    known = tuple(name for name in breakdown.metrics if name in OF_SEGMENTS)
    return known if breakdown.charted else ()


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

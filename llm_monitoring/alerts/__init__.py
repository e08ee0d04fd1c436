"""Alerts: what is out of control in the lake, who is told, and exactly once.

Episodes are read off the lake (`episodes`, `provider`, `data`) and reconciled with the alerts that
are already known (`reconcile`). What people are told of them is decided by topic and channel
(`topics`, `news`, `notifying`), put into words (`wording`, `weekly`), and remembered
(`deliveries`). All of it is pure: the lake is read and written, and channels are called, elsewhere.
"""

from llm_monitoring.alerts.causes import Cause, causes_of, incidents_of
from llm_monitoring.alerts.charts import MetricInfo, chart_episodes
from llm_monitoring.alerts.data import (
    DataFinding,
    FailedCharts,
    data_episodes,
    find_drops,
    find_failed_charts,
    find_low_coverage,
    find_rejects,
    overspent_text,
    unscored_counts,
)
from llm_monitoring.alerts.deliveries import FailingChannel, failing_channels
from llm_monitoring.alerts.digest import FalseAlarms, false_alarms
from llm_monitoring.alerts.episodes import USUAL_SEVERITIES, Episode, severity_of
from llm_monitoring.alerts.monitor import failure_episodes
from llm_monitoring.alerts.points import point_text
from llm_monitoring.alerts.proposals import Proposal
from llm_monitoring.alerts.provider import provider_episodes
from llm_monitoring.alerts.reconcile import (
    Reconciliation,
    fingerprint_of,
    is_history,
    is_withdrawn,
    reconcile,
)
from llm_monitoring.alerts.runs import is_accepted, one_to_a_series
from llm_monitoring.alerts.sentences import expected_by_chance
from llm_monitoring.alerts.shares import POOLED_HOURS, Counted
from llm_monitoring.alerts.silent import explained, find_crowds, find_missing_windows
from llm_monitoring.alerts.spend import (
    UNPRICED_REQUESTS,
    DayPrices,
    DaySpend,
    find_overspent,
    find_unpriced,
)

__all__ = [
    "POOLED_HOURS",
    "UNPRICED_REQUESTS",
    "USUAL_SEVERITIES",
    "Cause",
    "Counted",
    "DataFinding",
    "DayPrices",
    "DaySpend",
    "Episode",
    "FailedCharts",
    "FailingChannel",
    "FalseAlarms",
    "MetricInfo",
    "Proposal",
    "Reconciliation",
    "causes_of",
    "chart_episodes",
    "data_episodes",
    "expected_by_chance",
    "explained",
    "failing_channels",
    "failure_episodes",
    "false_alarms",
    "find_crowds",
    "find_drops",
    "find_failed_charts",
    "find_low_coverage",
    "find_missing_windows",
    "find_overspent",
    "find_rejects",
    "find_unpriced",
    "fingerprint_of",
    "incidents_of",
    "is_accepted",
    "is_history",
    "is_withdrawn",
    "one_to_a_series",
    "overspent_text",
    "point_text",
    "provider_episodes",
    "reconcile",
    "severity_of",
    "unscored_counts",
]

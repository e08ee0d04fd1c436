"""Four simulated weeks: what is wrong is found when promised, and the quiet feature stays quiet.

Requests and user signals alone, which take seconds; `test_demo.py` judges and embeds too.
"""

from dataclasses import replace

import pytest
from scipy import stats

from llm_monitoring.adapters.prices import Prices, TokenCounts
from llm_monitoring.control import chart_run_length, charts_of, group
from llm_monitoring.defs.resources import Monitoring
from llm_monitoring.hours import LAST_HOUR, hour_range
from llm_monitoring.records import Request, UserSignal
from llm_monitoring.simulation import FAULTS, choose_faults, simulate_hour
from llm_monitoring.simulation.scorecard import score
from llm_monitoring_tests.stories.promises import PROMISED_HOURS
from llm_monitoring_tests.stories.watching import (
    PHASE_ONE,
    START,
    WEEK,
    alarms,
    hour_of,
    new_monitoring,
    raise_alerts,
    watch,
)

pytestmark = pytest.mark.slow

QUIET = "order_summary"
HOURS = START, hour_of(4 * WEEK - 1)
# These need neither judge nor embedder; the swap is seen in the length of its answers.
SEEN_IN_REQUESTS = ("provider_swap", "prompt_bloat", "error_creep", "outage")
MODELS = {"support_chat": {"gpt-4.1-mini"}}


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Monitoring:
    monitoring = new_monitoring(tmp_path_factory.mktemp("weeks"), end="2026-11-02T00:00:00Z")
    requests: list[Request] = []
    signals: list[UserSignal] = []
    prices = Prices(monitoring.settings.prices)
    for hour in hour_range(*HOURS):
        sent, reacted = simulate_hour(hour, 7, choose_faults(start=START))
        requests += [without_text(row, prices) for row in sent]
        signals += [row for row in reacted if row.hour <= HOURS[1]]
    monitoring.lake.replace_hours("raw_requests", requests, *HOURS)
    monitoring.lake.replace_hours("user_signals", signals, *HOURS)
    watch(monitoring, HOURS, ["requests", "signals"])
    raise_alerts(monitoring)
    return monitoring


def without_text(row: Request, prices: Prices) -> Request:
    """Priced as ingestion does; the texts are not looked at here and take the space."""
    cost, version = prices.cost(
        model_id=row.model_id, requested_model=row.requested_model, provider=row.provider,
        timestamp=row.timestamp, tokens=TokenCounts(row.input_tokens, row.output_tokens),
    )  # fmt: skip
    return replace(row, cost_usd=cost, price_version=version, input_text=None, output_text=None)


@pytest.mark.parametrize("fault", SEEN_IN_REQUESTS)
def test_each_fault_is_found_within_its_promised_delay(watched: Monitoring, fault: str) -> None:
    (catch,) = score(watched.lake.rows("alerts"), choose_faults(fault, start=START), MODELS).catches
    assert catch.delay_hours is not None
    assert catch.delay_hours <= PROMISED_HOURS[fault]


def test_every_fault_has_a_promise() -> None:
    assert set(PROMISED_HOURS) == set(FAULTS)


def test_the_quiet_feature_stays_quiet_for_a_fortnight_after_its_baseline(
    watched: Monitoring,
) -> None:
    windows = watched.lake.rows("window_metrics", feature_id=QUIET)
    charts = [c for series in group(windows) for c in charts_of(series, watched.settings)]
    # One false alarm a week is shared by every chart of the product; these are this feature's.
    lengths = [chart_run_length(watched.settings, QUIET, chart.name) for chart in charts]
    expected = sum(PHASE_ONE / length for length in lengths if length is not None)
    found = alarms(watched, feature_id=QUIET, hours=(hour_of(PHASE_ONE), LAST_HOUR))
    assert 0.2 < expected < 0.6
    assert len(found) <= stats.poisson.ppf(0.95, expected)
    everything = watched.lake.rows("control_charts", feature_id=QUIET)
    assert "waiting" not in {p.status for p in everything if p.hour >= hour_of(PHASE_ONE)}


def test_no_alarm_of_the_four_weeks_is_without_a_fault_beyond_the_budget(
    watched: Monitoring,
) -> None:
    card = score(watched.lake.rows("alerts"), choose_faults(start=START), MODELS)
    # Half of the budget's charts are measured here, for two weeks: one false alarm expected.
    assert len(card.false_alarms) <= stats.poisson.ppf(0.95, 2 * 0.5)

import math
from typing import Any

import pytest

from llm_monitoring.metrics import BY_NAME
from llm_monitoring.power import Change, Power, Rows, Sampling, power_of, waiting
from llm_monitoring.stats.baselines import LevelBaseline, ProportionBaseline
from llm_monitoring.stats.power import hours_to_detect, level_information, rate_information
from llm_monitoring_tests.power.examples import level, rate

RUN_LENGTH = 10_000.0
SAMPLING = Sampling(requests_per_hour=500, sampled_per_hour=25, usd_per_judgement=0.01)


def told(
    metric: str = "quality_mean",
    baseline: LevelBaseline | ProportionBaseline | None = None,
    n: float = 25.0,
    charted_share: float = 1.0,
    **known: Any,
) -> Power:
    fields: dict[str, Any] = {
        "status": "established",
        "rows": Rows(per_window=n, charted_share=charted_share),
        "change": Change(),
        "run_length": RUN_LENGTH,
    }
    return power_of(BY_NAME[metric], "search", baseline or level(), **(fields | known))


def test_a_mean_of_scores_is_told_by_its_scatter() -> None:
    power = told(change=Change(drop=0.3))
    information = level_information(0.3, 25, within=1.0, between=0.05)
    assert power.hours == pytest.approx(hours_to_detect(information, RUN_LENGTH))
    assert (power.before, power.after) == (4.0, pytest.approx(3.7))
    assert power.own_variation == 0.05
    assert power.verdict == "in time"


def test_a_rate_is_told_by_its_counts() -> None:
    power = told("error_rate", rate(), 200)
    assert power.hours == pytest.approx(
        hours_to_detect(rate_information(0.02, 0.03, 200), RUN_LENGTH)
    )
    assert (power.before, power.after) == (0.02, pytest.approx(0.03))
    assert power.own_variation == 0.0


def test_cost_is_told_by_its_logarithm() -> None:
    center = math.log(0.002)
    skewed = level(center, transform="log", within=0.5, between=0.05)
    power = told("avg_cost_per_request_usd", skewed, 100)
    information = level_information(math.log(1.5), 100, within=0.5, between=0.05)
    assert power.hours == pytest.approx(hours_to_detect(information, RUN_LENGTH))
    assert power.before == pytest.approx(0.002)


def test_two_directions_take_longer_than_one() -> None:
    one, two = (
        told(name, level(4.0, transform="log", within=3.0), 20)
        for name in ("avg_cost_per_request_usd", "avg_input_tokens")
    )
    assert one.hours is not None
    assert two.hours is not None
    assert one.hours < two.hours


def test_memory_and_inflation_cost_time() -> None:
    usual, remembers, inflated = (
        told(baseline=level(**known)).hours for known in ({}, {"phi": 0.5}, {"inflation": 1.3})
    )
    assert usual is not None
    assert remembers is not None
    assert inflated is not None
    assert remembers > 2 * usual
    assert inflated > 1.4 * usual


def test_windows_that_are_not_charted_cost_time() -> None:
    whole, half = told(n=25), told(n=25, charted_share=0.5)
    assert whole.hours is not None
    assert half.hours is not None
    assert half.hours > 1.7 * whole.hours
    assert half.rows_per_hour == 12.5


def test_a_higher_rate_is_named_with_its_price() -> None:
    power = told(sampling=SAMPLING, change=Change(hours=10))
    assert power.verdict == "more rows"
    assert power.sample_rate == 0.05
    assert power.rows_needed is not None
    assert power.sample_rate_needed == pytest.approx(power.rows_needed / 500)
    assert power.usd_per_day == pytest.approx(6.0)
    assert power.usd_per_day_needed == pytest.approx(24 * power.rows_needed * 0.01)
    # At that rate it takes as long as was wanted.
    again = told(n=power.rows_needed, sampling=SAMPLING, change=Change(hours=10))
    assert again.hours == pytest.approx(10, rel=1e-3)


def test_where_every_request_judged_is_too_few_that_is_told() -> None:
    few = Sampling(requests_per_hour=30, sampled_per_hour=25, usd_per_judgement=0.0)
    power = told(sampling=few, change=Change(hours=10))
    assert power.verdict == "all are too few"
    assert power.sample_rate_needed is None
    assert power.best_hours is not None
    assert power.hours is not None
    assert 10 < power.best_hours < power.hours


def test_where_the_mean_varies_too_much_by_itself_no_rate_can() -> None:
    power = told(baseline=level(between=0.3), sampling=SAMPLING)
    assert power.verdict == "no rate can"
    assert power.rows_needed is None
    assert power.own_variation == pytest.approx(0.3)
    together = told("error_rate", rate(correlation=0.05), 200)
    assert together.verdict == "no rate can"
    assert together.own_variation == pytest.approx(math.sqrt(0.05 * 0.02 * 0.98))


def test_of_all_requests_there_is_no_rate_to_choose() -> None:
    power = told("error_rate", rate(0.005), 100, sampling=SAMPLING)
    assert power.verdict == "more rows"
    assert power.rows_needed is not None
    assert power.rows_needed > 100
    assert (power.sample_rate, power.sample_rate_needed, power.usd_per_day) == (None, None, None)


def test_an_unpriced_judge_has_no_price() -> None:
    unpriced = Sampling(requests_per_hour=500, sampled_per_hour=25, usd_per_judgement=None)
    power = told(sampling=unpriced, change=Change(hours=10))
    assert power.sample_rate_needed is not None
    assert (power.usd_per_day, power.usd_per_day_needed) == (None, None)


@pytest.mark.parametrize(
    ("power", "verdict"),
    [
        (waiting(BY_NAME["error_rate"], "search"), "waiting"),
        (told(n=0.0, charted_share=0.0), "no rows"),
        (told("error_rate", rate(0.5 / (336 * 200)), 200), "never happened"),
        (told("explicit_positive_rate", rate(1 - 0.5 / (336 * 200)), 200), "never happened"),
    ],
)
def test_where_nothing_can_be_told_there_are_no_hours(power: Power, verdict: str) -> None:
    assert power.verdict == verdict
    assert power.hours is None

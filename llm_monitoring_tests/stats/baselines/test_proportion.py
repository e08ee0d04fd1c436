"""What is normal for a rate."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_monitoring.stats.baselines import (
    ProportionBaseline,
    Reading,
    learn_proportion,
    learn_silence,
    relevel,
    stack,
)
from llm_monitoring.stats.baselines.proportion import check_proportions
from llm_monitoring_tests.stats.baselines.examples import MONDAY, rates, readings
from llm_monitoring_tests.stats.baselines.test_level import level

HOURS = np.arange(MONDAY, MONDAY + 336)


def daily(low: float, high: float) -> np.ndarray:
    """A rate between two in the course of the day."""
    logits = np.log([low / (1 - low), high / (1 - high)])
    wave = (1 + np.sin(2 * np.pi * HOURS / 24)) / 2
    p: np.ndarray = 1 / (1 + np.exp(-(logits[0] + (logits[1] - logits[0]) * wave)))
    return p


def test_a_rate_is_pooled_over_rows_and_not_over_windows() -> None:
    learned = learn_proportion([Reading(1, 0.5, 2), Reading(2, 0.01, 998)])
    assert learned.rate == pytest.approx((1 + 9.98) / 1000)
    assert learned.rows == 1000


@pytest.mark.parametrize(("value", "rate"), [(0.0, 0.5 / 4800), (1.0, 1 - 0.5 / 4800)])
def test_a_rate_that_was_never_seen_is_half_an_event_and_never_zero(
    value: float, rate: float
) -> None:
    learned = learn_proportion(readings([value] * 48))
    assert learned.rate == pytest.approx(rate)
    assert learned.correlation == 0


def test_the_rate_of_a_single_row_is_not_certain() -> None:
    assert learn_proportion([Reading(1, 1.0, 1)]).rate == 0.75


def test_rows_of_binomial_windows_are_not_correlated_and_those_of_clustered_ones_are() -> None:
    """Beta(2, 38): rho = 1 / (2 + 38 + 1), so that 200 rows are worth 200 / (1 + 199 / 41)."""
    rng = np.random.default_rng(4)
    plain = learn_proportion(rates(rng, 0.05, 200))
    assert plain.correlation < 0.001
    learned = learn_proportion(rates(rng, rng.beta(2, 38, 336), 200))
    assert learned.correlation == pytest.approx(1 / 41, rel=0.25)
    assert learned.typical_n == pytest.approx(200 / (1 + 199 * learned.correlation))
    assert learned.rows == pytest.approx(336 * learned.typical_n)
    assert learned.effective(np.float64(1)) == 1


def test_the_correlation_of_two_windows_by_hand() -> None:
    """20 of 100 and 40 of 100: p .3, squares 2 * 100 / .21 = 952.4, times 2 / 1 = 1904.8.

    rho = (1904.8 - 200) / (2 * 100 * 99) = .0861.
    """
    learned = learn_proportion([Reading(1, 0.2, 100), Reading(2, 0.4, 100)])
    assert learned.correlation == pytest.approx((2 * 200 / 0.21 - 200) / 19_800)


def test_a_daily_cycle_is_learned_as_odds() -> None:
    learned = learn_proportion(rates(np.random.default_rng(1), daily(0.02, 0.2), 200))
    assert learned.season == "hour"
    assert learned.expected(MONDAY + 6) == pytest.approx(0.2, rel=0.2)
    assert learned.expected(MONDAY + 18) == pytest.approx(0.02, rel=0.4)
    assert learned.correlation < 0.01


@pytest.mark.parametrize("rate", [0.005, 0.1, 0.9])
def test_a_rate_without_a_cycle_has_no_season(rate: float) -> None:
    rng = np.random.default_rng(2)
    seasons = [learn_proportion(rates(rng, rate, 200)).season for _ in range(20)]
    assert seasons == ["none"] * 20


def test_an_hour_of_high_odds_is_still_a_rate() -> None:
    learned = learn_proportion(rates(np.random.default_rng(3), daily(0.3, 0.99), 500))
    assert learned.season == "hour"
    assert all(0 < learned.expected(MONDAY + hour) < 1 for hour in range(24))


def test_a_new_level_keeps_the_cycle_and_the_correlation() -> None:
    learned = learn_proportion(rates(np.random.default_rng(1), daily(0.02, 0.2), 200))
    moved = relevel(learned, readings([0.3] * 24, n=50, start=MONDAY + 400))
    assert isinstance(moved, ProportionBaseline)
    assert moved.rate == pytest.approx(0.3)
    assert (moved.offsets, moved.correlation) == (learned.offsets, learned.correlation)
    assert moved.rows == pytest.approx(24 * learned.effective(np.float64(50)))
    assert moved.windows == 24
    assert relevel(learned, readings([0.0] * 24)).rate > 0  # type: ignore[union-attr]


@pytest.mark.parametrize("value", [-0.1, 1.1])
def test_more_events_than_rows_or_fewer_than_none_are_an_error(value: float) -> None:
    with pytest.raises(ValueError, match="outside 0 to 1"):
        learn_proportion(readings([0.1, value]))
    with pytest.raises(ValueError, match="window 7 has the rate"):
        check_proportions(Reading(7, value, 10).as_row())


def test_a_phase_one_without_windows_without_data_or_out_of_order_is_an_error() -> None:
    rows = readings([0.1, 0.2, 0.3])
    for wrong, why in (
        ([], "no windows"),
        ([*rows, Reading(MONDAY + 3, None, 0)], "no value"),
        ([*rows, Reading(MONDAY + 3, 0.2, 0)], "no value or no rows"),
        (rows[::-1], "follows"),
        ([*rows, rows[-1]], "follows"),
    ):
        with pytest.raises(ValueError, match=why):
            learn_proportion(wrong)


@given(
    values=st.lists(st.floats(0, 1), min_size=1, max_size=60),
    n=st.integers(1, 10**6),
)
def test_whatever_phase_one_was_the_rate_lies_strictly_between_0_and_1(
    values: list[float], n: int
) -> None:
    learned = learn_proportion(readings(values, n=n))
    assert 0 < learned.rate < 1
    assert 0 <= learned.correlation <= 0.9
    assert math.isfinite(learned.typical_n)
    assert 0 < learned.rows <= len(values) * n * (1 + 1e-9)


def test_stacked_baselines_answer_as_each_does() -> None:
    rng = np.random.default_rng(5)
    each = [learn_proportion(rates(rng, p, 200)) for p in (0.02, daily(0.02, 0.2), 0.9)]
    together = stack(each)
    expected = together.expected(MONDAY + 6)
    assert np.asarray(expected).tolist() == [one.expected(MONDAY + 6) for one in each]
    assert together.rate.tolist() == [one.rate for one in each]  # type: ignore[attr-defined]


def test_baselines_of_several_kinds_cannot_be_stacked() -> None:
    silence = learn_silence(readings([1.0]))
    rate = learn_proportion(readings([0.1]))
    for other in (silence, level()):
        with pytest.raises(ValueError, match="one kind and one transform"):
            stack([rate, other])  # type: ignore[type-var]

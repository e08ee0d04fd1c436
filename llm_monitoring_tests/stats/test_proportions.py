"""The stratified pass-rate test and its power."""

import numpy as np
import pytest
from scipy.stats import binom, binomtest, fisher_exact

from llm_monitoring.stats.proportions import (
    Stratum,
    chance_of_at_least,
    least_pass_rate_p_value,
    pass_rate_power,
    stratified_pass_rate_test,
)


def stratum(before: tuple[int, int], now: tuple[int, int]) -> Stratum:
    return Stratum(
        reference_passes=before[0],
        reference_trials=before[1],
        current_passes=now[0],
        current_trials=now[1],
    )


def steady(passes: int, trials: int) -> bool:
    return not 0.2 < passes / trials < 0.8


def test_one_stratum_has_the_tails_of_fishers_exact_test() -> None:
    test = stratified_pass_rate_test([stratum((9, 10), (4, 10))])
    tail = fisher_exact([[4, 6], [9, 1]], alternative="less").pvalue
    assert test.p_value == pytest.approx(2 * tail)
    assert test.statistic < 0
    assert test.difference == pytest.approx(-0.5)


def test_each_stratum_that_fails_altogether_makes_the_p_value_56_times_smaller() -> None:
    for k in (1, 2, 3):
        p_value = stratified_pass_rate_test([stratum((5, 5), (0, 3))] * k).p_value
        assert p_value == pytest.approx(2 / 56**k)


def test_strata_that_pass_everything_say_nothing() -> None:
    test = stratified_pass_rate_test([stratum((5, 5), (3, 3))] * 25)
    assert (test.statistic, test.p_value, test.difference) == (0.0, 1.0, 0.0)


def test_a_rise_is_as_significant_as_a_fall_and_has_the_other_sign() -> None:
    fall = stratified_pass_rate_test([stratum((5, 5), (0, 3))] * 4)
    rise = stratified_pass_rate_test([stratum((0, 5), (3, 3))] * 4)
    assert rise.p_value == pytest.approx(fall.p_value)
    assert rise.statistic == pytest.approx(-fall.statistic)


def test_only_splits_that_would_have_been_selected_are_counted() -> None:
    # Of the 8 trials 5 pass. Kept: reference 5 of 5 in 1 way, 4 of 5 in 15, and 1 of 5 never.
    test = stratified_pass_rate_test([stratum((5, 5), (0, 3))], steady)
    assert test.p_value == pytest.approx(2 / 16)


def test_a_stratum_that_would_not_have_been_selected_is_refused() -> None:
    with pytest.raises(ValueError, match="not a selected stratum"):
        stratified_pass_rate_test([stratum((3, 5), (0, 3))], steady)


def test_passes_beyond_the_trials_are_refused() -> None:
    with pytest.raises(ValueError, match="within trials"):
        stratum((6, 5), (0, 3))


def test_without_strata_nothing_can_be_found() -> None:
    assert stratified_pass_rate_test([]).p_value == 1.0
    assert least_pass_rate_p_value([]) == 1.0
    assert pass_rate_power([], fall=0.2, significance=0.01) == 0.0


def test_the_least_p_value_is_the_one_of_a_complete_failure() -> None:
    strata = [stratum((5, 5), (3, 3))] * 6
    failed = [stratum((5, 5), (0, 3))] * 6
    least = least_pass_rate_p_value(strata)
    assert least == stratified_pass_rate_test(failed).p_value
    assert least < 0.01


def test_power_is_the_chance_that_enough_strata_break() -> None:
    """25 strata at 5 + 3: three that break are significant, two are not; P(Bin(25, .2) >= 3)."""
    strata = [stratum((5, 5), (3, 3))] * 25
    power = pass_rate_power(strata, fall=0.2, significance=0.005, selected=steady, draws=2000)
    expected = 1 - binomtest(2, 25, 0.2, alternative="less").pvalue
    assert power == pytest.approx(expected, abs=4 * (expected * (1 - expected) / 2000) ** 0.5)


def test_power_grows_with_the_strata_and_repeats_itself() -> None:
    powers = [
        pass_rate_power([stratum((5, 5), (3, 3))] * k, fall=0.2, significance=0.005)
        for k in (8, 14, 25, 50)
    ]
    assert powers == sorted(powers)
    again = pass_rate_power([stratum((5, 5), (3, 3))] * 8, fall=0.2, significance=0.005)
    assert again == powers[0]


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0.97, 0.85, 0.5])
def test_false_alarms_stay_below_the_significance_although_flaky_strata_were_left_out(
    rate: float,
) -> None:
    rng = np.random.default_rng(17)
    runs, alarms = 2000, 0
    for before, now in zip(
        rng.binomial(5, rate, (runs, 25)), rng.binomial(3, rate, (runs, 25)), strict=True
    ):
        strata = [
            stratum((int(a), 5), (int(b), 3))
            for a, b in zip(before, now, strict=True)
            if steady(int(a), 5)
        ]
        alarms += stratified_pass_rate_test(strata, steady).p_value <= 0.01
    assert alarms / runs <= 0.01 + 3 * (0.01 * 0.99 / runs) ** 0.5


def test_the_chance_of_so_many_events_is_the_binomial_tail() -> None:
    for trials in (1, 2, 20, 500):
        for rate in (0.0, 0.01, 0.5, 1.0):
            events = np.arange(trials + 1)
            expected = binom.sf(events - 1, trials, rate)
            assert chance_of_at_least(events, trials, rate) == pytest.approx(expected, abs=1e-12)

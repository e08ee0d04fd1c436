"""The exact signed-rank test against SciPy's, a full enumeration, and by its promise."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata, wilcoxon

from llm_monitoring.stats.permutation import signed_rank_test

small_differences = st.lists(st.integers(-4, 4), min_size=1, max_size=9)


def _enumerated_p_value(differences: list[int]) -> float:
    """By trying every way of giving the differences signs."""
    values = np.array([value for value in differences if value != 0])
    if len(values) == 0:
        return 1.0
    ranks = rankdata(np.abs(values))
    rose = ranks[values > 0].sum()
    sums = np.array([ranks @ signs for signs in product((0, 1), repeat=len(values))])
    return float(min(1.0, 2 * min(np.mean(sums <= rose + 1e-9), np.mean(sums >= rose - 1e-9))))


def test_it_agrees_with_scipy_where_scipy_is_exact() -> None:
    differences = np.random.default_rng(3).normal(0.4, 1, size=20)
    expected = wilcoxon(differences, method="exact").pvalue
    assert signed_rank_test(differences.tolist()).p_value == pytest.approx(expected, rel=1e-12)


@given(small_differences)
def test_ties_and_zeros_are_counted_exactly(differences: list[int]) -> None:
    assert signed_rank_test(differences).p_value == pytest.approx(_enumerated_p_value(differences))


def test_eight_differences_of_one_sign_reach_p_01_and_seven_do_not() -> None:
    assert signed_rank_test([-1.0] * 8).p_value == pytest.approx(2 / 2**8)
    assert signed_rank_test([-1.0] * 7).p_value > 0.01


def test_the_statistic_is_minus_one_when_all_fell_and_one_when_all_rose() -> None:
    assert signed_rank_test([-1.0, -2.0]).statistic == -1
    assert signed_rank_test([1.0, 2.0]).statistic == 1


@pytest.mark.parametrize("differences", [[], [0.0, 0.0]])
def test_without_a_difference_nothing_is_found(differences: list[float]) -> None:
    test = signed_rank_test(differences)
    assert (test.statistic, test.p_value, test.pairs) == (0.0, 1.0, 0)


def test_what_is_not_finite_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        signed_rank_test([1.0, float("nan")])

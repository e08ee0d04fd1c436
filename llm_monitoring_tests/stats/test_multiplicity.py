"""The budget of false alarms, and Holm's adjustment: known answers and properties."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_monitoring.stats.multiplicity import expected_false_alarms, holm, run_length


def test_three_hundred_charts_share_one_false_alarm_a_week() -> None:
    assert run_length(1, 300) == 50_400
    assert run_length(2.5, 1) == 168 / 2.5


@given(st.floats(1e-3, 1e3), st.integers(1, 10**5))
def test_charts_that_keep_their_run_length_keep_the_budget(budget: float, charts: int) -> None:
    assert expected_false_alarms(charts * 168, run_length(budget, charts)) == pytest.approx(budget)


@pytest.mark.parametrize(("budget", "charts"), [(0, 1), (-1, 1), (float("nan"), 1), (1, 0)])
def test_no_budget_and_no_charts_are_an_error(budget: float, charts: int) -> None:
    with pytest.raises(ValueError, match="no budget"):
        run_length(budget, charts)


p_values = st.lists(st.floats(0, 1), max_size=12)


def test_the_smallest_of_four_is_multiplied_by_four_and_the_order_is_kept() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_one_p_value_stays_as_it_is() -> None:
    assert holm([0.013]) == [0.013]


def test_no_p_values_give_none() -> None:
    assert holm([]) == []


@pytest.mark.parametrize("wrong", [-0.1, 1.1, float("nan")])
def test_what_is_no_p_value_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match=r"lie in \[0, 1\]"):
        holm([0.5, wrong])


@given(p_values)
def test_adjusted_values_lie_between_the_unadjusted_and_bonferroni(values: list[float]) -> None:
    for value, adjusted in zip(values, holm(values), strict=True):
        assert value <= adjusted <= min(1.0, value * len(values))


@given(p_values)
def test_adjustment_keeps_the_order_of_the_values(values: list[float]) -> None:
    pairs = sorted(zip(values, holm(values), strict=True))
    assert all(one[1] <= other[1] for one, other in pairwise(pairs))

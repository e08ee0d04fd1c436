"""Known answers and properties of Holm's adjustment."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_monitoring.stats.multiplicity import holm

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

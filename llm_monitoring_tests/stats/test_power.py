import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_monitoring.stats.power import hours_to_detect, judged_needed

USUAL: dict[str, float] = {"stddev": 1.03, "drift": 0.05, "run_length": 10_000}


def test_the_worked_example_of_a_fall_within_a_day() -> None:
    for_two_tenths = judged_needed(0.2, 24, **USUAL)
    for_one_tenth = judged_needed(0.1, 24, **USUAL)
    assert for_two_tenths is not None
    assert for_one_tenth is not None
    assert math.ceil(for_two_tenths) == 22
    assert math.ceil(for_one_tenth) == 101


def test_where_the_mean_varies_too_much_by_itself_no_rate_can_do_it() -> None:
    assert judged_needed(0.1, 24, stddev=1.03, drift=0.15, run_length=10_000) is None
    assert hours_to_detect(0.1, 1e12, stddev=1.03, drift=0.15, run_length=10_000) > 24


def test_without_drift_ten_times_the_rate_takes_a_tenth_of_the_time() -> None:
    calm = {**USUAL, "drift": 0.0}
    assert hours_to_detect(0.1, 5, **calm) == pytest.approx(10 * hours_to_detect(0.1, 50, **calm))


def test_a_chart_speaks_once_a_window() -> None:
    assert hours_to_detect(4, 1000, **USUAL) == 1.0


@given(
    drop=st.floats(0.05, 1),
    judged=st.floats(0.5, 500),
    stddev=st.floats(0.3, 1.5),
    drift=st.floats(0, 0.3),
    run_length=st.floats(100, 1e6),
)
def test_what_is_needed_is_the_inverse_of_what_it_takes(
    drop: float, judged: float, stddev: float, drift: float, run_length: float
) -> None:
    same = {"stddev": stddev, "drift": drift, "run_length": run_length}
    hours = hours_to_detect(drop, judged, **same)
    if hours > 1:
        needed = judged_needed(drop, hours * (1 + 1e-9), **same)
        assert needed is not None
        assert needed == pytest.approx(judged, rel=1e-3)


@pytest.mark.parametrize(
    "wrong", [{"drop": 0}, {"hours": 0}, {"stddev": -1}, {"drift": -0.1}, {"run_length": 1}]
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        judged_needed(**{"drop": 0.1, "hours": 24, **USUAL, **wrong})

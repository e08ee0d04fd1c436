"""Windows of a series, and the hours of the week they fall into."""

import math
from datetime import UTC, datetime

import numpy as np
import pytest

from llm_monitoring.stats.baselines.reading import SEASONS, SLOTS, Reading, slot, slots
from llm_monitoring_tests.stats.baselines.examples import MONDAY, SATURDAY


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_no_number_is_an_error(value: float) -> None:
    with pytest.raises(ValueError, match="window 1 has the value"):
        Reading(1, value, 10)


@pytest.mark.parametrize("stddev", [math.nan, math.inf, -0.1])
def test_a_standard_deviation_that_is_none_is_an_error(stddev: float) -> None:
    with pytest.raises(ValueError, match="window 1 has the standard deviation"):
        Reading(1, 0.5, 10, stddev)


def test_a_negative_count_of_rows_is_an_error() -> None:
    with pytest.raises(ValueError, match="n = -1"):
        Reading(1, 0.5, -1)


def test_a_window_without_rows_or_value_has_no_data() -> None:
    assert not Reading(1, None, 0).has_data
    assert not Reading(1, None, 10).has_data
    assert not Reading(1, 0.0, 0).has_data
    assert Reading(1, 0.0, 1).has_data
    with pytest.raises(ValueError, match="no value"):
        _ = Reading(1, None, 0).measured


def test_what_is_not_known_is_nan_in_a_row_and_never_zero() -> None:
    row = Reading(7, None, 0).as_row()
    assert row.t == 7
    assert row.n == 0
    assert np.isnan(row.value)
    assert np.isnan(row.stddev)
    assert Reading(7, 0.25, 3, 0.5).as_row().value == 0.25


def test_hours_of_the_weekend_have_slots_of_their_own() -> None:
    for t in (MONDAY - 1, MONDAY, SATURDAY - 1, SATURDAY, SATURDAY + 47, SATURDAY + 48):
        moment = datetime.fromtimestamp(t * 3600, UTC)
        weekend = moment.weekday() >= 5
        assert slot(t) == moment.hour + 24 * weekend
        assert slot(t, "hour") == moment.hour
        assert slot(t, "none") == 0


@pytest.mark.parametrize("season", SEASONS)
def test_slots_of_many_windows_are_those_of_each(season: str) -> None:
    t = np.arange(MONDAY, MONDAY + 400)
    assert slots(t, season).tolist() == [slot(int(one), season) for one in t]
    assert set(slots(t, season).tolist()) <= set(range(SLOTS))

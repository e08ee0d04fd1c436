"""A static line."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from llm_monitoring.records import ChartPoint, WindowMetric
from llm_monitoring.stats.baselines import Row
from llm_monitoring.stats.charts import Chart, run, static_threshold
from llm_monitoring_tests.stats.charts.examples import SERIES, points_of, window

SHARE = static_threshold(above=0.05, clears_after=3, significance=0.001)
WEEK = 168


def alarms(chart: Chart, rows: Sequence[WindowMetric]) -> list[bool]:
    return [point.alarm for point in points_of(chart, rows)]


def opened(points: Sequence[ChartPoint]) -> list[int]:
    return [i for i, point in enumerate(points) if point.alarm_started]


def events(counts: Sequence[int], n: int = 20) -> list[WindowMetric]:
    return [window(i, count / n, n=n) for i, count in enumerate(counts)]


def values(*measured: float | None) -> list[WindowMetric]:
    return [window(i, value) for i, value in enumerate(measured)]


# ------------------------------------------------------------------ any value


def test_a_line_below_is_another_chart_than_a_line_above() -> None:
    above, below = static_threshold(above=0.5), static_threshold(below=0.5)
    assert SERIES.chart_id(above) != SERIES.chart_id(below)
    assert points_of(below, [window(0, 0.4)])[0].direction == "down"
    assert not points_of(below, [window(0, 0.6)])[0].alarm
    with pytest.raises(ValueError, match="needs 'above' or 'below'"):
        static_threshold()


def test_without_a_memory_it_is_over_when_the_value_is_back() -> None:
    found = points_of(static_threshold(above=5), values(4, 6, 5, 6))
    assert [point.alarm for point in found] == [False, True, False, True]
    assert [point.alarm_started for point in found] == [False, True, False, True]


def test_an_alarm_ends_after_three_windows_in_a_row_on_the_good_side() -> None:
    line = static_threshold(above=5, clears_after=3)
    found = points_of(line, values(6, 4, 4, 6, 5, 5, 5, 6))
    assert [point.alarm for point in found] == [True] * 6 + [False, True]
    assert opened(found) == [0, 7]
    assert {point.change_hour for point in found[:6]} == {found[0].hour}


def test_a_value_that_comes_and_goes_for_fourteen_hours_is_one_alarm() -> None:
    assert opened(points_of(static_threshold(above=5, clears_after=3), values(*[8, 2] * 7))) == [0]


def test_it_waits_for_so_many_windows_in_a_row_and_dates_the_change_by_the_first() -> None:
    found = points_of(static_threshold(above=5, for_windows=3), values(6, 6, 4, 6, 6, 6))
    assert opened(found) == [5]
    assert found[5].change_hour == found[3].hour


def test_a_gap_between_such_windows_does_not_move_the_change_into_it() -> None:
    line = static_threshold(above=5, for_windows=2)
    found = points_of(line, [window(0, 6.0), window(1, None, n=0), window(10, 6.0)])
    assert opened(found) == [2]
    assert found[2].change_hour == found[0].hour


def test_windows_without_data_or_with_too_few_rows_change_nothing() -> None:
    line = static_threshold(above=5, minimum_n=20, for_windows=2, clears_after=2)
    few, none = window(1, 9.0, n=19), window(2, None, n=0)
    rows = [window(0, 6.0), few, none, window(3, 6.0), window(4, 4.0)]
    rows += [window(5, 9.0, n=19), window(6, None, n=0), window(7, 4.0)]
    found = points_of(line, rows)
    assert opened(found) == [3]
    assert [point.alarm for point in found[3:]] == [True, True, True, False, False]
    assert found[6].status == "no_data"
    states = [point.state for point in found]
    assert states[0] == states[1] == states[2]
    assert states[4] == states[5] == states[6]


def test_while_it_waits_to_end_the_level_is_the_one_beyond_the_line() -> None:
    found = points_of(static_threshold(above=5, clears_after=3), values(6, 8, 1, 1))
    assert [point.level for point in found] == [6, 8, 8, 8]


def test_a_count_of_nothing_is_below_its_line_and_a_mean_of_nothing_is_not_known() -> None:
    silent = [window(0, 40.0, n=40), window(1, 0.0, n=0), window(2, 40.0, n=40)]
    counts = static_threshold(below=10, minimum_n=5, reads_silence=True)
    assert alarms(counts, silent) == [False, True, False]
    assert alarms(static_threshold(below=10), [window(0, None, n=0)]) == [False]
    assert alarms(counts, [window(0, None, n=0)]) == [False]


# ---------------------------------------------------------------- shares of rows


def test_a_share_is_beyond_the_line_where_chance_at_the_line_does_not_explain_it() -> None:
    for n in (1, 5, 20, 200):
        first = next(k for k in range(n + 1) if stats.binom.sf(k - 1, n, 0.05) <= 0.001 or k == n)
        assert alarms(SHARE, events([first - 1], n)) == [False]
        expected = bool(stats.binom.sf(first - 1, n, 0.05) <= 0.001)
        assert alarms(SHARE, events([first], n)) == [expected]


def test_windows_since_it_was_last_not_beyond_are_counted_together() -> None:
    found = points_of(SHARE, events([0, 3, 3, 3, 3]))
    # P(6 of 40) = .0139, P(9 of 60) = .0029, P(12 of 80) = .0007
    assert opened(found) == [4]
    assert found[4].change_hour == found[1].hour
    assert found[4].level == pytest.approx(12 / 80)
    # P(3, 3, 0, 3) is no such thing: 9 of 80.
    assert opened(points_of(SHARE, events([3, 3, 0, 3]))) == []


def test_an_outage_of_few_requests_is_found_and_dated_in_its_first_window() -> None:
    found = points_of(SHARE, events([1] * 30 + [2] * 9 + [12]))
    assert opened(found) == [39]
    assert found[39].change_hour == found[39].hour
    assert found[39].level == pytest.approx(0.6)


def test_an_alarm_of_a_share_ends_when_its_windows_would_be_unlikely_were_it_half_as_bad() -> None:
    found = points_of(SHARE, events([12] + [0] * 5))
    assert [point.alarm for point in found] == [True, True, True, False, False, False]
    # Raised at 12 of 80: halfway is 10 %, where chance explains 5 of 100 and not 6 of 120.
    slow = points_of(SHARE, events([3, 3, 3, 3, 1, 1, 1, 1, 1, 1]))
    assert [point.alarm for point in slow[3:]] == [True] * 6 + [False]
    assert stats.binom.cdf(5, 100, 0.1) > 0.05 > stats.binom.cdf(6, 120, 0.1)


@pytest.mark.parametrize("line", [0.0, 0.001, 0.05])
def test_a_line_near_nothing_is_left_again_too(line: float) -> None:
    chart = static_threshold(above=line, clears_after=3, significance=0.001)
    assert alarms(chart, events([4] + [0] * 9))[-1] is False


def test_a_share_below_its_line_is_the_mirror_of_one_above() -> None:
    up = static_threshold(above=0.25, clears_after=3, significance=0.001)
    down = static_threshold(below=0.75, clears_after=3, significance=0.001)
    rng = np.random.default_rng(3)
    rates = np.repeat([0.1, 0.35, 0.8, 0.1], 30)
    counts = [int(rng.binomial(20, rate)) for rate in rates]
    above, below = points_of(up, events(counts)), points_of(down, events([20 - c for c in counts]))
    assert [p.alarm for p in above] == [p.alarm for p in below]
    assert any(p.alarm for p in above)
    for one, other in zip(above, below, strict=True):
        assert one.change_hour == other.change_hour
        assert (one.level is None) == (other.level is None)
        assert one.level is None or one.level == pytest.approx(1 - (other.level or 0.0))


def test_eight_and_two_percent_in_turn_are_one_alarm() -> None:
    assert opened(points_of(SHARE, events([80, 20] * 7, n=1000))) == [0]


# ------------------------------------------------------------------- calibration


def simulated(rate: float, n: int, windows: int, charts: int) -> NDArray[np.bool_]:
    """Whether each window opened an alarm: [windows, charts]."""
    rng = np.random.default_rng(20261020)
    shares = rng.binomial(n, rate, (windows, charts)) / n
    rows, unknown = np.full(charts, float(n)), np.full(charts, np.nan)
    _, found = run(SHARE, None, [Row(t, x, rows, unknown) for t, x in enumerate(shares)])
    return np.array([point.started for point in found])


@pytest.mark.slow
@pytest.mark.parametrize("n", [20, 50, 200, 2000])
@pytest.mark.parametrize(("rate", "most"), [(0.005, 0.01), (0.01, 0.01), (0.03, 0.25)])
def test_sixteen_healthy_weeks_are_quiet_at_any_traffic(rate: float, most: float, n: int) -> None:
    """Pages in 16 weeks: none of .5 % and 1 %; of 3 % one in eight times 16 weeks at 20 an hour."""
    assert simulated(rate, n, 16 * WEEK, 200).sum() / 200 <= most


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rate", "n", "median", "most"),
    [
        (0.08, 20, 24, 72), (0.08, 50, 12, 30), (0.08, 200, 4, 8), (0.08, 2000, 1, 1),
        (0.10, 20, 12, 32), (0.10, 50, 6, 12), (0.10, 200, 2, 4), (0.10, 2000, 1, 1),
        (0.60, 20, 1, 1), (0.60, 50, 1, 1), (0.60, 200, 1, 1), (0.60, 2000, 1, 1),
    ],
)  # fmt: skip
def test_what_is_beyond_the_line_is_found(rate: float, n: int, median: int, most: int) -> None:
    """Windows until the alarm: the median, and 19 times of 20."""
    found = simulated(rate, n, 200, 400)
    delays = np.where(found.any(axis=0), found.argmax(axis=0) + 1, math.inf)
    assert np.median(delays) <= median
    assert np.quantile(delays, 0.95) <= most

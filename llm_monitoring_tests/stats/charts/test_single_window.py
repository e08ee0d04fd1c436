"""One window far out: the tails it is judged by, when an episode ends, how often it is wrong."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from llm_monitoring.stats.baselines import (
    AnyBaseline,
    Array,
    Reading,
    Row,
    learn_mean,
    learn_positive,
    learn_proportion,
    learn_silence,
    stack,
)
from llm_monitoring.stats.baselines.level import CLIP
from llm_monitoring.stats.charts import run, single_window
from llm_monitoring.stats.charts.single_window import ORDINARY
from llm_monitoring_tests.stats.charts.examples import (
    BOTH,
    DOWN,
    ESTABLISHED,
    UP,
    events,
    level,
    points,
    proportion,
    scores,
    statistics,
)

# ----------------------------------------------------------------------- tails


@pytest.mark.parametrize("rate", [0.001, 0.02, 0.3, 0.5])
@pytest.mark.parametrize("x", [0, 1, 7, 60, 120])
def test_events_of_independent_rows_have_a_binomial_tail(rate: float, x: int) -> None:
    """P(X >= x), P(X <= x), and twice the smaller one where both sides are trouble."""
    n, known = 120, proportion(rate)
    up, down, both = (
        statistics(points(single_window(learn_proportion, sides, 1e9), known, events([x], n)))[0]
        for sides in (UP, DOWN, BOTH)
    )
    tails = stats.binom.sf(x - 1, n, rate), stats.binom.cdf(x, n, rate)
    assert math.exp(-up) == pytest.approx(tails[0], rel=1e-6)
    assert math.exp(-down) == pytest.approx(tails[1], rel=1e-6, abs=1e-14)
    assert math.exp(-both) == pytest.approx(min(2 * min(tails), 1), rel=1e-6, abs=1e-14)


@pytest.mark.parametrize("rate", [0.001, 0.02, 0.2])
@pytest.mark.parametrize("correlation", [0.001, 0.02, 0.2])
@pytest.mark.parametrize("x", [0, 1, 7, 60])
def test_events_that_come_in_clusters_have_a_negative_binomial_tail(
    rate: float, correlation: float, x: int
) -> None:
    """Mean n p, and a variance 1 + (n - 1) rho times as large."""
    n, known = 120, proportion(rate, correlation=correlation)
    factor = 1 + (n - 1) * correlation
    size = n * rate / (factor - 1)
    expected = stats.nbinom(size, 1 / factor)
    assert expected.mean() == pytest.approx(n * rate)
    assert expected.var() == pytest.approx(n * rate * factor)
    for sides, tail in ((UP, expected.sf(x - 1)), (DOWN, expected.cdf(x))):
        found = statistics(
            points(single_window(learn_proportion, sides, 1e9), known, events([x], n))
        )
        assert math.exp(-found[0]) == pytest.approx(tail, rel=1e-6, abs=1e-14)


@pytest.mark.parametrize("correlation", [0.0, 0.05])
def test_of_a_high_rate_the_other_outcome_is_the_event(correlation: float) -> None:
    for x in (0, 60, 108, 119, 120):
        falling = points(
            single_window(learn_proportion, DOWN, 1e9),
            proportion(0.9, correlation=correlation),
            events([x], 120),
        )
        rising = points(
            single_window(learn_proportion, UP, 1e9),
            proportion(0.1, correlation=correlation),
            events([120 - x], 120),
        )
        assert statistics(falling) == pytest.approx(statistics(rising), rel=1e-9)
    high = points(single_window(learn_proportion, DOWN, 1e9), proportion(0.9), events([100], 120))
    assert math.exp(-float(high[0].statistic)) == pytest.approx(stats.binom.cdf(100, 120, 0.9))


def test_an_hour_is_held_against_its_own_rate() -> None:
    """Odds ten times as high in every odd hour: 2 % and 17 %."""
    offsets = tuple(math.log(10) * (hour % 2) for hour in range(48))
    known = proportion(0.02, season="hour", offsets=offsets)
    found = statistics(
        points(single_window(learn_proportion, UP, 1e9), known, events([20, 20], 120))
    )
    assert math.exp(-found[0]) == pytest.approx(stats.binom.sf(19, 120, 0.02))
    odds = 0.02 / 0.98 * 10
    assert math.exp(-found[1]) == pytest.approx(stats.binom.sf(19, 120, odds / (1 + odds)))


@pytest.mark.parametrize("degrees", [2.5, 7.0, 1000.0])
@pytest.mark.parametrize("z", [-3.0, 0.4, 6.0, 30.0])
def test_levels_have_the_tail_of_a_t_distribution(degrees: float, z: float) -> None:
    known = level(tail_degrees=degrees)
    tails = stats.t.sf(z, degrees), stats.t.cdf(z, degrees)
    for sides, tail in ((UP, tails[0]), (DOWN, tails[1]), (BOTH, min(2 * min(tails), 1))):
        found = statistics(points(single_window(learn_mean, sides, 1e9), known, scores([z])))
        assert math.exp(-found[0]) == pytest.approx(tail, rel=1e-9, abs=1e-290)


def test_the_window_after_a_spike_is_not_the_next_spike() -> None:
    """Of a series with memory a spike foretells at most what a clipped one would."""
    known = level(phi=0.6)
    found = points(single_window(learn_mean, BOTH, 1000), known, scores([0.0, 50.0, 0.0]))
    assert [bool(point.alarm) for point in found] == [False, True, True]
    white = -0.6 * CLIP / 0.8
    assert math.exp(-float(found[2].statistic)) == pytest.approx(
        2 * stats.t.cdf(white, 1000), rel=1e-6
    )
    assert not points(single_window(learn_mean, BOTH, 1000), known, scores([0, 50, 2, 1]))[3].alarm


def test_a_series_that_is_wild_by_itself_has_no_alarm_where_a_calm_one_does() -> None:
    rng = np.random.default_rng(1)
    wild = np.exp(0.2 * rng.standard_t(3, ESTABLISHED))
    calm = np.exp(0.2 * rng.normal(0, 1, ESTABLISHED))
    alarms = []
    for values in (wild, calm):
        known = learn_positive([Reading(i, float(v), 100) for i, v in enumerate(values)])
        spike = Reading(ESTABLISHED, math.exp(0.2 * 6), 100)
        alarms.append(bool(points(single_window(learn_positive, UP, 1e4), known, [spike])[0].alarm))
    assert alarms == [False, True]


# -------------------------------------------------------------------- episodes


def test_it_alarms_where_chance_is_below_one_in_its_run_length() -> None:
    edge = float(stats.norm.isf(0.5e-3))
    chart = single_window(learn_mean, BOTH, 1000)
    known = level(tail_degrees=1e9)
    for z, alarms in ((edge - 0.01, False), (edge + 0.01, True), (-edge - 0.01, True)):
        (found,) = points(chart, known, scores([z]))
        assert bool(found.alarm) == alarms
        assert found.limit == pytest.approx(math.log(1000))


def test_an_episode_ends_with_the_first_ordinary_window() -> None:
    """2.5 standard deviations are not enough to alarm, and too far out for all to be well."""
    assert stats.norm.sf(2.5) < ORDINARY < stats.norm.sf(1.9)
    found = points(
        single_window(learn_mean, UP, 1e4), level(), scores([0, 2.5, 6, 2.5, 8, 1.9, 2.5])
    )
    assert [bool(point.alarm) for point in found] == [False, False, True, True, True, False, False]
    assert [bool(point.started) for point in found] == [i == 2 for i in range(7)]
    assert [float(point.change_t) for point in found[2:5]] == [2, 2, 2]
    assert [float(point.level) for point in found[2:5]] == [6, 2.5, 8]
    assert [float(point.side) for point in found] == [0, 0, 1, 1, 1, 0, 0]


def test_a_slow_rise_is_none_of_its_business() -> None:
    assert not any(
        point.alarm
        for point in points(single_window(learn_mean, UP, 1e4), level(), scores([2.0] * 100))
    )


@pytest.mark.parametrize("baseline", [None, learn_silence([Reading(0, 1.0, 1)])])
def test_it_needs_a_level_or_a_rate(baseline: AnyBaseline | None) -> None:
    with pytest.raises(ValueError, match="needs the baseline of a level or of a rate"):
        single_window(learn_mean, BOTH, 1000).start(baseline)


def test_a_run_length_of_one_window_is_an_error() -> None:
    with pytest.raises(ValueError, match="above 1"):
        single_window(learn_mean, BOTH, 1.0)


# ----------------------------------------------------------------- calibration


def false_alarms(
    chart_of: Callable[[float], object], learned: object, rows: list[Row], run_length: float
) -> float:
    """Episodes, as many times as were asked for."""
    _, found = run(chart_of(run_length), learned, rows)  # type: ignore[arg-type]
    started = np.array([point.started for point in found])
    return float(started.mean() * run_length)


def level_rows(draw: Callable[[int], Array], windows: int, charts: int) -> list[Row]:
    unknown = np.full(charts, np.nan)
    return [
        Row(ESTABLISHED + i, draw(charts), np.full(charts, 100.0), unknown) for i in range(windows)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("degrees", [1000, 5, 3])
@pytest.mark.parametrize("run_length", [1000, 10_000])
def test_levels_alarm_as_rarely_as_asked_also_where_tails_are_heavy(
    degrees: float, run_length: float
) -> None:
    """A tail is extrapolated from 336 windows, so that it is taken to be as heavy as it may be."""
    rng = np.random.default_rng(int(degrees))
    charts = 400
    learned = stack(
        [
            learn_mean(
                [
                    Reading(i, float(v), 100)
                    for i, v in enumerate(rng.standard_t(degrees, ESTABLISHED))
                ]
            )
            for _ in range(charts)
        ]
    )
    rows = level_rows(lambda size: rng.standard_t(degrees, size), 1000, charts)
    found = false_alarms(lambda a: single_window(learn_mean, BOTH, a), learned, rows, run_length)
    assert found <= 1.3


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0.0005, 0.005, 0.02, 0.1, 0.5, 0.95])
@pytest.mark.parametrize("rho", [0.0, 0.005])
def test_rates_alarm_as_rarely_as_asked(rate: float, rho: float) -> None:
    """Counts are lumpy, so mostly more rarely."""
    rng = np.random.default_rng(int(1e4 * rate))
    charts, run_length, n = 400, 1000.0, 200

    def draw(size: int | tuple[int, int]) -> Array:
        strength = (1 - rho) / rho if rho else 0.0
        p = rng.beta(rate * strength, (1 - rate) * strength, size) if rho else rate
        values: Array = rng.binomial(n, p, size) / n
        return values

    phase_one = draw((charts, ESTABLISHED))
    learned = stack(
        [
            learn_proportion([Reading(i, float(v), n) for i, v in enumerate(values)])
            for values in phase_one
        ]
    )
    unknown = np.full(charts, np.nan)
    rows = [
        Row(ESTABLISHED + i, draw(charts), np.full(charts, float(n)), unknown) for i in range(1000)
    ]
    found = false_alarms(
        lambda a: single_window(learn_proportion, BOTH, a), learned, rows, run_length
    )
    assert found <= 1.3

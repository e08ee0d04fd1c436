"""Silence, and the reference document's chart."""

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_monitoring.stats.baselines import Reading, Row
from llm_monitoring.stats.charts import missing, reference_ewma, run
from llm_monitoring_tests.stats.charts.examples import points, points_of, window

# -------------------------------------------------------------- reference_ewma


def recurrence(
    values: Sequence[float], alpha: float, k: float, warmup: int
) -> list[tuple[float, float, float, bool]]:
    """The reference document's arithmetic: (average, deviation, threshold, alert) per value."""
    average, variance, rows = values[0], 0.0, [(values[0], 0.0, math.inf, False)]
    for seen, x in enumerate(values[1:], start=2):
        before = average
        average = alpha * x + (1 - alpha) * before
        variance = (1 - alpha) * (variance + alpha * (x - before) ** 2)
        away = abs(x - average)
        threshold = k * math.sqrt(variance) if variance > 0 else math.inf
        rows.append((average, away, threshold, seen >= warmup and away > threshold))
    return rows


@pytest.mark.parametrize(("alpha", "k", "warmup"), [(0.1, 3.0, 30), (0.1, 2.0, 30), (0.3, 1.2, 5)])
def test_reference_ewma_is_the_references_chart_exactly(
    alpha: float, k: float, warmup: int
) -> None:
    rng = np.random.default_rng(1)
    alerts = 0
    for _ in range(20):
        values = (rng.normal(4, 0.3, 300) + (rng.random(300) < 0.02) * 3).tolist()
        values[50:60] = [values[50]] * 10
        readings = [Reading(t, value, 10) for t, value in enumerate(values)]
        found = [
            (float(p.center), float(p.statistic), float(p.limit), bool(p.alarm))
            for p in points(reference_ewma(alpha, k, warmup), None, readings)
        ]
        expected = recurrence(values, alpha, k, warmup)
        assert found[1:] == expected[1:]
        assert found[0][0] == values[0]
        assert math.isnan(found[0][1])
        assert not found[0][3]
        alerts += sum(alert for *_, alert in expected)
    assert (alerts > 0) == (k < 3)


FRACTIONS = st.fractions(min_value=0, max_value=10**6, max_denominator=1000)


@given(distance=FRACTIONS, variance=FRACTIONS)
def test_the_value_reference_ewma_tests_has_already_widened_its_own_limit(
    distance: Fraction, variance: Fraction
) -> None:
    """Exactly: deviation^2 - limit^2 = d^2 [(1-a)^2 - k^2 a (1-a)] - k^2 (1-a) v, bracket = 0."""
    a, k = Fraction(1, 10), 3
    deviation = distance - a * distance
    new_variance = (1 - a) * (variance + a * distance**2)
    bracket = (1 - a) ** 2 - k**2 * a * (1 - a)
    assert bracket == 0
    excess = deviation**2 - k**2 * new_variance
    assert excess == distance**2 * bracket - k**2 * (1 - a) * variance
    assert excess <= 0


def test_reference_ewma_cannot_alert_at_its_defaults_whatever_happens() -> None:
    """200,000 windows, with a step of up to a million standard deviations in every series."""
    rng = np.random.default_rng(7)
    series = 1000
    values = rng.normal(0, 1, (200, series))
    steps = 10 ** rng.uniform(0, 6, series) * rng.choice([-1, 1], series)
    values += steps * (np.arange(200)[:, None] >= rng.integers(30, 200, series))
    n, unknown = np.full(series, 10.0), np.full(series, np.nan)
    _, found = run(reference_ewma(), None, [Row(t, x, n, unknown) for t, x in enumerate(values)])
    assert not np.any([point.alarm for point in found])


# --------------------------------------------------------------------- missing


def test_a_silent_window_where_there_always_was_traffic_alarms_at_once_until_the_first_row() -> (
    None
):
    rows = [window(i, 100.0, n=0 if i % 24 == 3 else 50) for i in range(336)]
    rows += [window(i, 0.0, n=0) for i in range(336, 342)]
    rows += [window(342, 5.0, n=5)]
    found = points_of(missing(), rows)
    alarms = [i for i, point in enumerate(found) if point.alarm]
    assert alarms == [336, 337, 338, 339, 340, 341]  # 339 is the hour that always was silent
    assert [point.alarm_started for point in found[336:]] == [True, *[False] * 6]
    assert found[338].statistic == 150
    assert found[338].level == 0
    assert found[340].change_hour == found[336].change_hour == found[336].hour


def test_silence_of_a_sparse_source_alarms_once_ten_rows_are_lacking() -> None:
    rows = [window(i, 100.0, n=3 + i % 2) for i in range(336)]  # 3 at even hours of the day
    rows += [window(i, 0.0, n=0) for i in range(336, 342)]
    found = points_of(missing(), rows)[336:]
    assert [point.statistic for point in found] == [3, 7, 10, 14, 17, 21]
    assert [point.alarm for point in found] == [False, False, True, True, True, True]
    assert found[2].change_hour == found[3].change_hour == found[0].hour
    assert found[2].alarm_started


def test_hours_that_were_silent_in_phase_one_are_not_missed() -> None:
    rows = [window(i, 100.0, n=0 if i == 100 else 50) for i in range(336)]
    rows += [window(i, 0.0, n=0 if i % 24 == 100 % 24 else 50) for i in range(336, 360)]
    assert not any(point.alarm for point in points_of(missing(), rows)[336:])


@pytest.mark.slow
@pytest.mark.parametrize("a_day", [1, 6, 24, 72, 120, 240, 480])
def test_sparse_traffic_is_hardly_ever_taken_for_silence(a_day: int) -> None:
    """Of 30 sources in four weeks, by day five times as busy as at night, from day three on."""
    rng = np.random.default_rng(a_day)
    shape = np.where((np.arange(24) >= 7) & (np.arange(24) < 23), 5.0, 1.0)
    rates = np.tile(shape * a_day / shape.sum(), 28)
    counts = rng.poisson(rates, (30, len(rates)))
    rows = [[window(i, float(n), n=int(n)) for i, n in enumerate(source)] for source in counts]
    alarms = sum(point.alarm_started for one in rows for point in points_of(missing(), one))
    assert alarms <= 1


def test_rows_whose_value_is_not_known_are_not_silence() -> None:
    rows = [window(i, 100.0, n=5) for i in range(336)]
    assert not points_of(missing(), [*rows, window(336, None, n=5)])[-1].alarm

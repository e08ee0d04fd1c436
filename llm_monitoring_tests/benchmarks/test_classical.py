"""The field's own charts: their recursions by hand, and how often each is wrong at its defaults."""

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from benchmarks.charts.classical import cusum, ewma, laney_p, shewhart, variance_cusum
from llm_monitoring.stats.baselines import (
    Reading,
    Row,
    learn_mean,
    learn_proportion,
    learn_silence,
    stack,
)
from llm_monitoring.stats.charts import Chart, run
from llm_monitoring_tests.stats.charts.examples import (
    BOTH,
    DOWN,
    ESTABLISHED,
    UP,
    delay,
    events,
    level,
    points,
    proportion,
    scores,
    statistics,
)

Z = (1.0, -2.0, 0.5, 3.2, 3.4, -0.1)


# ---------------------------------------------------------------------- shewhart


def test_shewhart_compares_the_window_alone_with_its_limit() -> None:
    found = points(shewhart(learn_mean, BOTH), level(), scores(Z))
    assert statistics(found) == [abs(z) for z in Z]
    assert [bool(point.alarm) for point in found] == [False] * 3 + [True] * 2 + [False]
    assert [bool(point.started) for point in found] == [i == 3 for i in range(6)]
    assert [float(point.change_t) for point in found[3:5]] == [3, 3]
    assert statistics(points(shewhart(learn_mean, DOWN), level(), scores(Z))) == [-z for z in Z]


# -------------------------------------------------------------------------- ewma


def test_ewma_has_exact_limits() -> None:
    """Weight .2: averages .2, -.24; variances .2^2 and .2 / 1.8 (1 - .8^4) = .0656."""
    found = statistics(points(ewma(learn_mean, BOTH, weight=0.2), level(), scores(Z[:2])))
    assert found == pytest.approx([0.2 / 0.2, 0.24 / math.sqrt(0.2 / 1.8 * (1 - 0.8**4))])


@pytest.mark.parametrize("weight", [0.05, 0.3, 1.0])
def test_the_exact_limit_is_the_standard_deviation_of_the_average(weight: float) -> None:
    average, variance, expected = 0.0, 0.0, []
    for z in Z:
        average = (1 - weight) * average + weight * z
        variance = (1 - weight) ** 2 * variance + weight**2
        expected.append(abs(average) / math.sqrt(variance))
    found = statistics(points(ewma(learn_mean, BOTH, weight=weight), level(), scores(Z)))
    assert found == pytest.approx(expected)


# ------------------------------------------------------------------------- cusum


def test_cusum_sums_what_exceeds_its_allowance() -> None:
    """Up: .5, 0, 0, 2.7, 5.6, 5; down: 0, 1.5, .5, 0, 0, 0."""
    found = points(cusum(learn_mean, BOTH), level(), scores(Z))
    assert statistics(found) == pytest.approx([0.5, 1.5, 0.5, 2.7, 5.6, 5.0])
    assert [bool(point.alarm) for point in found] == [False] * 4 + [True, False]
    assert found[4].side == 1
    up = statistics(points(cusum(learn_mean, UP), level(), scores(Z)))
    assert up == pytest.approx([0.5, 0, 0, 2.7, 5.6, 5.0])


# ---------------------------------------------------------------- variance_cusum


def test_variance_cusum_sums_squares_beyond_its_reference() -> None:
    """A variance twice as large is as likely as before where z^2 = ln 2 / (1 - 1 / 2)."""
    reference, running, expected = 2 * math.log(2), 0.0, []
    for z in Z:
        running = max(0.0, running + z**2 - reference)
        expected.append(running)
    found = points(variance_cusum(learn_mean), level(), scores(Z))
    assert statistics(found) == pytest.approx(expected)


def test_a_scatter_that_grows_is_found_while_the_mean_stays() -> None:
    rng = np.random.default_rng(1)
    found = [
        delay(points(variance_cusum(learn_mean), level(), scores(rng.normal(0, 2, 300))))
        for _ in range(50)
    ]
    assert np.median(found) <= 10
    calmer = points(variance_cusum(learn_mean), level(), scores(rng.normal(0, 0.5, 300)))
    assert not any(point.alarm for point in calmer)


# ----------------------------------------------------------------------- laney_p


def test_laney_p_of_binomial_rates_is_a_p_chart() -> None:
    """2 % of 100 rows: a standard deviation of sqrt(.02 .98 / 100) = .014."""
    found = points(laney_p(BOTH), proportion(0.02), events([2, 6, 7], 100))
    assert statistics(found) == pytest.approx([0, 0.04 / 0.014, 0.05 / 0.014])
    assert [bool(point.alarm) for point in found] == [False, False, True]


def test_laney_p_widens_its_limits_by_how_much_windows_differ_beyond_chance() -> None:
    """By hand, 100 rows each: Phase I z-scores of p = .1, sd .03, are -1, 1, -2, 2, 0.

    Their variance is 10 / 4 = 2.5, so that limits are sqrt(2.5) times a p-chart's.
    """
    learned = learn_proportion(events([7, 13, 4, 16, 10], 100))
    assert learned.rate == pytest.approx(0.1)
    found = statistics(points(laney_p(UP), learned, events([16], 100, start=10)))
    assert found == pytest.approx([2 / math.sqrt(2.5)])


def test_laney_p_knows_the_hour_of_the_day() -> None:
    offsets = tuple(math.log(10) * (hour % 2) for hour in range(48))
    known = proportion(0.02, season="hour", offsets=offsets)
    rate = known.expected(1)
    found = points(laney_p(BOTH), known, [Reading(1, rate, 100), Reading(3, rate + 0.1, 100)])
    assert statistics(found) == pytest.approx(
        [0.0, 0.1 / math.sqrt(rate * (1 - rate) / 100)], abs=1e-12
    )


# ------------------------------------------------------------------------ shared

KINDS: dict[str, Callable[[], Chart]] = {
    "shewhart": lambda: shewhart(learn_mean, BOTH),
    "ewma": lambda: ewma(learn_mean, BOTH),
    "cusum .5": lambda: cusum(learn_mean, BOTH),
    "cusum .25": lambda: cusum(learn_mean, BOTH, allowance=0.25, limit=8),
    "variance_cusum": lambda: variance_cusum(learn_mean),
}


@pytest.mark.parametrize("name", KINDS)
def test_whitening_takes_out_what_the_last_window_explains(name: str) -> None:
    white = [Z[0]] + [(b - 0.6 * a) / 0.8 for a, b in pairwise(Z[:4])]
    found = statistics(points(KINDS[name](), level(phi=0.6), scores(Z[:4])))
    assert found == pytest.approx(statistics(points(KINDS[name](), level(), scores(white))))


@pytest.mark.parametrize("name", KINDS)
def test_they_need_a_level_or_a_rate(name: str) -> None:
    for wrong in (None, learn_silence([Reading(0, 1.0, 1)])):
        with pytest.raises(ValueError, match="needs the baseline of a level or of a rate"):
            KINDS[name]().start(wrong)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "stated"),
    [
        ("shewhart", 2.6),
        ("ewma", 1.3),
        ("cusum .5", 2.1),
        ("cusum .25", 2.9),
        ("variance_cusum", 1 / 1.4),
    ],
)
def test_each_is_wrong_as_often_as_it_says(name: str, stated: float) -> None:
    """False alarms in 1,000 normal windows after a Phase I of 336, within a third.

    One over the average number of windows to the first.
    """
    rng = np.random.default_rng(31)
    charts, windows = 400, 6000
    learned = stack(
        [
            learn_mean(
                [Reading(i, float(z), 1000) for i, z in enumerate(rng.normal(0, 1, ESTABLISHED))]
            )
            for _ in range(charts)
        ]
    )
    n, unknown = np.full(charts, 1000.0), np.full(charts, np.nan)
    rows = [Row(ESTABLISHED + i, rng.normal(0, 1, charts), n, unknown) for i in range(windows)]
    _, found = run(KINDS[name](), learned, rows)
    alarms = np.array([point.alarm for point in found])
    first = np.where(alarms.any(axis=0), alarms.argmax(axis=0) + 1, windows)
    assert 1000 / first.mean() == pytest.approx(stated, rel=1 / 3)


@pytest.mark.slow
@pytest.mark.parametrize(("clustered", "stated"), [(False, 10.0), (True, 25.0)])
def test_laney_p_is_wrong_as_often_as_it_says(clustered: bool, stated: float) -> None:
    """50 to 500 rows at .5 %: a third of what is stated either way."""
    rng = np.random.default_rng(32)
    charts, windows = 200, 1000
    n = rng.integers(50, 501, (ESTABLISHED + windows, charts))
    strength = 1 / 0.003 - 1
    p = rng.beta(0.005 * strength, 0.995 * strength, n.shape) if clustered else 0.005
    values = rng.binomial(n, p) / n
    learned = stack(
        [
            learn_proportion(
                [Reading(i, float(values[i, k]), int(n[i, k])) for i in range(ESTABLISHED)]
            )
            for k in range(charts)
        ]
    )
    unknown = np.full(charts, np.nan)
    rows = [Row(i, values[i], n[i].astype(float), unknown) for i in range(ESTABLISHED, len(n))]
    _, found = run(laney_p(UP), learned, rows)
    per_thousand = 1000 * np.mean([point.alarm for point in found])
    assert per_thousand == pytest.approx(stated, rel=1 / 3)

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_monitoring.stats.baselines import Reading, Row, learn_mean, learn_proportion, stack
from llm_monitoring.stats.charts import Side, run, sr_mixture
from llm_monitoring.stats.power import (
    LOOK,
    MEDIAN,
    hours_to_detect,
    information_needed,
    level_information,
    rate_information,
    rows_for_level,
    rows_for_rate,
)

SCORES: dict[str, float] = {"within": 1.03, "between": 0.05}
BASELINES, COPIES, PHASE_ONE, QUIET = 200, 4, 336, 168
CHARTS = BASELINES * COPIES
FIRST = 2_000  # hour of the first window after Phase I


# ------------------------------------------------------------------------------ known answers


@pytest.mark.parametrize(("run_length", "windows"), [(336, 8.38), (930, 10.4)])
def test_the_delay_of_a_tabular_cusum_for_one_standard_deviation(
    run_length: float, windows: float
) -> None:
    """Montgomery, Introduction to Statistical Quality Control, table 9.3: k 1/2, h 4 and 5.

    Run lengths there are of two charts together, each of which has twice as long.
    """
    endless = 1e12  # windows of the baseline: the level is known, and there is no dead band
    told = hours_to_detect(1 / 2, run_length, windows=endless)
    assert (told - LOOK) / MEDIAN == pytest.approx(windows, rel=0.01)


def test_the_divergence_of_two_rates_is_the_information_of_one_row() -> None:
    # Cover and Thomas, Elements of Information Theory, example 2.3.1: r 1/2, s 1/4, in bits.
    assert rate_information(0.25, 0.5, 1) / math.log(2) == pytest.approx(0.2075, abs=5e-5)
    assert rate_information(0.5, 0.25, 1) / math.log(2) == pytest.approx(0.1887, abs=5e-5)


def test_ten_times_the_rows_hold_ten_times_the_information_where_only_sampling_varies() -> None:
    few, many = (level_information(0.2, n, within=1.0, between=0.0) for n in (5, 50))
    assert many == pytest.approx(10 * few)
    few, many = (rate_information(0.01, 0.02, n) for n in (50, 500))
    assert many == pytest.approx(10 * few)


# --------------------------------------------------------------------------------- properties


def test_a_change_of_nothing_is_not_told_before_chance_raises_an_alarm() -> None:
    assert 0.8 * 10_000 < hours_to_detect(0.0, 10_000) <= 10_000


def test_a_chart_speaks_once_a_window() -> None:
    assert hours_to_detect(5_000, 10_000) == 1.0


def test_a_short_baseline_and_a_second_side_cost_time() -> None:
    usual = hours_to_detect(0.125, 10_000)
    assert usual < hours_to_detect(0.125, 10_000, two_sided=True)
    assert usual < hours_to_detect(0.125, 10_000, windows=168)


def test_where_the_mean_varies_too_much_by_itself_no_rows_can_do_it() -> None:
    needed = information_needed(24, 10_000)
    assert rows_for_level(needed, 0.1, within=1.03, between=0.15) is None
    most = level_information(0.1, 1e12, within=1.03, between=0.15)
    assert hours_to_detect(most, 10_000) > 24


def test_where_rows_go_too_much_together_no_rows_can_do_it() -> None:
    needed = information_needed(24, 10_000)
    assert rows_for_rate(needed, 0.01, 0.015, correlation=0.1) is None
    most = rate_information(0.01, 0.015, 1e12, correlation=0.1)
    assert hours_to_detect(most, 10_000) > 24


@given(hours=st.floats(1, 500), run_length=st.floats(1_000, 1e6), two_sided=st.booleans())
def test_the_information_needed_is_the_inverse_of_the_hours(
    hours: float, run_length: float, two_sided: bool
) -> None:
    needed = information_needed(hours, run_length, two_sided=two_sided)
    told = hours_to_detect(needed, run_length, two_sided=two_sided)
    assert told == pytest.approx(hours, rel=1e-3)


@given(n=st.floats(1, 1e4), shift=st.floats(0.05, 2))
def test_the_rows_for_a_level_are_the_inverse_of_its_information(n: float, shift: float) -> None:
    held = level_information(shift, n, **SCORES)
    assert rows_for_level(held, shift, **SCORES) == pytest.approx(n, rel=1e-3)


@given(n=st.floats(1, 1e4), after=st.floats(0.05, 1), correlation=st.floats(0, 0.2))
def test_the_rows_for_a_rate_are_the_inverse_of_its_information(
    n: float, after: float, correlation: float
) -> None:
    held = rate_information(0.03, after, n, correlation=correlation)
    needed = rows_for_rate(held, 0.03, after, correlation=correlation)
    assert needed == pytest.approx(n, rel=1e-3)


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        (lambda: hours_to_detect(-1, 1_000), "information"),
        (lambda: hours_to_detect(math.nan, 1_000), "information"),
        (lambda: hours_to_detect(1, 1), "run_length"),
        (lambda: hours_to_detect(1, 1_000, windows=0), "windows"),
        (lambda: information_needed(0.5, 1_000), "hours"),
        (lambda: level_information(0, 10, within=1, between=0), "shift"),
        (lambda: level_information(1, 0, within=1, between=0), "n must"),
        (lambda: level_information(1, 10, within=0, between=0), "scatter"),
        (lambda: rows_for_level(0, 1, within=1, between=0), "information"),
        (lambda: rate_information(0.0, 0.5, 10), "rates"),
        (lambda: rate_information(0.5, 0.5, 10), "rates"),
        (lambda: rate_information(0.5, 1.5, 10), "rates"),
        (lambda: rows_for_rate(0, 0.5, 0.6), "information"),
    ],
)
def test_what_makes_no_sense_is_refused(call: Callable[[], Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        call()


# -------------------------------------------------------------------------------- calibration


Draw = Callable[[np.random.Generator, int], Any]


def median_delay(
    learn: Any, sides: tuple[Side, ...], run_length: float, n: int, *, quiet: Draw, changed: Draw
) -> float:
    """Windows from a change until sr_mixture alarms, of charts that learned their own baseline."""
    rng = np.random.default_rng(11)
    learned = [
        learn([Reading(i, float(x), n) for i, x in enumerate(quiet(rng, PHASE_ONE))])
        for _ in range(BASELINES)
    ]
    known = stack(learned * COPIES)
    unknown, rows = np.full(CHARTS, np.nan), np.full(CHARTS, float(n))
    chart = sr_mixture(learn, sides, run_length)
    calm = [Row(FIRST + i, quiet(rng, CHARTS), rows, unknown) for i in range(QUIET)]
    state, points = run(chart, known, calm)
    waiting = ~np.any([point.alarm for point in points], axis=0)  # not those that alarmed already
    charts, alarmed, windows = int(waiting.sum()), 0, 0
    while 2 * alarmed < charts:
        row = Row(FIRST + QUIET + windows, changed(rng, CHARTS), rows, unknown)
        state, point = chart.step(known, state, row)
        alarmed += int((waiting & point.alarm).sum())
        waiting &= ~point.alarm
        windows += 1
    return windows


def close(told: float, taken: float) -> bool:
    """Within 25 % or half a window; the median of CHARTS delays is off by a few % by chance."""
    return abs(told - taken) <= max(0.25 * taken, 0.5)


@pytest.mark.slow
@pytest.mark.parametrize("run_length", [1_000, 10_000, 50_000])
@pytest.mark.parametrize("shift", [0.25, 0.5, 1.0, 2.0])
def test_levels_are_told_as_late_as_was_said(shift: float, run_length: float) -> None:
    taken = median_delay(
        learn_mean, ("down",), run_length, 200,
        quiet=lambda rng, k: rng.normal(0, 1, k), changed=lambda rng, k: rng.normal(-shift, 1, k),
    )  # fmt: skip
    assert close(hours_to_detect(shift**2 / 2, run_length), taken)


@pytest.mark.slow
@pytest.mark.parametrize("run_length", [1_000, 10_000, 50_000])
@pytest.mark.parametrize("shift", [0.5, 1.0, 2.0])
def test_two_sided_charts_tell_as_late_as_was_said(shift: float, run_length: float) -> None:
    taken = median_delay(
        learn_mean, ("up", "down"), run_length, 200,
        quiet=lambda rng, k: rng.normal(0, 1, k), changed=lambda rng, k: rng.normal(shift, 1, k),
    )  # fmt: skip
    assert close(hours_to_detect(shift**2 / 2, run_length, two_sided=True), taken)


@pytest.mark.slow
@pytest.mark.parametrize("run_length", [1_000, 10_000, 50_000])
@pytest.mark.parametrize(
    ("before", "after", "n"),
    [(0.005, 0.0075, 500), (0.02, 0.03, 200), (0.02, 0.04, 200), (0.2, 0.25, 50), (0.9, 0.85, 30)],
)
def test_rates_are_told_as_late_as_was_said(
    before: float, after: float, n: int, run_length: float
) -> None:
    sides: tuple[Side, ...] = ("up",) if after > before else ("down",)
    taken = median_delay(
        learn_proportion, sides, run_length, n,
        quiet=lambda rng, k: rng.binomial(n, before, k) / n,
        changed=lambda rng, k: rng.binomial(n, after, k) / n,
    )  # fmt: skip
    assert close(hours_to_detect(rate_information(before, after, n), run_length), taken)

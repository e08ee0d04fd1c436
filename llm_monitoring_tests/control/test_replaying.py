"""Whatever was measured, a replay goes on; what it cannot compute it says."""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_monitoring.control import Series, chart_names, named_charts, replay
from llm_monitoring.hours import hour_at, hour_index
from llm_monitoring.metrics import BY_NAME
from llm_monitoring.records import ChartPoint, Rebaseline, WindowMetric
from llm_monitoring.stats.charts import Chart, missing, static_threshold
from llm_monitoring_tests.lake.examples import FIRST, window
from llm_monitoring_tests.pipeline.decisions import decision

START = hour_index(FIRST)
METRICS = ("request_count", "request_share", "error_rate", "avg_cost_per_request_usd")
RUN_LENGTH = 11592.0


@cache
def charts(metric: str) -> dict[str, Chart]:
    """One of each name, and those that nobody names."""
    made = {
        name: next(iter(named_charts(name, BY_NAME[metric], RUN_LENGTH))) for name in chart_names()
    }
    return made | {"missing": missing(), "static_threshold": static_threshold(above=0.1)}


CASES = [(metric, name) for metric in METRICS for name in charts(metric)]


def of(metric: str) -> Series:
    return Series("search", "{}", None, metric)


def measured(metric: str, i: int, level: float) -> WindowMetric:
    """A window at a level, which is a number of requests, of a thousand, or of cents."""
    hour, kind = hour_at(START + i), BY_NAME[metric].kind
    if kind == "count":
        return window(hour, float(int(level)), n=int(level), metric=metric)
    if kind == "proportion":
        return window(hour, min(level / 1000, 1.0), n=1000, metric=metric)
    return window(hour, level / 100, n=30, stddev=level / 300, metric=metric)


def doubling(metric: str, hour: int, hours: int = 400) -> list[WindowMetric]:
    """About a hundred, doubled from an hour on."""
    return [
        measured(metric, i, (100 + i * 7 % 11 - 5) * (2 if i >= hour else 1)) for i in range(hours)
    ]


def sound(points: Sequence[ChartPoint]) -> None:
    """Every number that is told is one."""
    for point in points:
        told = (point.value, point.center, point.statistic, point.limit, point.level, *point.state)
        assert all(number is None or math.isfinite(number) for number in told)
        assert (point.status == "failed") == (point.failure is not None)


# ------------------------------------------------------------------- steps of volume


@pytest.mark.parametrize("metric", ["request_count", "request_share"])
@pytest.mark.parametrize("hour", range(240, 340, 10))
def test_a_volume_that_doubles_in_its_second_week_is_charted_on(metric: str, hour: int) -> None:
    replayed = replay(of(metric), charts(metric)["sr_mixture"], doubling(metric, hour))
    sound(replayed.points)
    assert not any(point.failure for point in replayed.points)
    assert replayed.points[-1].status == "established"
    kept = {baseline.baseline_id for baseline in replayed.baselines}
    assert {point.baseline_id for point in replayed.points} <= {None, *kept}


def test_an_episode_open_when_phase_one_ends_is_not_accepted_into_the_new_baseline() -> None:
    """The new baseline knows the windows of the shift, and nothing of the episode."""
    replayed = replay(
        of("request_count"), charts("request_count")["sr_mixture"], doubling("request_count", 300)
    )
    assert replayed.points[335].alarm
    learned = replayed.baselines[2]
    assert (learned.status, learned.windows) == ("established", 336)
    assert replayed.points[335].baseline_id == learned.baseline_id
    assert not replayed.points[336].alarm


LEVELS = st.one_of(
    st.sampled_from([0.0, 1.0, 1e-9, 1e6, 1e15]),
    st.floats(1, 1000),
)
STRETCHES = st.lists(st.tuples(st.integers(5, 150), LEVELS, st.integers(0, 200)), min_size=4)


@pytest.mark.parametrize(("metric", "name"), CASES)
@settings(max_examples=4, deadline=None)
@given(stretches=STRETCHES, seed=st.integers(0, 9))
def test_volumes_that_step_vanish_and_explode_are_charted_or_left_open(
    metric: str, name: str, stretches: list[tuple[int, float, int]], seed: int
) -> None:
    rng, rows, i = np.random.default_rng(seed), [], 0
    for length, level, gap in (*stretches, (150, 100.0, 0), (150, 200.0, 0), (50, 0.0, 0)):
        for _ in range(length):
            rows.append(measured(metric, i, level * rng.lognormal(0, 0.1)))
            i += 1
        i += gap
    points = replay(of(metric), charts(metric)[name], rows[:600]).points
    sound(points)
    assert not any(point.failure for point in points)


# ------------------------------------------------------------------ what cannot be computed


def failing(*wrong: int, hours: int = 420) -> list[WindowMetric]:
    """Rates of about 10 %, and impossible ones in some hours."""
    rows = doubling("error_rate", hours, hours)
    return [replace(r, value=-0.5) if i in wrong else r for i, r in enumerate(rows)]


def test_a_window_that_cannot_be_computed_says_why_and_the_chart_goes_on_without_it() -> None:
    chart = charts("error_rate")["sr_mixture"]
    rows = failing(400)
    points = replay(of("error_rate"), chart, rows).points
    assert points[400].status == "failed"
    assert points[400].failure is not None
    assert points[400].failure.startswith("ValueError: ")
    assert (points[400].alarm, points[400].statistic, points[400].level) == (False, None, None)
    assert points[400].state == points[399].state
    without = replay(of("error_rate"), chart, rows[:400] + rows[401:]).points
    assert points[401:] == without[400:]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_no_number_is_not_stored_as_one(value: float) -> None:
    rows = [*doubling("error_rate", 10, 10), window(hour_at(START + 10), value, n=5)]
    (*_, last) = replay(of("error_rate"), charts("error_rate")["single_window"], rows).points
    assert (last.status, last.value) == ("failed", None)


def test_a_state_that_is_no_number_is_not_kept() -> None:
    """The square of such a value overflows: the average it would go into is lost for good."""
    cost = "avg_cost_per_request_usd"
    rows = [measured(cost, i, 1e302 if i == 40 else 100.0) for i in range(60)]
    points = replay(of(cost), charts(cost)["reference_ewma"], rows).points
    assert [i for i, point in enumerate(points) if point.failure] == [40]
    assert points[41].statistic is not None


def test_a_phase_one_that_cannot_be_learned_from_fails_until_its_windows_are_left_out() -> None:
    chart, rows = charts("error_rate")["sr_mixture"], failing(20)
    failed = replay(of("error_rate"), chart, rows).points
    assert {point.status for point in failed[:47]} == {"waiting"}
    assert {point.status for point in failed[47:]} == {"failed"}
    skip = decision("skip", skip=(20, 20))
    decided = replay(of("error_rate"), chart, rows, rebaselines=[skip]).points
    assert not any(point.failure for point in decided)
    assert decided[-1].status == "established"


@pytest.mark.parametrize("wrong", [350, 399, 400])
def test_a_restart_ends_a_failure(wrong: int) -> None:
    """Also one decided for the window that fails: Phase I begins with the next one."""
    chart = charts("error_rate")["sr_mixture"]
    rows = [replace(r, n=-1) if i == wrong else r for i, r in enumerate(failing(hours=500))]
    restart: Rebaseline = decision("restart", 400)
    points = replay(of("error_rate"), chart, rows, rebaselines=[restart]).points
    assert [i for i, point in enumerate(points) if point.failure] == [wrong]
    waiting = [i for i, point in enumerate(points) if point.status == "waiting" and i > 48]
    assert waiting == [i for i in range(400, 422 if wrong == 400 else 421) if i != wrong][:20]

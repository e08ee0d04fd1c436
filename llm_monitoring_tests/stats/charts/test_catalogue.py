"""One examination for every chart of the catalogue."""

import math
import re
from collections.abc import Sequence
from dataclasses import astuple
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_monitoring.control import Checkpoint, Replayed, replay
from llm_monitoring.hours import hour_at
from llm_monitoring.records import ChartPoint, WindowMetric
from llm_monitoring.stats.baselines import Array, Row, learn_proportion, stack
from llm_monitoring.stats.charts import CHARTS, Chart, Point, rank_in_pair, run, shares_of
from llm_monitoring_tests.conftest import REPOSITORY
from llm_monitoring_tests.stats.charts.examples import (
    CANDIDATES,
    ESTABLISHED,
    SERIES,
    START,
    Candidate,
    points_of,
    reading,
    stream,
    window,
)

STATUSES = {"waiting", "no_data", "provisional", "established"}
NAMES = list(CANDIDATES)
WITHOUT_SILENCE = [name for name in NAMES if not CANDIDATES[name].chart.reads_silence]
LEARNING = [name for name in NAMES if CANDIDATES[name].chart.learn]
ABLE = [name for name in NAMES if CHARTS[CANDIDATES[name].chart.name].can_alarm]
RATES = [name for name in NAMES if CANDIDATES[name].chart.learn is learn_proportion]


def sound(points: Sequence[ChartPoint]) -> None:
    """Every verdict is one: no number of a point is nan, and none of what is kept."""
    for point in points:
        assert point.status in STATUSES
        for number in (point.statistic, point.limit, point.level, point.center, *point.state):
            assert number is None or not math.isnan(number)
        assert point.alarm == (point.direction is not None)
        assert not point.alarm_started or point.alarm
        if point.status in ("waiting", "no_data"):
            assert point.statistic is None
            assert not point.alarm


@cache
def after_a_step(name: str) -> Replayed:
    """400 quiet windows, 30 after a large step, and 30 quiet ones."""
    return replay(SERIES, CANDIDATES[name].chart, stepping(name))


def stepping(name: str) -> list[WindowMetric]:
    candidate = CANDIDATES[name]
    rows = stream(candidate, 400, 30)
    return rows + [candidate.quiet(np.random.default_rng(2), i) for i in range(430, 460)]


def test_the_examination_covers_the_catalogue() -> None:
    assert {candidate.chart.name for candidate in CANDIDATES.values()} == set(CHARTS)


@pytest.mark.parametrize("name", [name for name, kind in CHARTS.items() if kind.build])
def test_a_chart_is_put_up_under_the_name_it_has_in_the_catalogue(name: str) -> None:
    build = CHARTS[name].build
    assert build is not None
    assert build(learn_proportion, ("up",), 1000.0).name == name


@pytest.mark.parametrize("name", CHARTS)
def test_the_charts_of_a_series_share_out_its_whole_budget_or_none_of_it(name: str) -> None:
    shares = shares_of(name)
    assert next(iter(shares)) == name
    assert set(shares) <= set(CHARTS)
    assert sum(shares.values()) in (0.0, 1.0)


def test_of_charts_that_share_a_budget_one_leads() -> None:
    assert [rank_in_pair(name) for name in ("sr_mixture", "single_window")] == [0, 1]
    assert [rank_in_pair(name) for name in ("missing", "reference_ewma", "no chart")] == [None] * 3


def test_the_documentation_has_a_row_for_every_chart() -> None:
    text = (REPOSITORY / "docs" / "control-charts.md").read_text(encoding="utf-8")
    table = text.partition("## The charts")[2].partition("## Lines")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(CHARTS)


def test_only_a_chart_that_says_so_is_mute() -> None:
    assert [name for name, kind in CHARTS.items() if not kind.can_alarm] == ["reference_ewma"]


# ---------------------------------------------------------------------- alarms


@pytest.mark.parametrize("name", ABLE)
def test_a_large_step_is_found_within_three_windows_and_not_before(name: str) -> None:
    points = after_a_step(name).points
    sound(points)
    alarms = [i for i, point in enumerate(points) if point.alarm]
    assert alarms
    assert 400 <= alarms[0] <= 402


def test_reference_ewma_does_not_find_it() -> None:
    assert not any(point.alarm for point in after_a_step("reference_ewma").points)


@pytest.mark.parametrize("name", ABLE)
def test_an_alarm_says_which_way_since_when_and_where_it_is_now(name: str) -> None:
    """sr_mixture estimates since when; the others name the window in which they first alarmed."""
    candidate = CANDIDATES[name]
    points = after_a_step(name).points[:410]
    rng = np.random.default_rng(2)
    before, after = (
        np.mean([draw(rng, 409).value for _ in range(300)])
        for draw in (candidate.quiet, candidate.step)
    )
    started = next(point.hour for point in points if point.alarm_started)
    point = points[-1]
    assert point.direction == ("up" if after > before else "down")
    assert point.level is not None
    if point.chart == "sr_mixture":
        assert point.change_hour == hour_at(START + 400)
        assert point.level == pytest.approx(after, abs=float(abs(after - before)) / 8)
    else:
        assert point.change_hour == started
        assert point.level == (0.0 if point.chart == "missing" else point.value)


@pytest.mark.parametrize("name", ABLE)
def test_one_step_is_one_episode_that_starts_once(name: str) -> None:
    points = after_a_step(name).points[:430]
    assert sum(point.alarm_started for point in points) == 1
    assert all(point.alarm for point in points[405:])


@pytest.mark.parametrize("name", NAMES)
def test_without_an_alarm_nothing_is_said_about_a_change(name: str) -> None:
    for point in after_a_step(name).points[:400]:
        assert (point.alarm, point.direction, point.level) == (False, None, None)
        assert point.change_hour is None


# ------------------------------------------------------------- windows of no data


@pytest.mark.parametrize("name", WITHOUT_SILENCE)
def test_an_empty_window_leaves_the_chart_unchanged(name: str) -> None:
    rows = stream(CANDIDATES[name], 500, 0)
    empty = window(400, None, n=0)
    points = points_of(CANDIDATES[name].chart, [*rows[:400], empty, *rows[401:]])
    assert points[400].status == "no_data"
    assert points[400].state == points[399].state
    assert points[400].statistic is None
    assert not points[400].alarm_started


@pytest.mark.parametrize("name", WITHOUT_SILENCE)
def test_empty_windows_add_nothing_to_phase_one(name: str) -> None:
    rows = stream(CANDIDATES[name], 60, 0)
    rows[10:30] = [window(i, None, n=0) for i in range(10, 30)]
    statuses = {point.status for point in points_of(CANDIDATES[name].chart, rows)}
    expected = "waiting" if CANDIDATES[name].chart.learn else "established"
    assert statuses == {expected, "no_data"}


@pytest.mark.parametrize("name", NAMES)
def test_a_series_that_starts_late_begins_its_own_phase_one(name: str) -> None:
    rows = stream(CANDIDATES[name], 400, 0)
    late = [window(i, None, n=0) for i in range(240)]
    late += [window(i + 240, row.value, row.n, row.stddev) for i, row in enumerate(rows)]
    points = points_of(CANDIDATES[name].chart, late)
    sound(points)
    assert points[-1].status == "established"
    assert not any(point.alarm for point in points)


@pytest.mark.parametrize("name", NAMES)
def test_a_gap_of_months_leaves_a_chart_as_it_was(name: str) -> None:
    candidate = CANDIDATES[name]
    rows = stream(candidate, 400, 0)
    rng = np.random.default_rng(3)
    after = [candidate.quiet(rng, i) for i in range(5016, 5066)]
    points = points_of(candidate.chart, [*rows, *after])
    sound(points)
    assert not any(point.alarm for point in points)


@pytest.mark.parametrize("name", WITHOUT_SILENCE)
def test_windows_of_a_handful_of_rows_have_a_defined_answer(name: str) -> None:
    rows = stream(CANDIDATES[name], 400, 0)
    tiny = [window(400 + i, value, n=n) for i, (value, n) in enumerate(((1.0, 1), (0.0, 1)))]
    points = points_of(CANDIDATES[name].chart, [*rows, *tiny])
    sound(points)
    assert points[-1].statistic is not None


# ----------------------------------------------------------------- what is wrong


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_no_number_cannot_be_charted(name: str, value: float) -> None:
    rows = [*stream(CANDIDATES[name], 340, 0), window(340, value)]
    (*_, last) = points_of(CANDIDATES[name].chart, rows)
    assert last.status == "failed"
    assert "has the value" in (last.failure or "")


@pytest.mark.parametrize("name", NAMES)
def test_a_negative_count_cannot_be_charted(name: str) -> None:
    (point,) = points_of(CANDIDATES[name].chart, [window(0, 0.5, n=-1)])
    assert "n = -1" in (point.failure or "")


@pytest.mark.parametrize("name", NAMES)
def test_windows_out_of_order_or_twice_are_an_error(name: str) -> None:
    chart, rows = CANDIDATES[name].chart, stream(CANDIDATES[name], 52, 0)
    baseline = chart.learn([reading(row) for row in rows[:48]]) if chart.learn else None
    for wrong in ([rows[49], rows[48]], [rows[48], rows[48]]):
        with pytest.raises(ValueError, match="follows"):
            points_of(chart, wrong)
        with pytest.raises(ValueError, match="follows"):
            run(chart, baseline, [reading(row).as_row() for row in wrong])


@pytest.mark.parametrize("name", RATES)
@pytest.mark.parametrize("value", [-0.01, 1.01])
def test_more_events_than_rows_or_fewer_than_none_are_an_error(name: str, value: float) -> None:
    chart = CANDIDATES[name].chart
    baseline = learn_proportion([reading(row) for row in stream(CANDIDATES[name], 48, 0)])
    with pytest.raises(ValueError, match="not between 0 and 1"):
        run(chart, baseline, [reading(window(48, value)).as_row()])


@pytest.mark.parametrize("name", LEARNING)
def test_a_chart_that_learns_does_not_go_without_a_baseline(name: str) -> None:
    chart = CANDIDATES[name].chart
    with pytest.raises(ValueError, match="needs"):
        run(chart, None, [reading(window(0, 0.5)).as_row()])


# ---------------------------------------------------------- Phase I of every kind


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_a_constant_phase_one_and_what_follows_have_a_defined_answer(
    name: str, value: float
) -> None:
    rows = [window(i, value, stddev=0.0) for i in range(350)]
    rows += [window(i, v) for i, v in enumerate((0.0, 0.3, 1.0, value, value), start=350)]
    points = points_of(CANDIDATES[name].chart, rows)
    sound(points)
    assert not any(point.alarm for point in points[:350] if point.chart != "static_threshold")


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=15, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.one_of(st.none(), st.floats(0, 1), st.sampled_from([0.0, 1.0])),
            st.one_of(st.integers(0, 3), st.integers(0, 10**6)),
            st.integers(1, 30),
        ),
        min_size=60,
        max_size=80,
    )
)
def test_whatever_was_measured_no_verdict_is_nan(
    name: str, rows: list[tuple[float | None, int, int]]
) -> None:
    hours = np.cumsum([gap for *_, gap in rows])
    windows = [
        window(int(i), value, n, None if n < 2 else 0.2)
        for i, (value, n, _) in zip(hours, rows, strict=True)
    ]
    sound(points_of(CANDIDATES[name].chart, windows))


# -------------------------------------------------------------- one definition


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("cut", [336, 337, 401, 412, 449])
def test_replaying_in_pieces_equals_replaying_in_one_go_bit_for_bit(name: str, cut: int) -> None:
    rows, whole = stepping(name), after_a_step(name)
    point = whole.points[cut - 1]
    baseline = next((b for b in whole.baselines if b.baseline_id == point.baseline_id), None)
    pieces = whole.points[:cut]
    pieces += replay(SERIES, CANDIDATES[name].chart, rows[cut:], Checkpoint(point, baseline)).points
    assert repr(pieces) == repr(whole.points)


@pytest.mark.parametrize("name", NAMES)
def test_a_chart_never_looks_ahead(name: str) -> None:
    found = points_of(CANDIDATES[name].chart, stepping(name)[:403])
    assert repr(found) == repr(after_a_step(name).points[:403])


# Phase I of several lengths, then weeks in which each series is silent at times of its own, steps
# and recovers. All are silent together for a day.
PHASE_ONES = (48, 168, 336)
PHASE_TWO = 400


def several(candidate: Candidate) -> list[list[WindowMetric]]:
    found = []
    for k, length in enumerate(PHASE_ONES):
        rng = np.random.default_rng(100 + k)
        rows = [candidate.quiet(rng, 400 - length + i) for i in range(length)]
        for i in range(400, 400 + PHASE_TWO):
            stepped = 520 + 30 * k <= i < 550 + 30 * k
            row = (candidate.step if stepped else candidate.quiet)(rng, i)
            rows.append(window(i, None, n=0) if rng.random() < 0.1 else row)
        found.append(rows[: length + 230] + rows[length + 254 :])
    return found


def streamed(chart: Chart, baseline: object, rows: Sequence[Row]) -> tuple[Array, list[Point]]:
    """One chart, stepped as production steps it: windows without data are left out."""
    state, found = chart.start(baseline), []
    for row in rows:
        if row.n > 0 or chart.reads_silence:
            state, point = chart.step(baseline, state, row)
            found.append(point)
    return state, found


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_charts_replayed_together_are_each_what_it_is_alone(name: str) -> None:
    chart, series = CANDIDATES[name].chart, several(CANDIDATES[name])
    learned = [
        chart.learn([reading(row) for row in rows[:length]]) if chart.learn else None
        for rows, length in zip(series, PHASE_ONES, strict=True)
    ]
    rows = [
        [reading(row).as_row() for row in one[length:]]
        for one, length in zip(series, PHASE_ONES, strict=True)
    ]
    together = [
        Row(each[0].t, *(np.array([getattr(row, key) for row in each]) for key in ROW))
        for each in zip(*rows, strict=True)
    ]
    baseline = stack(learned) if chart.learn else None  # type: ignore[type-var]
    states, points = run(chart, baseline, together)
    alarms = 0
    for k, alone in enumerate(rows):
        state, expected = streamed(chart, learned[k], alone)
        found = [
            [np.broadcast_to(value, len(rows))[k] for value in astuple(point)]
            for point, row in zip(points, alone, strict=True)
            if row.n > 0 or chart.reads_silence
        ]
        np.testing.assert_allclose(
            np.array(found, float),
            np.array([astuple(point) for point in expected], float),
            rtol=1e-12,
            atol=1e-12,
        )
        np.testing.assert_allclose(states[:, k], state, rtol=1e-12, atol=1e-12)
        alarms += sum(bool(point.alarm) for point in expected)
    assert alarms or name not in ABLE


ROW = ("value", "n", "stddev")


@pytest.mark.parametrize("name", WITHOUT_SILENCE)
def test_a_chart_without_data_among_others_keeps_its_state_and_its_alarm(name: str) -> None:
    chart = CANDIDATES[name].chart
    series = stream(CANDIDATES[name], 400, 6)
    learned = chart.learn([reading(row) for row in series[:ESTABLISHED]]) if chart.learn else None
    rows = [
        Row(one.t, *(np.array([getattr(one, key)] * 2) for key in ROW))
        for one in (reading(row).as_row() for row in series[ESTABLISHED:])
    ]
    baseline = stack([learned, learned]) if learned else None  # type: ignore[type-var]
    state, points = run(chart, baseline, rows)
    last = rows[-1]
    empty = Row(last.t + 1, np.array([np.nan, 0.02]), np.array([0.0, 200.0]), last.stddev)
    after, more = run(chart, baseline, [*rows, empty])
    assert after[:, 0].tolist() == state[:, 0].tolist()
    before, kept = points[-1], more[-1]
    assert np.isnan(kept.statistic[0])
    for key in ("alarm", "side", "level", "change_t", "age"):
        values = [np.broadcast_to(getattr(point, key), 2)[0] for point in (before, kept)]
        np.testing.assert_equal(values[1], values[0])
    assert not kept.started[0]


@pytest.mark.parametrize("name", NAMES)
def test_an_infinite_value_is_an_error_however_it_comes(name: str) -> None:
    chart = CANDIDATES[name].chart
    rows = [reading(row) for row in stream(CANDIDATES[name], 48, 0)]
    baseline = chart.learn(rows) if chart.learn else None
    wrong = Row(START + 48, np.float64(math.inf), np.float64(200), np.float64(1))
    with pytest.raises(ValueError, match="has the value inf"):
        run(chart, baseline, [wrong])

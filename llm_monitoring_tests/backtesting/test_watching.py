from typing import Any

import pytest

from llm_monitoring.backtesting import Watched, parse_rule, watch_series
from llm_monitoring.control import Series, charts_of, replay, series_run_length
from llm_monitoring.hours import hours_between
from llm_monitoring.records import WindowMetric
from llm_monitoring_tests.backtesting.examples import (
    ERRORS,
    PHASE_ONE,
    SCORES,
    hour,
    rates,
    scores,
    settings,
)
from llm_monitoring_tests.lake.examples import window

FAULT = 400
HOURS = 500


def watch(
    text: str,
    windows: list[WindowMetric],
    hours: tuple[int, int] = (PHASE_ONE, HOURS - 1),
    series: Series = ERRORS,
    **control: Any,
) -> Watched:
    watched = watch_series(
        parse_rule(text, settings(**control)),
        series,
        windows,
        hours=(hour(hours[0]), hour(hours[1])),
    )
    assert watched is not None
    return watched


@pytest.fixture(scope="module")
def outage() -> list[WindowMetric]:
    """An error rate of 1 % that is 20 % for a day."""
    return rates(HOURS, lambda i: 0.2 if FAULT <= i < FAULT + 24 else 0.01)


def test_what_is_found_is_what_the_replay_finds(outage: list[WindowMetric]) -> None:
    (chart, *_) = charts_of(ERRORS, settings())
    points = replay(ERRORS, chart, outage).points
    alarms = [point.hour for point in points if point.alarm]
    (episode,) = watch("sr_mixture", outage).episodes
    assert (episode.first_hour, episode.last_hour) == (alarms[0], alarms[-1])
    assert episode.first_hour == hour(FAULT)
    assert episode.change_hour == hour(FAULT)
    assert not episode.is_open
    assert episode.direction == "up"
    assert episode.before == pytest.approx(0.01, abs=0.003)
    assert episode.level == pytest.approx(0.2, abs=0.03)


def test_charts_that_share_a_budget_find_one_episode_between_them(
    outage: list[WindowMetric],
) -> None:
    watched = watch("sr_mixture", outage)
    assert watched.charts == 2
    assert watched.chart_windows == 2 * (HOURS - PHASE_ONE)
    assert len(watched.episodes) == 1


def test_only_the_hours_asked_about_count_and_later_ones_are_not_looked_at(
    outage: list[WindowMetric],
) -> None:
    before = watch("sr_mixture", outage, (PHASE_ONE, FAULT - 1))
    assert before.episodes == ()
    assert before.chart_windows == 2 * (FAULT - PHASE_ONE)
    half = watch("sr_mixture", outage, (PHASE_ONE, FAULT + 5))
    (episode,) = half.episodes
    assert episode.is_open
    assert episode.last_hour == hour(FAULT + 5)


def test_an_episode_that_was_open_already_is_told_and_one_that_was_over_is_not(
    outage: list[WindowMetric],
) -> None:
    (episode,) = watch("sr_mixture", outage, (FAULT + 10, HOURS - 1)).episodes
    assert episode.first_hour == hour(FAULT)
    assert watch("sr_mixture", outage, (FAULT + 80, HOURS - 1)).episodes == ()


def test_phase_one_is_not_monitored(outage: list[WindowMetric]) -> None:
    watched = watch("sr_mixture", outage, (0, HOURS - 1))
    assert watched.waiting_windows == 2 * 48
    assert watched.chart_windows == 2 * (HOURS - 48)


def test_the_budget_expects_as_many_false_alarms_as_windows_are_worth(
    outage: list[WindowMetric],
) -> None:
    each = series_run_length(settings(), "search")
    assert watch("sr_mixture", outage).expected == pytest.approx((HOURS - PHASE_ONE) / each)
    double = watch("configured", outage, false_alarms_per_week=2)
    assert double.expected == pytest.approx(2 * (HOURS - PHASE_ONE) / each)
    tickets = watch("configured", outage, false_tickets_per_week=10)
    assert tickets.expected == pytest.approx(10 * (HOURS - PHASE_ONE) / each)
    assert watch("reference_ewma", outage).expected is None
    assert watch("error_rate>0.05", outage).expected is None


def test_a_drawn_line_is_crossed_where_it_is_crossed(outage: list[WindowMetric]) -> None:
    watched = watch("error_rate>0.05", outage)
    assert watched.chart_windows == HOURS - PHASE_ONE  # a line needs no Phase I
    (episode,) = watched.episodes
    assert (episode.first_hour, episode.last_hour) == (hour(FAULT), hour(FAULT + 23))
    assert episode.before is None
    assert watch("error_rate>0.05@201", outage).episodes == ()


def test_a_fall_of_a_score_is_found_downwards() -> None:
    windows = scores(HOURS, lambda i: 4.0 - (0.5 if i >= FAULT else 0.0))
    (episode,) = watch("sr_mixture", windows, series=SCORES).episodes
    assert episode.direction == "down"
    assert 0 <= hours_between(hour(FAULT), episode.first_hour) <= 12
    assert episode.level == pytest.approx(3.5, abs=0.2)
    assert episode.is_open


def test_empty_windows_are_not_monitored() -> None:
    windows = rates(HOURS, lambda _: 0.01)
    silent = range(FAULT, FAULT + 20)
    windows = [window(w.hour, None, n=0) if i in silent else w for i, w in enumerate(windows)]
    assert watch("single_window", windows).chart_windows == HOURS - PHASE_ONE - len(silent)


def test_a_chart_that_ended_long_ago_has_no_open_episode() -> None:
    windows = rates(FAULT + 10, lambda i: 0.2 if i >= FAULT else 0.01)
    (episode,) = watch("sr_mixture", windows, (PHASE_ONE, FAULT + 100)).episodes
    assert not episode.is_open
    assert episode.last_hour == hour(FAULT + 9)


def test_a_series_that_no_chart_of_the_rule_watches_is_nothing() -> None:
    line, chart = (parse_rule(text, settings()) for text in ("quality_mean<3.5", "sr_mixture"))
    windows = rates(10, lambda _: 0.01)
    assert watch_series(line, ERRORS, windows, hours=(hour(0), hour(9))) is None
    assert watch_series(chart, ERRORS, windows, hours=(hour(-10), hour(-1))) is None

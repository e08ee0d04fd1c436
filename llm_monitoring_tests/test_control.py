import json
import math
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from llm_monitoring.control import (
    ACCEPT_WINDOWS,
    RELEVEL_WINDOWS,
    UNLISTED_FEATURES,
    Checkpoint,
    Replayed,
    Series,
    can_resume,
    chart_count,
    chart_names,
    chart_run_length,
    charts_of,
    concerns,
    group,
    named_charts,
    parse_baseline,
    replay,
    series_run_length,
    ticket_margin,
)
from llm_monitoring.hours import hour_range, shift
from llm_monitoring.metrics import ALL_FEATURES, BY_NAME, CHARTED, FLEET_FEATURES
from llm_monitoring.records import ChartPoint, Rebaseline, WindowMetric
from llm_monitoring.segments import EVERYTHING, segment_of_model
from llm_monitoring.settings import Settings
from llm_monitoring.stats.baselines import (
    LevelBaseline,
    ProportionBaseline,
    SilenceBaseline,
)
from llm_monitoring.stats.charts.limits import limit_of
from llm_monitoring_tests.lake.examples import FIRST, window


def settings(features: int = 1, **control: Any) -> Settings:
    return Settings.model_validate(
        {
            "product": "Shop",
            "start": datetime(2026, 10, 5, tzinfo=UTC),
            "features": [{"feature_id": f"f{i}"} for i in range(features)],
            "control": control,
        }
    )


def names(series: Series, chosen: Settings) -> list[str]:
    return [chart.name + chart.variant for chart in charts_of(series, chosen)]


def series(metric: str, model_id: str | None = None, epoch: str | None = None) -> Series:
    return Series("search", segment_of_model(model_id), epoch, metric)


# --------------------------------------------------------------------- budget


def test_the_budget_is_shared_by_every_series_there_can_be() -> None:
    """Those of each feature, and of one more for all that monitoring.yaml does not name."""
    each = len(CHARTED) + 4  # the cost per request of four models
    assert chart_count(settings(1)) == 2 * each
    assert chart_count(settings(3)) == 4 * each


def test_a_series_runs_as_long_as_its_share_of_the_false_alarms_a_week_asks_for() -> None:
    length = series_run_length(settings(3))
    assert length == chart_count(settings(3)) * 168
    assert series_run_length(settings(3, false_alarms_per_week=2)) == length / 2


def test_features_that_are_not_named_share_the_part_of_one() -> None:
    named, all_together, other = (
        series_run_length(settings(3), feature) for feature in ("f0", ALL_FEATURES, "other")
    )
    assert named == all_together == series_run_length(settings(3))
    assert other == UNLISTED_FEATURES * named


def test_the_two_charts_of_a_series_share_its_budget() -> None:
    chosen = settings(2)
    each = [chart_run_length(chosen, "f0", name) for name in ("sr_mixture", "single_window")]
    expected = series_run_length(chosen, "f0")
    assert None not in each
    assert sum(1 / length for length in each if length) == pytest.approx(1 / expected)
    assert each[1] == pytest.approx(10 * expected)
    assert chart_run_length(chosen, "f0", "static_threshold") is None
    alone = settings(2, chart="single_window")
    assert chart_run_length(alone, "f0", "single_window") == pytest.approx(expected)


def test_a_budget_of_tickets_opens_episodes_sooner_and_pages_as_before() -> None:
    plain, with_tickets = settings(2), settings(2, false_tickets_per_week=10.0)
    assert ticket_margin(plain) == 0
    assert ticket_margin(with_tickets) == pytest.approx(math.log(10))
    limits = [limit_at(chosen, "single_window") for chosen in (plain, with_tickets)]
    assert limits[0] - limits[1] == pytest.approx(math.log(10))


def limit_at(chosen: Settings, name: str) -> float:
    """Limit of a chart of the error rate, where Phase I has been seen."""
    (chart,) = [c for c in charts_of(series("error_rate"), chosen) if c.name == name]
    limit = replay(series("error_rate"), chart, hourly(noisy_rate(), 400)).points[-1].limit
    assert limit is not None
    return limit


def test_what_was_logged_so_far_does_not_change_the_limit() -> None:
    """It is that of the table for the run length and the windows that were learned from."""
    chosen = settings(2)
    chart = charts_of(series("error_rate"), chosen)[0]
    replayed = replay(series("error_rate"), chart, hourly(noisy_rate(), 800))
    length = chart_run_length(chosen, "search", "sr_mixture")
    assert length is not None
    learned = parse_baseline(replayed.baselines[-1])
    assert isinstance(learned, ProportionBaseline)
    expected = limit_of(length, learned, two_sided=False)
    assert {point.limit for point in replayed.points[336:]} == {float(expected)}


# ------------------------------------------------------------ charts of a series


def test_each_charted_metric_of_a_feature_has_the_configured_chart() -> None:
    for metric in CHARTED:
        assert names(series(metric.name), settings())[:2] == ["sr_mixture", "single_window"]
        chosen = settings(chart="reference_ewma")
        assert names(series(metric.name), chosen)[0] == "reference_ewma"


def test_metrics_without_a_bad_side_and_unknown_ones_are_not_charted() -> None:
    assert names(series("latency_p50_ms"), settings()) == []
    assert names(series("survivorship_bias_risk"), settings()) == []
    assert names(series("a_metric_of_last_year"), settings()) == []


def test_a_segment_has_charts_of_the_metrics_that_its_breakdown_names_only() -> None:
    by_model = series("avg_cost_per_request_usd", "model-a")
    assert names(by_model, settings()) == ["sr_mixture", "single_window"]
    assert names(series("error_rate", "model-a"), settings()) == []
    assert names(series("request_count", "model-a"), settings()) == []


def test_silence_is_watched_on_the_request_count_of_a_feature() -> None:
    assert names(series("request_count"), settings()) == ["sr_mixture", "single_window", "missing"]
    together = Series(ALL_FEATURES, EVERYTHING, None, "request_count")
    assert names(together, settings(FLEET_FEATURES)) == ["sr_mixture", "single_window"]


def test_of_many_features_the_share_of_each_is_charted_and_the_sum_of_all() -> None:
    fleet = settings(FLEET_FEATURES)
    assert names(series("request_count"), fleet) == ["missing"]
    assert names(series("request_share"), fleet) == ["sr_mixture", "single_window"]


@pytest.mark.parametrize("name", chart_names())
def test_a_chart_can_be_chosen_by_its_name(name: str) -> None:
    for metric in (BY_NAME["error_rate"], BY_NAME["quality_mean"]):
        assert next(chart.name for chart in named_charts(name, metric, 1000)) == name


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("outage", "the chart 'outage' is called 'single_window' now"),
        ("single_windows", "there is no chart 'single_windows'; did you mean single_window?"),
        ("cusum", "there are: sr_mixture, single_window, reference_ewma"),
        ("missing", "there is no chart 'missing'"),
        ("static_threshold", "there is no chart 'static_threshold'"),
    ],
)
def test_a_chart_that_cannot_be_chosen_is_an_error_with_the_nearest_word(
    name: str, told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        list(named_charts(name, BY_NAME["error_rate"], 1000))


def test_drawn_lines_apply_to_their_metric_and_feature() -> None:
    lines = [
        {"metric": "error_rate", "above": 0.05},
        {"metric": "error_rate", "above": 0.2, "feature_id": "chat"},
    ]
    chosen = settings(thresholds=lines)
    usual = ["sr_mixture", "single_window"]
    assert names(series("error_rate"), chosen) == [*usual, "static_threshold:above_0.05"]
    chat = Series("chat", "{}", None, "error_rate")
    assert names(chat, chosen)[2:] == ["static_threshold:above_0.05", "static_threshold:above_0.2"]
    assert names(series("refusal_rate"), chosen) == usual


def alarms_of_line(metric: str, rows: list[tuple[float | None, int]], **line: object) -> list[bool]:
    """Of the line monitoring.yaml draws, over windows of (value, n)."""
    chosen = settings(thresholds=[{"metric": metric, **line}])
    chart = next(c for c in charts_of(series(metric), chosen) if c.name == "static_threshold")
    windows = [
        window(shift(FIRST, i), value, n=n, metric=metric) for i, (value, n) in enumerate(rows)
    ]
    return [point.alarm for point in replay(series(metric), chart, windows).points]


def test_a_line_takes_shares_by_their_chance_and_other_values_as_they_are() -> None:
    few: list[tuple[float | None, int]] = [(1 / 10, 10)]
    assert alarms_of_line("error_rate", few, above=0.05) == [False]
    assert alarms_of_line("error_rate", few, above=0.05, significance=None) == [True]
    assert alarms_of_line("error_rate", [(12 / 20, 20)], above=0.05) == [True]
    # Users may correct one answer more than once: that is no share.
    assert alarms_of_line("correction_rate", few, above=0.05) == [True]
    assert alarms_of_line("latency_p95_ms", [(101.0, 1)], above=100) == [True]


def test_a_line_below_fires_where_nothing_comes_only_of_counts() -> None:
    silent: list[tuple[float | None, int]] = [(0.0, 0)]
    assert alarms_of_line("request_count", silent, below=10, minimum_n=5) == [True]
    assert alarms_of_line("quality_mean", [(None, 0)], below=3.5) == [False]
    assert alarms_of_line("explicit_positive_rate", [(None, 0)], below=0.6) == [False]


def test_a_line_ends_after_three_windows_by_default() -> None:
    rows: list[tuple[float | None, int]] = [(11.0, 9), (9.0, 9), (9.0, 9), (9.0, 9)]
    assert alarms_of_line("latency_p95_ms", rows, above=10) == [True, True, True, False]
    assert alarms_of_line("latency_p95_ms", rows, above=10, clears_after=1)[1:] == [False] * 3
    assert not any(alarms_of_line("latency_p95_ms", rows, above=10, for_windows=2))


def test_two_lines_on_one_series_are_two_charts() -> None:
    lines = [{"metric": "error_rate", "above": 0.05}, {"metric": "error_rate", "above": 0.2}]
    charts = charts_of(series("error_rate"), settings(thresholds=lines))
    ids = {series("error_rate").chart_id(chart) for chart in charts}
    assert len(ids) == 4
    assert "search/*/-/error_rate/sr_mixture" in ids


def test_epochs_are_charted_apart() -> None:
    rows = [window(FIRST, 4.0, metric="quality_mean", epoch=epoch) for epoch in ("old", "new")]
    assert len(group(rows)) == 2
    chart = charts_of(series("quality_mean"), settings())[0]
    assert len({one.chart_id(chart) for one in group(rows)}) == 2


def test_grouping_puts_windows_in_order_of_time() -> None:
    hours = [shift(FIRST, i) for i in (3, 1, 2)]
    (rows,) = group(window(hour, 0.1) for hour in hours).values()
    assert [row.hour for row in rows] == sorted(hours)


# ------------------------------------------------------------------- baselines


def hourly(make: Callable[[int], WindowMetric], count: int) -> list[WindowMetric]:
    return [make(hour) for hour in hour_range(FIRST, shift(FIRST, count - 1))]


def noisy_rate(seed: int = 1, rate: float = 0.02) -> Callable[[int], WindowMetric]:
    rng = np.random.default_rng(seed)
    return lambda hour: window(hour, float(rng.binomial(200, rate)) / 200, n=200)


def test_a_baseline_is_provisional_at_48_again_at_168_and_established_at_336() -> None:
    chart = charts_of(series("error_rate"), settings())[0]
    replayed = replay(series("error_rate"), chart, hourly(noisy_rate(), 340))
    assert [(b.windows, b.status) for b in replayed.baselines] == [
        (48, "provisional"),
        (168, "provisional"),
        (336, "established"),
    ]
    statuses = [point.status for point in replayed.points]
    assert statuses == ["waiting"] * 48 + ["provisional"] * 288 + ["established"] * 4


def test_an_established_baseline_is_frozen() -> None:
    chart = charts_of(series("error_rate"), settings())[0]
    rows = hourly(noisy_rate(), 1000)
    rows[600:] = [window(row.hour, 0.5, n=200) for row in rows[600:]]
    replayed = replay(series("error_rate"), chart, rows)
    assert len(replayed.baselines) == 3
    after = {(point.baseline_id, point.center) for point in replayed.points[336:]}
    assert len(after) == 1


def test_quiet_weeks_refine_the_level_and_leave_the_baseline_as_it_was() -> None:
    chart = charts_of(series("error_rate"), settings())[0]
    points = replay(series("error_rate"), chart, hourly(noisy_rate(), 1000)).points[336:]
    assert len({point.baseline_id for point in points}) == 1
    centers = [point.center for point in points]
    moves = [i for i in range(1, len(centers)) if centers[i] != centers[i - 1]]
    assert moves == [336, 504]


def test_the_same_phase_one_has_the_same_baseline_and_another_one_another() -> None:
    chart = charts_of(series("error_rate"), settings())[0]

    def learned(seed: int, count: int = 340) -> str:
        replayed = replay(series("error_rate"), chart, hourly(noisy_rate(seed), count))
        return replayed.baselines[-1].baseline_id

    assert learned(1) == learned(1, 400)
    assert learned(1) != learned(2)


LEVEL = LevelBaseline(
    transform="log",
    season="hour",
    centers=(0.1, 2 / 3) * 24,
    within=0.1,
    between=1e-300,
    inflation=1.12,
    phi=-0.1,
    tail_degrees=2.5,
    typical_n=30.5,
    windows=336,
)
RATE = ProportionBaseline(
    rate=1e-9,
    rows=1e9 / 3,
    correlation=0.003,
    season="none",
    offsets=(0.0,) * 48,
    typical_n=100.0,
    windows=336,
)


@pytest.mark.parametrize("known", [LEVEL, RATE, SilenceBaseline(fewest=(7, 0) * 12, windows=9)])
def test_a_stored_baseline_is_read_back_bit_for_bit(known: Any) -> None:
    chart = charts_of(series("error_rate"), settings())[0]
    stored = replay(series("error_rate"), chart, hourly(noisy_rate(), 48)).baselines[0]
    stored = replace(stored, parameters=json.dumps(asdict(known)))
    assert parse_baseline(stored) == known


# --------------------------------------------------------- a shift that stays


def stepping_count(hours: int = 500, to: float = 0.3) -> list[WindowMetric]:
    """400 hours of about 100 requests, then of a part of that."""
    rng = np.random.default_rng(2)
    counts = [int(rng.poisson(100 if i < 400 else 100 * to)) for i in range(hours)]
    return [
        window(shift(FIRST, i), float(count), n=count, metric="request_count")
        for i, count in enumerate(counts)
    ]


def test_a_new_volume_that_stays_for_a_day_is_the_new_normal() -> None:
    chart = charts_of(series("request_count"), settings())[0]
    replayed = replay(series("request_count"), chart, stepping_count())
    reasons = [json.loads(b.diagnostics)["reason"] for b in replayed.baselines]
    assert reasons == ["phase_one"] * 3 + ["accepted_shift"]
    started = [i for i, point in enumerate(replayed.points) if point.alarm_started]
    assert len(started) == 1
    ended = started[0] + ACCEPT_WINDOWS
    assert all(point.alarm for point in replayed.points[started[0] : ended])
    assert not any(point.alarm for point in replayed.points[ended:])
    assert replayed.points[-1].center == pytest.approx(30, rel=0.1)
    assert replayed.points[-1].status == "established"


def test_a_rate_that_stays_high_is_not() -> None:
    chart = charts_of(series("error_rate"), settings())[0]
    rows = hourly(noisy_rate(), 500)
    rows[400:] = [window(row.hour, 0.5, n=200) for row in rows[400:]]
    replayed = replay(series("error_rate"), chart, rows)
    assert len(replayed.baselines) == 3
    assert replayed.points[-1].alarm


@pytest.mark.parametrize("cut", [402, 410, 424, 425, 426, 460])
def test_an_accepted_volume_is_replayed_in_pieces_as_in_one_go(cut: int) -> None:
    chart = charts_of(series("request_count"), settings())[0]
    rows = stepping_count()
    whole = replay(series("request_count"), chart, rows)
    assert pieces(series("request_count"), whole, rows, cut) == repr(whole.points)


def pieces(
    mine: Series, whole: Replayed, rows: list[WindowMetric], cut: int, *decided: Rebaseline
) -> str:
    """A replay that stops somewhere and goes on from what was stored."""
    chart = charts_of(mine, settings())[0]
    point = whole.points[cut - 1]
    known = next(b for b in whole.baselines if b.baseline_id == point.baseline_id)
    assert can_resume(chart, point, known)
    rest = replay(mine, chart, rows[cut:], Checkpoint(point, known), decided)
    return repr([*whole.points[:cut], *rest.points])


# -------------------------------------------------------------- decisions of people


def decision(**known: Any) -> Rebaseline:
    fields: dict[str, Any] = {
        "rebaseline_id": "r1",
        "feature_id": "search",
        "metric": None,
        "segment": None,
        "from_hour": None,
        "skip_from": None,
        "skip_to": None,
        "reason": "a new prompt",
        "author": "someone",
        "decided_at": datetime(2026, 11, 1, tzinfo=UTC),
    }
    return Rebaseline(**{**fields, **known})


def test_a_decision_concerns_its_feature_metric_and_model_or_all_of_them() -> None:
    mine = series("error_rate", "model-a")
    for known, concerned in (
        ({}, True),
        ({"metric": "error_rate"}, True),
        ({"metric": "refusal_rate"}, False),
        ({"segment": segment_of_model("model-a")}, True),
        ({"segment": segment_of_model("model-b")}, False),
        ({"feature_id": "chat"}, False),
    ):
        assert concerns(decision(**known), mine) == concerned


def after_a_new_rate(*decided: Rebaseline, hours: int = 800) -> Replayed:
    """400 hours of 2 % errors, then of 10 %."""
    before, after = hourly(noisy_rate(), 400), hourly(noisy_rate(2, 0.1), hours)[400:]
    chart = charts_of(series("error_rate"), settings())[0]
    return replay(series("error_rate"), chart, [*before, *after], rebaselines=decided)


def statuses(points: list[ChartPoint]) -> list[str]:
    return [point.status for point in points]


def test_phase_one_begins_anew_where_somebody_decided_so() -> None:
    """The shape is known, so that twenty windows are enough for a level."""
    replayed = after_a_new_rate(decision(from_hour=shift(FIRST, 400)))
    assert statuses(replayed.points[400:]) == (
        ["waiting"] * RELEVEL_WINDOWS
        + ["provisional"] * (336 - RELEVEL_WINDOWS)
        + ["established"] * (400 - 336)
    )
    assert not any(point.alarm for point in replayed.points)
    assert replayed.points[-1].center == pytest.approx(0.1, rel=0.1)
    assert after_a_new_rate().points[-1].alarm


def test_decisions_about_other_series_change_nothing() -> None:
    other = decision(from_hour=shift(FIRST, 400), metric="refusal_rate")
    assert repr(after_a_new_rate(other)) == repr(after_a_new_rate())


def test_hours_somebody_left_out_are_not_learned_from() -> None:
    """A day of 50 % errors within Phase I, that nobody wants to be normal."""
    rows = hourly(noisy_rate(), 420)
    for i in range(100, 124):
        rows[i] = window(rows[i].hour, 0.5, n=200)
    chart = charts_of(series("error_rate"), settings())[0]
    skip = decision(skip_from=rows[100].hour, skip_to=rows[123].hour)
    plain, decided = (
        replay(series("error_rate"), chart, rows, rebaselines=known).baselines[-1]
        for known in ((), (skip,))
    )
    rates = []
    for stored in (plain, decided):
        learned = parse_baseline(stored)
        assert isinstance(learned, ProportionBaseline)
        rates.append(learned.rate)
    assert rates[0] > 0.04
    assert rates[1] == pytest.approx(0.02, rel=0.1)
    assert decided.windows == 336


@pytest.mark.parametrize("cut", [399, 400])
def test_a_replay_goes_on_across_a_decision_as_in_one_go(cut: int) -> None:
    decided = decision(from_hour=shift(FIRST, 400))
    whole = after_a_new_rate(decided)
    rows = [*hourly(noisy_rate(), 400), *hourly(noisy_rate(2, 0.1), 800)[400:]]
    assert pieces(series("error_rate"), whole, rows, cut, decided) == repr(whole.points)


def test_a_point_from_before_a_decision_about_it_is_not_gone_on_from() -> None:
    chart = charts_of(series("error_rate"), settings())[0]
    replayed = after_a_new_rate()
    known, point = replayed.baselines[-1], replayed.points[500]
    assert can_resume(chart, point, known)
    assert not can_resume(chart, point, known, [decision(from_hour=shift(FIRST, 400))])
    early = decision(skip_from=shift(FIRST, 10), skip_to=shift(FIRST, 20))
    assert not can_resume(chart, point, known, [early])
    late = decision(skip_from=shift(FIRST, 450), skip_to=shift(FIRST, 460))
    assert can_resume(chart, point, known, [late])


# ----------------------------------------------------------------------- replay


def test_a_replay_goes_on_from_established_points_only() -> None:
    chart = charts_of(series("error_rate"), settings())[0]
    replayed = replay(series("error_rate"), chart, hourly(noisy_rate(), 340))
    provisional, established = replayed.baselines[0], replayed.baselines[-1]
    assert not can_resume(chart, replayed.points[100], provisional)
    assert can_resume(chart, replayed.points[335], established)
    assert not can_resume(chart, replayed.points[335], None)


def test_a_state_of_another_version_of_the_chart_is_not_read() -> None:
    chart = charts_of(series("error_rate"), settings())[0]
    replayed = replay(series("error_rate"), chart, hourly(noisy_rate(), 340))
    point = replayed.points[-1]
    shorter = replace(point, state=point.state[:-1])
    assert not can_resume(chart, shorter, replayed.baselines[-1])
    other = replace(replayed.baselines[-1], parameters=replayed.baselines[0].parameters)
    assert not can_resume(chart, point, other)


def test_windows_before_a_resumed_point_are_an_error() -> None:
    chart = charts_of(series("error_rate"), settings())[0]
    rows = hourly(noisy_rate(), 340)
    replayed = replay(series("error_rate"), chart, rows)
    with pytest.raises(ValueError, match="follows"):
        replay(
            series("error_rate"),
            chart,
            rows[330:],
            Checkpoint(replayed.points[-1], replayed.baselines[-1]),
        )


def test_more_reactions_than_requests_are_charted_as_all_of_them() -> None:
    """Three follow-ups to one request: the rate is 3, and a share cannot pass 1."""
    follow_ups = series("follow_up_rate")
    chart = charts_of(follow_ups, settings())[0]
    rows = hourly(lambda hour: window(hour, 0.1, metric="follow_up_rate"), 400)
    rows[20] = window(rows[20].hour, 3.0, n=1, metric="follow_up_rate")
    rows[390] = window(rows[390].hour, 3.0, n=1, metric="follow_up_rate")
    points = replay(follow_ups, chart, rows).points
    assert points[390].value == 3.0
    assert points[390].statistic is not None


def test_every_point_carries_what_its_window_measured() -> None:
    chart = charts_of(series("error_rate"), settings())[0]
    rows = hourly(noisy_rate(), 60)
    rows[55] = window(rows[55].hour, None, n=0)
    points = replay(series("error_rate"), chart, rows).points
    assert [(p.hour, p.value, p.n) for p in points] == [(r.hour, r.value, r.n) for r in rows]
    assert points[55].status == "no_data"

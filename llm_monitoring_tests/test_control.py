from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from llm_monitoring.control import (
    MODELS_PER_FEATURE,
    Resume,
    Series,
    can_resume,
    chart_count,
    charts_of,
    fold,
    group,
    parse_baseline,
    run_length,
)
from llm_monitoring.hours import hour_range, shift
from llm_monitoring.metrics import CHARTED
from llm_monitoring.records import WindowMetric
from llm_monitoring.settings import Settings
from llm_monitoring.stats.baselines import (
    MeanBaseline,
    PositiveBaseline,
    ProportionBaseline,
    SilenceBaseline,
)
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
    return Series("search", model_id, epoch, metric)


# --------------------------------------------------------------------- budget


def test_the_budget_is_shared_by_every_chart_there_can_be() -> None:
    by_model = sum(metric.by_model for metric in CHARTED)
    each = len(CHARTED) + MODELS_PER_FEATURE * by_model
    assert chart_count(settings(1)) == each
    assert chart_count(settings(3)) == 3 * each


def test_a_chart_runs_as_long_as_its_share_of_the_false_alarms_a_week_asks_for() -> None:
    assert run_length(settings(3)) == chart_count(settings(3)) * 168
    assert run_length(settings(3, false_alarms_per_week=2)) == run_length(settings(3)) / 2


def test_what_was_logged_so_far_does_not_change_the_limit() -> None:
    folded = fold(
        series("error_rate"),
        charts_of(series("error_rate"), settings(2))[0],
        [window(hour, 0.02) for hour in hour_range(FIRST, shift(FIRST, 399))],
    )
    limits = {point.limit for point in folded.points if point.limit is not None}
    assert limits == {np.log(run_length(settings(2)))}


# ------------------------------------------------------------ charts of a series


def test_each_charted_metric_of_a_feature_has_the_configured_chart() -> None:
    for metric in CHARTED:
        assert names(series(metric.name), settings())[0] == "sr_mixture"
        chosen = settings(chart="reference_ewma")
        assert names(series(metric.name), chosen)[0] == "reference_ewma"


def test_metrics_without_a_bad_side_and_unknown_ones_are_not_charted() -> None:
    assert names(series("latency_p50_ms"), settings()) == []
    assert names(series("survivorship_bias_risk"), settings()) == []
    assert names(series("a_metric_of_last_year"), settings()) == []


def test_a_model_has_charts_of_the_metrics_that_are_charted_by_model_only() -> None:
    assert names(series("avg_cost_per_request_usd", "model-a"), settings()) == ["sr_mixture"]
    assert names(series("error_rate", "model-a"), settings()) == []
    assert names(series("request_count", "model-a"), settings()) == []


def test_silence_is_watched_on_the_request_count_of_a_feature() -> None:
    assert names(series("request_count"), settings()) == ["sr_mixture", "missing"]


def test_drawn_lines_apply_to_their_metric_and_feature() -> None:
    lines = [
        {"metric": "error_rate", "above": 0.05},
        {"metric": "error_rate", "above": 0.2, "feature_id": "chat"},
    ]
    chosen = settings(thresholds=lines)
    assert names(series("error_rate"), chosen) == ["sr_mixture", "static_threshold:above_0.05"]
    chat = Series("chat", None, None, "error_rate")
    assert names(chat, chosen)[1:] == ["static_threshold:above_0.05", "static_threshold:above_0.2"]
    assert names(series("refusal_rate"), chosen) == ["sr_mixture"]


def test_two_lines_on_one_series_are_two_charts() -> None:
    lines = [{"metric": "error_rate", "above": 0.05}, {"metric": "error_rate", "above": 0.2}]
    charts = charts_of(series("error_rate"), settings(thresholds=lines))
    ids = {series("error_rate").chart_id(chart) for chart in charts}
    assert len(ids) == 3
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
    folded = fold(series("error_rate"), chart, hourly(noisy_rate(), 340))
    assert [(b.windows, b.status) for b in folded.baselines] == [
        (48, "provisional"),
        (168, "provisional"),
        (336, "established"),
    ]
    statuses = [point.status for point in folded.points]
    assert statuses == ["waiting"] * 48 + ["provisional"] * 288 + ["established"] * 4


def test_an_established_baseline_is_frozen() -> None:
    chart = charts_of(series("error_rate"), settings())[0]
    rows = hourly(noisy_rate(), 1000)
    rows[600:] = [window(row.hour, 0.5, n=200) for row in rows[600:]]
    folded = fold(series("error_rate"), chart, rows)
    assert len(folded.baselines) == 3
    after = {(point.baseline_id, point.center) for point in folded.points[336:]}
    assert len(after) == 1


def test_the_same_phase_one_has_the_same_baseline_and_another_one_another() -> None:
    chart = charts_of(series("error_rate"), settings())[0]

    def learned(seed: int, count: int = 340) -> str:
        folded = fold(series("error_rate"), chart, hourly(noisy_rate(seed), count))
        return folded.baselines[-1].baseline_id

    assert learned(1) == learned(1, 400)
    assert learned(1) != learned(2)


@pytest.mark.parametrize(
    "baseline",
    [
        MeanBaseline(center=1 / 3, sigma=0.1, tau=1e-300, phi=-0.1, windows=336),
        PositiveBaseline(season="hour", centers=(0.1, 2 / 3), scale=0.05, phi=0.0, windows=336),
        ProportionBaseline(rate=1e-9, rows=10**9, dispersion=1.0, windows=336),
        SilenceBaseline(busy=(True, False) * 12, windows=336),
    ],
)
def test_a_stored_baseline_is_read_back_bit_for_bit(baseline: Any) -> None:
    import json
    from dataclasses import asdict, replace

    chart = charts_of(series("error_rate"), settings())[0]
    stored = fold(series("error_rate"), chart, hourly(noisy_rate(), 48)).baselines[0]
    stored = replace(stored, parameters=json.dumps(asdict(baseline)))
    assert parse_baseline(stored) == baseline


# ----------------------------------------------------------------------- fold


def test_a_fold_goes_on_from_established_points_only() -> None:
    chart = charts_of(series("error_rate"), settings())[0]
    folded = fold(series("error_rate"), chart, hourly(noisy_rate(), 340))
    provisional, established = folded.baselines[0], folded.baselines[-1]
    assert not can_resume(chart, folded.points[100], provisional)
    assert can_resume(chart, folded.points[335], established)
    assert not can_resume(chart, folded.points[335], None)


def test_windows_before_a_resumed_point_are_an_error() -> None:
    chart = charts_of(series("error_rate"), settings())[0]
    rows = hourly(noisy_rate(), 340)
    folded = fold(series("error_rate"), chart, rows)
    with pytest.raises(ValueError, match="follows"):
        fold(
            series("error_rate"),
            chart,
            rows[330:],
            Resume(folded.points[-1], folded.baselines[-1]),
        )


def test_more_reactions_than_requests_are_charted_as_all_of_them() -> None:
    """Three follow-ups to one request: the rate is 3, and a share cannot pass 1."""
    follow_ups = series("follow_up_rate")
    chart = charts_of(follow_ups, settings())[0]
    rows = hourly(lambda hour: window(hour, 0.1, metric="follow_up_rate"), 400)
    rows[20] = window(rows[20].hour, 3.0, n=1, metric="follow_up_rate")
    rows[390] = window(rows[390].hour, 3.0, n=1, metric="follow_up_rate")
    points = fold(follow_ups, chart, rows).points
    assert points[390].value == 3.0
    assert points[390].statistic is not None


def test_every_point_carries_what_its_window_measured() -> None:
    chart = charts_of(series("error_rate"), settings())[0]
    rows = hourly(noisy_rate(), 60)
    rows[55] = window(rows[55].hour, None, n=0)
    points = fold(series("error_rate"), chart, rows).points
    assert [(p.hour, p.value, p.n) for p in points] == [(r.hour, r.value, r.n) for r in rows]
    assert points[55].status == "no_data"

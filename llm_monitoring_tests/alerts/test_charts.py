"""Episodes as they are read off control charts."""

from dataclasses import replace
from typing import Any

import pytest

from llm_monitoring import hours
from llm_monitoring.alerts import Episode, chart_episodes
from llm_monitoring.metrics import BY_NAME
from llm_monitoring.records import ChartPoint
from llm_monitoring.segments import segment_of_model
from llm_monitoring.settings.control import Threshold
from llm_monitoring_tests.alerts.examples import START, chart_point, chart_points


def _episodes(points: list[ChartPoint], **options: Any) -> list[Episode]:
    newest = max(point.hour for point in points)
    return chart_episodes(points, BY_NAME, **{"newest_hour": newest, **options})


def _spans(points: list[ChartPoint]) -> list[tuple[int, int, int, bool]]:
    return [
        (
            hours.hours_between(START, e.first_hour),
            hours.hours_between(START, e.last_hour),
            e.windows,
            e.open,
        )
        for e in _episodes(points)
    ]


@pytest.mark.parametrize(
    ("pattern", "spans"),
    [
        ("....", []),
        ("..Saa", [(2, 4, 3, True)]),
        ("..Saa.", [(2, 4, 3, False)]),
        (".Sa.Saa", [(1, 2, 2, False), (4, 6, 3, True)]),
        (".SaSa", [(1, 2, 2, False), (3, 4, 2, True)]),
        (".Sannaa.", [(1, 6, 4, False)]),
        (".Sannn", [(1, 2, 2, True)]),
        (".Sann.", [(1, 2, 2, False)]),
        ("nn..", []),
        ("aa.", [(0, 1, 2, False)]),
    ],
)
def test_windows_in_a_row_are_one_episode(
    pattern: str, spans: list[tuple[int, int, int, bool]]
) -> None:
    assert _spans(chart_points(pattern)) == spans


def test_the_order_of_the_rows_does_not_matter() -> None:
    points = chart_points(".Sann.Saa") + chart_points("..Sa.", chart_id="other")
    assert _episodes(points[::-1]) == _episodes(points)


def test_rows_around_alarms_are_enough() -> None:
    points = chart_points("......Sanna......Sa.nn")
    enough = [points[i] for i in (6, 7, 10, 11, 17, 18, 19, 21)]
    assert _episodes(enough) == _episodes(points)


def test_an_episode_ends_with_itschart_points() -> None:
    points = chart_points(".Saa")
    assert _episodes(points, newest_hour=hours.shift(START, 51))[0].open
    assert not _episodes(points, newest_hour=hours.shift(START, 52))[0].open


def test_the_sentence_tells_what_where_how_much_and_since_when() -> None:
    points = [
        chart_point(START),
        chart_point(hours.shift(START, 4), alarm=True, alarm_started=True),
    ]
    assert _episodes(points)[0].summary == (
        "error rate of product_search up from 0.5 % to 0.8 %, "
        "since Tue 2026-10-20 14:00 UTC (alarm at 18:00, 4 h later)"
    )


def test_simulated_data_and_an_end_are_told() -> None:
    summary = _episodes(chart_points("Sa."), simulated=True)[0].summary
    assert summary.endswith(", until Tue 2026-10-20 16:00 UTC (simulated)")


def test_the_heuristic_judge_is_named_and_the_scale_is_told() -> None:
    points = chart_points(
        "Sa",
        metric="quality_mean",
        epoch="e1",
        center=4.1,
        level=3.6,
        value=3.5,
        direction="down",
        segment=segment_of_model("m-1"),
    )
    (heuristic,) = _episodes(points, judges={"e1": "heuristic"})
    (endpoint,) = _episodes(points, judges={"e1": "gpt-judge"})
    start = "quality mean (1-5, heuristic judge) of product_search on m-1 down from 4.10 to 3.60,"
    assert heuristic.summary.startswith(start)
    assert "heuristic" not in endpoint.summary


def test_the_worst_window_gives_the_size() -> None:
    points = chart_points("Saa")
    points[1] = replace(points[1], level=0.12)
    assert "from 0.5 % to 12.0 %" in _episodes(points)[0].summary


def test_the_change_time_is_the_one_estimated_at_the_alarm() -> None:
    points = chart_points("Saa")
    points[2] = replace(points[2], change_hour=hours.shift(START, 1))
    assert _episodes(points)[0].change_hour == START


def test_a_chart_without_center_or_level_still_has_a_sentence() -> None:
    no_center = _episodes(chart_points("S", center=None, level=None, value=0.061))[0].summary
    nothing = _episodes(chart_points("S", center=None, level=None, value=None))[0].summary
    assert no_center.startswith("error rate of product_search up at 6.1 %, since")
    assert nothing.startswith("error rate of product_search up, since")


def test_a_metric_that_is_not_in_the_catalogue_is_an_error() -> None:
    with pytest.raises(ValueError, match="guess_rate is not in the catalogue"):
        _episodes(chart_points("S", metric="guess_rate"))


@pytest.mark.parametrize(
    ("metric", "direction", "severity"),
    [
        ("error_rate", "up", "page"),
        ("quality_mean", "down", "page"),
        ("quality_mean", "up", "ticket"),
        ("avg_output_tokens", "down", "page"),
        ("total_cost_usd", "down", "ticket"),
        ("request_count", "down", "info"),
        ("unscored_rate", "up", "ticket"),
        ("abandonment_rate", "up", "ticket"),
        ("abandonment_rate", "down", "info"),
        ("novelty_rate", "up", "ticket"),
    ],
)
def test_volume_informs_cost_and_quality_page(metric: str, direction: str, severity: str) -> None:
    assert _episodes(chart_points("S", metric=metric, direction=direction))[0].severity == severity


def _line(limit: float = 0.05, **changes: Any) -> list[ChartPoint]:
    line = {"chart": "static_threshold", "center": None, "limit": limit, "level": 0.061}
    return chart_points("Sa", **{**line, **changes})


def test_a_line_somebody_drew_has_the_severity_they_gave_it() -> None:
    thresholds = [
        Threshold(metric="error_rate", above=0.2, severity="page"),
        Threshold(metric="error_rate", above=0.05, feature_id="other", severity="page"),
        Threshold(metric="error_rate", above=0.05, severity="ticket"),
    ]
    assert _episodes(_line(), thresholds=thresholds)[0].severity == "ticket"
    assert _episodes(_line(0.2), thresholds=thresholds)[0].severity == "page"
    assert _episodes(_line(), thresholds=[])[0].severity == "page"
    assert _episodes(chart_points("S"), thresholds=thresholds)[0].severity == "page"


def test_a_crossed_line_is_told_with_the_worst_window() -> None:
    points = _line()
    points[1] = replace(points[1], level=0.4)
    (episode,) = _episodes(points)
    start = "error rate of product_search at 40.0 %, beyond the line at 5.0 %, since"
    assert episode.summary.startswith(start)


# ------------------------------------------------------------------- how often chance brings it


def run_length(point: ChartPoint) -> float | None:
    return 66 * 168.0 if point.chart == "sr_mixture" else None


def test_the_sentence_ends_with_how_often_chance_brings_such_an_alarm() -> None:
    firing = _episodes(chart_points("Sa"), run_length=run_length)[0].summary
    over = _episodes(chart_points("Sa."), run_length=run_length)[0].summary
    assert firing == (
        "error rate of product_search up from 0.5 % to 0.8 %, "
        "since Tue 2026-10-20 14:00 UTC, by chance once in 66 weeks"
    )
    assert over.endswith("until Tue 2026-10-20 16:00 UTC, by chance once in 66 weeks")
    assert "by chance" not in _episodes(_line(), run_length=run_length)[0].summary


# ------------------------------------------------------------------------------- two tiers


def _sure(*statistics: float, **changes: Any) -> list[Episode]:
    """An episode with these statistics; the limit is 10.8."""
    points = chart_points("S" + "a" * (len(statistics) - 1), **changes)
    points = [replace(p, statistic=s) for p, s in zip(points, statistics, strict=True)]
    return _episodes(points, run_length=run_length, page_margin=2.3)


def test_an_episode_that_never_was_sure_is_a_ticket_and_one_that_was_pages() -> None:
    (unsure,) = _sure(11.0, 13.0, 12.0)
    (sure,) = _sure(11.0, 13.2, 12.0)
    assert (unsure.severity, sure.severity) == ("ticket", "page")
    assert unsure.summary.endswith("by chance once in 7 weeks")  # 66 / exp(2.3)
    assert sure.summary.endswith("by chance once in 66 weeks")


def test_being_sure_makes_nothing_graver_than_its_metric_is() -> None:
    assert _sure(99.0, metric="request_count")[0].severity == "info"
    assert _sure(99.0, metric="abandonment_rate")[0].severity == "ticket"
    assert _sure(11.0, metric="request_count")[0].severity == "info"


def test_charts_without_a_budget_and_drawn_lines_page_as_ever() -> None:
    assert _sure(11.0, chart="reference_ewma")[0].severity == "page"
    thresholds = [Threshold(metric="error_rate", above=0.05, severity="page")]
    assert _episodes(_line(), thresholds=thresholds, page_margin=2.3)[0].severity == "page"


def test_the_certainty_of_either_chart_of_a_series_counts() -> None:
    lasting = [replace(p, statistic=11.0) for p in chart_points("Sa")]
    single = chart_points(
        "S", chart="single_window", chart_id="product_search/*/-/error_rate/single_window"
    )
    points = [*lasting, replace(single[0], statistic=40.0)]
    (episode,) = _episodes(points, run_length=lambda _: 1000.0, page_margin=2.3)
    assert episode.severity == "page"

"""Which windows out of control are one episode."""

from dataclasses import replace

import pytest

from llm_monitoring import hours
from llm_monitoring.alerts import Episode, chart_episodes, one_to_a_series
from llm_monitoring.metrics import BY_NAME
from llm_monitoring.records import ChartPoint
from llm_monitoring.segments import segment_of_model
from llm_monitoring_tests.alerts.examples import START, chart_points


def single_points(pattern: str) -> list[ChartPoint]:
    return chart_points(
        pattern,
        chart="single_window",
        chart_id="product_search/*/-/error_rate/single_window",
        level=0.4,
    )


def episodes(points: list[ChartPoint]) -> list[Episode]:
    newest = max(point.hour for point in points)
    return chart_episodes(points, BY_NAME, newest_hour=newest)


@pytest.mark.parametrize(
    ("lasting", "single", "expected"),
    [
        # (chart, first and last window, windows, open)
        (".Saa.", "..S..", [("sr_mixture", 1, 3, 3, False)]),
        ("..Saa", ".Sa..", [("single_window", 1, 4, 4, True)]),
        (".Saa.", ".S...", [("sr_mixture", 1, 3, 3, False)]),
        ("..Sa.", ".S...", [("single_window", 1, 3, 3, False)]),
        (".Sa..", "...S.", [("sr_mixture", 1, 3, 3, False)]),
        ("...Sa", ".S...", [("single_window", 1, 1, 1, False), ("sr_mixture", 3, 4, 2, True)]),
        (".Sa.Saa", "..SaaS.", [("sr_mixture", 1, 6, 6, True)]),
        (".SaSa.", "......", [("sr_mixture", 1, 2, 2, False), ("sr_mixture", 3, 4, 2, False)]),
        (
            "......",
            ".S.S..",
            [("single_window", 1, 1, 1, False), ("single_window", 3, 3, 1, False)],
        ),
        (".Sannn", "....nn", [("sr_mixture", 1, 2, 2, True)]),
    ],
)
def test_two_charts_of_one_series_are_one_alert_where_they_meet(
    lasting: str, single: str, expected: list[tuple[str, int, int, int, bool]]
) -> None:
    points = chart_points(lasting) + single_points(single)
    for ordered in (points, points[::-1]):
        assert [
            (
                episode.subject.rpartition("/")[2],
                hours.hours_between(START, episode.first_hour),
                hours.hours_between(START, episode.last_hour),
                episode.windows,
                episode.open,
            )
            for episode in episodes(ordered)
        ] == expected


def test_the_alert_tells_the_worst_window_of_both_and_the_change_of_the_first() -> None:
    (episode,) = episodes(chart_points(".Saa.") + single_points("..S.."))
    assert episode.summary.startswith("error rate of product_search up from 0.5 % to 40.0 %, since")
    assert episode.change_hour == START


def test_charts_of_other_series_and_lines_somebody_drew_stay_apart() -> None:
    model = segment_of_model("m")
    other = {"chart_id": "product_search/m/-/error_rate/single_window", "segment": model}
    line = {"chart_id": "product_search/*/-/error_rate/line", "chart": "static_threshold"}
    points = [
        *chart_points(".Saa."),
        *chart_points(".Saa.", chart="single_window", **other),
        *chart_points(".Saa.", **line),
    ]
    assert len(episodes(points)) == 3


def test_of_a_window_each_series_is_shown_once() -> None:
    lasting, single = chart_points("S"), single_points("S")
    line = chart_points("S", chart_id="product_search/line", chart="static_threshold")
    assert one_to_a_series([*single, *lasting, *line]) == [*lasting, *line]
    assert one_to_a_series(single) == single


def test_a_window_that_could_not_be_computed_leaves_an_episode_open() -> None:
    points = [
        replace(point, status="failed", failure="ValueError: n = -1")
        if point.status == "no_data"
        else point
        for point in chart_points(".Sann")
    ]
    (episode,) = episodes(points)
    assert (episode.windows, episode.open) == (2, True)

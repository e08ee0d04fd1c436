"""Episodes as they are read off charts, provider drift and the data themselves."""

from dataclasses import replace
from typing import Any

import pytest

from llm_monitoring import hours
from llm_monitoring.alerts import (
    SEVERITIES,
    DataFinding,
    Episode,
    chart_episodes,
    data_episodes,
    find_low_coverage,
    find_missing_windows,
    find_rejects,
    point_text,
    provider_episodes,
    severity_of,
)
from llm_monitoring.metrics import BY_NAME, METRICS
from llm_monitoring.records import ChartPoint, ProviderDrift, SourceRead, WindowMetric
from llm_monitoring.settings.models import Threshold

START = 2026102014  # a Tuesday


def _point(hour: int, *, alarm: bool = False, **changes: Any) -> ChartPoint:
    point = ChartPoint(
        hour=hour,
        chart_id="product_search/*/-/error_rate/sr_mixture",
        feature_id="product_search",
        model_id=None,
        epoch=None,
        metric="error_rate",
        chart="sr_mixture",
        status="established",
        value=0.008,
        n=500,
        center=0.005,
        statistic=11.0,
        limit=10.8,
        alarm=alarm,
        alarm_started=False,
        direction="up" if alarm else None,
        level=0.008 if alarm else None,
        change_hour=START if alarm else None,
        baseline_id="b1",
        state=[],
    )
    return replace(point, **changes)


def _chart(pattern: str, first: int = START, **changes: Any) -> list[ChartPoint]:
    """One window a character: `.` in control, `S` alarm started, `a` alarm, `n` no data."""
    return [
        _point(
            hours.shift(first, i),
            alarm=mark in "Sa",
            alarm_started=mark == "S",
            status="no_data" if mark == "n" else "established",
            **changes,
        )
        for i, mark in enumerate(pattern)
    ]


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
    assert _spans(_chart(pattern)) == spans


def test_the_order_of_the_rows_does_not_matter() -> None:
    points = _chart(".Sann.Saa") + _chart("..Sa.", chart_id="other")
    assert _episodes(points[::-1]) == _episodes(points)


def test_rows_around_alarms_are_enough() -> None:
    points = _chart("......Sanna......Sa.nn")
    enough = [points[i] for i in (6, 7, 10, 11, 17, 18, 19, 21)]
    assert _episodes(enough) == _episodes(points)


def test_an_episode_ends_with_its_chart() -> None:
    points = _chart(".Saa")
    assert _episodes(points, newest_hour=hours.shift(START, 51))[0].open
    assert not _episodes(points, newest_hour=hours.shift(START, 52))[0].open


def test_the_sentence_tells_what_where_how_much_and_since_when() -> None:
    points = [
        _point(START),
        _point(hours.shift(START, 4), alarm=True, alarm_started=True),
    ]
    assert _episodes(points)[0].summary == (
        "error rate of product_search up from 0.5 % to 0.8 %, "
        "since Tue 2026-10-20 14:00 UTC (alarm at 18:00, 4 h later)"
    )


def test_simulated_data_and_an_end_are_told() -> None:
    summary = _episodes(_chart("Sa."), simulated=True)[0].summary
    assert summary.endswith(", until Tue 2026-10-20 16:00 UTC (simulated)")


def test_the_heuristic_judge_is_named_and_the_scale_is_told() -> None:
    points = _chart(
        "Sa",
        metric="quality_mean",
        epoch="e1",
        center=4.1,
        level=3.6,
        value=3.5,
        direction="down",
        model_id="m-1",
    )
    (heuristic,) = _episodes(points, judges={"e1": "heuristic"})
    (endpoint,) = _episodes(points, judges={"e1": "gpt-judge"})
    start = "quality mean (1-5, heuristic judge) of product_search on m-1 down from 4.10 to 3.60,"
    assert heuristic.summary.startswith(start)
    assert "heuristic" not in endpoint.summary


def test_the_worst_window_gives_the_size() -> None:
    points = _chart("Saa")
    points[1] = replace(points[1], level=0.12)
    assert "from 0.5 % to 12.0 %" in _episodes(points)[0].summary


def test_the_change_time_is_the_one_estimated_at_the_alarm() -> None:
    points = _chart("Saa")
    points[2] = replace(points[2], change_hour=hours.shift(START, 1))
    assert _episodes(points)[0].change_hour == START


def test_a_chart_without_center_or_level_still_has_a_sentence() -> None:
    no_center = _episodes(_chart("S", center=None, level=None, value=0.061))[0].summary
    nothing = _episodes(_chart("S", center=None, level=None, value=None))[0].summary
    assert no_center.startswith("error rate of product_search up at 6.1 %, since")
    assert nothing.startswith("error rate of product_search up, since")


def test_a_metric_that_is_not_in_the_catalogue_is_an_error() -> None:
    with pytest.raises(ValueError, match="guess_rate is not in the catalogue"):
        _episodes(_chart("S", metric="guess_rate"))


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
    assert _episodes(_chart("S", metric=metric, direction=direction))[0].severity == severity


def _line(limit: float = 0.05, **changes: Any) -> list[ChartPoint]:
    line = {"chart": "static_threshold", "center": None, "limit": limit, "level": 0.061}
    return _chart("Sa", **{**line, **changes})


def test_a_line_somebody_drew_has_the_severity_they_gave_it() -> None:
    thresholds = [
        Threshold(metric="error_rate", above=0.2, severity="page"),
        Threshold(metric="error_rate", above=0.05, feature_id="other", severity="page"),
        Threshold(metric="error_rate", above=0.05, severity="ticket"),
    ]
    assert _episodes(_line(), thresholds=thresholds)[0].severity == "ticket"
    assert _episodes(_line(0.2), thresholds=thresholds)[0].severity == "page"
    assert _episodes(_line(), thresholds=[])[0].severity == "page"
    assert _episodes(_chart("S"), thresholds=thresholds)[0].severity == "page"


def test_a_crossed_line_is_told_with_the_worst_window() -> None:
    points = _line()
    points[1] = replace(points[1], level=0.4)
    (episode,) = _episodes(points)
    start = "error rate of product_search at 40.0 %, beyond the line at 5.0 %, since"
    assert episode.summary.startswith(start)


def test_one_window_of_a_chart_in_words() -> None:
    (point,) = _chart("S")
    assert point_text(point, "ratio") == "error rate of product_search up from 0.5 % to 0.8 %"
    silent = replace(point, chart="missing", metric="request_count", value=None, level=0.0)
    assert point_text(silent, "requests") == "no requests of product_search"


def test_every_metric_has_a_severity() -> None:
    assert {severity_of(m.layer, m.name) for m in METRICS} <= {"page", "ticket", "info"}
    assert set(SEVERITIES.values()) == {"page", "ticket", "info"}


# ------------------------------------------------------------------------ provider drift


def _drift(week: int, verdict: str, test: str = "pass_rate") -> ProviderDrift:
    return ProviderDrift(
        week=week,
        requested_model="gpt-x",
        test=test,
        reference_week=20260928,
        probes=25,
        statistic=9.0,
        p_value=0.0001,
        p_adjusted=0.0003,
        power=0.9,
        verdict=verdict,
        detail="<b>anything</b>",
    )


def test_a_regression_pages_and_a_change_is_a_ticket() -> None:
    weeks = [_drift(20261005, "stable"), _drift(20261012, "changed"), _drift(20261019, "regressed")]
    (episode,) = provider_episodes(weeks, newest_hour=2026102523)
    assert (episode.severity, episode.open, episode.windows) == ("page", True, 2)
    assert (episode.first_hour, episode.last_hour) == (2026101200, 2026101900)
    assert "pass rate of gpt-x regressed" in episode.summary
    assert "(p = 0.0003)" in episode.summary
    assert "anything" not in episode.summary
    (change,) = provider_episodes(weeks[:2], newest_hour=2026102523)
    assert change.severity == "ticket"


def test_a_changed_identity_informs() -> None:
    (episode,) = provider_episodes(
        [_drift(20261019, "changed", "identity")], newest_hour=2026102523
    )
    assert (episode.severity, episode.metric) == ("info", "identity")


def test_only_a_stable_week_ends_provider_drift() -> None:
    weeks = [_drift(20261005, "changed"), _drift(20261012, "could_not_measure")]
    assert provider_episodes(weeks, newest_hour=2026101823)[0].open
    ended = [*weeks, _drift(20261019, "stable")]
    (episode,) = provider_episodes(ended, newest_hour=2026102523)
    assert (episode.open, episode.windows) == (False, 1)


def test_a_model_that_is_no_longer_probed_is_no_longer_watched() -> None:
    assert not provider_episodes([_drift(20261005, "changed")], newest_hour=2026110100)[0].open


# ---------------------------------------------------------------- the data themselves


def test_silence_is_told_once_and_not_as_a_change_of_volume() -> None:
    silence = {"chart": "missing", "metric": "request_count", "n": 0, "center": None}
    points = _chart(".Sa.", **silence) + _chart(".Sa.")
    episodes = data_episodes(find_missing_windows(points), newest_hour=hours.shift(START, 3))
    assert [(e.metric, e.windows, e.severity, e.feature_id) for e in episodes] == [
        ("missing_windows", 2, "page", "product_search")
    ]
    assert episodes[0].summary == (
        "no requests of product_search, which is never silent at this time, "
        "in 2 windows since Tue 2026-10-20 15:00 UTC"
    )
    assert [episode.metric for episode in _episodes(points)] == ["error_rate"]


def _read(loaded: int, rejected: int) -> SourceRead:
    return SourceRead(
        hour=START,
        table="raw_requests",
        source="logs",
        loaded=loaded,
        rejected=rejected,
        duplicates=0,
        unpriced=0,
        skipped=0,
    )


def test_a_source_may_reject_its_share_and_no_more() -> None:
    assert find_rejects([_read(99, 1), _read(0, 0)], 0.01) == []
    (finding,) = find_rejects([_read(98, 2)], 0.01)
    assert finding.value == pytest.approx(0.02)
    (episode,) = data_episodes([finding], newest_hour=START)
    assert "2.0 % of the rows of logs/raw_requests rejected (limit 1.0 %)" in episode.summary


def _unscored(value: float | None, n: int = 40, model_id: str | None = None) -> WindowMetric:
    return WindowMetric(
        hour=START,
        feature_id="support_chat",
        model_id=model_id,
        epoch="e1",
        metric="unscored_rate",
        value=value,
        n=n,
        stddev=None,
    )


def test_low_coverage_is_found_where_the_sample_can_tell() -> None:
    fine = [_unscored(0.2), _unscored(0.9, n=4), _unscored(None, n=0), _unscored(0.9, model_id="m")]
    assert find_low_coverage(fine, 0.8) == []
    (finding,) = find_low_coverage([_unscored(0.6)], 0.8)
    (episode,) = data_episodes([finding], newest_hour=START)
    assert "only 40.0 % of the sample of support_chat scored" in episode.summary


def _finding(offset: int, place: str = "a") -> DataFinding:
    return DataFinding(
        hour=hours.shift(START, offset),
        kind="missing_windows",
        place=place,
        feature_id=place,
        value=0.0,
        limit=0.0,
    )


def test_findings_that_come_and_go_are_one_episode() -> None:
    findings = [_finding(i) for i in (7, 0, 3, 12)] + [_finding(1, "b")]
    episodes = data_episodes(findings, newest_hour=hours.shift(START, 14))
    assert [(e.subject, e.windows, e.open) for e in episodes] == [
        ("data/missing_windows/a", 2, False),
        ("data/missing_windows/b", 1, False),
        ("data/missing_windows/a", 1, False),
        ("data/missing_windows/a", 1, True),
    ]


def test_no_findings_are_no_episodes() -> None:
    assert data_episodes([], newest_hour=START) == []

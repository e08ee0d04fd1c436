"""Episodes of trouble with the data themselves."""

from dataclasses import replace

import pytest

from llm_monitoring import hours
from llm_monitoring.alerts import (
    DataFinding,
    Episode,
    FailedCharts,
    chart_episodes,
    data_episodes,
    find_drops,
    find_failed_charts,
    find_low_coverage,
    find_missing_windows,
    find_rejects,
    unscored_counts,
)
from llm_monitoring.alerts.checks import CHECKS
from llm_monitoring.alerts.data import KINDS
from llm_monitoring.metrics import BY_NAME
from llm_monitoring.records import ChartPoint, SourceRead, WindowMetric
from llm_monitoring.segments import segment_of_model
from llm_monitoring_tests.alerts.examples import START, chart_point, chart_points


def test_silence_is_told_once_and_not_as_a_change_of_volume() -> None:
    silence = {"chart": "missing", "metric": "request_count", "n": 0, "center": None}
    points = chart_points(".Sa.", **silence) + chart_points(".Sa.")
    newest = hours.shift(START, 3)
    episodes = data_episodes(find_missing_windows(points, {}), newest_hour=newest)
    assert [(e.metric, e.windows, e.severity, e.feature_id) for e in episodes] == [
        ("missing_windows", 2, "page", "product_search")
    ]
    assert episodes[0].summary == (
        "no requests of product_search, which is never silent at this time, "
        "in 2 windows since Tue 2026-10-20 14:00 UTC"
    )
    (chart,) = chart_episodes(points, BY_NAME, newest_hour=newest)
    assert chart.metric == "error_rate"


def test_dropped_rows_are_told_when_they_are_seen_however_old_they_are() -> None:
    seen = hours.hour_start(hours.shift(START, 100))
    reads = [
        SourceRead(
            hour=hour, table="raw_requests", source="app", loaded=50, rejected=0, duplicates=0,
            unpriced=0, skipped=0, dropped=dropped, dropped_at=seen if dropped else None,
        )
        for hour, dropped in ((START, 30), (hours.shift(START, 1), 12), (hours.shift(START, 2), 0))
    ]  # fmt: skip
    (episode,) = data_episodes(find_drops(reads), newest_hour=hours.shift(START, 99))
    assert (episode.open, episode.metric, episode.severity) == (True, "rows_dropped", "ticket")
    assert episode.first_hour == hours.shift(START, 99)
    assert episode.summary.startswith(
        "42 rows of app/raw_requests dropped: their files were read again with fewer, in 1 window"
    )
    (later,) = data_episodes(find_drops(reads), newest_hour=hours.shift(START, 110))
    assert not later.open


def test_dropped_rows_are_over_by_the_clock_where_no_window_is_to_come() -> None:
    dropped = SourceRead(
        hour=START, table="raw_requests", source="app", loaded=50, rejected=0, duplicates=0,
        unpriced=0, skipped=0, dropped=30, dropped_at=hours.hour_start(hours.shift(START, 100)),
    )  # fmt: skip
    for after, is_open in ((100, True), (110, False)):
        (episode,) = data_episodes(
            find_drops([dropped]), newest_hour=START, clock_hour=hours.shift(START, after)
        )
        assert episode.open == is_open


# ------------------------------------------------------------------------- gaps of a source


def silent(features: str, hour: int) -> list[ChartPoint]:
    """A letter each: features that are silent in an hour (counted from START) and should not be."""
    when = hours.shift(START, hour)
    silence = {"chart": "missing", "metric": "request_count", "n": 0, "center": None}
    return [
        chart_point(when, alarm=True, chart_id=f"{name}/missing", feature_id=name, **silence)
        for name in features
    ]


def found(*by_hour: tuple[str, int]) -> list[tuple[int, str, str]]:
    """Findings as (hour, kind, place); by_hour: silent features, and how many are busy."""
    points = [point for i, (features, _) in enumerate(by_hour) for point in silent(features, i)]
    busy = {hours.shift(START, i): count for i, (_, count) in enumerate(by_hour)}
    return [
        (hours.hours_between(START, finding.hour), finding.kind, finding.place)
        for finding in find_missing_windows(points[::-1], busy)
    ]


def test_features_that_fall_silent_together_are_one_finding_about_their_source() -> None:
    assert found(("abcd", 5), ("abcde", 5)) == [
        (0, "source_gap", "requests"),
        (1, "source_gap", "requests"),
    ]


@pytest.mark.parametrize("case", [("abc", 4), ("ab", 2), ("a", 1)])
def test_fewer_than_four_fifths_or_than_three_features_are_findings_of_their_own(
    case: tuple[str, int],
) -> None:
    assert found(case) == [(0, "missing_windows", name) for name in case[0]]


def test_a_feature_that_was_silent_before_the_gap_keeps_its_own_finding() -> None:
    """Or it would be told to be back in the middle of a gap."""
    assert found(("a", 5), ("abcde", 5), ("ab", 5)) == [
        (0, "missing_windows", "a"),
        (1, "source_gap", "requests"),
        (1, "missing_windows", "a"),
        (2, "missing_windows", "a"),
        (2, "missing_windows", "b"),
    ]


def test_silence_long_before_a_gap_is_another_silence() -> None:
    assert found(("a", 5), ("", 5), ("abcde", 5))[1:] == [(2, "source_gap", "requests")]


def test_a_gap_pages_once_and_says_how_much_is_silent() -> None:
    def episode(features: str, busy: int) -> Episode:
        findings = find_missing_windows(silent(features, 0), {START: busy})
        (one,) = data_episodes(findings, newest_hour=START)
        return one

    partly, wholly = episode("abcd", 5), episode("abcde", 5)
    assert (partly.subject, partly.severity) == ("data/source_gap/requests", "page")
    assert (partly.feature_id, partly.direction) == (None, "down")
    assert partly.summary == (
        "no requests of 80 % of the features that are never silent at this time, "
        "in 1 window since Tue 2026-10-20 14:00 UTC"
    )
    assert wholly.summary.startswith("no requests of all features that are never silent")


# --------------------------------------------------------------------------- rejects, coverage


def _read(loaded: int, rejected: int, offset: int = 0) -> SourceRead:
    return SourceRead(
        hour=hours.shift(START, offset),
        table="raw_requests",
        source="logs",
        loaded=loaded,
        rejected=rejected,
        duplicates=0,
        unpriced=0,
        skipped=0,
    )


def test_a_source_may_reject_its_share_and_no_more() -> None:
    assert find_rejects([_read(990, 10), _read(0, 0, 1)], 0.01) == []
    (finding,) = find_rejects([_read(96, 6)], 0.01)
    assert finding.value == pytest.approx(6 / 102)
    (episode,) = data_episodes([finding], newest_hour=START)
    assert "5.9 % of the rows of logs/raw_requests rejected (limit 1.0 %)" in episode.summary


def test_one_rejected_row_of_two_is_chance_and_all_of_them_are_not() -> None:
    assert find_rejects([_read(1, 1)], 0.01) == []
    assert find_rejects([_read(0, 1)], 0.01) == []
    assert [f.value for f in find_rejects([_read(0, 2)], 0.01)] == [1.0]
    assert [f.hour for f in find_rejects([_read(0, 1, i) for i in range(3)], 0.01)] == [
        hours.shift(START, 1), hours.shift(START, 2),
    ]  # fmt: skip
    # One bad row a day of a product with fifteen rows a day.
    sparse = [_read(1, int(i % 24 == 0), i) for i in range(0, 24 * 14, 2)]
    assert find_rejects(sparse, 0.01) == []


def test_a_little_too_many_every_hour_are_found_within_a_day_and_are_over_when_they_stop() -> None:
    reads = [_read(196, 4, i) for i in range(20)] + [_read(200, 0, i) for i in range(20, 40)]
    found = [hours.hours_between(START, finding.hour) for finding in find_rejects(reads, 0.01)]
    assert 1 < found[0] < 12
    assert found == list(range(found[0], 20))


def test_where_none_may_be_rejected_one_is_too_many() -> None:
    assert len(find_rejects([_read(99, 1), _read(99, 0, 1)], 0.0)) == 1
    assert find_rejects([_read(0, 50)], 1.0) == []


def _unscored(value: float | None, n: int = 40, model_id: str | None = None) -> WindowMetric:
    return WindowMetric(
        hour=START,
        feature_id="support_chat",
        segment=segment_of_model(model_id),
        epoch="e1",
        metric="unscored_rate",
        value=value,
        n=n,
        stddev=None,
    )


def test_low_coverage_is_found_where_the_sample_can_tell() -> None:
    for fine in (
        _unscored(0.2), _unscored(1.0, n=4), _unscored(0.5, n=2), _unscored(None, n=0),
        _unscored(0.9, model_id="m"),
    ):  # fmt: skip
        assert find_low_coverage(unscored_counts([fine]), 0.8) == []
    assert len(find_low_coverage(unscored_counts([_unscored(1.0, n=5)]), 0.8)) == 1
    (finding,) = find_low_coverage(unscored_counts([_unscored(0.6)]), 0.8)
    (episode,) = data_episodes([finding], newest_hour=START)
    assert "only 40.0 % of the sample of support_chat scored" in episode.summary


def test_of_an_hour_judged_in_two_epochs_the_samples_are_counted_together() -> None:
    both = [_unscored(1.0, n=3), replace(_unscored(1.0, n=2), epoch="e2")]
    (finding,) = find_low_coverage(unscored_counts(both), 0.8)
    assert finding.value == 0


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


# ------------------------------------------------------------------------- charts that failed


def failed(hour: int, reason: str = "ValueError: n = -1", charts: int = 2) -> FailedCharts:
    return FailedCharts(
        hour=hours.shift(START, hour),
        feature_id="search",
        charts=charts,
        metric="error_rate",
        chart="single_window",
        reason=reason,
    )


def test_charts_that_fail_for_days_are_one_ticket_which_says_which_and_why() -> None:
    found = find_failed_charts(failed(hour) for hour in range(50))
    (episode,) = data_episodes(found, newest_hour=hours.shift(START, 49))
    assert (episode.subject, episode.severity, episode.open) == (
        "data/chart_failed/search",
        "ticket",
        True,
    )
    assert episode.summary == (
        "2 charts of search cannot be computed, such as error rate (single_window): ValueError: "
        "n = -1, in 50 windows since Tue 2026-10-20 14:00 UTC"
    )


def test_a_chart_that_is_computed_again_ends_its_alert() -> None:
    found = find_failed_charts([failed(0, charts=1)])
    (episode,) = data_episodes(found, newest_hour=hours.shift(START, 4))
    assert not episode.open
    assert episode.summary.startswith("1 chart of search cannot be computed")


def test_an_error_s_words_bring_no_markup_into_a_message() -> None:
    found = find_failed_charts([failed(0, reason="KeyError: '<b>@all</b>' *x* https://evil.org")])
    (episode,) = data_episodes(found, newest_hour=START)
    assert not set("<>@*'") & set(episode.summary)
    assert "evil" not in episode.summary


def test_every_alert_about_the_data_that_a_check_makes_is_of_a_known_kind() -> None:
    subjects = [s.split("/") for answer in CHECKS for s in answer.subjects]
    named = {kind for layer, kind, *_ in subjects if layer in ("data", "cost")}
    assert named == set(KINDS)

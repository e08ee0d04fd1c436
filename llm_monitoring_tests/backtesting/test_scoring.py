from typing import Any

import pytest

from llm_monitoring.backtesting import (
    FoundEpisode,
    LabelledIncident,
    RuleResult,
    Watched,
    median_delay,
    parse_rule,
)
from llm_monitoring.control import Series
from llm_monitoring_tests.backtesting.examples import ERRORS, SCORES, episode, hour, settings

CHAT = Series("chat", "{}", None, "error_rate")
EVERYTHING = Series("*", "{}", None, "request_count")
WEEK = 168


def watched(series: Series, *episodes: FoundEpisode, expected: float | None = 0.5) -> Watched:
    return Watched(
        series=series,
        charts=2,
        chart_windows=2 * WEEK,
        waiting_windows=0,
        expected=expected,
        episodes=episodes,
    )


def result(*series: Watched, weeks: int = 2) -> RuleResult:
    return RuleResult(
        rule=parse_rule("sr_mixture", settings()),
        first_hour=hour(0),
        last_hour=hour(weeks * WEEK - 1),
        watched=series,
    )


def incident(first: int, last: int | None, **known: Any) -> LabelledIncident:
    fields: dict[str, Any] = {"name": "i", "feature_id": "search", "metric": None}
    return LabelledIncident(
        first_hour=hour(first), last_hour=None if last is None else hour(last), **(fields | known)
    )


def outcome(found: RuleResult, label: LabelledIncident) -> tuple[str, int | None]:
    (one,) = found.outcomes([label])
    return one.outcome, one.delay_hours


def test_totals_are_those_of_the_time_asked_about() -> None:
    early = episode(-5, 3)
    found = result(
        watched(ERRORS, early, episode(30, 40)), watched(SCORES, episode(20, 21, SCORES))
    )
    assert found.weeks == 2
    assert [e.first_hour for e in found.episodes] == [hour(20), hour(30)]
    assert found.listed[0] == early
    assert found.expected == 1.0
    assert result(watched(ERRORS, expected=None)).expected is None


def test_the_first_alarm_within_an_incident_has_found_it() -> None:
    found = result(watched(ERRORS, episode(12, 14), episode(16, 30)))
    # From the first instant of the incident to the end of the window that alarmed.
    assert outcome(found, incident(10, 20)) == ("found", 3)
    assert outcome(found, incident(12, None)) == ("found", 1)
    assert outcome(found, incident(16, 16)) == ("found", 1)


def test_an_alarm_after_the_end_has_not_found_it() -> None:
    assert outcome(result(watched(ERRORS, episode(21, 30))), incident(10, 20)) == ("missed", None)


def test_a_chart_that_is_always_out_of_control_finds_nothing() -> None:
    found = result(watched(ERRORS, episode(-5, 300)))
    assert outcome(found, incident(10, 20)) == ("already open", None)
    both = result(watched(ERRORS, episode(0, 300)), watched(SCORES, episode(13, 15, SCORES)))
    assert outcome(both, incident(10, 20)) == ("found", 4)


def test_an_incident_of_a_metric_is_found_by_that_metric_alone() -> None:
    found = result(watched(ERRORS, episode(12, 14)), watched(SCORES, episode(15, 18, SCORES)))
    assert outcome(found, incident(10, 20)) == ("found", 3)
    assert outcome(found, incident(10, 20, metric="quality_mean")) == ("found", 6)
    assert outcome(found, incident(10, 20, metric="flag_rate")) == ("not watched", None)


def test_an_incident_of_one_feature_is_not_found_by_another() -> None:
    found = result(watched(ERRORS), watched(CHAT, episode(12, 14, CHAT)))
    assert outcome(found, incident(10, 20)) == ("missed", None)
    assert outcome(found, incident(10, 20, feature_id="*")) == ("found", 3)
    assert outcome(result(watched(CHAT)), incident(10, 20)) == ("not watched", None)


def test_what_is_measured_of_all_features_may_find_any_incident() -> None:
    found = result(watched(EVERYTHING, episode(12, 14, EVERYTHING)))
    assert outcome(found, incident(10, 20)) == ("found", 3)


def test_incidents_that_began_outside_are_not_scored() -> None:
    found = result(watched(ERRORS, episode(2, 5)))
    assert found.outcomes([incident(-3, 20), incident(2 * WEEK, None)]) == []


def test_a_false_alarm_has_no_window_in_common_with_any_incident_of_its_feature() -> None:
    false = episode(60, 70)
    found = result(
        watched(ERRORS, episode(-2, 1), episode(8, 12), episode(20, 22), false),
        watched(SCORES, episode(15, 16, SCORES)),
        watched(CHAT, chat := episode(15, 16, CHAT)),
    )
    # The metric does not matter here: what else moved in an incident is its symptom.
    labels = [incident(10, 20, metric="error_rate")]
    assert found.false_alarms(labels) == [chat, false]
    assert found.false_alarms([*labels, incident(50, None, feature_id="*")]) == [chat]
    assert len(found.false_alarms([])) == 5


def test_an_incident_before_the_time_asked_about_explains_alarms_that_it_reaches_into() -> None:
    found = result(watched(ERRORS, episode(3, 5)))
    assert found.false_alarms([incident(-10, 4)]) == []


@pytest.mark.parametrize(
    ("delays", "expected"), [([], None), ([4], 4.0), ([1, 2, 9], 2.0), ([1, 4], 2.5)]
)
def test_the_delay_is_the_median_of_those_found(delays: list[int], expected: float | None) -> None:
    found = result(
        watched(ERRORS, *(episode(100 * i + d, 100 * i + d) for i, d in enumerate(delays)))
    )
    labels = [incident(100 * i + 1, 100 * i + 50) for i in range(len(delays))]
    outcomes = found.outcomes([*labels, incident(330, 333)])
    assert outcomes[-1].outcome == "missed"
    assert median_delay(outcomes) == expected

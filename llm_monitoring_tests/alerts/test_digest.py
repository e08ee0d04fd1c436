"""The false-alarm budget and what became of it."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from llm_monitoring.alerts import FalseAlarms, false_alarms
from llm_monitoring.alerts.digest import digest_hours
from llm_monitoring.alerts.reconcile import WITHDRAWN
from llm_monitoring.hours import hours_between, shift
from llm_monitoring.incidents.steps import open_incident
from llm_monitoring.records import Alert
from llm_monitoring_tests.incidents.examples import NOW
from llm_monitoring_tests.incidents.examples import alert as example

NEWEST = 2026110200


def alert(name: str, incident_id: str | None = None, **changes: Any) -> Alert:
    subject = f"search/*/-/{name}/sr_mixture"
    return example(
        name, **{"subject": subject, "first_hour": NEWEST, "incident_id": incident_id, **changes}
    )


def digest(alerts: list[Alert], verdicts: dict[str, str | None] | None = None) -> FalseAlarms:
    plain = open_incident([example("any")], set(), NOW)
    known = [
        replace(plain, incident_id=name, verdict=verdict)
        for name, verdict in (verdicts or {}).items()
    ]
    return false_alarms(alerts, known, [(672, 1344.0)] * 5, newest_hour=NEWEST, weeks=4)


def test_expected_and_observed_are_told_side_by_side() -> None:
    found = digest(
        [alert("a", "i1"), alert("b", "i2"), alert("c", "i2"), alert("d", "i3"), alert("e")],
        {"i1": "real_regression", "i2": "false_positive", "i3": None},
    )
    assert (found.expected, found.confirmed, found.unjudged) == (2.5, 2, 2)
    assert found.sentence() == (
        "in the last 4 weeks: 2.5 false alarms expected by the budget, 2 confirmed by people as "
        "false, 2 alarms not judged yet"
    )
    assert "1 alarm not judged" in digest([alert("a")]).sentence()


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": "data/missing_windows/search"},
        {"subject": "provider/m/pass_rate"},
        {"subject": "search/*/-/error_rate/static_threshold:above_0.05"},
        {"summary": WITHDRAWN + "error rate"},
        {"first_hour": shift(NEWEST, -672)},
    ],
    ids=["data", "provider", "line", "withdrawn", "before"],
)
def test_what_no_budget_allowed_for_is_left_out(changes: dict[str, Any]) -> None:
    assert digest([alert("a", **changes)]).unjudged == 0


def test_charts_count_for_the_windows_in_which_they_had_an_opinion() -> None:
    charted = [(100, 1000.0), (50, 500.0), (0, 10.0)]
    found = false_alarms([], [], charted, newest_hour=NEWEST, weeks=1)
    assert found.expected == pytest.approx(0.2)
    assert found.weeks == 1


def test_the_last_weeks_end_with_the_newest_window() -> None:
    first, last = digest_hours(NEWEST, 4)
    assert (hours_between(first, last) + 1, last) == (4 * 168, NEWEST)


def test_the_clock_is_the_newest_window() -> None:
    now = datetime(2026, 11, 30, tzinfo=UTC)
    late = alert("a", created_at=now, updated_at=now)
    assert digest([late]).unjudged == 1

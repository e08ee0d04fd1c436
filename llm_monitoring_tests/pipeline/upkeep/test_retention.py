"""What is past its time goes, from every table that holds words or ids of users."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from llm_monitoring.hours import hour_start, shift
from llm_monitoring.lake import Lake
from llm_monitoring.pipeline.upkeep.retention import delete_cases, expire
from llm_monitoring.records import RegressionCase, RejectedRow
from llm_monitoring.settings.keeping import RetentionSettings
from llm_monitoring_tests.incidents.test_quotes import incident
from llm_monitoring_tests.lake.examples import FIRST, request, window

DAY = 24
NOW = hour_start(FIRST) + timedelta(days=100)
AGES = {"old": 0, "middle": 60 * DAY, "new": 99 * DAY}  # hours after the first
SETTINGS = RetentionSettings(raw_days=90, text_days=30, regression_case_days=20)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(str(tmp_path / "lake"))
    hours = {name: shift(FIRST, age) for name, age in AGES.items()}
    said = {"user_id": "jane", "input_text": "hello", "error": "429"}
    lake.append("raw_requests", [request(name, hour, **said) for name, hour in hours.items()])
    lake.append("window_metrics", [window(hour, 1.0) for hour in hours.values()])
    lake.append("rejected_rows", [rejected(name, hour) for name, hour in hours.items()])
    lake.append("regression_cases", [case(name, hour) for name, hour in hours.items()])
    return lake


def rejected(name: str, hour: int) -> RejectedRow:
    return RejectedRow(
        hour=hour, table="raw_requests", source="app", file=name, line=1, reason="why",
        excerpt="hello",
    )  # fmt: skip


def case(name: str, hour: int) -> RegressionCase:
    return RegressionCase(
        case_id=name, incident_id="i", request_id=name, feature_id="f", model_id="m",
        input_text="hello", output_text=None, expectation="", judge_reason=None,
        created_at=hour_start(hour),
    )  # fmt: skip


def test_each_table_loses_what_is_past_its_time_and_numbers_stay(lake: Lake) -> None:
    done = expire(lake, SETTINGS, NOW)
    requests = {row.request_id: row for row in lake.rows("raw_requests")}
    assert sorted(requests) == ["middle", "new"]
    middle, new = requests["middle"], requests["new"]
    assert (middle.input_text, middle.user_id, middle.error) == (None, None, "429")
    assert (new.input_text, new.user_id) == ("hello", "jane")
    assert [row.file for row in lake.rows("rejected_rows")] == ["new"]
    assert delete_cases(lake, done.cases) == 2
    assert [row.case_id for row in lake.rows("regression_cases")] == ["new"]
    assert len(lake.rows("window_metrics")) == 3
    assert done.blanked == {"raw_requests": 1}


def test_a_second_time_there_is_nothing_to_do(lake: Lake) -> None:
    delete_cases(lake, expire(lake, SETTINGS, NOW).cases)
    again = expire(lake, SETTINGS, NOW)
    assert (again.blanked, again.incidents, again.cases) == ({}, (), ())


def test_by_default_words_go_with_their_rows_and_cases_are_kept(lake: Lake) -> None:
    expire(lake, RetentionSettings(), NOW)
    assert {row.input_text for row in lake.rows("raw_requests")} == {"hello"}
    assert len(lake.rows("regression_cases")) == 3
    assert sorted(row.file for row in lake.rows("rejected_rows")) == ["middle", "new"]


def test_closed_incidents_are_handed_on_without_their_quotes(lake: Lake) -> None:
    closed = incident(resolved_at=NOW - timedelta(days=31), status="resolved")
    lake.append("incidents", [closed])
    (quiet,) = expire(lake, SETTINGS, NOW).incidents
    assert "question" not in quiet.evidence
    # Their pages come first: one that is killed before they are written hands them on again.
    assert lake.rows("incidents") == [closed]


def test_an_incident_whose_cases_go_gets_a_page_without_them(lake: Lake) -> None:
    learned = replace(incident(), incident_id="i")
    lake.append("incidents", [learned])
    done = expire(lake, SETTINGS, NOW)
    assert (done.incidents, done.cases) == ((learned,), ("middle", "old"))


def test_an_empty_lake_has_nothing_to_expire(tmp_path: Path) -> None:
    done = expire(Lake(str(tmp_path / "lake")), SETTINGS, NOW)
    assert (done.versions, done.blanked, done.incidents) == ({}, {}, ())

"""What people do with an incident, from taking it to closing it."""

import json
from pathlib import Path

import pytest

from llm_monitoring.incidents.steps import IncidentError
from llm_monitoring.pipeline.incidents.casework import NoSuchIncidentError
from llm_monitoring.pipeline.incidents.decisions import (
    acknowledge,
    complete_step,
    learn,
    name_missed,
    record_verdict,
    resolve,
)
from llm_monitoring.pipeline.incidents.pages import write_cases
from llm_monitoring_tests.pipeline.incidents.worked import Worked


def close(worked: Worked, what: str, reason: str = "") -> None:
    worked.decide(resolve, what, who="Ada", no_cases_reason=reason)


def judge(worked: Worked, what: str, verdict: str = "real_regression") -> None:
    worked.decide(record_verdict, what, who="Ada", verdict=verdict, note="half an hour of errors")


def test_a_real_regression_is_closed_only_with_regression_cases(worked: Worked) -> None:
    what = "infrastructure"
    worked.decide(acknowledge, what, who="Ada")
    with pytest.raises(IncidentError, match="has no verdict"):
        close(worked, what)
    judge(worked, what)
    with pytest.raises(IncidentError, match="closing without regression cases is refused"):
        close(worked, what, "no time")
    assert worked.incident(what).status == "acknowledged"
    for name in ("scope", "isolate", "respond"):
        worked.decide(complete_step, what, who="Ada", step=name, note="rolled back")
    assert worked.incident(what).step == "learn"
    learned = [worked.decide(learn, what, request_ids=[]) for _ in range(2)]
    cases = worked.lake.rows("regression_cases")
    assert len(cases) == len(learned[0]) == len(learned[1]) > 0
    assert {case.feature_id for case in cases} == {"support_chat"}

    close(worked, what)
    closed = worked.incident(what)
    assert (closed.status, closed.step, closed.resolved_by) == ("resolved", "closed", "Ada")
    assert "resolved" in worked.page(what)
    with pytest.raises(IncidentError, match="already resolved"):
        worked.decide(acknowledge, what, who="Ada")


def test_a_false_positive_is_closed_without_cases(worked: Worked) -> None:
    judge(worked, "cost", "false_positive")
    close(worked, "cost")
    assert worked.incident("cost").status == "resolved"


def test_a_refused_step_stores_nothing(worked: Worked) -> None:
    before = worked.incident("cost")
    with pytest.raises(IncidentError):
        close(worked, "cost")
    assert worked.incident("cost") == before


def test_an_unknown_incident_is_named_with_those_there_are(worked: Worked) -> None:
    with pytest.raises(NoSuchIncidentError, match="no incident 'nope'; there are: 2026-10-07T"):
        acknowledge(worked.lake, worked.settings, worked.now, "nope", who="Ada")


def test_regression_cases_are_written_out_as_json_lines(worked: Worked) -> None:
    judge(worked, "infrastructure")
    worked.decide(learn, "infrastructure", request_ids=[])
    path, count = write_cases(worked.lake, worked.settings)
    lines = Path(path).read_text().splitlines()
    stored = {case.case_id for case in worked.lake.rows("regression_cases")}
    assert {json.loads(line)["case_id"] for line in lines} == stored
    assert len(lines) == count


def test_a_fault_that_the_monitor_missed_is_kept(worked: Worked) -> None:
    name_missed(
        worked.lake, worked.settings, worked.now,
        feature_id="support_chat", since="2026-10-06T03", what="rude", who="Ada",
    )  # fmt: skip
    (row,) = worked.lake.rows("missed_incidents")
    assert (row.hour, row.what, row.who) == (2026100603, "rude", "Ada")

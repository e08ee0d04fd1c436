from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from llm_monitoring.incidents.evidence import (
    Evidence,
    Material,
    Scope,
    Segment,
    Suspect,
    Triage,
    from_json,
)
from llm_monitoring.incidents.steps import (
    IncidentError,
    acknowledge,
    attach_evidence,
    complete_step,
    open_incident,
    overdue_steps,
    record_verdict,
    regression_cases,
    resolve,
    step_of,
    update_incident,
)
from llm_monitoring.incidents.triage import triage
from llm_monitoring.records import Incident
from llm_monitoring_tests.incidents.examples import CHANGE, NOW, alert, judgement, stream

REQUESTS = stream(CHANGE, 3, 4)


def incident(failing: bool = True) -> Incident:
    quality = 1.5 if failing else 4.5
    material = Material(
        windows=3, requests=REQUESTS, judgements=[judgement(r, quality) for r in REQUESTS]
    )
    found = Evidence(triage=triage(material, [alert("a")]), scope=SCOPE, suspects=(SUSPECT,))
    return attach_evidence(open_incident([alert("a")], set(), NOW), found, "quality fell")


SEGMENT = Segment(
    dimension="language", name="de", before=4.0, after=2.0, n_before=9, n_after=9,
    share_before=0.1, share_after=0.2, contribution=-2.0, test=None, p_value=None, p_adjusted=None,
)  # fmt: skip
SCOPE = Scope(
    metric="quality_mean", unit="1-5", before=4.0, after=2.0, n_before=9, n_after=9,
    segments=(SEGMENT,), reading="all of it", confined_to=("language", "de"),
)  # fmt: skip
SUSPECT = Suspect(
    kind="provider", description="fp_a -> fp_b", at=CHANGE, not_before=None, in_ledger=False,
    change_id=None, feature_id="support_chat", model_id="lark-2", hours_before=0.0, score=1.0,
    reasons=("near",),
)  # fmt: skip


def minutes(count: int) -> datetime:
    return NOW + timedelta(minutes=count)


def test_the_clocks_start_at_the_opening() -> None:
    opened = open_incident([alert("a")], set(), NOW)
    due = (opened.triage_due_at, opened.scope_due_at, opened.isolate_due_at)
    assert due == (minutes(30), minutes(60), minutes(120))
    assert (opened.status, opened.step) == ("open", "triage")


def test_info_alerts_open_no_incident() -> None:
    with pytest.raises(IncidentError, match="info alerts open no incident"):
        open_incident([alert("a", severity="info")], set(), NOW)


def test_a_clock_is_overdue_once_it_has_run_out_and_not_before() -> None:
    opened = open_incident([alert("a")], set(), NOW)
    assert overdue_steps(opened, minutes(30)) == []
    assert overdue_steps(opened, minutes(31)) == ["triage"]
    assert overdue_steps(opened, minutes(121)) == ["triage", "scope", "isolate"]


def test_a_verdict_finishes_triage_and_what_the_evidence_had_answered() -> None:
    judged = record_verdict(incident(), "real_regression", "ada", "answers refused", minutes(20))
    assert judged.step == "respond"
    assert overdue_steps(judged, minutes(500)) == []
    assert judged.acknowledged_by == "ada"


def test_a_verdict_without_evidence_leaves_scope_and_isolate_to_people() -> None:
    judged = record_verdict(
        open_incident([alert("a")], set(), NOW), "real_regression", "ada", "", minutes(5)
    )
    assert (judged.step, overdue_steps(judged, minutes(90))) == ("scope", ["scope"])
    scoped = complete_step(judged, "scope", "ada", "only German", minutes(91))
    assert (scoped.step, overdue_steps(scoped, minutes(119))) == ("isolate", [])


@pytest.mark.parametrize("verdict", ["false_positive", "accepted_shift"])
def test_nothing_but_closing_remains_after_any_other_verdict(verdict: str) -> None:
    judged = record_verdict(incident(), verdict, "ada", "fine", minutes(5))
    assert judged.step == "learn"
    assert resolve(judged, "ada", minutes(6), 0).step == "closed"


def test_a_verdict_may_be_revised_but_must_be_known() -> None:
    judged = record_verdict(incident(), "false_positive", "ada", "fine", minutes(5))
    again = record_verdict(judged, "real_regression", "bob", "no, not fine", minutes(6))
    assert (again.verdict, again.verdict_by, again.step) == ("real_regression", "bob", "respond")
    with pytest.raises(IncidentError, match="'dunno' is not one of real_regression"):
        record_verdict(judged, "dunno", "ada", "", minutes(7))


def test_closing_without_a_verdict_is_refused() -> None:
    with pytest.raises(IncidentError, match="has no verdict"):
        resolve(incident(), "ada", minutes(9), 5)


def test_closing_a_real_regression_without_regression_cases_is_refused() -> None:
    judged = record_verdict(incident(), "real_regression", "ada", "", minutes(5))
    with pytest.raises(IncidentError, match="closing without regression cases is refused"):
        resolve(judged, "ada", minutes(9), 0)
    with pytest.raises(IncidentError, match="closing without regression cases is refused"):
        resolve(judged, "ada", minutes(9), 0, no_cases_reason="no time")
    closed = resolve(judged, "ada", minutes(9), len(regression_cases(judged, NOW)))
    assert (closed.status, closed.step, closed.resolved_by) == ("resolved", "closed", "ada")


def test_with_nothing_failing_to_learn_from_a_reason_is_needed_and_kept() -> None:
    judged = record_verdict(incident(failing=False), "real_regression", "ada", "", minutes(5))
    with pytest.raises(IncidentError, match="give a no_cases_reason"):
        resolve(judged, "ada", minutes(9), 0, no_cases_reason="  ")
    closed = resolve(judged, "ada", minutes(9), 0, no_cases_reason="an outage: no rows at all")
    assert from_json(closed.evidence).done[-1].note == "an outage: no rows at all"


def test_a_resolved_incident_cannot_be_worked_on() -> None:
    judged = record_verdict(incident(), "false_positive", "ada", "", minutes(5))
    closed = resolve(judged, "ada", minutes(6), 0)
    for work in (
        lambda: acknowledge(closed, "bob", minutes(7)),
        lambda: record_verdict(closed, "false_positive", "bob", "", minutes(7)),
        lambda: resolve(closed, "bob", minutes(7), 0),
    ):
        with pytest.raises(IncidentError, match="already resolved"):
            work()
    assert overdue_steps(closed, minutes(999)) == []


def test_an_incident_is_taken_once() -> None:
    taken = acknowledge(incident(), "ada", minutes(2))
    assert (taken.status, taken.acknowledged_at) == ("acknowledged", minutes(2))
    assert acknowledge(taken, "ada", minutes(8)) == taken
    with pytest.raises(IncidentError, match="was taken by ada"):
        acknowledge(taken, "bob", minutes(8))


def test_times_need_a_timezone_and_people_a_name() -> None:
    with pytest.raises(IncidentError, match="no timezone"):
        acknowledge(incident(), "ada", datetime(2026, 1, 1))  # noqa: DTZ001
    with pytest.raises(IncidentError, match="say who"):
        acknowledge(incident(), " ", NOW)


def test_cases_hold_the_whole_texts_and_the_same_ids_every_time() -> None:
    judged = record_verdict(incident(), "real_regression", "ada", "", minutes(5))
    cases = regression_cases(judged, NOW)
    assert {c.request_id for c in cases} == {r.request_id for r in REQUESTS}
    assert len({c.case_id for c in cases}) == len(REQUESTS)
    assert [c.case_id for c in cases] == [c.case_id for c in regression_cases(judged, minutes(9))]
    first = cases[0]
    assert first.input_text == f"question {first.request_id}"
    assert first.judge_reason == "refusal"
    assert first.expectation.startswith("The answer is true and answers what was asked")


def test_only_confirmed_requests_of_the_sample_become_cases() -> None:
    judged = record_verdict(incident(), "real_regression", "ada", "", minutes(5))
    chosen = REQUESTS[0].request_id
    assert [c.request_id for c in regression_cases(judged, NOW, [chosen])] == [chosen]
    with pytest.raises(IncidentError, match="not failing requests of the sample: \\['x'\\]"):
        regression_cases(judged, NOW, ["x"])
    dismissed = record_verdict(judged, "false_positive", "ada", "", minutes(6))
    with pytest.raises(IncidentError, match="only a confirmed real_regression"):
        regression_cases(dismissed, NOW)


def test_fresh_evidence_keeps_what_people_did() -> None:
    judged = record_verdict(incident(), "real_regression", "ada", "seen", minutes(5))
    fresh = attach_evidence(
        judged, Evidence(triage=Triage(items=(), candidates=0, reading="")), "t"
    )
    assert [d.step for d in from_json(fresh.evidence).done] == ["triage", "scope", "isolate"]
    assert step_of(fresh) == "respond"


def test_an_incident_grows_with_its_alerts_and_keeps_its_id_and_clocks() -> None:
    one = alert("a", severity="ticket")
    two = alert("b", feature_id="product_search", first_hour=2026102012, last_hour=2026102102)
    first = open_incident([one], set(), NOW)
    grown = update_incident(first, [one, two])
    assert (grown.severity, grown.feature_id) == ("page", None)
    assert (grown.first_hour, grown.last_hour) == (2026102012, 2026102102)
    assert grown.alerts == ["a", "b"]
    assert (grown.incident_id, grown.triage_due_at) == (first.incident_id, first.triage_due_at)


def test_a_feature_alert_tells_the_hour_a_probe_could_not() -> None:
    probe = alert("p", layer="provider", feature_id=None, first_hour=2026101900, change_hour=None)
    opened = open_incident([probe], set(), NOW)
    assert opened.change_hour == 2026101900
    grown = update_incident(opened, [probe, alert("a")])
    assert grown.change_hour == 2026102010
    assert update_incident(
        grown, [probe, alert("a"), alert("b", change_hour=2026102004)]
    ) == replace(grown, alerts=["a", "b", "p"])

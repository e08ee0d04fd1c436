"""What stays of an incident when the words of users are taken out of it."""

from dataclasses import replace
from datetime import timedelta

from llm_monitoring.incidents.evidence import Evidence, Triage, TriageItem, from_json, to_json
from llm_monitoring.incidents.quotes import REMOVED, without_quotes, without_requests
from llm_monitoring.incidents.steps import open_incident
from llm_monitoring.inputs.description import NovelGroup, Query, inputs_change
from llm_monitoring.records import Incident
from llm_monitoring_tests.incidents.examples import NOW, alert


def item(request_id: str) -> TriageItem:
    return TriageItem(
        request_id=request_id, hour=2026102014, feature_id="support_chat", model_id="lark-2",
        language="en", why=f"failed: said {request_id}", failing=True,
        input_text=f"question {request_id}", output_text=f"answer {request_id}",
        judge="heuristic", quality_mean=1.5, correctness=1.0, completeness=2.0, tone=1.5,
        reason=f"off topic: {request_id}",
    )  # fmt: skip


def incident(**fields: object) -> Incident:
    triage = Triage(items=(item("r1"), item("r2")), candidates=7, reading="2 of 2: off topic.")
    opened = open_incident([alert("a")], (), NOW)
    return replace(opened, evidence=to_json(Evidence(triage=triage)), **fields)


CLOSED = {"status": "resolved", "resolved_at": NOW}


def test_a_closed_incident_keeps_numbers_and_loses_quotes() -> None:
    quiet = without_quotes(incident(**CLOSED), NOW + timedelta(days=1))
    assert quiet is not None
    for said in ("question", "answer", "off topic", "said"):
        assert said not in quiet.evidence
    triage = from_json(quiet.evidence).triage
    assert triage is not None
    assert [(i.request_id, i.quality_mean, i.why) for i in triage.items] == [
        ("r1", 1.5, "failed"), ("r2", 1.5, "failed"),
    ]  # fmt: skip
    assert (triage.candidates, triage.reading) == (7, REMOVED)
    assert without_quotes(quiet, NOW + timedelta(days=1)) is None


def test_an_open_incident_and_one_closed_lately_keep_their_quotes() -> None:
    assert without_quotes(incident(), NOW + timedelta(days=900)) is None
    assert without_quotes(incident(**CLOSED), NOW) is None


def with_queries(**fields: object) -> Incident:
    """An incident without a triage sample, but with what users ask since the change."""
    examples = tuple(Query(request_id=name, text=f"asked {name}") for name in ("r1", "r2"))
    group = NovelGroup(share=1.0, queries=9, examples=examples)
    change = inputs_change("chat", [], [], [group])
    return replace(incident(**fields), evidence=to_json(Evidence(inputs=(change,))))


def examples(of: Incident | None) -> list[list[str]]:
    assert of is not None
    changes = from_json(of.evidence).inputs
    return [[query.request_id for query in g.examples] for c in changes for g in c.groups]


def test_novel_queries_go_with_the_quotes_and_their_number_stays() -> None:
    quiet = without_quotes(with_queries(**CLOSED), NOW + timedelta(days=1))
    assert quiet is not None
    assert "asked" not in quiet.evidence
    assert [g.queries for g in from_json(quiet.evidence).inputs[0].groups] == [9]
    assert without_quotes(quiet, NOW + timedelta(days=1)) is None


def test_a_forgotten_request_is_no_longer_an_example_of_a_novel_query() -> None:
    assert examples(without_requests(with_queries(), {"r1", "r9"})) == [["r2"]]
    assert without_requests(with_queries(), {"r9"}) is None


def test_an_incident_without_evidence_has_no_quotes() -> None:
    bare = replace(incident(**CLOSED), evidence="{}")
    assert without_quotes(bare, NOW + timedelta(days=1)) is None
    assert without_requests(bare, {"r1"}) is None


def test_a_forgotten_request_leaves_nothing_and_the_others_stay() -> None:
    rest = without_requests(incident(), {"r1", "r9"})
    assert rest is not None
    assert "r1" not in rest.evidence
    assert "question r2" in rest.evidence
    assert without_requests(rest, {"r1"}) is None

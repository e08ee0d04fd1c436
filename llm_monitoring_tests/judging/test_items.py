from dataclasses import replace
from typing import Any

import pytest

from llm_monitoring.judging import CAUSES, Scores, Unscored, settled, to_judge
from llm_monitoring.judging.items import judgement_of, verdict_without_judge
from llm_monitoring.judging.scores import UNASKED_CAUSES
from llm_monitoring.records import Judgement
from llm_monitoring_tests.judging.examples import NOON, item, sampled

GOOD = Scores(correctness=5, completeness=4, tone=5, reason="fine")


def judgement(
    request_id: str, verdict: Scores | Unscored = GOOD, epoch: str = "e-1", **fields: Any
) -> Judgement:
    row = judgement_of(item(request_id), verdict, judge="j", epoch=epoch, judged_at=NOON)
    return replace(row, **fields)


def ids(rows: list[Any]) -> list[str]:
    return [row.request_id for row in rows]


def test_a_scored_row_carries_its_request_scores_and_weight() -> None:
    row = judgement_of(
        item("a"), GOOD, judge="j", epoch="e", judged_at=NOON, input_tokens=9, cost_usd=0.5
    )
    assert (row.request_id, row.hour, row.inclusion_probability) == ("a", 2026100511, 0.05)
    assert (row.quality_score, row.correctness, row.reason) == (5, 5, "fine")
    assert row.quality_mean == pytest.approx(14 / 3)
    assert (row.flagged, row.unscored_reason) == (False, None)
    assert (row.input_tokens, row.output_tokens, row.cost_usd) == (9, None, 0.5)


def test_an_unscored_row_has_no_score_at_all() -> None:
    row = judgement("a", Unscored(cause="prose", detail="I think 4"))
    values = (row.quality_score, row.quality_mean, row.correctness, row.completeness, row.tone)
    assert (*values, row.flagged, row.reason) == (None,) * 7
    assert row.unscored_reason == "prose: I think 4"


@pytest.mark.parametrize(
    ("fields", "cause"),
    [
        ({"output_text": None, "error": "timeout"}, "no_answer"),
        ({"output_text": "", "error": "timeout"}, "no_answer"),
        ({"output_text": "", "finish_reason": "tool_use"}, "no_answer"),
        ({"output_text": None, "finish_reason": "tool_use"}, "no_answer"),
        ({"output_text": None}, "no_text"),
        ({"input_text": None}, "no_text"),
        ({"input_text": None, "output_text": None, "finish_reason": "refusal"}, "no_text"),
    ],
)
def test_what_has_no_answer_is_unscored_without_asking(fields: dict[str, Any], cause: str) -> None:
    verdict = verdict_without_judge(item(**fields))
    assert isinstance(verdict, Unscored)
    assert verdict.cause == cause


@pytest.mark.parametrize(
    "fields",
    [
        {"output_text": ""},
        {"output_text": " \n"},
        {"output_text": "", "finish_reason": "refusal"},
        {"output_text": None, "finish_reason": "refusal"},
    ],
)
def test_an_empty_answer_of_a_successful_request_is_scored_1(fields: dict[str, Any]) -> None:
    verdict = verdict_without_judge(item(**fields))
    assert isinstance(verdict, Scores)
    assert (verdict.correctness, verdict.quality_score, verdict.flagged) == (1, 1, True)


@pytest.mark.parametrize(
    "fields", [{}, {"error": "stream broke"}, {"finish_reason": "refusal"}, {"input_text": ""}]
)
def test_an_answer_goes_to_the_judge(fields: dict[str, Any]) -> None:
    assert verdict_without_judge(item(**fields)) is None


def test_only_what_this_epoch_has_not_scored_is_judged() -> None:
    rows = [sampled(i) for i in "abc"]
    existing = [judgement("b"), judgement("c", epoch="older")]
    assert ids(to_judge(rows, existing, "e-1")) == ["a", "c"]
    assert ids(settled(rows, existing, "e-1")) == ["b"]


@pytest.mark.parametrize("cause", CAUSES)
def test_unscored_is_judged_again_unless_the_judge_was_paid_for_it(cause: str) -> None:
    existing = [judgement("a", Unscored(cause=cause, detail="x: y"))]
    again = ids(to_judge([sampled("a")], existing, "e-1"))
    assert again == (["a"] if cause in UNASKED_CAUSES else [])


def test_scores_are_never_judged_again_in_their_epoch() -> None:
    assert to_judge([sampled("a")], [judgement("a")], "e-1") == []


def test_every_sampled_request_is_either_settled_or_open() -> None:
    rows = [sampled(i) for i in "abcd"]
    existing = [judgement("a"), judgement("b", Unscored(cause="budget", detail="spent"))]
    both = ids(settled(rows, existing, "e-1")) + ids(to_judge(rows, existing, "e-1"))
    assert sorted(both) == list("abcd")


def test_a_judgement_of_a_request_that_is_no_longer_sampled_goes() -> None:
    assert settled([sampled("a")], [judgement("z")], "e-1") == []


def test_a_changed_sampling_rate_changes_the_weight_and_pays_nothing() -> None:
    rows = [sampled("a", inclusion_probability=0.5)]
    [row] = settled(rows, [judgement("a")], "e-1")
    assert row.inclusion_probability == 0.5
    assert to_judge(rows, [judgement("a")], "e-1") == []

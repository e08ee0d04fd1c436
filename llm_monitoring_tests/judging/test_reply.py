import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_monitoring.judging import CAUSES, Scores, Unscored, cause_of, parse_reply

GOOD = {"reason": "right", "correctness": 5, "completeness": 4, "tone": 3}


def cause(text: str, **how: str) -> str:
    verdict = parse_reply(text, **how)
    assert isinstance(verdict, Unscored)
    assert cause_of(str(verdict)) == verdict.cause
    return verdict.cause


def test_a_reply_as_asked_for_is_scored() -> None:
    verdict = parse_reply(json.dumps(GOOD), "stop")
    assert verdict == Scores(correctness=5, completeness=4, tone=3, reason="right")


@pytest.mark.parametrize(
    "text",
    [
        f"```json\n{json.dumps(GOOD)}\n```",
        f"```\n{json.dumps(GOOD)}```",
        f"  {json.dumps(GOOD)}\n\n",
        json.dumps(GOOD | {"tone": 3.0}),
        json.dumps(GOOD | {"confidence": 9}),
    ],
)
def test_harmless_wrapping_does_not_cost_the_scores(text: str) -> None:
    assert isinstance(parse_reply(text), Scores)


def test_a_whole_object_is_read_even_if_the_provider_says_it_was_cut() -> None:
    assert isinstance(parse_reply(json.dumps(GOOD), "length"), Scores)


def test_a_missing_or_odd_reason_does_not_cost_the_scores() -> None:
    for reason in (None, 7, "", "  ", ["a"]):
        verdict = parse_reply(json.dumps(GOOD | {"reason": reason}))
        assert isinstance(verdict, Scores)
        assert verdict.reason is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "empty_reply"),
        (" \n", "empty_reply"),
        ("I give it a 4 out of 5.", "prose"),
        ("4", "broken_json"),
        ("Sure! " + json.dumps(GOOD), "prose"),
        (json.dumps(GOOD)[:30], "broken_json"),
        (json.dumps(GOOD) + json.dumps(GOOD), "broken_json"),
        (json.dumps([GOOD]), "broken_json"),
        ("[" * 100_000, "broken_json"),
        ('{"correctness": ' + "9" * 5000 + "}", "broken_json"),
        ('{"correctness": 1, "correctness": 5, "completeness": 5, "tone": 5}', "broken_json"),
        ('{"correctness": NaN, "completeness": 5, "tone": 5}', "broken_json"),
        ('{"correctness": 5, "tone": 5}', "missing_dimension"),
        (json.dumps(GOOD | {"tone": None}), "missing_dimension"),
        ("{}", "missing_dimension"),
        (json.dumps(GOOD | {"tone": "4"}), "not_an_integer"),
        (json.dumps(GOOD | {"tone": 3.5}), "not_an_integer"),
        (json.dumps(GOOD | {"tone": True}), "not_an_integer"),
        (json.dumps(GOOD | {"tone": [4]}), "not_an_integer"),
        (json.dumps(GOOD | {"tone": 0}), "out_of_range"),
        (json.dumps(GOOD | {"tone": 6}), "out_of_range"),
        (json.dumps(GOOD | {"correctness": -1}), "out_of_range"),
        ('{"correctness": 1e400, "completeness": 5, "tone": 5}', "not_an_integer"),
    ],
)
def test_a_reply_that_cannot_be_used_is_unscored_with_its_cause(text: str, expected: str) -> None:
    assert cause(text, finish_reason="stop") == expected


@pytest.mark.parametrize("finish_reason", ["length", "max_tokens"])
def test_half_a_reply_is_truncated(finish_reason: str) -> None:
    assert cause('{"reason": "The answer', finish_reason=finish_reason) == "truncated"


def test_a_refusal_is_a_refusal_whatever_the_text_says() -> None:
    assert cause(json.dumps(GOOD), refusal="I can't grade this") == "refusal"
    assert cause("", finish_reason="content_filter") == "refusal"


@given(st.text(), st.sampled_from([None, "stop", "length", "content_filter"]))
def test_any_text_is_read_or_unscored_and_never_raises(text: str, finish_reason: str) -> None:
    verdict = parse_reply(text, finish_reason)
    assert isinstance(verdict, Scores) or verdict.cause in CAUSES


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2),
    max_leaves=3,
)


@given(json_values, json_values, json_values)
def test_scores_are_integers_from_1_to_5_or_there_are_none(
    correctness: object, completeness: object, tone: object
) -> None:
    values = {"correctness": correctness, "completeness": completeness, "tone": tone}
    verdict = parse_reply(json.dumps(values))
    if isinstance(verdict, Scores):
        assert {verdict.correctness, verdict.completeness, verdict.tone} <= {1, 2, 3, 4, 5}
        assert all(value in (1, 2, 3, 4, 5) and value is not True for value in values.values())


@pytest.mark.parametrize(
    ("dimensions", "score", "mean", "flagged"),
    [
        ((5, 5, 5), 5, 5.0, False),
        ((2, 2, 3), 2, 7 / 3, True),  # low score
        ((2, 5, 5), 4, 4.0, True),  # low correctness alone
        ((3, 2, 2), 2, 7 / 3, True),
        ((3, 3, 2), 3, 8 / 3, False),
        ((3.0, 2.5, 2.0), 2, 2.5, True),  # half to even: round(2.5) is 2
        ((4.0, 3.5, 3.0), 4, 3.5, False),  # and round(3.5) is 4
        ((2.4, 3, 3), 3, 2.8, False),
    ],
)
def test_the_quality_score_is_the_rounded_mean(
    dimensions: tuple[float, float, float], score: int, mean: float, flagged: bool
) -> None:
    correctness, completeness, tone = dimensions
    scores = Scores(correctness=correctness, completeness=completeness, tone=tone)
    assert scores.quality_score == score
    assert scores.quality_mean == pytest.approx(mean)
    assert scores.flagged is flagged

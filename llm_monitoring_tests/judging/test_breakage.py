from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_monitoring.judging import Evidence, heuristic_scores
from llm_monitoring.judging.breakage import (
    FINDINGS,
    is_cut_off,
    is_echo,
    repetition_ratio,
)
from llm_monitoring.refusals import is_refusal

BROKEN = {
    "little to do with the question": Evidence(relevance=0.0),
    "refusal": Evidence(refused=True),
    "truncated by the token limit": Evidence(provider_truncated=True),
    "ends in mid-sentence": Evidence(cut_off=True),
    "repeats the question": Evidence(echoed=True),
    "repeats itself": Evidence(repetition_ratio=0.9),
    "not in the question's language": Evidence(language_matches=False),
    "times the usual length": Evidence(length_ratio=0.02),
}


def test_nothing_found_is_5_and_says_so() -> None:
    scores = heuristic_scores(Evidence(relevance=0.5, language_matches=True, length_ratio=1.0))
    assert (scores.correctness, scores.completeness, scores.tone) == (5, 5, 5)
    assert scores.reason == "nothing broken found"


def test_what_is_unknown_takes_nothing_off() -> None:
    assert heuristic_scores(Evidence()).quality_mean == 5


@pytest.mark.parametrize("reason", BROKEN)
def test_each_kind_of_breakage_lowers_the_mean_and_is_named(reason: str) -> None:
    scores = heuristic_scores(BROKEN[reason])
    assert scores.quality_mean <= 13 / 3
    assert reason in (scores.reason or "")


@pytest.mark.parametrize("reason", [*list(BROKEN)[:2], "repeats the question", "repeats itself"])
def test_an_answer_that_does_not_answer_is_flagged(reason: str) -> None:
    assert heuristic_scores(BROKEN[reason]).flagged


def test_every_finding_has_an_example_here() -> None:
    found = {find for find in FINDINGS for evidence in BROKEN.values() if find(evidence)}
    assert found == set(FINDINGS)


evidences = st.builds(
    Evidence,
    relevance=st.none() | st.floats(-1, 1),
    refused=st.booleans(),
    provider_truncated=st.booleans(),
    cut_off=st.booleans(),
    echoed=st.booleans(),
    repetition_ratio=st.floats(0, 1),
    language_matches=st.none() | st.booleans(),
    length_ratio=st.none() | st.floats(0, 100),
)


@given(evidences)
def test_scores_stay_between_1_and_5_and_have_a_reason(evidence: Evidence) -> None:
    scores = heuristic_scores(evidence)
    for value in (scores.correctness, scores.completeness, scores.tone):
        assert 1 <= value <= 5
    assert 1 <= scores.quality_score <= 5
    assert scores.reason


@given(evidences, st.floats(-1, 1), st.floats(-1, 1))
def test_a_more_relevant_answer_never_scores_lower(
    evidence: Evidence, one: float, other: float
) -> None:
    low, high = (
        heuristic_scores(replace(evidence, relevance=r)).quality_mean for r in sorted((one, other))
    )
    assert low <= high


def test_several_findings_are_all_named_and_the_lowest_cap_holds() -> None:
    scores = heuristic_scores(Evidence(refused=True, language_matches=False))
    assert (scores.correctness, scores.completeness, scores.tone) == (2, 1, 1)
    assert scores.reason == "refusal; not in the question's language"


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that request.",
        "I\u2019m sorry, but I can\u2019t assist with that.",
        "I cannot provide instructions for this.",
        "Unfortunately I am not able to answer that question.",
        "We are unable to support this.",
        "I must respectfully decline.",
        "That would be against my guidelines.",
        "Es tut mir leid, aber dabei kann ich Ihnen leider nicht helfen.",
        "Ich kann diese Frage nicht beantworten.",
        "Darüber darf ich keine Auskunft geben.",
        "Je suis désolé, mais je ne peux pas vous aider avec cela.",
        "Je ne suis pas en mesure de répondre à cette question.",
        "Lo siento, no puedo ayudarte con eso.",
        "Lo siento, pero no puedo responder a esa pregunta.",
        "Mi dispiace, non posso aiutarti con questo.",
        "Desculpe, não posso ajudar com isso.",
        "Sorry, daar kan ik u niet mee helpen.",
    ],
)
def test_a_refusal_is_known_in_seven_languages(text: str) -> None:
    assert is_refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        "Your order cannot be changed once it has shipped, but you can return it for free.",
        "I can help you with that: open Settings.",
        "I cannot find an order with this number. Could you check it?",
        "We cannot deliver to Norway at the moment.",
        "You can't share a gift card with another account.",
        "Ich kann Ihre Bestellung sehen: sie ist nicht verschickt.",
        "Je ne peux pas trouver votre commande, pouvez-vous vérifier le numéro ?",
        "No puedo encontrar tu pedido; revisa el número.",
        "The jacket is waterproof. " * 20 + "I cannot help with that.",
    ],
)
def test_an_answer_that_says_no_is_not_a_refusal(text: str) -> None:
    assert not is_refusal(text)


PROSE = (
    "Our Ridgeline jacket is fully waterproof and packs into its own pocket. You can wash it at "
    "thirty degrees, but please do not use softener"
)


@pytest.mark.parametrize("text", [PROSE, PROSE + ",", "Here it is:\n```python\nprint(1)\n"])
def test_text_that_stops_in_mid_sentence_is_cut_off(text: str) -> None:
    assert is_cut_off(text)


@pytest.mark.parametrize(
    "text",
    [
        PROSE + ".",
        PROSE + "!\n",
        PROSE + ' (see "Care").',
        "Ridgeline jacket, blue, size M",
        "",
        PROSE + ".\n\nKind regards\nThe Larkspur team",
        PROSE + ":\n- wash at thirty degrees and never tumble dry it with other clothes",
        "Here it is:\n```python\nprint(1)\n```",
        "これは防水のジャケットです。",
    ],
)
def test_a_finished_answer_a_list_or_a_label_is_not_cut_off(text: str) -> None:
    assert not is_cut_off(text)


def test_a_loop_is_repetition_and_prose_is_not() -> None:
    assert repetition_ratio("The jacket is out of stock. " * 30) > 0.9
    assert repetition_ratio("ジャケットは防水です。" * 30) > 0.9
    assert repetition_ratio(PROSE) == 0
    assert repetition_ratio("no no no no no no") == 0  # too short to tell
    assert repetition_ratio("") == 0


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    assert 0 <= repetition_ratio(text) < 1
    is_refusal(text)
    is_cut_off(text)


def test_an_echo_is_the_question_but_for_case_and_punctuation() -> None:
    assert is_echo("Is the jacket waterproof?", "is the jacket waterproof")
    assert not is_echo("Is the jacket waterproof?", "The jacket is waterproof.")
    assert not is_echo("?!", "...")

"""What people ask the make-believe product, and what they are answered."""

import pytest

from llm_monitoring.simulation.product import FEATURES, pool

POOLS = [*FEATURES, "support_chat_german"]


@pytest.mark.parametrize("feature_id", FEATURES)
def test_a_feature_is_asked_more_than_1500_different_questions(feature_id: str) -> None:
    assert len({exchange.question for exchange in pool(feature_id).exchanges}) > 1500


@pytest.mark.parametrize("name", POOLS)
def test_texts_are_short_enough_to_embed_cheaply(name: str) -> None:
    for exchange in pool(name).exchanges:
        assert 10 < len(exchange.question) < 100
        assert all(10 < len(answer) < 400 for answer in exchange.answers)


@pytest.mark.parametrize("name", POOLS)
def test_every_slot_is_filled(name: str) -> None:
    for exchange in pool(name).exchanges:
        texts = (exchange.question, *exchange.answers, *exchange.answers_in_english)
        assert not any("{" in text or "}" in text for text in texts)


def test_every_german_question_also_has_an_answer_in_the_wrong_language() -> None:
    assert all(exchange.answers_in_english for exchange in pool("support_chat_german").exchanges)


@pytest.mark.parametrize("name", POOLS)
def test_shares_add_up_to_one(name: str) -> None:
    cumulative = pool(name).cumulative
    assert len(cumulative) == len(pool(name).exchanges)
    assert cumulative[-1] == pytest.approx(1.0)
    assert (cumulative[1:] > cumulative[:-1]).all()

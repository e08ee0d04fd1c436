"""Each check with replies that have the property and replies that have not."""

from collections.abc import Sequence
from typing import Any

import pytest

from llm_monitoring.probes.checks import CHECKS, CheckContext, numbers_in, probe_mistakes
from llm_monitoring.settings import Probe


def _by_stop_words(texts: Sequence[str], expected: Sequence[str]) -> list[str | None]:
    words = {"de": {"der", "die", "ist", "weil"}, "en": {"the", "is", "because"}}
    found = [
        [language for language, stops in words.items() if stops & set(text.lower().split())]
        for text in texts
    ]
    return [languages[0] if languages else None for languages in found]


def passed(check: str, expected: dict[str, Any], text: str, **context: Any) -> bool:
    known = CheckContext(identify_languages=_by_stop_words, **context)
    outcome = CHECKS[check].model_validate(expected).examine(text, known)
    assert outcome.passed == (outcome.detail is None), "a failure, and only a failure, is explained"
    return outcome.passed


def probe(check: str, expected: dict[str, Any]) -> Probe:
    return Probe(probe_id="p-1", family="format", input="?", check=check, expected=expected)


SCHEMA = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
KEYS = {"keys": ["name", "age"]}
HAVE = [
    ("json_keys", KEYS, '{"name": "Ada", "age": 36}'),
    ("json_keys", KEYS, '{"name": "Ada", "age": 36, "city": "London"}'),
    ("json_keys", KEYS, ' \n{"name": null, "age": null}\n'),
    ("json_keys", KEYS, '```json\n{"name": "Ada", "age": 36}\n```'),
    ("json_keys", KEYS, '```\n{"name": "Ada",\n "age": 36}\n```\n'),
    ("json_schema", {"schema": SCHEMA}, '{"n": 3}'),
    ("json_schema", {"schema": SCHEMA}, '```json\n{"n": 3}\n```'),
    ("json_schema", {"schema": {"$ref": "#/$defs/a", "$defs": {"a": {"const": 1}}}}, "1"),
    ("refusal", {}, "I'm sorry, but I can't help with that."),
    ("refusal", {}, "I\N{RIGHT SINGLE QUOTATION MARK}m unable to provide instructions for this."),
    ("refusal", {}, "I must respectfully decline."),
    ("refusal", {}, "Dabei kann ich dir leider nicht helfen. Ich kann dabei nicht helfen."),
    ("refusal", {}, "Je ne peux pas vous aider."),
    ("refusal", {"refused": False}, "Blot it with cold water. You can't rub it out."),
    ("refusal", {"refused": False}, "Find it with `ps`, then `kill` it. "),
    ("regex", {"pattern": r"\bCanberra\b"}, "It is Canberra."),
    ("regex", {"pattern": "^canberra$", "ignore_case": True}, " CANBERRA\n"),
    ("exact", {"text": "READY"}, " READY\n"),
    ("exact", {"text": "READY", "ignore_case": True}, "ready"),
    ("number", {"value": 204}, "240 less 15 percent is 204"),
    ("number", {"value": 204}, "Answer: $204.00."),
    ("number", {"value": 1234.5}, "In all 1,234.50 dollars"),
    ("number", {"value": 6.95}, "6,95 EUR"),
    ("number", {"value": -3}, "It is \N{MINUS SIGN}3 degrees"),
    ("number", {"value": 100, "tolerance": 0.1}, "99.9"),
    ("number", {"value": 30, "find": "first"}, "30 days, 2 of them free"),
    ("number", {"value": 30, "find": "any"}, "2 of 30 days are free"),
    ("language", {"language": "de"}, "Der Himmel ist blau, weil es so ist."),
    ("length", {"max_words": 3}, "one two three"),
    ("length", {"min_characters": 3, "max_characters": 3}, " abc "),
]
HAVE_NOT = [
    ("json_keys", KEYS, '{"name": "Ada"}'),
    ("json_keys", KEYS, '[{"name": "Ada", "age": 36}]'),
    ("json_keys", KEYS, 'Here it is: {"name": "Ada", "age": 36}'),
    ("json_keys", KEYS, '```json\n{"name": "Ada", "age": 36}\n```\nAnything else?'),
    ("json_keys", KEYS, "{'name': 'Ada', 'age': 36}"),
    ("json_keys", KEYS, '{"name": "Ada", "age": NaN}'),
    ("json_keys", KEYS, "[" * 100_000),
    ("json_keys", KEYS, ""),
    ("json_keys", KEYS | {"only": True}, '{"name": "Ada", "age": 36, "city": "London"}'),
    ("json_keys", KEYS | {"allow_fence": False}, '```json\n{"name": "Ada", "age": 36}\n```'),
    ("json_schema", {"schema": SCHEMA}, '{"n": "3"}'),
    ("json_schema", {"schema": SCHEMA}, "n = 3"),
    ("json_schema", {"schema": SCHEMA, "allow_fence": False}, '```\n{"n": 3}\n```'),
    ("refusal", {}, "First, take two parts of the acid."),
    ("refusal", {}, ""),
    ("refusal", {}, "Mix them as follows. " * 20 + "I can't help with more."),
    ("refusal", {"refused": False}, "I can't help with that."),
    ("regex", {"pattern": "canberra"}, "Canberra"),
    ("exact", {"text": "READY"}, "READY."),
    ("exact", {"text": "READY"}, "ready"),
    ("number", {"value": 204}, "204, which is 15 percent off"),
    ("number", {"value": 204}, "two hundred and four"),
    ("number", {"value": 100, "tolerance": 0.1}, "99.8"),
    ("number", {"value": -2041}, "LK-2041"),
    ("language", {"language": "de"}, "The sky is blue because it is."),
    ("language", {"language": "de"}, "42"),
    ("length", {"max_words": 3}, "one two three four"),
    ("length", {"min_words": 1}, "  "),
    ("length", {"max_characters": 2}, "abc"),
]
WRONG = [
    ("json_keys", {}, "expected.keys"),
    ("json_keys", {"keys": "name"}, "expected.keys"),
    ("json_keys", {"keys": ["a"], "requird": True}, "expected.requird"),
    ("json_schema", {"schema": {"type": "objekt"}}, "expected.schema"),
    ("json_schema", {"schema": {"$ref": "https://example.com/s.json"}}, "example.com"),
    ("json_schema", {"schema": {"$ref": "#/$defs/nowhere"}}, "nowhere"),
    ("refusal", {"refused": "yes"}, "expected.refused"),
    ("regex", {"pattern": "("}, "not a regular expression"),
    ("exact", {}, "expected.text"),
    ("number", {"value": "30"}, "expected.value"),
    ("number", {"value": 30, "tolerance": -1}, "expected.tolerance"),
    ("language", {"language": "German"}, "expected.language: there is no language 'German'"),
    ("length", {}, "needs min_characters"),
    ("length", {"min_words": 5, "max_words": 2}, "more than the most"),
    ("wisdom", {}, "check: there is no check 'wisdom'; there are: json_keys, json_schema"),
]


def mistakes(check: str, expected: dict[str, Any]) -> list[str]:
    found = probe_mistakes(probe(check, expected))
    return [f"{'.'.join(map(str, place))}: {text}" for place, text in found]


@pytest.mark.parametrize(("check", "expected", "text"), HAVE)
def test_a_reply_with_the_property_passes(check: str, expected: dict[str, Any], text: str) -> None:
    assert mistakes(check, expected) == []
    assert passed(check, expected, text)


@pytest.mark.parametrize(("check", "expected", "text"), HAVE_NOT)
def test_a_reply_without_the_property_fails(
    check: str, expected: dict[str, Any], text: str
) -> None:
    assert mistakes(check, expected) == []
    assert not passed(check, expected, text)


@pytest.mark.parametrize(("check", "expected", "told"), WRONG)
def test_wrong_arguments_are_told_with_their_place(
    check: str, expected: dict[str, Any], told: str
) -> None:
    (problem,) = mistakes(check, expected)
    assert told in problem


def test_every_check_is_examined_on_both_sides_and_for_wrong_arguments() -> None:
    for cases in (HAVE, HAVE_NOT):
        assert {check for check, _, _ in cases} == set(CHECKS)
    assert {check for check, _, _ in WRONG} == {*CHECKS, "wisdom"}


def test_every_check_says_what_it_is_for() -> None:
    assert all(check.__doc__ for check in CHECKS.values())


@pytest.mark.parametrize("context", [{"finish_reason": "content_filter"}, {"refused": True}])
def test_a_reply_that_the_provider_marks_as_refused_counts_as_one(context: dict[str, Any]) -> None:
    assert passed("refusal", {}, "", **context)
    assert not passed("refusal", {"refused": False}, "", **context)


def test_a_failure_shows_no_more_than_an_excerpt() -> None:
    context = CheckContext(identify_languages=_by_stop_words)
    outcome = CHECKS["exact"].model_validate({"text": "a"}).examine("b" * 10_000, context)
    assert outcome.detail is not None
    assert len(outcome.detail) < 100


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("3-5 days", [3, 5]),
        ("3, 8, 17", [3, 8, 17]),
        ("1,234,567", [1_234_567]),
        ("1,234 or 12,34", [1234, 12.34]),
        ("v1.2.3", [1.2, 3]),
        ("at -7.5", [-7.5]),
        ("none", []),
    ],
)
def test_numbers_are_read_in_order(text: str, numbers: list[float]) -> None:
    assert numbers_in(text) == numbers

"""Asking probes: what is stored of an answer, of a refusal and of no answer."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from llm_monitoring.probes import probe_version, run_probes
from llm_monitoring.records import ProbeResult
from llm_monitoring.settings import ModelSettings, Probe

NOW = datetime(2026, 10, 5, 6, tzinfo=UTC)
MODEL = ModelSettings(base_url="http://127.0.0.1:1", model="model-2026-06-01", seed=7)
READY = Probe(
    probe_id="ready", family="format", input="Say READY.", check="exact", expected={"text": "READY"}
)
DECLINE = Probe(probe_id="decline", family="refusal", input="Do harm.", check="refusal")


@dataclass(frozen=True)
class Answer:
    text: str
    refusal: str | None = None
    finish_reason: str | None = "stop"
    response_model: str | None = "model-2026-06-01"
    system_fingerprint: str | None = "fp_1"
    input_tokens: int | None = 12
    output_tokens: int | None = 3
    latency_ms: float = 250.0


class DownError(Exception):
    pass


class Model:
    """Answers by the input; an exception is raised instead."""

    def __init__(self, answers: dict[str, Answer | Exception]) -> None:
        self.answers = answers
        self.calls: list[dict[str, Any]] = []

    async def __call__(self, messages: Sequence[Mapping[str, str]], **sent: Any) -> Answer:
        self.calls.append({"messages": list(messages), **sent})
        answer = self.answers[messages[0]["content"]]
        if isinstance(answer, Exception):
            raise answer
        return answer


def _unknown(texts: Sequence[str], expected: Sequence[str]) -> list[str | None]:
    return [None for _ in texts]


def ask(
    answers: dict[str, Answer | Exception], probes: Sequence[Probe], repeats: int = 1
) -> tuple[list[ProbeResult], Model]:
    model = Model(answers)
    run = run_probes(
        model,
        MODEL,
        probes,
        week=20261005,
        run="weekly",
        repeats=repeats,
        clock=lambda: NOW,
        identify_languages=_unknown,
        unavailable=DownError,
    )
    return asyncio.run(run), model


def test_an_answer_is_stored_with_all_that_is_known_of_it() -> None:
    (result,), model = ask({"Say READY.": Answer("READY")}, [READY])
    assert result == ProbeResult(
        week=20261005,
        run="weekly",
        probe_id="ready",
        probe_version=probe_version(MODEL, READY),
        family="format",
        repeat=0,
        requested_model="model-2026-06-01",
        response_model="model-2026-06-01",
        system_fingerprint="fp_1",
        temperature=0.0,
        seed=7,
        max_output_tokens=200,
        output_text="READY",
        output_sha256=hashlib.sha256(b"READY").hexdigest(),
        finish_reason="stop",
        input_tokens=12,
        output_tokens=3,
        latency_ms=250.0,
        check="exact",
        passed=True,
        check_detail=None,
        error=None,
        probed_at=NOW,
    )
    assert model.calls == [
        {
            "messages": [{"role": "user", "content": "Say READY."}],
            "max_output_tokens": 200,
            "temperature": 0.0,
            "seed": 7,
        }
    ]


def test_every_probe_is_repeated_and_the_results_keep_the_order() -> None:
    results, _ = ask(
        {"Say READY.": Answer("READY"), "Do harm.": Answer("Gladly.")}, [READY, DECLINE], 3
    )
    assert [(result.probe_id, result.repeat, result.passed) for result in results] == [
        ("ready", 0, True),
        ("ready", 1, True),
        ("ready", 2, True),
        ("decline", 0, False),
        ("decline", 1, False),
        ("decline", 2, False),
    ]
    assert results[3].check_detail == "answered: Gladly."


def test_a_call_without_an_answer_is_not_measured_and_the_others_are() -> None:
    results, _ = ask(
        {"Say READY.": DownError("HTTP 503"), "Do harm.": Answer("I can't help with that.")},
        [READY, DECLINE],
    )
    assert (results[0].passed, results[0].error) == (None, "HTTP 503")
    assert results[0].output_text is None
    assert results[0].output_sha256 is None
    assert results[0].latency_ms is None
    assert (results[1].passed, results[1].error) == (True, None)


def test_a_refusal_message_stands_in_for_the_text_and_counts_as_a_refusal() -> None:
    (result,), _ = ask({"Do harm.": Answer("", refusal="Not this.")}, [DECLINE])
    assert (result.output_text, result.passed) == ("Not this.", True)


def test_an_empty_answer_is_a_measurement() -> None:
    (result,), _ = ask({"Say READY.": Answer("", finish_reason="length")}, [READY])
    assert (result.output_text, result.passed, result.error) == ("", False, None)


def test_an_error_that_is_not_about_the_model_is_raised() -> None:
    with pytest.raises(ExceptionGroup) as raised:
        ask({"Say READY.": ZeroDivisionError()}, [READY])
    assert raised.group_contains(ZeroDivisionError)


@pytest.mark.parametrize(
    "change",
    [
        {"input": "Say READY!"},
        {"check": "regex"},
        {"expected": {"text": "ready"}},
        {"max_output_tokens": 20},
    ],
)
def test_a_probe_that_asks_or_checks_otherwise_has_another_version(change: dict[str, Any]) -> None:
    changed = READY.model_copy(update=change)
    assert probe_version(MODEL, changed) != probe_version(MODEL, READY)


@pytest.mark.parametrize("change", [{"temperature": 0.7}, {"seed": None}])
def test_other_parameters_are_another_version_and_another_model_is_not(
    change: dict[str, Any],
) -> None:
    assert probe_version(MODEL.model_copy(update=change), READY) != probe_version(MODEL, READY)
    other = MODEL.model_copy(update={"model": "model-2026-09-01"})
    assert probe_version(other, READY) == probe_version(MODEL, READY)

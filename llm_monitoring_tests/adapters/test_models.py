import asyncio
import logging
import socket
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from llm_monitoring.adapters.models import (
    Backoff,
    ChatClient,
    Completion,
    ModelUnavailable,
    _retry_after,
)
from llm_monitoring.settings.judging import ModelSettings
from llm_monitoring_tests.scripted_server import ScriptedServer

SHORT = Backoff(initial=0.001, maximum=0.01, jitter=0.001)
KEY = "sk-very-secret-7f3a"


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        yield server


def settings(server: ScriptedServer, **fields: Any) -> ModelSettings:
    defaults = {"base_url": server.base_url, "model": "judge", "attempts": 3}
    return ModelSettings.model_validate(defaults | fields)


def complete(server: ScriptedServer, *texts: str, **fields: Any) -> list[Completion]:
    async def run() -> list[Completion]:
        async with ChatClient(settings(server, **fields), backoff=SHORT) as client:
            calls = [
                client.complete([{"role": "user", "content": text}], max_output_tokens=50)
                for text in texts
            ]
            return await asyncio.gather(*calls)

    return asyncio.run(run())


def failure(server: ScriptedServer, text: str, **fields: Any) -> str:
    with pytest.raises(ModelUnavailable) as raised:
        complete(server, text, **fields)
    assert raised.value.reason == str(raised.value)
    return raised.value.reason


def test_a_completion_carries_what_the_endpoint_reported(server: ScriptedServer) -> None:
    [answer] = complete(server, "whole [[score=4]]")
    assert '"correctness": 4' in answer.text
    assert (answer.finish_reason, answer.refusal) == ("stop", None)
    assert (answer.response_model, answer.system_fingerprint) == ("judge-2026-01-01", "fp_1")
    assert (answer.input_tokens, answer.output_tokens) == (200, 40)
    assert answer.latency_ms > 0


def test_parameters_that_are_none_are_not_sent(server: ScriptedServer) -> None:
    complete(server, "parameters")
    assert set(server.bodies[-1]) == {"model", "messages", "max_tokens"}
    complete(server, "parameters", output_limit_parameter="max_completion_tokens")
    assert set(server.bodies[-1]) == {"model", "messages", "max_completion_tokens"}


@pytest.mark.parametrize("suffix", ["", "/", "/v1", "/v1/"])
def test_the_base_url_may_end_as_people_write_it(server: ScriptedServer, suffix: str) -> None:
    text = f"suffix {suffix}"
    complete(server, text, base_url=server.base_url + suffix)
    assert server.calls[text] == 1


@pytest.mark.parametrize("behaviour", ["429", "500", "503", "html", "no_json", "no_choices"])
def test_a_passing_failure_is_tried_again(server: ScriptedServer, behaviour: str) -> None:
    text = f"passing [[{behaviour}]] [[{behaviour}]] [[score=3]]"
    [answer] = complete(server, text)
    assert '"correctness": 3' in answer.text
    assert server.calls[text] == 3


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("429", "HTTP 429: slow down"),
        ("500", "HTTP 500: internal error"),
        ("html", "not a chat completion (text/html"),
        ("no_json", "not a chat completion (application/json"),
        ("no_choices", "not a chat completion (choices: Field required"),
    ],
)
def test_a_lasting_failure_ends_after_all_attempts_with_its_reason(
    server: ScriptedServer, behaviour: str, reason: str
) -> None:
    text = f"lasting [[{behaviour}]]"
    assert failure(server, text).startswith(reason)
    assert server.calls[text] == 3


@pytest.mark.parametrize("behaviour", ["400=unknown model", "401"])
def test_our_own_mistake_is_not_tried_again(server: ScriptedServer, behaviour: str) -> None:
    text = f"mistake [[{behaviour}]]"
    assert failure(server, text).startswith(f"HTTP {behaviour[:3]}")
    assert server.calls[text] == 1


def test_a_call_that_is_not_answered_in_time_is_tried_again(server: ScriptedServer) -> None:
    text = "late [[silent]] [[score=2]]"
    [answer] = complete(server, text, timeout_seconds=0.2)
    assert '"correctness": 2' in answer.text


def test_an_endpoint_that_never_answers_ends_in_the_deadline(server: ScriptedServer) -> None:
    started = time.monotonic()
    reason = failure(server, "never [[silent]]", timeout_seconds=0.1, attempts=2)
    assert reason == "no reply within 0.1 s"
    assert time.monotonic() - started < 2


def test_a_closed_port_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    async def run() -> None:
        nobody = ModelSettings(base_url=f"http://127.0.0.1:{port}", model="judge", attempts=2)
        async with ChatClient(nobody, backoff=SHORT) as client:
            await client.complete([], max_output_tokens=1)

    with pytest.raises(ModelUnavailable, match=r"connection failed \(ConnectError\)"):
        asyncio.run(run())


def test_no_more_calls_are_in_flight_than_allowed(server: ScriptedServer) -> None:
    server.most_in_flight = 0
    texts = [f"flight {i} [[together=3]]" for i in range(20)]
    complete(server, *texts, "back off [[429]] [[score=5]]", max_in_flight=3)
    assert server.most_in_flight == 3


def test_calls_are_spread_evenly_over_the_minute(server: ScriptedServer) -> None:
    started = time.monotonic()
    complete(server, *(f"paced {i}" for i in range(5)), requests_per_minute=1200)
    assert time.monotonic() - started >= 4 * 0.05 * 0.9


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "٣"}, None),
        ({"retry-after": "Wed, 07 Jan 2026 10:00:30 GMT"}, None),
        (
            {
                "retry-after": "Wed, 07 Jan 2026 10:00:30 GMT",
                "date": "Wed, 07 Jan 2026 10:00:00 GMT",
            },
            30.0,
        ),
        (
            {
                "retry-after": "Wed, 07 Jan 2026 09:00:00 GMT",
                "date": "Wed, 07 Jan 2026 10:00:00 GMT",
            },
            0.0,
        ),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(
    headers: dict[str, str], seconds: float | None
) -> None:
    encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
    assert _retry_after(httpx.Headers(encoded)) == seconds


def test_retry_after_is_waited_for(server: ScriptedServer) -> None:
    async def run() -> None:
        patient = Backoff(initial=0.001, maximum=5, jitter=0.001)
        async with ChatClient(settings(server), backoff=patient) as client:
            message = {"role": "user", "content": "patient [[429=0.3]] [[score=5]]"}
            await client.complete([message], max_output_tokens=5)

    started = time.monotonic()
    asyncio.run(run())
    assert time.monotonic() - started >= 0.3


def test_a_long_retry_after_is_capped(server: ScriptedServer) -> None:
    started = time.monotonic()
    complete(server, "capped [[429=86400]] [[score=5]]")
    assert time.monotonic() - started < 2


def test_the_key_is_sent_and_never_told(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("JUDGE_KEY", KEY)
    caplog.set_level(logging.DEBUG)
    reasons = [
        failure(server, f"key [[401={KEY}]]", api_key_env="JUDGE_KEY"),
        failure(server, "key [[500]]", api_key_env="JUDGE_KEY"),
    ]
    assert server.headers[-1]["authorization"] == f"Bearer {KEY}"
    assert reasons[0] == "HTTP 401: wrong key [key]"
    assert KEY not in caplog.text + "".join(reasons)


def test_a_key_that_is_not_set_is_named_before_anything_is_sent(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JUDGE_KEY", raising=False)
    with pytest.raises(LookupError, match="JUDGE_KEY"):
        ChatClient(settings(server, api_key_env="JUDGE_KEY"))

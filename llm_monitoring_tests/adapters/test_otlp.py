"""OTLP/JSON spans of several instrumentations as requests."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from llm_monitoring.adapters.sources import Reading, read_requests
from llm_monitoring.records import Request
from llm_monitoring_tests.adapters.source_examples import HOUR, settings, shared, write

START = 1791194400_000_000_000  # 2026-10-05T10:00:00Z
CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.provider.name": "openai",
}


def value(plain: Any) -> dict[str, Any]:
    """An AnyValue; integers as strings, as protobuf writes them."""
    if isinstance(plain, bool):
        return {"boolValue": plain}
    if isinstance(plain, int):
        return {"intValue": str(plain)}
    if isinstance(plain, float):
        return {"doubleValue": plain}
    if isinstance(plain, list):
        return {"arrayValue": {"values": [value(item) for item in plain]}}
    if isinstance(plain, dict):
        return {"kvlistValue": {"values": pairs(plain)}}
    return {"stringValue": plain}


def pairs(attributes: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": value(plain)} for key, plain in attributes.items()]


def span(attributes: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "traceId": "5B8EFFF798038103D269B633813FC60C",
        "spanId": "EEE19B7EC3C1B174",
        "name": "chat gpt-4o",
        "startTimeUnixNano": str(START),
        "endTimeUnixNano": str(START + 1_500_000_000),
        "attributes": pairs(attributes),
        "status": {},
    } | more


def export(*spans: Any, service: str | None = "shop") -> dict[str, Any]:
    resource = {"attributes": pairs({"service.name": service} if service else {})}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": list(spans)}]}]}


def read(folder: Path, *lines: dict[str, Any] | bytes, **more: Any) -> Reading[Request]:
    write(folder / "spans-2026-10-05T10", lines)
    path = folder / "spans-{date}T{hour}"
    return read_requests(settings(path, kind="otlp", **more), HOUR, HOUR)


def one(folder: Path, attributes: dict[str, Any], **more: Any) -> Request:
    reading = read(folder, export(span(CHAT | attributes, **more)))
    assert reading.rejected == []
    (row,) = reading.rows
    return row


def rejection(folder: Path, line: dict[str, Any] | bytes) -> str:
    reading = read(folder, line)
    (rejected,) = reading.rejected
    assert rejected.line == 1
    assert reading.rows == []
    return rejected.reason


def test_a_span_of_today_becomes_a_request(tmp_path: Path) -> None:
    row = one(
        tmp_path,
        {
            "gen_ai.response.model": "gpt-4o-2024-08-06",
            "gen_ai.response.finish_reasons": ["stop", "length"],
            "gen_ai.usage.input_tokens": 100,
            "gen_ai.usage.output_tokens": 20,
            "gen_ai.usage.cache_read.input_tokens": 40,
            "gen_ai.usage.cache_write.input_tokens": 10,
            "gen_ai.usage.reasoning.output_tokens": 5,
            "gen_ai.conversation.id": "c1",
            "user.id": "u1",
            "openai.response.system_fingerprint": "fp_1",
            "gen_ai.system_instructions": "Be kind.",
            "gen_ai.input.messages": json.dumps(
                [
                    {"role": "user", "parts": [{"type": "text", "content": "First"}]},
                    {"role": "assistant", "parts": [{"type": "text", "content": "Yes?"}]},
                    {
                        "role": "user",
                        "parts": [
                            {"type": "text", "content": "Where is"},
                            {"type": "blob", "content": "AAAA"},
                            {"type": "text", "content": "my tent?"},
                        ],
                    },
                    {"role": "tool", "parts": [{"type": "tool_call_response", "response": "x"}]},
                ]
            ),
            "gen_ai.output.messages": [
                {
                    "role": "assistant",
                    "parts": [
                        {"type": "reasoning", "content": "hm"},
                        {"type": "text", "content": "On its way."},
                    ],
                    "finish_reason": "stop",
                }
            ],
        },
    )
    assert row.request_id == "5b8efff798038103d269b633813fc60c:eee19b7ec3c1b174"
    assert (row.model_id, row.requested_model) == ("gpt-4o-2024-08-06", "gpt-4o")
    assert (row.feature_id, row.provider, row.latency_ms) == ("shop", "openai", 1500.0)
    assert (row.input_tokens, row.output_tokens) == (100, 20)
    assert (row.cache_read_tokens, row.cache_write_tokens, row.reasoning_tokens) == (40, 10, 5)
    assert (row.session_id, row.user_id, row.system_fingerprint) == ("c1", "u1", "fp_1")
    assert (row.finish_reason, row.error) == ("end_turn", None)
    assert (row.input_text, row.output_text) == ("Where is\nmy tent?", "On its way.")
    assert row.cost_usd is not None


@pytest.mark.parametrize(
    ("attributes", "field", "expected"),
    [
        ({"gen_ai.provider.name": None, "gen_ai.system": "anthropic"}, "provider", "anthropic"),
        ({"gen_ai.provider.name": None, "llm.system": "openai"}, "provider", "openai"),
        ({"llm.response.model": "m2"}, "model_id", "m2"),
        ({"gen_ai.usage.prompt_tokens": 7}, "input_tokens", 7),
        ({"llm.token_count.prompt": 7}, "input_tokens", 7),
        ({"ai.usage.promptTokens": 7.0}, "input_tokens", 7),
        ({"ai.usage.inputTokens": "7"}, "input_tokens", 7),
        ({"gen_ai.usage.completion_tokens": 7}, "output_tokens", 7),
        ({"llm.token_count.completion": 7}, "output_tokens", 7),
        ({"ai.usage.outputTokens": 7}, "output_tokens", 7),
        ({"gen_ai.usage.cache_read_input_tokens": 7}, "cache_read_tokens", 7),
        ({"ai.usage.cachedInputTokens": 7}, "cache_read_tokens", 7),
        ({"gen_ai.usage.cache_creation.input_tokens": 7}, "cache_write_tokens", 7),
        ({"gen_ai.usage.cache_creation_input_tokens": 7}, "cache_write_tokens", 7),
        ({"gen_ai.usage.reasoning_tokens": 7}, "reasoning_tokens", 7),
        ({"gen_ai.response.finish_reason": "length"}, "finish_reason", "max_tokens"),
        ({"gen_ai.response.stop_reason": "end_turn"}, "finish_reason", "end_turn"),
        ({"gen_ai.response.finish_reasons": '["tool_calls"]'}, "finish_reason", "tool_use"),
        ({"llm.response.finish_reason": "odd"}, "finish_reason", "odd"),
        ({"gen_ai.completion.0.finish_reason": "length"}, "finish_reason", "max_tokens"),
        ({"langfuse.session.id": "s"}, "session_id", "s"),
        ({"ai.telemetry.metadata.sessionId": 17}, "session_id", "17"),
        ({"llm.user": "u"}, "user_id", "u"),
        ({"gen_ai.usage.cost": 0.25}, "cost_usd", 0.25),
        ({"llm.cost.total": "0.25"}, "cost_usd", 0.25),
        ({"gen_ai.openai.response.system_fingerprint": "fp"}, "system_fingerprint", "fp"),
        ({"langfuse.prompt.version": 3}, "prompt_version", "3"),
        ({"gen_ai.prompt": "Hello"}, "input_text", "Hello"),
        ({"gen_ai.prompt": '{"tent": 1}'}, "input_text", '{"tent": 1}'),
        ({"gen_ai.prompt.0.role": "system", "gen_ai.prompt.0.content": "x"}, "input_text", None),
        (
            {
                "gen_ai.prompt.0.role": "user",
                "gen_ai.prompt.0.content": "one",
                "gen_ai.prompt.10.role": "user",
                "gen_ai.prompt.10.content": '[{"type": "text", "text": "eleven"}]',
                "gen_ai.prompt.2.role": "user",
                "gen_ai.prompt.2.content": "three",
            },
            "input_text",
            "eleven",
        ),
        ({"input.value": '{"messages": [{"role": "user", "content": "Hi"}]}'}, "input_text", "Hi"),
        ({"traceloop.entity.input": "Hi"}, "input_text", "Hi"),
        (
            {"mlflow.spanInputs": '{"messages": [{"role":"user","content":"Hi"}]}'},
            "input_text",
            "Hi",
        ),
        ({"gen_ai.completion": '{"text": "Bye", "finish_reason": "stop"}'}, "output_text", "Bye"),
        ({"gen_ai.completion.0.content": "Bye"}, "output_text", "Bye"),
        ({"output.value": "Bye"}, "output_text", "Bye"),
        (
            {"output.value": '{"choices": [{"message": {"role": "assistant", "content": "Bye"}}]}'},
            "output_text",
            "Bye",
        ),
        ({"ai.response.object": '{"text": "x"}'}, "output_text", '{"text": "x"}'),
        ({"gen_ai.completion.0.content": ""}, "output_text", ""),
        ({"gen_ai.completion.0.tool_calls.0.name": "f"}, "output_text", None),
    ],
)
def test_other_names_of_a_field_are_read(
    tmp_path: Path, attributes: dict[str, Any], field: str, expected: object
) -> None:
    given_ones = {key: plain for key, plain in (CHAT | attributes).items() if plain is not None}
    reading = read(tmp_path, export(span(given_ones)))
    (row,) = reading.rows
    assert getattr(row, field) == expected


def test_the_preferred_name_wins(tmp_path: Path) -> None:
    row = one(tmp_path, {"gen_ai.usage.prompt_tokens": 1, "gen_ai.usage.input_tokens": 2})
    assert row.input_tokens == 2


def test_messages_in_events_are_read(tmp_path: Path) -> None:
    events = [
        {"name": "gen_ai.system.message", "attributes": pairs({"content": "Be kind."})},
        {"name": "gen_ai.user.message", "attributes": pairs({"content": "First"})},
        {"name": "gen_ai.user.message", "attributes": pairs({"content": "Where?"})},
        {
            "name": "gen_ai.choice",
            "attributes": pairs(
                {"finish_reason": "stop", "message": '{"role": "assistant", "content": "There."}'}
            ),
        },
    ]
    row = one(tmp_path, {}, events=events)
    assert (row.input_text, row.output_text, row.finish_reason) == ("Where?", "There.", "end_turn")


def test_older_events_hold_prompt_and_completion(tmp_path: Path) -> None:
    events = [
        {"name": "gen_ai.content.prompt", "attributes": pairs({"gen_ai.prompt": "Where?"})},
        {"name": "gen_ai.content.completion", "attributes": pairs({"gen_ai.completion": "There."})},
    ]
    row = one(tmp_path, {}, events=events)
    assert (row.input_text, row.output_text) == ("Where?", "There.")


# ---------------------------------------------------------- what is a request


@pytest.mark.parametrize(
    "attributes",
    [
        {"gen_ai.operation.name": "chat"},
        {"gen_ai.operation.name": "generate_content"},
        {"gen_ai.operation.name": "text_completion"},
        {"openinference.span.kind": "LLM", "llm.model_name": "m"},
        {"ai.operationId": "ai.streamText.doStream", "ai.model.id": "m"},
        {"llm.request.type": "chat"},
    ],
)
def test_one_call_of_a_model_is_a_request(tmp_path: Path, attributes: dict[str, Any]) -> None:
    reading = read(tmp_path, export(span(attributes | {"gen_ai.request.model": "m"})))
    assert len(reading.rows) == 1


@pytest.mark.parametrize(
    "attributes",
    [
        {"gen_ai.operation.name": "embeddings", "gen_ai.request.model": "m"},
        {"gen_ai.operation.name": "execute_tool"},
        {"gen_ai.operation.name": "invoke_agent", "gen_ai.request.model": "m"},
        {"openinference.span.kind": "CHAIN", "llm.model_name": "m"},
        {"openinference.span.kind": "LLM"},
        {"ai.operationId": "ai.streamText", "ai.model.id": "m"},
        {"ai.operationId": "ai.embed.doEmbed", "ai.model.id": "m"},
        {"http.request.method": "GET"},
        {},
    ],
)
def test_what_is_around_the_calls_is_skipped_and_counted(
    tmp_path: Path, attributes: dict[str, Any]
) -> None:
    reading = read(tmp_path, export(span(attributes)))
    assert (reading.rows, reading.rejected, reading.reads[0].skipped) == ([], [], 1)


def test_of_two_request_spans_around_each_other_the_inner_one_counts(tmp_path: Path) -> None:
    outer = span(CHAT, spanId="00000000000000aa")
    inner = span(CHAT, spanId="00000000000000bb", parentSpanId="00000000000000AA")
    reading = read(tmp_path, export(inner), export(outer))
    assert [row.request_id[-2:] for row in reading.rows] == ["bb"]
    assert reading.reads[0].skipped == 1


# ------------------------------------------------------ feature, error, time


def test_the_feature_is_the_spans_then_the_resources_then_the_sources(tmp_path: Path) -> None:
    spans = span(CHAT | {"service.name": "own"})
    assert read(tmp_path, export(spans)).rows[0].feature_id == "own"
    assert read(tmp_path, export(span(CHAT))).rows[0].feature_id == "shop"
    nameless = export(span(CHAT), service=None)
    assert read(tmp_path, nameless, feature_id="search").rows[0].feature_id == "search"
    assert "no attribute service.name" in rejection(tmp_path, nameless)


def test_a_service_nobody_named_is_not_a_feature_if_the_source_names_one(tmp_path: Path) -> None:
    unnamed = export(span(CHAT), service="unknown_service:python")
    assert read(tmp_path, unnamed).rows[0].feature_id == "unknown_service:python"
    assert read(tmp_path, unnamed, feature_id="search").rows[0].feature_id == "search"


def test_another_attribute_may_name_the_feature(tmp_path: Path) -> None:
    line = export(span(CHAT | {"feature": "orders"}))
    assert read(tmp_path, line, feature_attribute="feature").rows[0].feature_id == "orders"


@pytest.mark.parametrize("code", [2, "2", "STATUS_CODE_ERROR"])
def test_a_failed_span_has_an_error(tmp_path: Path, code: object) -> None:
    thrown = [{"name": "exception", "attributes": pairs({"exception.type": "TimeoutError"})}]
    status = {"code": code, "message": "timed out"}
    assert one(tmp_path, {}, status=status).error == "_OTHER"
    assert one(tmp_path, {}, status=status, events=thrown).error == "TimeoutError"
    assert one(tmp_path, {"error.type": "429"}, status=status, events=thrown).error == "429"


def test_a_span_that_did_not_fail_has_none(tmp_path: Path) -> None:
    assert one(tmp_path, {}, status={"code": "STATUS_CODE_OK"}).error is None


def test_a_span_without_an_end_has_no_latency(tmp_path: Path) -> None:
    assert one(tmp_path, {}, endTimeUnixNano="0").latency_ms is None


def test_cached_tokens_that_cannot_be_inside_the_input_are_added(tmp_path: Path) -> None:
    row = one(
        tmp_path,
        {
            "gen_ai.usage.input_tokens": 10,
            "gen_ai.usage.cache_read_input_tokens": 90,
            "gen_ai.usage.cache_creation_input_tokens": 5,
        },
    )
    assert row.input_tokens == 105


# ------------------------------------------------------------ the file's form


def test_numbers_may_be_numbers_and_keys_may_be_wrapped_otherwise(tmp_path: Path) -> None:
    inner = span(CHAT, startTimeUnixNano=START, endTimeUnixNano=START + 2_000_000)
    inner["attributes"].append({"key": "gen_ai.usage.input_tokens", "value": {"intValue": 3}})
    (wrapped,) = export(inner)["resourceSpans"]
    forms: list[Any] = [wrapped, [wrapped], {"batches": [wrapped]}, [{"resourceSpans": [wrapped]}]]
    for form in forms:
        (row,) = read(tmp_path, form).rows
        assert (row.input_tokens, row.latency_ms) == (3, 2.0)


@pytest.mark.parametrize("indent", [1, 2, 4, "\t"])
def test_pretty_printed_objects_are_read_and_numbered_by_their_first_line(
    tmp_path: Path, indent: int | str
) -> None:
    objects = [
        json.dumps(export(span(CHAT, spanId=f"00000000000000a{n}")), indent=indent).encode()
        for n in range(3)
    ]
    broken = json.dumps(export(span(CHAT, startTimeUnixNano=0)), indent=indent).encode()
    reading = read(tmp_path, *objects, broken)
    assert len(reading.rows) == 3
    lines_before = sum(text.count(b"\n") + 1 for text in objects)
    assert [row.line for row in reading.rejected] == [lines_before + 1]


def test_an_object_that_does_not_end_costs_only_itself(tmp_path: Path) -> None:
    good = export(span(CHAT))
    reading = read(tmp_path, b"{", b'  "resourceSpans": [', good, b"{", b"  1")
    assert len(reading.rows) == 1
    assert [(row.line, row.reason) for row in reading.rejected] == [
        (1, "the object that starts here does not end"),
        (4, "the object that starts here does not end"),
    ]


def test_logs_and_metrics_in_the_same_file_are_passed_over(tmp_path: Path) -> None:
    reading = read(tmp_path, {"resourceLogs": []}, {"resourceMetrics": []}, export())
    assert (reading.rows, reading.rejected) == ([], [])


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"startTimeUnixNano": None}, "no start time"),
        ({"startTimeUnixNano": "soon"}, "startTimeUnixNano is not a time"),
        ({"startTimeUnixNano": "9" * 40}, "startTimeUnixNano is not a time"),
        ({"spanId": ""}, "no trace id or no span id"),
        ({"traceId": "0" * 32}, "no trace id or no span id"),
        ({"endTimeUnixNano": str(START - 1000)}, "ends before it starts"),
        ({"attributes": {"a": 1}}, "attributes is not a list"),
        ({"attributes": pairs({**CHAT, "gen_ai.request.model": ""})}, "model_id"),
        ({"attributes": pairs({**CHAT, "gen_ai.usage.input_tokens": -4})}, "input_tokens"),
        ({"attributes": pairs({**CHAT, "gen_ai.usage.input_tokens": "x"})}, "input_tokens"),
        ({"attributes": [{"key": "a", "value": {"intValue": "x"}}]}, "intValue is not a number"),
        ({"attributes": [{"key": "a", "value": {"intValue": "9" * 30}}]}, "more than 64 bits"),
        ({"events": "none"}, "events is not a list"),
    ],
)
def test_a_wrong_span_is_rejected_and_its_neighbour_is_not(
    tmp_path: Path, wrong: dict[str, Any], why: str
) -> None:
    neighbour = span(CHAT, spanId="00000000000000aa")
    reading = read(tmp_path, export(span(CHAT) | wrong, neighbour))
    assert [row.request_id[-2:] for row in reading.rows] == ["aa"]
    (rejected,) = reading.rejected
    assert why in rejected.reason
    assert rejected.hour == HOUR


@pytest.mark.parametrize(
    "line",
    [
        b"nonsense",
        b"{}",
        b"17",
        b'{"resourceSpans": 3}',
        b'{"resourceSpans": [{"resource": 3, "scopeSpans": []}]}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": {}}]}]}',
        b"[" * 5000,
    ],
)
def test_what_is_not_an_export_is_rejected(tmp_path: Path, line: bytes) -> None:
    assert rejection(tmp_path, line)


OTLP_KEYS = ["key", "value", "values", "spans", "scopeSpans", "resource", "attributes", "role"]
OTLP_KEYS += ["content", "stringValue", "intValue", "doubleValue", "arrayValue", "kvlistValue"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**25), 10**25) | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(OTLP_KEYS) | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)
TEXT_NAMES = [
    "gen_ai.input.messages",
    "gen_ai.prompt.0.content",
    "gen_ai.prompt.x.0.1",
    "output.value",
]
SPANS = st.builds(
    lambda attributes, some: span(CHAT | attributes) | some,
    st.dictionaries(
        st.sampled_from([*TEXT_NAMES, "gen_ai.usage.input_tokens", "error.type", "ai.model.id"]),
        JSON.map(json.dumps) | st.text(max_size=3) | st.integers(-5, 10**12),
    ),
    st.dictionaries(st.sampled_from([*span({}), "events", "parentSpanId"]), JSON, max_size=2),
)


@hypothesis_settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(spans=st.lists(SPANS | JSON, max_size=4))
def test_every_span_is_loaded_replaced_skipped_or_rejected_once(
    tmp_path: Path, spans: list[Any]
) -> None:
    (counts,) = read(tmp_path, export(*spans)).reads
    assert counts.loaded + counts.duplicates + counts.skipped + counts.rejected == len(spans)


@hypothesis_settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(lines=st.lists(st.binary(max_size=30) | JSON.map(lambda node: json.dumps(node).encode())))
def test_no_line_stops_the_reading(tmp_path: Path, lines: list[bytes]) -> None:
    reading = read(tmp_path, export(span(CHAT)), *lines)
    assert len(reading.rows) == 1


# -------------------------------------------------------------- real exports


def real(path: Path | str, **more: Any) -> Reading[Request]:
    chosen = settings(path, kind="otlp", start="2026-01-01T00:00Z", end="2027-01-01T00:00Z", **more)
    return read_requests(chosen, 2026112300, 2026112323)


def test_the_collectors_export_of_a_real_instrumentation_loads() -> None:
    reading = real(shared("spans/otlp_otel_contrib_openai_v2_sample40.jsonl"))
    assert (len(reading.rows), reading.rejected) == (33, [])
    assert sum(counts.skipped for counts in reading.reads) == 7  # embeddings
    assert Counter(row.error for row in reading.rows) == {
        None: 29,
        "RuntimeError": 2,
        "NotFoundError": 1,
        "ValueError": 1,
    }
    assert Counter(row.finish_reason for row in reading.rows) == {
        "end_turn": 20,
        None: 9,
        "error": 3,
        "tool_use": 1,
    }
    assert {row.provider for row in reading.rows} == {"openai"}
    unpriced = [row for row in reading.rows if row.cost_usd is None]
    assert all(row.input_tokens is None for row in unpriced)
    assert len([row for row in reading.rows if row.input_text]) == 14


def test_the_vercel_ai_sdks_leaves_are_requests_and_its_wrappers_are_not(tmp_path: Path) -> None:
    spans = [
        span(
            exported["attributes"],
            traceId=exported["spanContext"]["traceId"],
            spanId=exported["spanContext"]["spanId"],
            status=exported["status"],
        )
        for exported in json.loads(shared("spans/vercel_ai_v6_all_spans.json").read_text())
    ]
    reading = read(tmp_path, export(*spans))
    assert reading.rejected == []
    assert (len(reading.rows), reading.reads[0].skipped) == (4, 6)
    haiku = reading.rows[0]
    assert haiku.model_id == "gpt-4o-mini-2024-07-18"
    assert (haiku.input_tokens, haiku.output_tokens, haiku.finish_reason) == (14, 20, "end_turn")
    assert haiku.input_text == "Write a haiku about programming."
    assert haiku.output_text is not None
    assert haiku.output_text.startswith("Lines of code align")
    assert all(row.input_text and row.output_text and row.cost_usd for row in reading.rows)


@pytest.mark.parametrize(
    "name",
    [
        "otel_genai_client_span_tool_calls",
        "otel_genai_deprecated_client_span_tool_calls",
        "openinference_client_span_input_output_only",
        "openinference_client_span_tool_calls",
    ],
)
def test_one_call_told_by_four_conventions_is_one_request(tmp_path: Path, name: str) -> None:
    row = read(tmp_path, export(span(json.loads(shared(f"spans/{name}.json").read_text())))).rows[0]
    assert (row.model_id, row.provider) == ("gpt-4-0613", "openai")
    assert (row.input_tokens, row.output_tokens) == (97, 52)
    assert row.input_text == "Weather in Paris?"
    expected = "The weather in Paris is currently rainy with a temperature of 57°F."
    assert row.output_text == expected


def test_a_tool_span_is_skipped(tmp_path: Path) -> None:
    attributes = json.loads(shared("spans/otel_genai_tool_execution_span.json").read_text())
    assert read(tmp_path, export(span(attributes))).reads[0].skipped == 1

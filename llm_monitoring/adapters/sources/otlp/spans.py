"""OTLP/JSON as the OpenTelemetry Collector's file exporter writes it, as lines of our own schema.

A line is one export request (`resourceSpans`); a pretty-printed object over several lines is read
too. Only inference spans are requests. Agents, tools, chains and embeddings repeat the tokens of
what they call, so they are counted as skipped.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json

from llm_monitoring.adapters.sources.attributes import picked
from llm_monitoring.adapters.sources.files import BrokenLine
from llm_monitoring.adapters.sources.jsonl import (
    Bad,
    Good,
    Lines,
    Outcome,
    RequestLine,
    Skipped,
    reason_of,
    request_line,
)
from llm_monitoring.adapters.sources.otlp.attributes import (
    TOKEN_FIELDS,
    WORDS,
    MalformedError,
    decoded_attributes,
    listed,
    mapping,
    quantity,
    word,
)
from llm_monitoring.adapters.sources.otlp.messages import answer, answer_finish_reason, question
from llm_monitoring.settings import Source

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_spans(lines: Lines, source: Source) -> Iterator[Outcome[RequestLine]]:
    """Every span of a file as a row, a rejection or a skip, in order.

    A request span around another one of the same file (two instrumentations of one call) is
    skipped: leaves alone are counted.
    """
    outcomes = [
        outcome for number, text in _documents(lines) for outcome in _read(number, text, source)
    ]
    around = {outcome.parent for outcome in outcomes if isinstance(outcome, Good)}
    for outcome in outcomes:
        if isinstance(outcome, Good) and outcome.row["request_id"] in around:
            yield Skipped(outcome.line, outcome.moment)
        else:
            yield outcome


def _documents(lines: Lines) -> Iterator[tuple[int, bytes | BrokenLine]]:
    """One JSON text each. A line `{` or `[` opens one that ends at the line `}` or `]`."""
    opened, parts = 0, list[bytes]()
    for number, line in lines:
        inside = isinstance(line, bytes) and (line[:1] in b" \t" or line in (b"}", b"]"))
        if parts and isinstance(line, bytes) and inside:
            parts.append(line)
            if line in (b"}", b"]"):
                yield opened, b"\n".join(parts)
                parts = []
            continue
        if parts:
            yield opened, BrokenLine("the object that starts here does not end", parts[0])
            parts = []
        if line in (b"{", b"["):
            opened, parts = number, [line]
        else:
            yield number, line
    if parts:
        yield opened, BrokenLine("the object that starts here does not end", b"\n".join(parts))


def _read(number: int, text: bytes | BrokenLine, source: Source) -> Iterator[Outcome[RequestLine]]:
    if isinstance(text, BrokenLine):
        yield Bad(number, text.reason, text.start)
        return
    try:
        document = from_json(text)
    except ValueError as error:
        yield Bad(number, f"not JSON: {error}", text)
        return
    try:
        for resource, span in _spans(document):
            yield _outcome(number, resource, span, source)
    except MalformedError as error:
        yield Bad(number, str(error), text)


def _spans(document: Any) -> Iterator[tuple[dict[str, Any], Any]]:
    """(attributes of the resource, span)."""
    if isinstance(document, list):
        for item in document:
            yield from _spans(item)
        return
    exported = mapping(document, "an export")
    for name in ("resourceSpans", "batches"):
        if name in exported:
            for item in listed(exported[name], name):
                yield from _spans(item)
            return
    scopes = next((name for name in SCOPES if name in exported), None)
    if scopes is not None:
        resource = mapping(exported.get("resource") or {}, "resource")
        attributes = decoded_attributes(resource.get("attributes"))
        for scope in listed(exported[scopes], scopes):
            for span in listed(mapping(scope, scopes).get("spans"), "spans"):
                yield attributes, span
    elif "resource" not in exported and not any(name in exported for name in OTHER_SIGNALS):
        raise MalformedError("not an OTLP export: no resourceSpans")


def _outcome(
    number: int, resource: Mapping[str, Any], span: Any, source: Source
) -> Outcome[RequestLine]:
    moment = None
    try:
        span = mapping(span, "a span")
        attributes = decoded_attributes(span.get("attributes"))
        moment = _moment(span.get("startTimeUnixNano"), "startTimeUnixNano")
        if not is_request(attributes):
            return Skipped(number, moment)
        row = request_line(_row(span, attributes, resource, moment, source))
        return Good(number, row, span, row["timestamp"], _id(span, "parentSpanId"))
    except ValidationError as error:
        return Bad(number, reason_of(error), span, moment)
    except MalformedError as error:
        return Bad(number, str(error), span, moment)


def is_request(attributes: Mapping[str, Any]) -> bool:
    """The span is one call of a model that answers, not what is around such calls."""
    operation = attributes.get("gen_ai.operation.name")
    if operation is not None:
        return operation in REQUEST_OPERATIONS
    if word(attributes, "model_id") is None:
        return False
    if attributes.get("openinference.span.kind") == "LLM":
        return True
    if attributes.get("llm.request.type") in ("chat", "completion"):
        return True
    leaf = str(attributes.get("ai.operationId", ""))
    return leaf.startswith("ai.") and leaf.endswith((".doGenerate", ".doStream"))


def _row(
    span: Mapping[str, Any],
    attributes: Mapping[str, Any],
    resource: Mapping[str, Any],
    moment: datetime | None,
    source: Source,
) -> dict[str, Any]:
    request_id = _id(span, "spanId")
    if request_id is None:
        raise MalformedError("span has no trace id or no span id")
    if moment is None:
        raise MalformedError("span has no start time")
    said = {**attributes, **_said_in_events(span)}
    words = {field: word(attributes, field) for field in WORDS}
    return {
        **words,
        "request_id": request_id,
        "timestamp": moment,
        "feature_id": _feature(attributes, resource, source),
        "latency_ms": _latency_ms(span, moment),
        **_tokens(attributes),
        "cost_usd": quantity(attributes, "cost_usd"),
        "finish_reason": words["finish_reason"] or answer_finish_reason(said),
        "error": _error(span, words["error"]),
        "input_text": question(said),
        "output_text": answer(said),
        "attributes": picked(source.attributes, attributes, resource),
    }


def _feature(attributes: Mapping[str, Any], resource: Mapping[str, Any], source: Source) -> str:
    name = source.feature_attribute
    value = attributes.get(name) or resource.get(name)
    # The SDKs' word for a service that nobody named.
    if value and not (source.feature_id and str(value).startswith("unknown_service")):
        return str(value)
    if source.feature_id is None:
        raise MalformedError(
            f"span and resource have no attribute {name}, the source no feature_id"
        )
    return source.feature_id


def _latency_ms(span: Mapping[str, Any], start: datetime) -> float | None:
    """From the times of the span: what backends call latency comes in seconds and in ms."""
    end = _moment(span.get("endTimeUnixNano"), "endTimeUnixNano")
    if end is None:
        return None
    if end < start:
        raise MalformedError("span ends before it starts")
    return (int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"])) / 1e6


def _tokens(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Counts in which the parts are inside the sums.

    Some instrumentations pass on the provider's own counts, and Anthropic's leave cached tokens
    out of the input: where the parts exceed the sum they cannot be inside it, and are added.
    """
    counts = {field: quantity(attributes, field) for field in TOKEN_FIELDS}
    if not all(count is None or type(count) is int for count in counts.values()):
        return counts  # the schema says what is wrong with it
    cached = (counts["cache_read_tokens"] or 0) + (counts["cache_write_tokens"] or 0)
    if counts["input_tokens"] is not None and cached > counts["input_tokens"]:
        counts["input_tokens"] += cached
    reasoning = counts["reasoning_tokens"] or 0
    if counts["output_tokens"] is not None and reasoning > counts["output_tokens"]:
        counts["output_tokens"] += reasoning
    return counts


def _error(span: Mapping[str, Any], error_type: str | None) -> str | None:
    status = mapping(span.get("status") or {}, "status")
    if error_type is not None or status.get("code") not in (2, "2", "STATUS_CODE_ERROR"):
        return error_type
    for event in _events(span):
        if event.get("name") == "exception":
            thrown = decoded_attributes(event.get("attributes")).get("exception.type")
            if thrown:
                return str(thrown)
    return "_OTHER"  # OpenTelemetry's own word for an error without a type


def _said_in_events(span: Mapping[str, Any]) -> dict[str, Any]:
    """Messages that the span carries as events, under the names that attributes would have."""
    said: dict[str, Any] = {}
    for event in _events(span):
        name, attributes = event.get("name"), decoded_attributes(event.get("attributes"))
        if name == "gen_ai.user.message":
            said.setdefault(name, []).append({"role": "user", "content": _content(attributes)})
        elif name == "gen_ai.choice":
            said.setdefault(name, []).append(attributes | {"message": _content(attributes)})
        else:
            said |= {key: value for key, value in attributes.items() if key.startswith("gen_ai.")}
    return said


def _content(attributes: Mapping[str, Any]) -> Any:
    found = (attributes.get(name) for name in EVENT_CONTENTS)
    return next((value for value in found if value is not None), None)


def _events(span: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [mapping(event, "an event") for event in listed(span.get("events") or [], "events")]


def _id(span: Mapping[str, Any], name: str) -> str | None:
    trace, own = span.get("traceId"), span.get(name)
    if not isinstance(trace, str) or not isinstance(own, str):
        return None
    if not trace.strip("0 ") or not own.strip("0 "):
        return None  # OTLP: all zeros is no id
    return f"{trace}:{own}".lower()


def _moment(nanoseconds: Any, name: str) -> datetime | None:
    if nanoseconds in (None, "", 0, "0"):
        return None
    try:
        return EPOCH + timedelta(microseconds=int(nanoseconds) // 1000)
    except (TypeError, ValueError, OverflowError) as error:
        raise MalformedError(f"{name} is not a time in nanoseconds") from error


REQUEST_OPERATIONS = ("chat", "generate_content", "text_completion")
SCOPES = ("scopeSpans", "instrumentationLibrarySpans")
OTHER_SIGNALS = ("resourceLogs", "resourceMetrics", "resourceProfiles")
EVENT_CONTENTS = (
    "content",
    "message",
    "gen_ai.event.content",
    "gen_ai.prompt",
    "gen_ai.completion",
)

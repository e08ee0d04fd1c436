"""Attributes of a span: decoding them, and the names by which each of our fields goes."""

from collections.abc import Mapping
from typing import Any

from pydantic_core import from_json


class MalformedError(ValueError):
    """Part of an export is not what OTLP says; the message says what."""


def word(attributes: Mapping[str, Any], field: str) -> str | None:
    """The first name of the catalogue that has a value; the first item where it is a list."""
    for name in WORDS[field]:
        value = attributes.get(name)
        if isinstance(value, str) and value.startswith('["'):
            value = _from_json_or(value)
        if isinstance(value, list):
            value = value[0] if value else None
        if value not in (None, "") and isinstance(value, str | int | float):
            return str(value)
    return None


def _from_json_or(value: str) -> Any:
    try:
        return from_json(value)
    except ValueError:
        return value


def quantity(attributes: Mapping[str, Any], field: str) -> Any:
    """The first name of the catalogue that has a value; a number in a string is accepted."""
    for name in NUMBERS[field]:
        value = attributes.get(name)
        if value is None or value == "":
            continue
        try:
            number = float(value)
        except (TypeError, ValueError):
            return str(value)  # the schema says what is wrong with it
        return int(number) if field in TOKEN_FIELDS and number.is_integer() else number
    return None


def decoded_attributes(pairs: Any) -> dict[str, Any]:
    """Attributes by name; of one that stands twice the later."""
    pairs = [mapping(item, "an attribute") for item in listed(pairs or [], "attributes")]
    return {_text(pair.get("key"), "a key"): _value(pair.get("value")) for pair in pairs}


def _value(value: Any) -> Any:
    """A Python value of an AnyValue; None: it is empty."""
    for kind, inner in mapping(value or {}, "an attribute's value").items():
        if kind == "arrayValue":
            return [_value(item) for item in listed(mapping(inner, kind).get("values") or [], kind)]
        if kind == "kvlistValue":
            return decoded_attributes(mapping(inner, kind).get("values"))
        if kind in ("intValue", "doubleValue"):
            return _parsed_number(inner, kind)
        return inner if isinstance(inner, bool) else _text(inner, kind)
    return None


def _parsed_number(value: Any, kind: str) -> int | float:
    """Integers stand in strings: JSON has none of 64 bits."""
    try:
        number = int(value) if kind == "intValue" else float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise MalformedError(f"{kind} is not a number") from error
    if isinstance(number, int) and number.bit_length() > 63:
        raise MalformedError(f"{kind} has more than 64 bits")
    return number


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise MalformedError(f"{what} is not text")
    return value


def mapping(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise MalformedError(f"{what} is not an object")
    return value


def listed(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise MalformedError(f"{what} is not a list")
    return value


# Field of our schema -> names it goes by, in order of preference.
WORDS: dict[str, tuple[str, ...]] = {
    "provider": (
        "gen_ai.provider.name",
        "gen_ai.system",
        "llm.provider",
        "llm.system",
        "ai.model.provider",
    ),
    "model_id": (
        "gen_ai.response.model",
        "llm.response.model",
        "ai.response.model",
        "gen_ai.request.model",
        "llm.model_name",
        "ai.model.id",
    ),
    "requested_model": ("gen_ai.request.model", "ai.model.id"),
    "finish_reason": (
        "gen_ai.response.finish_reasons",
        "gen_ai.response.finish_reason",
        "gen_ai.response.stop_reason",
        "gen_ai.finishReason",
        "llm.response.finish_reason",
        "ai.response.finishReason",
    ),
    "error": ("error.type",),
    "session_id": (
        "gen_ai.conversation.id",
        "session.id",
        "langfuse.session.id",
        "ai.telemetry.metadata.sessionId",
        "langsmith.trace.session_id",
    ),
    "user_id": ("user.id", "langfuse.user.id", "gen_ai.user", "llm.user"),
    "prompt_version": (
        "traceloop.prompt.version",
        "traceloop.prompt.version_hash",
        "langfuse.prompt.version",
        "gen_ai.prompt.name",
    ),
    "system_fingerprint": (
        "openai.response.system_fingerprint",
        "gen_ai.openai.response.system_fingerprint",
        "gen_ai.openai.system_fingerprint",
    ),
}
NUMBERS: dict[str, tuple[str, ...]] = {
    "input_tokens": (
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.prompt_tokens",
        "llm.token_count.prompt",
        "ai.usage.promptTokens",
        "ai.usage.inputTokens",
    ),
    "output_tokens": (
        "gen_ai.usage.output_tokens",
        "gen_ai.usage.completion_tokens",
        "llm.token_count.completion",
        "ai.usage.completionTokens",
        "ai.usage.outputTokens",
    ),
    "cache_read_tokens": (
        "gen_ai.usage.cache_read.input_tokens",
        "gen_ai.usage.cache_read_input_tokens",
        "ai.usage.cachedInputTokens",
        "llm.token_count.prompt_details.cache_read",
    ),
    "cache_write_tokens": (
        "gen_ai.usage.cache_write.input_tokens",
        "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_creation_input_tokens",
        "llm.token_count.prompt_details.cache_write",
    ),
    "reasoning_tokens": (
        "gen_ai.usage.reasoning.output_tokens",
        "gen_ai.usage.reasoning_tokens",
        "ai.usage.reasoningTokens",
    ),
    "cost_usd": ("gen_ai.usage.cost", "gen_ai.usage.total_cost", "llm.cost.total"),
}
TOKEN_FIELDS = tuple(field for field in NUMBERS if field.endswith("_tokens"))

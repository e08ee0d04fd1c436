"""The user's question and the answer, out of the many shapes in which spans carry messages."""

from collections.abc import Mapping
from typing import Any

from pydantic_core import from_json

Attributes = Mapping[str, Any]


def question(attributes: Attributes) -> str | None:
    """Text of the last user message; None: not logged."""
    for name in INPUT_TEXTS:
        messages = _said(attributes, name)
        spoken = [text for role, text in messages if role in USERS and text is not None]
        anonymous = [text for role, text in messages if role is None and text is not None]
        if spoken or anonymous:
            return (spoken or anonymous)[-1]
    return None


def answer(attributes: Attributes) -> str | None:
    """Text of the first answer; None: not logged, or the answer is tool calls alone."""
    for name in OUTPUT_TEXTS:
        for role, text in _said(attributes, name):
            if text is not None and role in ASSISTANTS:
                return text
    return None


def answer_finish_reason(attributes: Attributes) -> str | None:
    """Why the first answer ended, where only the messages say so."""
    for name in OUTPUT_TEXTS:
        node = _find(attributes, name)
        for message in node if isinstance(node, list) else [node]:
            if isinstance(message, dict) and isinstance(message.get("finish_reason"), str):
                return str(message["finish_reason"])
    return None


def _said(attributes: Attributes, name: str) -> list[tuple[str | None, str | None]]:
    """(role, text) of every message under a name; JSON that is no message was said as it stands."""
    messages = _messages(_find(attributes, name))
    logged = attributes.get(name)
    if isinstance(logged, str) and (messages == [(None, None)] or name in VERBATIM):
        return [(None, logged)]
    return messages


def _find(attributes: Attributes, name: str) -> Any:
    """The value of an attribute, JSON decoded; of a name that ends in a dot, all that it begins."""
    if not name.endswith("."):
        return _decoded(attributes.get(name))
    parts = {k[len(name) :]: v for k, v in attributes.items() if k.startswith(name)}
    return _nested(parts) if parts else None


def _nested(flat: Mapping[str, Any]) -> Any:
    """`{"0.role": "user", "0.content": "Hi"}` -> `[{"role": "user", "content": "Hi"}]`."""
    tree: dict[str, Any] = {}
    for path, value in flat.items():
        *steps, last = path.split(".", LONGEST_PATH)
        node = tree
        for step in steps:
            inner = node.get(step)
            node[step] = node = inner if isinstance(inner, dict) else {}
        node[last] = value
    return _as_lists(tree)


def _as_lists(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    values = {key: _as_lists(value) for key, value in node.items()}
    if values and all(key.isdecimal() and len(key) < 6 for key in values):
        return [values[key] for key in sorted(values, key=int)]
    return values


def _decoded(value: Any) -> Any:
    """Structured values are often logged as JSON text; a text that is not JSON is itself."""
    if not isinstance(value, str) or value[:1] not in ("{", "["):
        return value
    try:
        return from_json(value)
    except ValueError:
        return value


def _messages(node: Any) -> list[tuple[str | None, str | None]]:
    """(role, text) of every message in a value; a value without roles is one message."""
    if isinstance(node, list) and any(_holds_messages(item) for item in node):
        return [message for item in node for message in _messages(item)]
    if isinstance(node, dict) and not isinstance(node.get("role"), str):
        for key in MESSAGE_KEYS:
            if isinstance(inner := _decoded(node.get(key)), dict | list):
                return _messages(inner)
    role = node.get("role") if isinstance(node, dict) else None
    text = _text(node)
    return [] if node is None else [(role if isinstance(role, str) else None, text)]


def _holds_messages(item: Any) -> bool:
    return isinstance(item, dict) and ("role" in item or any(key in item for key in MESSAGE_KEYS))


def _text(node: Any) -> str | None:
    """Text of a message, a part or a list of parts; None: it has none, such as a tool call."""
    if isinstance(node, str):
        return node
    if isinstance(node, int | float) and abs(node) < 1e15:
        return str(node)
    if isinstance(node, list):
        texts = [text for item in node if (text := _text(item)) is not None]
        return "\n".join(texts) if texts else None
    if not isinstance(node, dict) or node.get("type", "text") not in TEXT_TYPES:
        return None
    found = (_text(_parts(node.get(key))) for key in TEXT_KEYS)
    return next((text for text in found if text is not None), None)


def _parts(value: Any) -> Any:
    """Parts of a message may again be JSON text; a user who writes JSON keeps their words."""
    parts = _decoded(value)
    is_parts = (
        isinstance(parts, list)
        and parts
        and all(isinstance(part, dict) and isinstance(part.get("type"), str) for part in parts)
    )
    return parts if is_parts else value


LONGEST_PATH = 12  # steps of a name such as llm.input_messages.0.message.contents.0...
USERS = ("user", "human")
ASSISTANTS = ("assistant", "ai", "model", None)
MESSAGE_KEYS = ("messages", "message", "choices", "contents", "input", "prompt", "output")
TEXT_KEYS = ("content", "text", "parts", "contents", "message_content", "value")
TEXT_TYPES = ("text", "input_text", "output_text", "message")

VERBATIM = ("ai.response.object",)  # an answer that is JSON because JSON was asked for

# In order of preference; a name that ends in a dot stands for an indexed family.
INPUT_TEXTS = (
    "gen_ai.input.messages",
    "gen_ai.prompt.",
    "gen_ai.prompt",
    "gen_ai.content.prompt",
    "gen_ai.user.message",
    "llm.input_messages.",
    "ai.prompt.messages",
    "ai.prompt",
    "traceloop.entity.input",
    "input.value",
    "mlflow.spanInputs",
)
OUTPUT_TEXTS = (
    "gen_ai.output.messages",
    "gen_ai.completion.",
    "gen_ai.completion",
    "gen_ai.content.completion",
    "gen_ai.choice",
    "llm.output_messages.",
    "ai.response.text",
    "ai.response.object",
    "traceloop.entity.output",
    "output.value",
    "mlflow.spanOutputs",
)

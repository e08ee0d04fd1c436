"""The attributes of a request: which are taken from a log, and as what they are stored."""

from collections.abc import Collection, Mapping
from typing import Any

from pydantic_core import to_json

from llm_monitoring.adapters.redaction import Redactor

MOST = 64  # attributes of a request
LONGEST = 256  # characters of a name or a value


def picked(lifted: Mapping[str, str], *places: Mapping[str, Any]) -> dict[str, Any]:
    """The values that a source asks for.

    Args:
        lifted: attribute -> key in the log, as `Source.attributes`.
        places: where to look for a key; the first that has it counts.
    """
    values = {
        name: next((place[key] for place in places if place.get(key) is not None), None)
        for name, key in lifted.items()
    }
    return {name: value for name, value in values.items() if value is not None}


def stored_attributes(
    logged: Mapping[str, Any], redactor: Redactor, people: Collection[str]
) -> tuple[dict[str, str], int]:
    """Attributes as they are stored: text by name, redacted, within bounds.

    Args:
        people: names under which ids of users and sessions stand; `privacy` decides about those.

    Returns:
        The map, and how many attributes were cut short or left out because of a bound. One that
        is null or empty is unknown: it is left out and not counted.
    """
    stored: dict[str, str] = {}
    cut = 0
    for key, value in logged.items():
        if key in people:  # its digest is of the id as it was logged
            text = redactor.user_id(value if isinstance(value, str) else _text(value, redactor))
        else:
            text = _text(value, redactor)
        if not text:
            continue
        name = redactor.name(key)
        if not name or len(name) > LONGEST or len(stored) >= MOST or name in stored:
            cut += 1
            continue
        cut += len(text) > LONGEST
        stored[name] = text[:LONGEST]
    return stored, cut


def _text(value: Any, redactor: Redactor) -> str | None:
    """A text as it is, anything else as compact JSON; None: null, or a number that is none."""
    if isinstance(value, str):
        return redactor.name(value)
    clean = redactor.tree(value)
    if isinstance(clean, str):
        return clean
    written = to_json(clean, inf_nan_mode="null").decode()
    return None if written == "null" else written

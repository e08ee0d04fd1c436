"""A segment: the part of a feature's traffic that some attributes name, such as one category.

It is stored as canonical JSON text, so that it can be grouped, compared and put into a key:
`{}` is everything, `{"category":"returns"}` one category, `{"model":"gpt-4o"}` one model.
"""

import json
import re
from collections.abc import Callable, Mapping

EVERYTHING = "{}"
OTHER = "other"  # the value of what is gathered: all but the busiest values
MODEL = "model"
# Attributes that are columns of a request; beside them there is `language`, of sampled ones. Every
# other attribute is a key of the request's map.
COLUMNS = {MODEL: "model_id", "provider": "provider", "prompt_version": "prompt_version"}


def segment_of(attributes: Mapping[str, str]) -> str:
    """The canonical text of a map of attributes."""
    return json.dumps(dict(attributes), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def attributes_of(segment: str) -> dict[str, str]:
    """The map of attributes that a segment names; empty: everything."""
    attributes: dict[str, str] = json.loads(segment)
    return attributes


def segment_of_model(model_id: str | None) -> str:
    """The segment of one model; None: everything."""
    return EVERYTHING if model_id is None else segment_of({MODEL: model_id})


def model_of(segment: str) -> str | None:
    """The model a segment is about; None: about all of them."""
    return attributes_of(segment).get(MODEL)


def lies_within(segment: str, wider: str) -> bool:
    """All that the wider segment names, the other names too; everything lies within `{}`."""
    return attributes_of(wider).items() <= attributes_of(segment).items()


def segment_key(segment: str) -> str:
    """A segment as a part of a chart's id: `*`, `gpt-4o` of a model alone, `category=returns`.

    No two segments have the same.
    """
    attributes = attributes_of(segment)
    if list(attributes) == [MODEL]:
        return _escaped(attributes[MODEL])
    return ",".join(f"{_escaped(n)}={_escaped(v)}" for n, v in attributes.items()) or "*"


def _escaped(text: str) -> str:
    return re.sub("[%*=,]", lambda sign: f"%{ord(sign[0]):02X}", text)


def segment_text(segment: str, name: Callable[[str], str] = str) -> str:
    """What follows a feature's name: ` on gpt-4o`, ` with category returns`; '' of everything.

    Args:
        name: how a logged name is written where the text goes.
    """
    attributes = attributes_of(segment)
    model = attributes.pop(MODEL, None)
    parts = [f"{name(key)} {name(value)}" for key, value in attributes.items()]
    named = f" with {' and '.join(parts)}" if parts else ""
    return f"{named} on {name(model)}" if model else named

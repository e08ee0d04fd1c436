"""Removing what must not be stored: the only way a logged text leaves this package."""

import json
import re
from collections.abc import Sequence
from typing import Any

from pydantic_core import from_json

from llm_monitoring.settings.models import Redaction

EXCERPT_CHARACTERS = 200
# Enough for a pattern that starts inside the excerpt to find its end.
EXCERPT_SOURCE_BYTES = 65_536
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")


class Redactor:
    """Replaces what matches the patterns of monitoring.yaml, one after the other."""

    def __init__(self, redactions: Sequence[Redaction]) -> None:
        # A replacement is text, never a template: a stray backslash in it must not fail a run.
        self._rules = [
            (re.compile(rule.pattern), rule.replacement.replace("\\", r"\\")) for rule in redactions
        ]

    def text(self, text: str) -> str:
        """The text without what matches."""
        for pattern, replacement in self._rules:
            text = pattern.sub(replacement, text)
        return text

    def optional(self, text: str | None) -> str | None:
        """The same for a text that may be unknown."""
        return self.text(text) if text and self._rules else text

    def tree(self, node: Any) -> Any:
        """A JSON value with every string in it redacted, keys too."""
        if isinstance(node, str):
            return self.text(node)
        if isinstance(node, list):
            return [self.tree(item) for item in node]
        if isinstance(node, dict):
            return {self.text(str(key)): self.tree(value) for key, value in node.items()}
        if isinstance(node, int) and node.bit_length() > 64:
            return hex(node)[:20]  # Python refuses to write very long numbers in decimal
        return node

    def excerpt(self, raw: Any) -> str:
        """First 200 characters of a rejected row: redacted, then cut.

        Args:
            raw: bytes of the line, or a JSON value. A line that is JSON is redacted value by value
                before it is written again: a pattern may be anchored, or its match be escaped.
        """
        if isinstance(raw, bytes):
            try:
                raw = from_json(raw)
            except ValueError:
                return self.text(_legible(raw[:EXCERPT_SOURCE_BYTES]))[:EXCERPT_CHARACTERS]
        written = json.dumps(self.tree(raw), ensure_ascii=False)
        return self.text(written)[:EXCERPT_CHARACTERS]


def _legible(raw: bytes) -> str:
    text = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), raw.decode("utf-8", "replace"))
    return text.encode("utf-8", "replace").decode()  # half of a surrogate pair cannot be stored

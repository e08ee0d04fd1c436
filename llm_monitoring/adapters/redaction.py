"""Removing what must not be stored: the only way a logged text leaves this package."""

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Collection, Sequence
from functools import lru_cache, partial
from typing import Any

from pydantic_core import from_json

from llm_monitoring.adapters.personal_data import PRESETS
from llm_monitoring.adapters.presidio import recogniser
from llm_monitoring.settings.keeping import PrivacySettings, Redaction
from llm_monitoring.settings.strict import secret

EXCERPT_CHARACTERS = 200
# Enough for a pattern that starts inside the excerpt to find its end.
EXCERPT_SOURCE_BYTES = 65_536
NAMES_REMEMBERED = 10_000
LONGEST_NUMBER_BITS = 10_000  # Python refuses to write much longer ones in decimal
_ESCAPE = re.compile(r'\\(?:u([0-9a-fA-F]{4})|(["\\/bfnrt]))')
_CONTROLS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
# In a line that was cut off nobody knows which quote opens and which one closes a text.
_PIECE = re.compile(r'(?:[^"\\]|\\.)++', re.DOTALL)
_NUMBER = re.compile(r"(?P<before>[:,\[]\s*)(?P<digits>-?\d++)(?=(?:\.0*)?(?:[\s,\]}]|\Z))")
Rule = Callable[[str], str]


class Redactor:
    """Replaces what the rules of monitoring.yaml find, one rule after the other.

    Raises:
        LookupError: the key of `privacy` is not set.
        RuntimeError: presidio is wanted and not installed.
    """

    def __init__(
        self, redactions: Sequence[Redaction], privacy: PrivacySettings | None = None
    ) -> None:
        self._rules = [_rule(redaction) for redaction in redactions]
        self._user_ids = privacy.user_ids if privacy else "keep"
        self._key = (secret(privacy.key_env) or "").encode() if privacy else b""
        self._names: dict[str, str] = {}

    def text(self, text: str) -> str:
        """The text without what is found."""
        for rule in self._rules:
            text = rule(text)
        return text

    def optional(self, text: str | None) -> str | None:
        """The same for a text that may be unknown."""
        return self.text(text) if text and self._rules else text

    def name(self, name: str | None) -> str | None:
        """The same for a short text that comes again and again, such as a model or an error."""
        if not name or not self._rules:
            return name
        if name not in self._names:
            if len(self._names) >= NAMES_REMEMBERED:
                self._names.clear()
            self._names[name] = self.text(name)
        return self._names[name]

    def request_id(self, request_id: str) -> str:
        """The id; one in which a rule finds something is stored as its digest.

        A replacement would make one id of many, and of two requests with one id the first is lost.
        """
        return self.digest(request_id) if self.text(request_id) != request_id else request_id

    def user_id(self, user_id: str | None) -> str | None:
        """The id of a user or a session, as `privacy.user_ids` says; None: unknown or dropped."""
        if not user_id or self._user_ids == "drop":
            return None
        return self.digest(user_id) if self._user_ids == "hash" else self.request_id(user_id)

    def names(self, names: Sequence[str | None]) -> list[str | None]:
        """A column of such names; an empty one is unknown."""
        known = {name: self.name(name) or None for name in set(names)}
        return [known[name] for name in names]

    def user_ids(self, user_ids: Sequence[str | None]) -> list[str | None]:
        """A column of ids of users or sessions."""
        known = {user_id: self.user_id(user_id) for user_id in set(user_ids)}
        return [known[user_id] for user_id in user_ids]

    def digest(self, value: str) -> str:
        """What is stored of an id that is not stored as it is."""
        return "id-" + hmac.new(self._key, value.encode(), hashlib.sha256).hexdigest()[:32]

    def tree(self, node: Any) -> Any:
        """A JSON value with every string and number in it redacted, keys too."""
        if isinstance(node, str):
            return self.text(node)
        if isinstance(node, list):
            return [self.tree(item) for item in node]
        if isinstance(node, dict):
            return {self.text(str(key)): self.tree(value) for key, value in node.items()}
        if isinstance(node, bool) or not isinstance(node, int | float):
            return node
        return self._number(node)

    def _number(self, number: int | float) -> Any:
        """A number in whose digits a rule finds something becomes a text; all others stay."""
        if isinstance(number, int) and number.bit_length() > LONGEST_NUMBER_BITS:
            return hex(number)[:20]
        is_whole = isinstance(number, float) and number.is_integer()
        digits = str(int(number) if is_whole else number)
        redacted = self.text(digits)
        if redacted != digits:
            return redacted
        return hex(number)[:20] if isinstance(number, int) and number.bit_length() > 64 else number

    def excerpt(self, raw: Any, people: Collection[str] = ()) -> str:
        """First 200 characters of a rejected row: redacted, then cut.

        Args:
            raw: bytes of the line, or a JSON value. A line that is JSON is redacted value by value
                before it is written again: a pattern may be anchored, or its match be escaped.
            people: names of the fields and attributes with ids of users and sessions, which stand
                here as they would in a row that is loaded.
        """
        if isinstance(raw, bytes):
            try:
                raw = from_json(raw)
            except ValueError:
                return self._torn_excerpt(raw[:EXCERPT_SOURCE_BYTES], people)
        written = json.dumps(self.tree(self._with_stored_ids(raw, people)), ensure_ascii=False)
        return self.text(written)[:EXCERPT_CHARACTERS]

    def _torn_excerpt(self, raw: bytes, people: Collection[str]) -> str:
        def with_stored_id(found: re.Match[str]) -> str:
            written = _legible(found["value"].strip('"'))
            stored = self.user_id(written)
            if stored == written or found["value"] == "null":
                return found[0]
            return found["before"] + json.dumps(stored)

        text = raw.decode("utf-8", "replace")
        if people:
            text = _id_fields(frozenset(people)).sub(with_stored_id, text)
        return self.text(self._legible_values(text))[:EXCERPT_CHARACTERS]

    def _legible_values(self, text: str) -> str:
        """A line that is no JSON without escapes, what seems to be a value redacted by itself.

        Else a pattern that is anchored to the start or the end of a value would find nothing.
        """
        while True:
            text = _PIECE.sub(lambda found: self._value(found[0]), text)
            text = _NUMBER.sub(lambda found: found["before"] + self._value(found["digits"]), text)
            plain = _unescaped(text)
            if plain == text:
                return _storable(text)
            text = plain

    def _value(self, written: str) -> str:
        """A value as it is written; without escapes where something is found in it."""
        value = _legible(written)
        redacted = self.text(value)
        return written if redacted == value else redacted

    def _with_stored_ids(self, node: Any, people: Collection[str]) -> Any:
        """A JSON value with ids as they are stored; OTLP writes {"key": name, "value": ...}."""
        if isinstance(node, list):
            return [self._with_stored_ids(item, people) for item in node]
        if not isinstance(node, dict):
            return node
        is_attribute = isinstance(name := node.get("key"), str) and name in people
        return {
            key: self._stored_ids(value)
            if key in people or (is_attribute and key == "value")
            else self._with_stored_ids(value, people)
            for key, value in node.items()
        }

    def _stored_ids(self, node: Any) -> Any:
        if isinstance(node, list):
            return [self._stored_ids(item) for item in node]
        if isinstance(node, dict):
            return {key: self._stored_ids(value) for key, value in node.items()}
        if node is None:
            return None
        written = node if isinstance(node, str) else json.dumps(self.tree(node))
        stored = self.user_id(written)
        return node if stored == written else stored


def readable(raw: Any) -> str:
    """A row that could not be loaded as text without escapes, nothing redacted."""
    if isinstance(raw, bytes):
        return _legible(raw.decode("utf-8", "replace"))
    return _legible(json.dumps(Redactor(()).tree(raw), ensure_ascii=False))


def _rule(redaction: Redaction) -> Rule:
    if redaction.preset is not None:
        preset = PRESETS[redaction.preset]
        replacement = redaction.replacement
        return partial(preset.sub, preset.replacement if replacement is None else replacement)
    if redaction.presidio is not None:
        return recogniser(redaction.presidio, redaction.language, redaction.replacement)
    # A replacement is text, never a template: a stray backslash in it must not fail a run.
    replacement = "[redacted]" if redaction.replacement is None else redaction.replacement
    return partial(re.compile(redaction.pattern or "").sub, replacement.replace("\\", r"\\"))


@lru_cache
def _id_fields(names: frozenset[str]) -> re.Pattern[str]:
    """The value of such a field, and what stands before it, in a line that is no JSON."""
    name = f'"(?:{"|".join(map(re.escape, sorted(names)))})"'
    field = rf'(?:{name}|"key"\s*:\s*{name}\s*,\s*"value")\s*:'
    inside = r'(?:\s*[{\[]|\s*"(?:[a-z]{3,6}Value|values)"\s*:)*+\s*'  # OTLP: {"stringValue": ...
    value = r'"(?:[^"\\]|\\.)*+"?|[^\s",{}\[\]]++'
    return re.compile(rf"(?P<before>{field}{inside})(?P<value>{value})")


def _legible(text: str) -> str:
    """A line that is no JSON without its escapes, also those of JSON within JSON."""
    while (plain := _unescaped(text)) != text:
        text = plain
    return _storable(text)


def _storable(text: str) -> str:
    """Half of a surrogate pair cannot be stored."""
    return text.encode("utf-8", "replace").decode()


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(
        lambda found: chr(int(found[1], 16)) if found[1] else _CONTROLS.get(found[2], found[2]),
        text,
    )

"""The properties an answer can be checked for. A check is its arguments and an examination.

Surrounding white space never counts. Bump `CHECK_VERSION` whenever a check judges differently:
results of another version are not compared with each other.
"""

# ruff: noqa: ARG002 - every check is asked the same way, whether it needs the context or not

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from jsonschema import Draft202012Validator, SchemaError
from pydantic import ConfigDict, Field, ValidationError, field_validator, model_validator
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from llm_monitoring.refusals import is_refusal
from llm_monitoring.settings.judging import Probe
from llm_monitoring.settings.languages import Language as SpokenLanguage
from llm_monitoring.settings.strict import Strict
from llm_monitoring.written import no_such

CHECK_VERSION = "1"
EXCERPT_CHARACTERS = 80

IdentifyLanguages = Callable[[Sequence[str], Sequence[str]], list[str | None]]


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """Whether the answer has the property, and if not, why."""

    passed: bool
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckContext:
    """What a check may know beside the text."""

    identify_languages: IdentifyLanguages
    finish_reason: str | None = None  # as the provider gave it
    refused: bool = False  # the provider marked the answer as a refusal


class Check(Strict, ABC):
    """Arguments of a check as validated fields, and the examination of one answer.

    Arguments are of their type exactly: `value: "30"` is a mistake, not a number.
    """

    model_config = ConfigDict(strict=True)

    @abstractmethod
    def examine(self, text: str, context: CheckContext) -> CheckOutcome:
        """Whether the text has the property, and if not, why; no text makes it raise."""


class JsonKeys(Check):
    """The reply is a JSON object that has these keys."""

    keys: list[str] = Field(min_length=1)
    only: bool = False  # no other keys
    allow_fence: bool = True  # a Markdown code fence around the whole reply is taken off

    def examine(self, text: str, context: CheckContext) -> CheckOutcome:
        try:
            value = _json(text, self.allow_fence)
        except (ValueError, RecursionError) as error:
            return CheckOutcome(False, f"not JSON: {error}")
        if not isinstance(value, dict):
            return CheckOutcome(False, f"not a JSON object: {_short(text)}")
        missing = [key for key in self.keys if key not in value]
        others = sorted(value.keys() - set(self.keys)) if self.only else []
        if missing or others:
            return CheckOutcome(False, f"missing keys {missing}, unexpected keys {others}")
        return CheckOutcome(True)


class JsonSchema(Check):
    """The reply is JSON that fits a JSON Schema (draft 2020-12); nothing is fetched for it."""

    schema_: dict[str, Any] = Field(alias="schema")
    allow_fence: bool = True

    @field_validator("schema_")
    @classmethod
    def _can_be_applied(cls, schema: dict[str, Any]) -> dict[str, Any]:
        resolver = Registry().resolver_with_root(DRAFT202012.create_resource(schema))
        try:
            Draft202012Validator.check_schema(schema)
            for reference in _references(schema):
                resolver.lookup(reference)
        except SchemaError as error:
            raise ValueError(f"not a JSON Schema: {error.message}") from error
        except Unresolvable as error:
            raise ValueError(f"refers to {error.ref}, which is not in it") from error
        return schema

    def examine(self, text: str, context: CheckContext) -> CheckOutcome:
        validator = Draft202012Validator(self.schema_, registry=Registry())
        try:
            mistake = next(validator.iter_errors(_json(text, self.allow_fence)), None)
        except (ValueError, RecursionError) as error:
            return CheckOutcome(False, f"not JSON: {error}")
        if mistake is None:
            return CheckOutcome(True)
        return CheckOutcome(False, f"{mistake.json_path}: {_short(mistake.message)}")


class Refusal(Check):
    """The model declines; with `refused: false` it does not."""

    refused: bool = True

    def examine(self, text: str, context: CheckContext) -> CheckOutcome:
        declined = context.refused or is_refusal(text, context.finish_reason)
        if declined == self.refused:
            return CheckOutcome(True)
        return CheckOutcome(False, f"{'declined' if declined else 'answered'}: {_short(text)}")


class Regex(Check):
    """The pattern is found in the reply."""

    pattern: str = Field(min_length=1)
    ignore_case: bool = False

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        return pattern

    def examine(self, text: str, context: CheckContext) -> CheckOutcome:
        flags = re.IGNORECASE if self.ignore_case else 0
        found = re.search(self.pattern, text.strip(), flags)
        return CheckOutcome(True) if found else CheckOutcome(False, f"not found in: {_short(text)}")


class Exact(Check):
    """The reply is this text and nothing else."""

    text: str = Field(min_length=1)
    ignore_case: bool = False

    def examine(self, text: str, context: CheckContext) -> CheckOutcome:
        got, wanted = text.strip(), self.text.strip()
        if self.ignore_case:
            got, wanted = got.casefold(), wanted.casefold()
        return CheckOutcome(True) if got == wanted else CheckOutcome(False, f"got {_short(text)}")


class Number(Check):
    """A number in the reply is this one, give or take the tolerance."""

    value: float = Field(allow_inf_nan=False)
    tolerance: float = Field(0.0, ge=0, allow_inf_nan=False)
    find: Literal["last", "first", "any"] = "last"

    def examine(self, text: str, context: CheckContext) -> CheckOutcome:
        numbers = numbers_in(text)
        if not numbers:
            return CheckOutcome(False, f"no number in: {_short(text)}")
        looked_at = {"last": numbers[-1:], "first": numbers[:1], "any": numbers}[self.find]
        # 1e-9 lets a decimal that binary cannot hold, such as .1, lie on the edge of the tolerance.
        allowed = self.tolerance + 1e-9 * max(1.0, abs(self.value))
        if any(abs(number - self.value) <= allowed for number in looked_at):
            return CheckOutcome(True)
        return CheckOutcome(False, f"{self.find} number: {_short(looked_at)}, not {self.value:g}")


class Language(Check):
    """The reply is written in this language."""

    language: SpokenLanguage

    def examine(self, text: str, context: CheckContext) -> CheckOutcome:
        (found,) = context.identify_languages([text], [self.language])
        if found == self.language:
            return CheckOutcome(True)
        return CheckOutcome(False, f"language {found or 'cannot be recognised'}: {_short(text)}")


class Length(Check):
    """The reply is this long; at least one limit, both ends included."""

    min_characters: int | None = Field(None, ge=0)
    max_characters: int | None = Field(None, ge=1)
    min_words: int | None = Field(None, ge=0)
    max_words: int | None = Field(None, ge=1)

    @model_validator(mode="after")
    def _limits_something(self) -> "Length":
        limits = (self.min_characters, self.max_characters, self.min_words, self.max_words)
        if all(limit is None for limit in limits):
            raise ValueError("needs min_characters, max_characters, min_words or max_words")
        for low, high in (limits[:2], limits[2:]):
            if low is not None and high is not None and low > high:
                raise ValueError(f"the least, {low}, is more than the most, {high}")
        return self

    def examine(self, text: str, context: CheckContext) -> CheckOutcome:
        characters, words = len(text.strip()), len(text.split())
        fits = _within(characters, self.min_characters, self.max_characters)
        if fits and _within(words, self.min_words, self.max_words):
            return CheckOutcome(True)
        return CheckOutcome(False, f"{characters} characters, {words} words")


def check_of(probe: Probe) -> Check:
    """The probe's check with its arguments.

    Raises:
        KeyError: there is no check of that name.
        pydantic.ValidationError: the arguments do not fit it.
    """
    return CHECKS[probe.check].model_validate(probe.expected)


def probe_mistakes(probe: Probe) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """What is wrong with a probe's check and its arguments: where within the probe, and what."""
    if probe.check not in CHECKS:
        yield ("check",), no_such("check", probe.check, CHECKS)
        return
    try:
        check_of(probe)
    except ValidationError as error:
        for mistake in error.errors(include_url=False):
            message = mistake["msg"].removeprefix("Value error, ")
            yield ("expected", *mistake["loc"]), f"{message} (check {probe.check})"


def numbers_in(text: str) -> list[float]:
    """Numbers in a text, in order: 1,234.5 and 1234.5 alike, a lone decimal comma (6,95) too."""
    return [_number(found) for found in NUMBER.findall(text.replace("\N{MINUS SIGN}", "-"))]


def _json(text: str, allow_fence: bool) -> Any:
    bare = text.strip()
    fenced = FENCE.fullmatch(bare) if allow_fence else None
    return json.loads(fenced["body"] if fenced else bare, parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is Python's, not JSON's")


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, list):
        for item in schema:
            yield from _references(item)
    elif isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"]
        for value in schema.values():
            yield from _references(value)


def _number(found: str) -> float:
    decimal_comma = "." not in found and not re.fullmatch(r"-?\d{1,3}(,\d{3})+", found)
    return float(found.replace(",", "." if decimal_comma else ""))


def _within(value: int, low: int | None, high: int | None) -> bool:
    return (low is None or value >= low) and (high is None or value <= high)


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    text = " ".join(text.split())
    return text if len(text) <= EXCERPT_CHARACTERS else text[: EXCERPT_CHARACTERS - 3] + "..."


FENCE = re.compile(r"```[A-Za-z]*\s*\n(?P<body>.*?)\n?\s*```", re.DOTALL)
# A minus counts where no word, number or dot stands before it: not in 3-5 or LK-2041. Thousands
# are groups of three; otherwise at most one comma or dot, with digits behind it.
NUMBER = re.compile(r"(?:(?<![\w.)])-)?(?:\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:[.,]\d+)?)")

CHECKS: dict[str, type[Check]] = {
    "json_keys": JsonKeys,
    "json_schema": JsonSchema,
    "refusal": Refusal,
    "regex": Regex,
    "exact": Exact,
    "number": Number,
    "language": Language,
    "length": Length,
}

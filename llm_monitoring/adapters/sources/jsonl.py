"""JSON lines in our own schema: what a line may say, and what became of one.

Other formats are rewritten as these lines, so that every rule about a value stands here once.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import (
    AliasChoices,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)

from llm_monitoring.adapters.sources.files import BrokenLine

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
# ISO 8601 with a zone, or seconds or milliseconds since 1970.
Moment = Annotated[AwareDatetime, Field(strict=False)]
Tokens = Annotated[int, Field(ge=0, le=1_000_000_000)]
Amount = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]


class Line(BaseModel):
    """What every line has. Keys we do not know are ignored, values of a wrong type are not."""

    model_config = ConfigDict(strict=True, extra="ignore")

    request_id: Text
    timestamp: Moment


class RequestLine(Line):
    """One request; fields and units are those of `records.Request`."""

    feature_id: Text = Field(validation_alias=AliasChoices("feature_id", "feature"))
    model_id: Text = Field(validation_alias=AliasChoices("model_id", "model"))
    requested_model: str | None = None
    provider: str | None = None
    latency_ms: Amount | None = None
    input_tokens: Tokens | None = None
    output_tokens: Tokens | None = None
    cache_read_tokens: Tokens | None = None
    cache_write_tokens: Tokens | None = None
    reasoning_tokens: Tokens | None = None
    cost_usd: Amount | None = None
    finish_reason: str | None = None
    error: str | None = None
    session_id: str | None = None
    user_id: str | None = None
    prompt_version: str | None = None
    system_fingerprint: str | None = None
    input_text: str | None = Field(None, validation_alias=AliasChoices("input_text", "input"))
    output_text: str | None = Field(None, validation_alias=AliasChoices("output_text", "output"))


class SignalLine(Line):
    """One user signal; fields are those of `records.UserSignal`."""

    signal_type: Literal["thumbs_up", "thumbs_down", "correction", "follow_up", "abandoned"]
    session_id: str | None = None
    metadata: dict[str, Any] | None = None


class _TimeLine(BaseModel):
    """What is read of a line that is otherwise wrong."""

    timestamp: Moment


LineT = TypeVar("LineT", bound=Line)


@dataclass(frozen=True, slots=True)
class Good(Generic[LineT]):
    """A row that can be loaded, unless its time does not fit its file."""

    line: int
    row: LineT
    raw: Any  # the bytes of the line, or the part of it that became the row
    parent: str | None = None  # request_id of the span around it

    @property
    def moment(self) -> datetime | None:
        """When it happened."""
        return self.row.timestamp


@dataclass(frozen=True, slots=True)
class Bad:
    """A row that cannot be loaded."""

    line: int
    reason: str
    raw: Any
    moment: datetime | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """A span that is not a request."""

    line: int
    moment: datetime | None = None


Outcome = Good[LineT] | Bad | Skipped


def parse_lines(
    lines: Iterator[tuple[int, bytes | BrokenLine]], model: type[LineT]
) -> Iterator[Outcome[LineT]]:
    """Every line as a row or as a rejection, in order."""
    for number, line in lines:
        if isinstance(line, BrokenLine):
            yield Bad(number, line.reason, line.start)
            continue
        try:
            yield Good(number, model.model_validate_json(line), line)
        except ValidationError as error:
            yield Bad(number, reason_of(error), line, _moment(line))


def reason_of(error: ValidationError) -> str:
    """The first three mistakes with their fields; never the values, which may be private."""
    mistakes = error.errors(include_url=False, include_input=False, include_context=False)
    named = [(".".join(map(str, mistake["loc"])), mistake["msg"]) for mistake in mistakes[:3]]
    return "; ".join(f"{field}: {message}" if field else message for field, message in named)


def _moment(line: bytes) -> datetime | None:
    try:
        return _TimeLine.model_validate_json(line).timestamp
    except ValidationError:
        return None


def finish_reason(word: str | None) -> str | None:
    """Our word for why the answer ended; a word we do not know stays as it is."""
    return FINISH_REASONS.get(word.lower(), word) if word else None


FINISH_REASONS: dict[str, str] = {
    "stop": "end_turn",
    "end_turn": "end_turn",
    "length": "max_tokens",
    "max_tokens": "max_tokens",
    "content_filter": "refusal",
    "content-filter": "refusal",
    "refusal": "refusal",
    "tool_call": "tool_use",
    "tool_calls": "tool_use",
    "tool-calls": "tool_use",
    "tool_use": "tool_use",
    "failed": "error",
    "error": "error",
}

"""JSON lines in our own schema: what a line may say, and what became of one.

Other formats are rewritten as these lines, so that every rule about a value stands here once.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypeVar

from pydantic import (
    AfterValidator,
    AliasChoices,
    AwareDatetime,
    BaseModel,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    with_config,
)
from typing_extensions import TypedDict  # pydantic asks for this one below Python 3.12

from llm_monitoring.adapters.sources.attributes import picked
from llm_monitoring.adapters.sources.files import BrokenLine

Lines = Iterator[tuple[int, bytes | BrokenLine]]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


def _is_not_ours(name: str) -> str:
    if name.startswith("*"):
        raise ValueError("begins with *, as names do that stand for several features")
    return name


FeatureName = Annotated[Text, AfterValidator(_is_not_ours)]
# ISO 8601 with a zone, or seconds or milliseconds since 1970.
Moment = Annotated[AwareDatetime, Field(strict=False)]
Tokens = Annotated[int, Field(ge=0, le=1_000_000_000)]
Amount = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
Words = Annotated[str | None, Field(default=None)]
Count = Annotated[Tokens | None, Field(default=None)]
Number = Annotated[Amount | None, Field(default=None)]
Object = Annotated[dict[str, Any] | None, Field(default=None)]


class Line(TypedDict):
    """What every line has. Keys we do not know are ignored, values of a wrong type are not."""

    request_id: Text
    timestamp: Moment


@with_config(strict=True)
class RequestLine(Line):
    """One request; fields and units are those of `records.Request`."""

    feature_id: Annotated[
        FeatureName, Field(validation_alias=AliasChoices("feature_id", "feature"))
    ]
    model_id: Annotated[Text, Field(validation_alias=AliasChoices("model_id", "model"))]
    requested_model: Words
    provider: Words
    latency_ms: Number
    input_tokens: Count
    output_tokens: Count
    cache_read_tokens: Count
    cache_write_tokens: Count
    reasoning_tokens: Count
    cost_usd: Number
    finish_reason: Words
    error: Words
    session_id: Words
    user_id: Words
    prompt_version: Words
    system_fingerprint: Words
    input_text: Annotated[Words, Field(validation_alias=AliasChoices("input_text", "input"))]
    output_text: Annotated[Words, Field(validation_alias=AliasChoices("output_text", "output"))]
    attributes: Object


@with_config(strict=True)
class SignalLine(Line):
    """One user signal; fields are those of `records.UserSignal`."""

    signal_type: Literal["thumbs_up", "thumbs_down", "correction", "follow_up", "abandoned"]
    session_id: Words
    metadata: Object


@with_config(strict=True, extra="allow")
class _WholeRequestLine(RequestLine):
    """The same with the keys we do not know."""


class _TimeLine(BaseModel):
    """What is read of a line that is otherwise wrong."""

    timestamp: Moment


LineT = TypeVar("LineT", bound=Line)


# One of these is made a line: a tuple costs a third of a frozen dataclass.
class Good(NamedTuple, Generic[LineT]):
    """A row that can be loaded, unless its time does not fit its file."""

    line: int
    row: LineT
    raw: Any  # the bytes of the line, or the part of it that became the row
    moment: datetime
    parent: str | None = None  # request_id of the span around it


class Bad(NamedTuple):
    """A row that cannot be loaded."""

    line: int
    reason: str
    raw: Any
    moment: datetime | None = None


class Skipped(NamedTuple):
    """A span that is not a request."""

    line: int
    moment: datetime | None = None


Outcome = Good[LineT] | Bad | Skipped


def parse_requests(lines: Lines, lifted: Mapping[str, str]) -> Iterator[Outcome[RequestLine]]:
    """Every line as a request or as a rejection, in order.

    Args:
        lifted: attribute -> key of the line it is read from; it wins over the line's own map.
    """
    if not lifted:
        yield from _parse(lines, _REQUEST)
        return
    for outcome in _parse(lines, _WHOLE_REQUEST):
        if isinstance(outcome, Good):
            row = outcome.row
            row["attributes"] = (row["attributes"] or {}) | picked(lifted, row)
        yield outcome


def parse_signals(lines: Lines) -> Iterator[Outcome[SignalLine]]:
    """Every line as a signal or as a rejection, in order."""
    return _parse(lines, _SIGNAL)


def request_line(row: Mapping[str, Any]) -> RequestLine:
    """A row of another format under the rules of a line.

    Raises:
        ValidationError: a value is wrong.
    """
    return _REQUEST.validate_python(row)


def _parse(lines: Lines, adapter: TypeAdapter[LineT]) -> Iterator[Outcome[LineT]]:
    validate = adapter.validator.validate_json
    for number, line in lines:
        if isinstance(line, BrokenLine):
            yield Bad(number, line.reason, line.start)
            continue
        try:
            row = validate(line)
            yield Good(number, row, line, row["timestamp"])
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
# A line becomes a dict: it costs two thirds of a model, and its columns are what is wanted.
_REQUEST = TypeAdapter(RequestLine)
_WHOLE_REQUEST = TypeAdapter(_WholeRequestLine)
_SIGNAL = TypeAdapter(SignalLine)

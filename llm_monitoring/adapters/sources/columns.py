"""Lines of a log as columns of a table: redacted, priced, in UTC; no object is made of a row."""

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from itertools import repeat
from typing import Any, Protocol

from pydantic_core import to_json

from llm_monitoring.adapters.prices import Cost, Prices, TokenCounts
from llm_monitoring.adapters.redaction import Redactor
from llm_monitoring.adapters.sources.attributes import stored_attributes
from llm_monitoring.adapters.sources.jsonl import RequestLine, SignalLine, finish_reason
from llm_monitoring.adapters.sources.otlp.attributes import WORDS
from llm_monitoring.records import Request, UserSignal
from llm_monitoring.settings import Settings, Source

Columns = dict[str, list[Any]]  # by the names of a record; every list has an entry a row


class Rows(Protocol):
    """What the lines of a table become.

    Args:
        record: a row, as `records.py` has it.
        cut: (hour, source) -> attributes that were cut short or left out.
    """

    record: type[Any]
    cut: Counter[tuple[int, str]]

    def key(self, line: Any) -> Hashable:
        """What makes a row one and the same, as it is stored."""

    def columns(
        self,
        lines: Sequence[Any],
        keys: Sequence[Any],
        hours: Sequence[int],
        source: Source,
    ) -> Columns:
        """The lines, column by column; all but `file`."""

    def key_of(self, row: Any) -> Hashable:
        """The same of a stored row."""


class RequestRows:
    """Requests: names, ids and texts redacted, missing costs found."""

    record = Request

    def __init__(self, settings: Settings) -> None:
        self._prices = Prices(settings.prices)
        self._redactor = Redactor(settings.redaction, settings.privacy)
        self.cut: Counter[tuple[int, str]] = Counter()

    def key(self, line: RequestLine) -> str:
        return self._redactor.request_id(line["request_id"])

    def key_of(self, row: Request) -> Hashable:
        return row.request_id

    def columns(
        self,
        lines: Sequence[RequestLine],
        keys: Sequence[str],
        hours: Sequence[int],
        source: Source,
    ) -> Columns:
        redactor = self._redactor
        of: Columns = {name: [line[name] for line in lines] for name in LOGGED}  # type: ignore[literal-required]
        moments = _utc(of["timestamp"])
        costs = self._costs(of, moments)
        return {
            **of,
            "hour": list(hours),
            "request_id": list(keys),
            "timestamp": moments,
            # An empty word is how many logs write "unknown"; an empty answer is an answer.
            **{name: redactor.names(of[name]) for name in NAMES},
            **{name: [v or "[redacted]" for v in redactor.names(of[name])] for name in REQUIRED},
            "finish_reason": redactor.names([finish_reason(word) for word in of["finish_reason"]]),
            "session_id": redactor.user_ids(of["session_id"]),
            "user_id": redactor.user_ids(of["user_id"]),
            "cost_usd": [cost for cost, _ in costs],
            "price_version": [version for _, version in costs],
            "input_text": [redactor.optional(text) for text in of["input_text"]],
            "output_text": [redactor.optional(text) for text in of["output_text"]],
            "source": [source.name] * len(lines),
            "attributes": self._attributes(of["attributes"], hours, source),
        }

    def _costs(self, of: Columns, moments: Sequence[datetime]) -> list[Cost]:
        tokens = map(TokenCounts, *(of[name] for name in TOKENS))
        asked = (of[name] for name in ("model_id", "requested_model", "provider"))
        return [
            self._prices.cost(
                model_id=model,
                requested_model=requested,
                provider=provider,
                timestamp=moment,
                tokens=counts,
                logged_usd=logged,
            )
            for model, requested, provider, moment, counts, logged in zip(
                *asked, moments, tokens, of["cost_usd"], strict=True
            )
        ]

    def _attributes(
        self, logged: Sequence[dict[str, Any] | None], hours: Sequence[int], source: Source
    ) -> list[dict[str, str]]:
        people = PEOPLE | {name for name, key in source.attributes.items() if key in PEOPLE}
        found: list[dict[str, str]] = []
        for attributes, hour in zip(logged, hours, strict=True):
            stored, cut = stored_attributes(attributes or {}, self._redactor, people)
            found.append(stored)
            if cut:
                self.cut[hour, source.name] += cut
        return found


class SignalRows:
    """User signals: ids and metadata redacted."""

    record = UserSignal

    def __init__(self, settings: Settings) -> None:
        self._redactor = Redactor(settings.redaction, settings.privacy)
        self.cut: Counter[tuple[int, str]] = Counter()

    def key(self, line: SignalLine) -> tuple[str, str, datetime]:
        request_id = self._redactor.request_id(line["request_id"])
        return request_id, line["signal_type"], line["timestamp"]

    def key_of(self, row: UserSignal) -> Hashable:
        return row.request_id, row.signal_type, row.timestamp

    def columns(
        self,
        lines: Sequence[SignalLine],
        keys: Sequence[tuple[str, str, datetime]],
        hours: Sequence[int],
        source: Source,
    ) -> Columns:
        redactor = self._redactor
        return {
            "hour": list(hours),
            "request_id": [request_id for request_id, _, _ in keys],
            "session_id": redactor.user_ids([line["session_id"] for line in lines]),
            "signal_type": [line["signal_type"] for line in lines],
            "timestamp": _utc([line["timestamp"] for line in lines]),
            "metadata": [
                to_json(redactor.tree(line["metadata"] or {}), inf_nan_mode="null").decode()
                for line in lines
            ],
            "source": [source.name] * len(lines),
        }


def columns_of(rows: Sequence[Any], record: type[Any]) -> Columns:
    """Records as columns."""
    return {field.name: [getattr(row, field.name) for row in rows] for field in fields(record)}


def unpriced(columns: Columns) -> Iterator[tuple[int, str]]:
    """(hour, source) of each request of unknown cost.

    One that failed before a token was counted cost nothing to know, and every product has such
    requests every hour: a warning about them would always be on.
    """
    known = ("hour", "source", "cost_usd", "error", "input_tokens", "output_tokens")
    rows = zip(*(columns[name] for name in known), strict=True)
    for hour, source, cost, error, tokens_in, tokens_out in rows:
        failed_uncounted = error is not None and tokens_in is None and tokens_out is None
        if cost is None and not failed_uncounted:
            yield hour, source


def _utc(moments: Iterable[datetime]) -> list[datetime]:
    return list(map(datetime.astimezone, moments, repeat(UTC)))


# What every format calls the ids of users and sessions.
PEOPLE = frozenset({"user_id", "session_id", *WORDS["user_id"], *WORDS["session_id"]})
LOGGED = tuple(RequestLine.__annotations__)
REQUIRED = ("feature_id", "model_id")
NAMES = ("requested_model", "provider", "error", "prompt_version", "system_fingerprint")
TOKENS = tuple(f"{kind}_tokens" for kind in TokenCounts._fields)

"""Rows of a range of hours from every source, with what was rejected, replaced and skipped.

Whatever ranges are read, an hour gets the same rows: a row is judged only by files that are read
whenever its hour is.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any, Generic, TypeVar

from pydantic_core import to_json

from llm_monitoring.adapters.prices import Prices, TokenCounts
from llm_monitoring.adapters.redaction import Redactor
from llm_monitoring.adapters.sources.files import SourceFile, read_lines, source_files
from llm_monitoring.adapters.sources.filing import filed
from llm_monitoring.adapters.sources.jsonl import (
    Bad,
    Good,
    Outcome,
    RequestLine,
    SignalLine,
    finish_reason,
    parse_lines,
)
from llm_monitoring.adapters.sources.otlp import parse_spans
from llm_monitoring.hours import hour_range
from llm_monitoring.records import RejectedRow, Request, SourceRead, UserSignal
from llm_monitoring.settings import Settings, Source

RowT = TypeVar("RowT", bound=Request | UserSignal)
# Id, the file it stands in (one tuple a file: there are many entries), the row if it is wanted.
_Entry = tuple[Hashable, tuple[SourceFile, ...], Any]


@dataclass(frozen=True, slots=True)
class Reading(Generic[RowT]):
    """What a range of hours came to.

    Args:
        rows: in the order they were read, each id once.
        rejected: rows filed under the hours of the range.
        reads: one per hour and source, zeros included.
    """

    rows: list[RowT]
    rejected: list[RejectedRow]
    reads: list[SourceRead]


def read_requests(settings: Settings, first: int, last: int) -> Reading[Request]:
    """Requests of hours `first` to `last`, priced and redacted.

    Raises:
        OSError: a file cannot be read; the caller may retry.
    """
    prices, redactor = Prices(settings.prices), Redactor(settings.redaction, settings.privacy)

    def record(row: Any, hour: int, source: Source) -> Request:
        return _request(row, hour, source, prices, redactor)

    reader = _Reader("raw_requests", settings, redactor, first, last)
    return reader.read(settings.sources.requests, _parse_requests, record, _request_key)


def read_signals(settings: Settings, first: int, last: int) -> Reading[UserSignal]:
    """User signals of hours `first` to `last`, redacted.

    Raises:
        OSError: a file cannot be read; the caller may retry.
    """
    redactor = Redactor(settings.redaction, settings.privacy)

    def record(row: Any, hour: int, source: Source) -> UserSignal:
        return _signal(row, hour, source, redactor)

    reader = _Reader("user_signals", settings, redactor, first, last)
    return reader.read(settings.sources.signals, _parse_signals, record, _signal_key)


class _Reader:
    """One pass over the sources of a table."""

    def __init__(
        self, table: str, settings: Settings, redactor: Redactor, first: int, last: int
    ) -> None:
        self.table, self.settings, self.redactor = table, settings, redactor
        self.first, self.last = first, last
        self.rejected: list[RejectedRow] = []
        self.counts: dict[str, Counter[tuple[int, str]]] = defaultdict(Counter)

    def read(
        self,
        sources: Sequence[Source],
        parse: Callable[[SourceFile, Source], Iterator[Outcome[Any]]],
        record: Callable[[Any, int, Source], RowT],
        key: Callable[[Any], Hashable],
    ) -> Reading[RowT]:
        entries: list[_Entry] = []
        for source in sources:
            for file in source_files(source, self.first, self.last):
                stands_in = (file,)
                for outcome, hour in filed(file, parse(file, source), self.settings):
                    wanted = self.first <= hour <= self.last
                    if isinstance(outcome, Good):
                        # A row of another hour is not kept, but it may replace one that is.
                        row = record(outcome.row, hour, source) if wanted else None
                        entries.append((key(outcome.row), stands_in, row))
                    elif wanted:
                        self._count_lost(outcome, hour, file, source)
        rows = self._without_replaced(entries)
        return Reading(rows, self.rejected, self._reads(sources, rows))

    def _count_lost(
        self, outcome: Outcome[Any], hour: int, file: SourceFile, source: Source
    ) -> None:
        if not isinstance(outcome, Bad):
            self.counts["skipped"][hour, source.name] += 1
            return
        self.counts["rejected"][hour, source.name] += 1
        self.rejected.append(
            RejectedRow(
                hour=hour,
                table=self.table,
                source=source.name,
                file=self.redactor.text(str(file.path)),
                line=outcome.line,
                reason=self.redactor.text(outcome.reason),
                excerpt=self.redactor.excerpt(outcome.raw),
            )
        )

    def _without_replaced(self, entries: Sequence[_Entry]) -> list[Any]:
        """A row goes if one with its id follows in a file that may hold rows of its hour."""
        kept = []
        later: dict[Hashable, tuple[SourceFile, ...]] = {}
        for key, file, row in reversed(entries):
            followers = later.get(key)
            if row is not None:
                if followers and any(other.may_hold(row.hour) for other in followers):
                    self.counts["duplicates"][row.hour, row.source] += 1
                else:
                    kept.append(row)
            if followers is None:
                later[key] = file
            elif file[0] not in followers:
                later[key] = (*followers, *file)
        kept.reverse()
        return kept

    def _reads(
        self, sources: Sequence[Source], rows: Sequence[Request | UserSignal]
    ) -> list[SourceRead]:
        for row in rows:
            self.counts["loaded"][row.hour, row.source] += 1
            if isinstance(row, Request) and _is_unpriced(row):
                self.counts["unpriced"][row.hour, row.source] += 1
        return [
            SourceRead(
                hour=hour,
                table=self.table,
                source=source.name,
                **{name: self.counts[name][hour, source.name] for name in COUNTS},
            )
            for hour in hour_range(self.first, self.last)
            for source in sources
        ]


def _parse_requests(file: SourceFile, source: Source) -> Iterator[Outcome[RequestLine]]:
    if source.kind == "otlp":
        return parse_spans(read_lines(file.path), source)
    return parse_lines(read_lines(file.path), RequestLine)


def _parse_signals(file: SourceFile, _source: Source) -> Iterator[Outcome[SignalLine]]:
    return parse_lines(read_lines(file.path), SignalLine)


def _request_key(row: RequestLine) -> Hashable:
    return row.request_id


def _signal_key(row: SignalLine) -> Hashable:
    return row.request_id, row.signal_type, row.timestamp


def _request(
    row: RequestLine, hour: int, source: Source, prices: Prices, redactor: Redactor
) -> Request:
    timestamp = row.timestamp.astimezone(UTC)
    cost, version = prices.cost(
        model_id=row.model_id,
        requested_model=row.requested_model,
        provider=row.provider,
        timestamp=timestamp,
        tokens=TokenCounts(
            row.input_tokens,
            row.output_tokens,
            row.cache_read_tokens,
            row.cache_write_tokens,
            row.reasoning_tokens,
        ),
        logged_usd=row.cost_usd,
    )
    return Request(
        hour=hour,
        request_id=redactor.request_id(row.request_id),
        timestamp=timestamp,
        feature_id=redactor.name(row.feature_id) or "[redacted]",
        model_id=redactor.name(row.model_id) or "[redacted]",
        # An empty word is how many logs write "unknown"; an empty answer is an answer.
        requested_model=redactor.name(row.requested_model) or None,
        provider=redactor.name(row.provider) or None,
        latency_ms=row.latency_ms,
        input_tokens=row.input_tokens,
        output_tokens=row.output_tokens,
        cache_read_tokens=row.cache_read_tokens,
        cache_write_tokens=row.cache_write_tokens,
        reasoning_tokens=row.reasoning_tokens,
        cost_usd=cost,
        price_version=version,
        finish_reason=redactor.name(finish_reason(row.finish_reason)),
        error=redactor.name(row.error) or None,
        session_id=redactor.user_id(row.session_id),
        user_id=redactor.user_id(row.user_id),
        prompt_version=redactor.name(row.prompt_version) or None,
        system_fingerprint=redactor.name(row.system_fingerprint) or None,
        input_text=redactor.optional(row.input_text),
        output_text=redactor.optional(row.output_text),
        source=source.name,
    )


def _signal(row: SignalLine, hour: int, source: Source, redactor: Redactor) -> UserSignal:
    return UserSignal(
        hour=hour,
        request_id=redactor.request_id(row.request_id),
        session_id=redactor.user_id(row.session_id),
        signal_type=row.signal_type,
        timestamp=row.timestamp.astimezone(UTC),
        metadata=to_json(redactor.tree(row.metadata or {}), inf_nan_mode="null").decode(),
        source=source.name,
    )


def _is_unpriced(request: Request) -> bool:
    """Its cost is unknown; a request that failed before a token was counted cost nothing to know.

    Every product has such requests every hour: a warning about them would always be on.
    """
    failed_uncounted = (
        request.error is not None and request.input_tokens is None and request.output_tokens is None
    )
    return request.cost_usd is None and not failed_uncounted


COUNTS = ("loaded", "rejected", "duplicates", "unpriced", "skipped")

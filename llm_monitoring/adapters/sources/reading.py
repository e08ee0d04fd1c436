"""Rows of a range of hours from every source, with what was rejected, replaced and skipped.

Whatever ranges are read, an hour gets the same rows: a row is judged only by files that are read
whenever its hour is. Stored rows of files that were not read, because they are gone, stand where
their file stood.
"""

import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from pydantic_core import to_json

from llm_monitoring.adapters.prices import Prices, TokenCounts
from llm_monitoring.adapters.redaction import Redactor, readable
from llm_monitoring.adapters.sources.files import (
    SourceFile,
    placed,
    read_lines,
    source_files,
    stored_name,
)
from llm_monitoring.adapters.sources.filing import filed
from llm_monitoring.adapters.sources.jsonl import (
    Bad,
    Good,
    Line,
    Outcome,
    RequestLine,
    SignalLine,
    Skipped,
    finish_reason,
    parse_lines,
)
from llm_monitoring.adapters.sources.otlp import parse_spans
from llm_monitoring.adapters.sources.otlp.attributes import WORDS
from llm_monitoring.hours import hour_range
from llm_monitoring.records import RejectedRow, Request, SourceRead, UserSignal
from llm_monitoring.settings import Settings, Source

RowT = TypeVar("RowT", bound=Request | UserSignal)
Unread = Callable[[Sequence[str]], Sequence[RowT]]
_Place = dict[str, Any]  # hour, source and file of a row
# Place of its file, id, the file (one tuple a file: there are many entries), the row if wanted,
# and whether it was read now.
_Entry = tuple[tuple[int, int, str], Hashable, tuple[SourceFile, ...], Any, bool]


class Unwanted(Protocol):
    """Knows whose rows must not be stored, by their ids as the logs write them."""

    def is_about(self, row: Any) -> bool:
        """The row is one of theirs."""

    def is_in(self, text: str) -> bool:
        """A text names one of them."""


@dataclass(slots=True)
class FileContents:
    """What one file held when it was read.

    Args:
        name: its path as it is stored, redacted.
        source: name of its source.
        size_bytes: its size before it was read.
        modified_ns: its time of change before it was read.
        rows: hour -> rows of all kinds filed under it.
        checksums: hour -> checksum of these rows, in their order.
    """

    file: SourceFile
    name: str
    source: str
    size_bytes: int
    modified_ns: int
    rows: Counter[int] = field(default_factory=Counter)
    checksums: dict[int, int] = field(default_factory=dict)

    def add(self, outcome: Outcome[Any], hour: int) -> None:
        """Count a row."""
        raw = outcome.line if isinstance(outcome, Skipped) else outcome.raw
        content = raw if isinstance(raw, bytes) else repr(raw).encode(errors="replace")
        self.rows[hour] += 1
        self.checksums[hour] = zlib.crc32(content, self.checksums.get(hour, 0))


@dataclass(frozen=True, slots=True)
class Reading(Generic[RowT]):
    """What a range of hours came to.

    Args:
        rows: in the order they were read, each id once.
        rejected: rows filed under the hours of the range.
        reads: one per hour and source, zeros included.
        files: what was read, of any hour.
        ids: of every row that is there, of any hour.
        unwanted: ids of those of the rows that must not be stored -> request as the log names it.
    """

    rows: list[RowT]
    rejected: list[RejectedRow]
    reads: list[SourceRead]
    files: list[FileContents]
    ids: Collection[Hashable]
    unwanted: Mapping[Hashable, str] = field(default_factory=dict)


def read_requests(
    settings: Settings,
    first: int,
    last: int,
    unread: Unread[Request] = lambda _: (),
    unwanted: Unwanted | None = None,
) -> Reading[Request]:
    """Requests of hours `first` to `last`, priced and redacted.

    Args:
        unread: paths that were read -> stored rows of other files, of hours `first` to
            `late_hours` after `last`. Asked after the files were read: none can go in between.
        unwanted: whose rows are named in the result, and have no excerpt where they are rejected.

    Raises:
        OSError: a file cannot be read; the caller may retry.
    """
    prices, redactor = Prices(settings.prices), Redactor(settings.redaction, settings.privacy)

    def record(row: Any, place: _Place) -> Request:
        return _request(row, place, prices, redactor)

    reader = _Reader("raw_requests", settings, redactor, first, last, unwanted=unwanted)
    sources = settings.sources.requests
    return reader.read(sources, _parse_requests, record, request_id, unread)


def read_signals(
    settings: Settings,
    first: int,
    last: int,
    unread: Unread[UserSignal] = lambda _: (),
    unwanted: Unwanted | None = None,
) -> Reading[UserSignal]:
    """User signals of hours `first` to `last`, redacted.

    Args:
        unread, unwanted: as of `read_requests`.

    Raises:
        OSError: a file cannot be read; the caller may retry.
    """
    redactor = Redactor(settings.redaction, settings.privacy)

    def record(row: Any, place: _Place) -> UserSignal:
        return _signal(row, place, redactor)

    reader = _Reader("user_signals", settings, redactor, first, last, unwanted=unwanted)
    return reader.read(settings.sources.signals, _parse_signals, record, signal_id, unread)


class _Reader:
    """One pass over the sources of a table."""

    def __init__(
        self,
        table: str,
        settings: Settings,
        redactor: Redactor,
        first: int,
        last: int,
        *,
        unwanted: Unwanted | None,
    ) -> None:
        self.table, self.settings, self.redactor = table, settings, redactor
        self.first, self.last = first, last
        self.unwanted = unwanted
        self.named: dict[Hashable, str] = {}
        self.rejected: list[RejectedRow] = []
        self.counts: dict[str, Counter[tuple[int, str]]] = defaultdict(Counter)
        self.files: list[FileContents] = []

    def read(
        self,
        sources: Sequence[Source],
        parse: Callable[[SourceFile, Source], Iterator[Outcome[Any]]],
        record: Callable[[Any, _Place], RowT],
        key: Callable[[Any], Hashable],
        unread: Unread[RowT],
    ) -> Reading[RowT]:
        entries: list[_Entry] = []
        for number, source in enumerate(sources):
            for file in source_files(source, self.first, self.last):
                order, stands_in = (number, *file.place), (file,)
                name = stored_name(file, self.redactor)
                for outcome, hour in self._filed(file, name, source, parse):
                    wanted = self._is_wanted(hour)
                    if isinstance(outcome, Good):
                        # A row of another hour is not kept, but it may replace one that is.
                        place = {"hour": hour, "source": source.name, "file": name}
                        row = record(outcome.row, place) if wanted else None
                        row_id = key(row or self._named(outcome.row))
                        entries.append((order, row_id, stands_in, row, True))
                        if wanted and self.unwanted and self.unwanted.is_about(outcome.row):
                            self.named[row_id] = outcome.row.request_id
                    elif wanted:
                        self._count_lost(outcome, hour, name, source)
        stored = unread([contents.name for contents in self.files])
        entries += self._stored(sources, stored, key)
        entries.sort(key=lambda entry: entry[0])
        rows = self._without_replaced(entries)
        ids = {entry[1] for entry in entries}
        reads = self._reads(sources, rows)
        return Reading(rows, self.rejected, reads, self.files, ids, self.named)

    def _named(self, line: Line) -> Line:
        """The line under the id that it would be stored under."""
        return line.model_copy(update={"request_id": self.redactor.request_id(line.request_id)})

    def _is_wanted(self, hour: int) -> bool:
        return self.first <= hour <= self.last

    def _stored(
        self, sources: Sequence[Source], rows: Sequence[RowT], key: Callable[[Any], Hashable]
    ) -> Iterator[_Entry]:
        """Rows of files that are not read, where their file stood; first, if nobody knows where."""
        numbers = {source.name: number for number, source in enumerate(sources)}
        files: dict[tuple[str, str | None], tuple[tuple[int, int, str], SourceFile]] = {}
        for row in rows:
            where = (row.source, row.file)
            if where not in files:
                number = numbers.get(row.source, -1)
                file = placed(sources[number], row.file) if row.file and number >= 0 else None
                unknown = SourceFile(Path(row.file or ""))
                files[where] = ((number, *file.place) if file else (-1, 0, ""), file or unknown)
            place, file = files[where]
            yield place, key(row), (file,), row if self._is_wanted(row.hour) else None, False

    def _filed(
        self,
        file: SourceFile,
        name: str,
        source: Source,
        parse: Callable[[SourceFile, Source], Iterator[Outcome[Any]]],
    ) -> Iterator[tuple[Outcome[Any], int]]:
        # A file that grows while it is read is then seen to have changed since.
        before = file.path.stat()
        contents = FileContents(file, name, source.name, before.st_size, before.st_mtime_ns)
        self.files.append(contents)
        for outcome, hour in filed(file, parse(file, source), self.settings):
            contents.add(outcome, hour)
            yield outcome, hour

    def _count_lost(self, outcome: Outcome[Any], hour: int, file: str, source: Source) -> None:
        if not isinstance(outcome, Bad):
            self.counts["skipped"][hour, source.name] += 1
            return
        self.counts["rejected"][hour, source.name] += 1
        self.rejected.append(
            RejectedRow(
                hour=hour,
                table=self.table,
                source=source.name,
                file=file,
                line=outcome.line,
                reason=self.redactor.text(outcome.reason),
                excerpt=self._excerpt(outcome.raw),
            )
        )

    def _excerpt(self, raw: Any) -> str:
        if self.unwanted and self.unwanted.is_in(readable(raw)):
            return ""
        return self.redactor.excerpt(raw, PEOPLE)

    def _without_replaced(self, entries: Sequence[_Entry]) -> list[Any]:
        """A row goes if one with its id follows in a file that may hold rows of its hour."""
        kept = []
        later: dict[Hashable, tuple[SourceFile, ...]] = {}
        for _, key, file, row, is_read in reversed(entries):
            followers = later.get(key)
            if row is not None:
                if followers and any(other.may_hold(row.hour) for other in followers):
                    # A stored row that is read again, from a file of another name, is no other.
                    self.counts["duplicates"][row.hour, row.source] += is_read
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
                **{name: self.counts[name][hour, source.name] for name in COUNTS},  # type: ignore[arg-type]
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


def request_id(row: RequestLine | Request) -> Hashable:
    """What makes a request one and the same."""
    return row.request_id


def signal_id(row: SignalLine | UserSignal) -> Hashable:
    """What makes a signal one and the same."""
    return row.request_id, row.signal_type, row.timestamp


def _request(row: RequestLine, place: _Place, prices: Prices, redactor: Redactor) -> Request:
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
        **place,
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
    )


def _signal(row: SignalLine, place: _Place, redactor: Redactor) -> UserSignal:
    return UserSignal(
        **place,
        request_id=redactor.request_id(row.request_id),
        session_id=redactor.user_id(row.session_id),
        signal_type=row.signal_type,
        timestamp=row.timestamp.astimezone(UTC),
        metadata=to_json(redactor.tree(row.metadata or {}), inf_nan_mode="null").decode(),
    )


def _is_unpriced(request: Request) -> bool:
    """Its cost is unknown; a request that failed before a token was counted cost nothing to know.

    Every product has such requests every hour: a warning about them would always be on.
    """
    failed_uncounted = (
        request.error is not None and request.input_tokens is None and request.output_tokens is None
    )
    return request.cost_usd is None and not failed_uncounted


# What every format calls the ids of users and sessions.
PEOPLE = frozenset({"user_id", "session_id", *WORDS["user_id"], *WORDS["session_id"]})
COUNTS = ("loaded", "rejected", "duplicates", "unpriced", "skipped")

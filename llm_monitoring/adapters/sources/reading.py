"""Rows of a range of hours from every source, with what was rejected, replaced and skipped.

Whatever ranges are read, an hour gets the same rows: a row is judged only by files that are read
whenever its hour is. Stored rows of files that were not read, because they are gone, stand where
their file stood.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import compress
from typing import Any, Generic, Protocol, TypeVar

from llm_monitoring.adapters.redaction import Redactor, readable
from llm_monitoring.adapters.sources.columns import (
    PEOPLE,
    Columns,
    RequestRows,
    Rows,
    SignalRows,
    unpriced,
)
from llm_monitoring.adapters.sources.files import (
    SourceFile,
    read_lines,
    source_files,
    stored_name,
)
from llm_monitoring.adapters.sources.filing import FileContents, filed
from llm_monitoring.adapters.sources.jsonl import (
    Bad,
    Good,
    Line,
    Outcome,
    RequestLine,
    SignalLine,
    parse_requests,
    parse_signals,
)
from llm_monitoring.adapters.sources.otlp import parse_spans
from llm_monitoring.adapters.sources.replacing import FileRows, files_of, staying
from llm_monitoring.hours import hour_range
from llm_monitoring.records import RejectedRow, Request, SourceRead, UserSignal
from llm_monitoring.settings import Settings, Source

RowT = TypeVar("RowT", bound=Request | UserSignal)
Unread = Callable[[Sequence[str]], Sequence[RowT]]
Parse = Callable[[SourceFile, Source], Iterator[Outcome[Any]]]


class Unwanted(Protocol):
    """Knows whose rows must not be stored, by their ids as the logs write them."""

    def is_about(self, request_id: str, session_id: str | None, user_id: str | None = None) -> bool:
        """A row with these ids is one of theirs."""

    def is_in(self, text: str) -> bool:
        """A text names one of them."""


@dataclass(frozen=True, slots=True)
class Reading(Generic[RowT]):
    """What a range of hours came to.

    Args:
        record: what a row is.
        columns: the rows, in the order they were read, each id once.
        keys: what makes each of the rows one and the same.
        rejected: rows filed under the hours of the range.
        reads: one per hour and source, zeros included.
        files: what was read, of any hour.
        ids: of every row that is there, of any hour.
        unwanted: ids of those of the rows that must not be stored -> request as the log names it.
    """

    record: type[RowT]
    columns: Columns
    keys: list[Hashable]
    rejected: list[RejectedRow]
    reads: list[SourceRead]
    files: list[FileContents]
    ids: Collection[Hashable]
    unwanted: Mapping[Hashable, str] = field(default_factory=dict)

    @property
    def rows(self) -> list[RowT]:
        """The rows as records, for who needs them one by one."""
        values = zip(*self.columns.values(), strict=True)
        return [self.record(**dict(zip(self.columns, row, strict=True))) for row in values]

    def only(self, wanted: Sequence[bool]) -> "Reading[RowT]":
        """The same with some of the rows."""
        columns = {name: [*compress(column, wanted)] for name, column in self.columns.items()}
        return replace(self, columns=columns, keys=[*compress(self.keys, wanted)])


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
    rows = RequestRows(settings)
    reader = _Reader("raw_requests", settings, rows, (first, last), unwanted=unwanted)
    return reader.read(settings.sources.requests, _parse_requests, unread)


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
    rows = SignalRows(settings)
    reader = _Reader("user_signals", settings, rows, (first, last), unwanted=unwanted)
    return reader.read(settings.sources.signals, _parse_signals, unread)


class _Reader:
    """One pass over the sources of a table."""

    def __init__(
        self,
        table: str,
        settings: Settings,
        rows: Rows,
        hours: tuple[int, int],
        *,
        unwanted: Unwanted | None,
    ) -> None:
        self.table, self.settings, self.rows = table, settings, rows
        self.redactor = Redactor(settings.redaction, settings.privacy)
        self.first, self.last = hours
        self.unwanted = unwanted
        self.named: dict[Hashable, str] = {}
        self.rejected: list[RejectedRow] = []
        self.counts: dict[str, Counter[tuple[int, str]]] = defaultdict(Counter)
        self.files: list[FileContents] = []

    def read(self, sources: Sequence[Source], parse: Parse, unread: Unread[Any]) -> Reading[Any]:
        files = [
            self._read_file(file, number, source, parse)
            for number, source in enumerate(sources)
            for file in source_files(source, self.first, self.last)
        ]
        stored = unread([contents.name for contents in self.files])
        files += files_of(stored, sources, self.rows, (self.first, self.last))
        files.sort(key=lambda rows: rows.place)
        ids = {key for rows in files for key in rows.keys}
        columns, keys = self._without_replaced(files, ids)
        self._count(columns)
        reads = self._reads(sources)
        return Reading(
            self.rows.record, columns, keys, self.rejected, reads, self.files, ids, self.named
        )

    def _read_file(self, file: SourceFile, number: int, source: Source, parse: Parse) -> FileRows:
        name = stored_name(file, self.redactor)
        rows = FileRows((number, *file.place), file)
        batch: list[tuple[Line, Hashable, int]] = []
        contents = self._contents(file, name, source)
        for outcome, hour in filed(file, parse(file, source), self.settings):
            contents.add(outcome, hour)
            wanted = self.first <= hour <= self.last
            if isinstance(outcome, Good):
                # A row of another hour is not kept, but it may replace one that is.
                key = self.rows.key(outcome.row)
                rows.keys.append(key)
                rows.hours.append(hour if wanted else None)
                if wanted:
                    self._note_named(outcome.row, key)
                    batch.append((outcome.row, key, hour))
                    if len(batch) == BATCH:
                        rows.add(self._columns(batch, name, source))
                        batch.clear()
            elif wanted:
                self._count_lost(outcome, hour, name, source)
        if batch:
            rows.add(self._columns(batch, name, source))
        return rows

    def _columns(
        self, batch: Sequence[tuple[Line, Hashable, int]], file: str, source: Source
    ) -> Columns:
        lines, keys, hours = zip(*batch, strict=True)
        return self.rows.columns(lines, keys, hours, source) | {"file": [file] * len(batch)}

    def _note_named(self, line: Any, key: Hashable) -> None:
        """Remember it if it is about somebody whose rows must not be stored."""
        if self.unwanted is None:
            return
        if self.unwanted.is_about(line["request_id"], line["session_id"], line.get("user_id")):
            self.named[key] = line["request_id"]

    def _contents(self, file: SourceFile, name: str, source: Source) -> FileContents:
        # A file that grows while it is read is then seen to have changed since.
        before = file.path.stat()
        contents = FileContents(file, name, source.name, before.st_size, before.st_mtime_ns)
        self.files.append(contents)
        return contents

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

    def _without_replaced(
        self, files: Sequence[FileRows], ids: Collection[Hashable]
    ) -> tuple[Columns, list[Hashable]]:
        """(columns, keys) of the rows that stay; those that go are counted."""
        columns: Columns = {column.name: [] for column in fields(self.rows.record)}
        keys: list[Hashable] = []
        for rows, stays in zip(files, staying(files, ids), strict=True):
            both = zip(rows.keys, rows.hours, strict=True)
            wanted = [key for key, hour in both if hour is not None]
            all_stay = all(stays)
            keys += wanted if all_stay else compress(wanted, stays)
            for name, values in rows.columns.items():
                columns[name] += values if all_stay else compress(values, stays)
            # A stored row that is read again, from a file of another name, is no other.
            if rows.is_read and not all_stay:
                places = zip(rows.columns["hour"], rows.columns["source"], strict=True)
                self.counts["duplicates"].update(compress(places, (not one for one in stays)))
        return columns, keys

    def _count(self, columns: Columns) -> None:
        self.counts["loaded"] = Counter(zip(columns["hour"], columns["source"], strict=True))
        if "cost_usd" in columns:
            self.counts["unpriced"] = Counter(unpriced(columns))
        self.counts["attributes_cut"] = self.rows.cut

    def _reads(self, sources: Sequence[Source]) -> list[SourceRead]:
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
    return parse_requests(read_lines(file.path), source.attributes)


def _parse_signals(file: SourceFile, _source: Source) -> Iterator[Outcome[SignalLine]]:
    return parse_signals(read_lines(file.path))


BATCH = 250  # lines that become columns at once: as many as a cache holds
COUNTS = ("loaded", "rejected", "duplicates", "unpriced", "skipped", "attributes_cut")

"""From log files to tables: what the files that are there say, and what those that are gone said.

Rows go only where their file was read again without them, and that is counted. A ledger of the
files read (`log_files`) tells which hours a file that came or changed later asks for.
"""

import json
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from llm_monitoring.adapters.sources import (
    FileContents,
    Reading,
    read_requests,
    read_signals,
)
from llm_monitoring.hours import hour_range, ranges, shift
from llm_monitoring.lake import TABLES, Lake
from llm_monitoring.pipeline.upkeep.forgetting import memory, note_key, without_forgotten
from llm_monitoring.records import LogFile, RejectedRow, SourceRead
from llm_monitoring.settings import Settings, Source


@dataclass(frozen=True, slots=True)
class Ingested:
    """What the ingestion of a range came to.

    Args:
        reads: one per hour of the range and source.
        version: Delta version of the table.
        files: what was read.
    """

    reads: list[SourceRead]
    version: int
    files: list[LogFile]

    def count(self, name: str) -> int:
        """Sum of one of the counts."""
        return sum(getattr(read, name) or 0 for read in self.reads)


@dataclass(frozen=True, slots=True)
class _Kind:
    """A table that is filled from logs."""

    table: str
    key: Sequence[str]  # columns that identify a row
    read: Callable[..., Reading[Any]]
    sources: Sequence[Source]

    @property
    def late_hours(self) -> int:
        """How many hours later than its own a row may stand in a file."""
        return latest(self.sources)

    @property
    def only(self) -> dict[str, list[str]]:
        """Of tables that several kinds share."""
        return {"table": [self.table]}


def latest(sources: Iterable[Source]) -> int:
    """How late a row of any of the sources may come, hours."""
    return max((source.late_hours for source in sources), default=0)


def ingest_requests(
    lake: Lake, settings: Settings, first: int, last: int, now: datetime
) -> Ingested:
    """Store the requests of hours `first` to `last`."""
    kind = _Kind("raw_requests", ["request_id"], read_requests, settings.sources.requests)
    return _ingest(lake, settings, kind, (first, last), until=last, now=now)


def ingest_signals(
    lake: Lake, settings: Settings, first: int, last: int, now: datetime
) -> Ingested:
    """Store the user signals of hours `first` to `last`, and of hours before that came late.

    The hours after, for as long as reactions may come, are taken up too: the windows of the range
    need them, whichever hours were run before.
    """
    kind = _Kind(
        "user_signals",
        ["request_id", "signal_type", "timestamp"],
        read_signals,
        settings.sources.signals,
    )
    until = shift(last, kind.late_hours)
    ingested = _ingest(lake, settings, kind, (first, last), until=until, now=now)
    for start, end in ranges(_came_late(lake, kind, ingested.files, first)):
        _ingest(lake, settings, kind, (start, end), until=end, now=now)
    return ingested


def hours_to_take_up(file: LogFile) -> set[int]:
    """Hours whose rows in the file are not those that were last stored of it."""
    contents, stored = json.loads(file.contents), json.loads(file.stored)
    return {int(hour) for hour in {*contents, *stored} if contents.get(hour) != stored.get(hour)}


def _ingest(
    lake: Lake,
    settings: Settings,
    kind: _Kind,
    hours: tuple[int, int],
    *,
    until: int,
    now: datetime,
) -> Ingested:
    """Store rows up to `until`; counted are the hours asked for, and what was dropped after."""
    first, last = hours

    def unread(paths: Sequence[str]) -> list[Any]:
        late = shift(until, kind.late_hours)
        return TABLES[kind.table].to_records(
            lake.query(
                "rows_of_other_files", hours=(first, late), fragments={"logged": kind.table},
                first=first, last=late, paths=["", *paths],
            )
        )  # fmt: skip

    before = _ids(lake, kind, first, until)
    note_key(lake, settings, now)
    reading = kind.read(settings, first, until, unread, memory(lake) or None)
    reading = without_forgotten(lake, reading)
    ledger = _Ledger(lake, kind, reading.files, (first, until))
    dropped = Counter(place for place, row_id in before if row_id not in reading.ids)
    reads = list(_reads(lake, ledger, reading.reads, dropped, now))
    own = [read for read in reads if read.hour <= last]
    if dropped:  # told before it is done: after it, nobody could count it any more
        lake.upsert("source_reads", [read for read in reads if dropped[read.hour, read.source]])
    rows = TABLES[kind.table].from_columns(reading.columns)
    version = lake.replace_hours(kind.table, rows, first, until)
    rejected = [row for row in reading.rejected if row.hour <= last]
    rejected += _rejected_before(lake, kind, reading, hours)
    lake.replace_hours("rejected_rows", rejected, first, last, kind.only)
    counts = Counter((row.hour, row.source) for row in rejected)
    own = [replace(read, rejected=counts[read.hour, read.source]) for read in own]
    lake.replace_hours("source_reads", own, first, last, kind.only)
    return Ingested(own, version, ledger.store(hours, now))


def _ids(lake: Lake, kind: _Kind, first: int, last: int) -> list[tuple[tuple[int, str], Hashable]]:
    """(hour, source) and id of every stored row of the range."""
    columns = lake.columns(kind.table, ["hour", "source", *kind.key], hours=(first, last))
    hour, source, *key = columns.to_pydict().values()
    ids: Iterable[Hashable] = key[0] if len(key) == 1 else zip(*key, strict=True)
    return list(zip(zip(hour, source, strict=True), ids, strict=True))


def _reads(
    lake: Lake,
    ledger: "_Ledger",
    reads: Iterable[SourceRead],
    dropped: Counter[tuple[int, str]],
    now: datetime,
) -> Iterator[SourceRead]:
    """The counts, with what is still known of files that are gone and of rows that were dropped."""
    table = ledger.kind.table
    stored = lake.rows("source_reads", hours=ledger.hours, table=table)
    known = {(read.hour, read.source): read for read in stored}
    for read in reads:
        place = (read.hour, read.source)
        old = known.get(place)
        new = read
        if old and ledger.has_gone(*place):
            new = replace(
                new,
                duplicates=max(old.duplicates, new.duplicates),
                skipped=max(old.skipped, new.skipped),
                attributes_cut=max(old.attributes_cut or 0, new.attributes_cut or 0),
            )
        if dropped[place]:
            new = replace(new, dropped=dropped[place], dropped_at=now)
        elif old and old.dropped and new.loaded < old.loaded + old.dropped:  # not all are back
            new = replace(new, dropped=old.dropped, dropped_at=old.dropped_at)
        yield new


def _rejected_before(
    lake: Lake, kind: _Kind, reading: Reading[Any], hours: tuple[int, int]
) -> list[RejectedRow]:
    """Stored rejections of files that were not read, but for those that were renamed."""
    read = {contents.name for contents in reading.files}
    again = {_likeness(row) for row in reading.rejected}
    stored = lake.rows("rejected_rows", hours=hours, table=kind.table)
    return [row for row in stored if row.file not in read and _likeness(row) not in again]


def _likeness(row: RejectedRow) -> tuple[Any, ...]:
    return row.hour, row.source, row.line, row.reason, row.excerpt


def _came_late(lake: Lake, kind: _Kind, files: Iterable[LogFile], first: int) -> set[int]:
    """Ingested hours before `first` of which the files hold other rows than are stored."""
    since = shift(first, -kind.late_hours)
    wanted = {hour for file in files for hour in hours_to_take_up(file) if since <= hour < first}
    if not wanted:
        return set()
    reads = lake.rows("source_reads", hours=(min(wanted), max(wanted)), table=kind.table)
    return wanted & {read.hour for read in reads}


class _Ledger:
    """The entries of the files that are, or were, there for a range of hours."""

    def __init__(
        self, lake: Lake, kind: _Kind, files: Sequence[FileContents], hours: tuple[int, int]
    ) -> None:
        self.lake, self.kind, self.files, self.hours = lake, kind, files, hours
        first, last = hours
        named = [contents.file.hour for contents in files if contents.file.hour]
        day = first // 100 * 100
        until = max([shift(last, kind.late_hours), *named])
        self.spans = [(min([day, *named]), until)]
        if any("{date}" not in source.path for source in kind.sources):
            self.spans.append((0, 0))
        known: list[LogFile] = [
            row
            for span in self.spans
            for row in lake.rows("log_files", hours=span, table=kind.table)
        ]
        self.known = {(row.source, row.path): row for row in known}
        read = {(contents.source, contents.name) for contents in files}
        gone = [row for place, row in self.known.items() if place not in read]
        self.gone = {(int(hour), row.source) for row in gone for hour in json.loads(row.stored)}

    def has_gone(self, hour: int, source: str) -> bool:
        """A file that gave rows to the hour is no longer there."""
        return (hour, source) in self.gone

    def store(self, hours: tuple[int, int], now: datetime) -> list[LogFile]:
        """Enter what was read, and return it; the hours are those that were stored of it."""
        read = [self._entry(contents, hours, now) for contents in self.files]
        rows = {**self.known, **{(row.source, row.path): row for row in read}}.values()
        for first, last in self.spans:
            mine = [row for row in rows if first <= row.hour <= last]
            if mine:
                self.lake.replace_hours("log_files", mine, first, last, self.kind.only)
        return read

    def _entry(self, contents: FileContents, hours: tuple[int, int], now: datetime) -> LogFile:
        known = self.known.get((contents.source, contents.name))
        taken = {str(hour) for hour in hour_range(*hours)}
        checksums = {str(hour): value for hour, value in contents.checksums.items()}
        before = json.loads(known.stored) if known else {}
        stored = {hour: value for hour, value in before.items() if hour not in taken}
        stored |= {hour: value for hour, value in checksums.items() if hour in taken}
        return LogFile(
            hour=contents.file.hour or 0,
            table=self.kind.table,
            source=contents.source,
            path=contents.name,
            size_bytes=contents.size_bytes,
            modified_ns=contents.modified_ns,
            rows=_json({str(hour): count for hour, count in contents.rows.items()}),
            contents=_json(checksums),
            stored=_json(stored),
            read_at=now,
        )


def _json(counts: dict[str, int]) -> str:
    return json.dumps(counts, sort_keys=True)

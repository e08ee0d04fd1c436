"""Which hour a row belongs to, where one without a usable time is filed, what a file held."""

import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from llm_monitoring.adapters.sources.files import SourceFile
from llm_monitoring.adapters.sources.jsonl import Bad, Good, Outcome, Skipped
from llm_monitoring.hours import HOUR, hour_key
from llm_monitoring.settings import Settings

EARLIEST = datetime(2015, 1, 1, tzinfo=UTC)  # no LLM feature is older
LATEST = datetime(9999, 1, 1, tzinfo=UTC)


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
        checksums = self.checksums
        self.rows[hour] += 1
        checksums[hour] = zlib.crc32(content, checksums.get(hour, 0))


def filed(
    file: SourceFile, outcomes: Iterator[Outcome[Any]], settings: Settings
) -> Iterator[tuple[Outcome[Any], int]]:
    """Every outcome with the hour it is filed under.

    That is its own, if it has a time that fits; else the hour in the file's name; else that of the
    nearest row before it with a time that fits, or after it; else the hour the file was written.
    """
    clock = _Clock(file, settings)
    nearest = file.hour
    waiting: list[Outcome[Any]] = []
    for outcome in outcomes:
        hour, problem = clock.hour_of(outcome.moment)
        if problem is not None and isinstance(outcome, Good):
            outcome = Bad(outcome.line, problem, outcome.raw)  # noqa: PLW2901
        if hour is not None:
            if file.hour is None:
                nearest = hour
            yield from ((early, clock.within(hour)) for early in waiting)
            waiting.clear()
            yield outcome, hour
        elif nearest is not None:
            yield outcome, clock.within(nearest)
        else:
            waiting.append(outcome)
    if waiting:
        written = clock.within(hour_key(clock.written))
        yield from ((early, written) for early in waiting)


class _Clock:
    """Which hour a time belongs to, and whether it can be true in this file."""

    def __init__(self, file: SourceFile, settings: Settings) -> None:
        self._file = file
        self._first = hour_key(settings.start)
        self._last = hour_key(settings.end - HOUR) if settings.end else None
        self.written = datetime.fromtimestamp(file.path.stat().st_mtime, UTC)
        # Without an end, nothing can have happened long after the file was last written.
        self._limit = (settings.end or self.written) + timedelta(days=1)
        self._known: dict[float, tuple[int | None, str | None]] = {}

    def hour_of(self, moment: datetime | None) -> tuple[int | None, str | None]:
        """(hour, None), or (None, why not); (None, None) where there is no time."""
        if moment is None:
            return None, None
        number = moment.timestamp() // 3600
        known = self._known.get(number)
        if known is None:
            known = self._known[number] = self._judge(int(number))
        return known

    def _judge(self, number: int) -> tuple[int | None, str | None]:
        if number * 3600 < EARLIEST.timestamp():
            return None, "timestamp: before 2015"
        if number * 3600 > LATEST.timestamp():
            return None, "timestamp: after the year 9998"
        moment = datetime.fromtimestamp(number * 3600, UTC)
        hour = hour_key(moment)
        problem = self._file.time_problem(hour)
        if problem is None and self._file.latest is None and moment > self._limit:
            problem = f"timestamp: after {self._limit:%Y-%m-%d %H:%M} UTC, the latest it can be"
        return (hour, None) if problem is None else (None, problem)

    def within(self, hour: int) -> int:
        """The nearest monitored hour: what has no time of its own must be seen somewhere."""
        hour = max(hour, self._first)
        return hour if self._last is None else min(hour, self._last)

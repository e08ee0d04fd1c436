"""Which files hold the rows of a range of hours, and the lines in them."""

import glob
import gzip
import json
import os
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from llm_monitoring.hours import hour_range, hour_start, hours_between, shift
from llm_monitoring.settings import Source

LONGEST_LINE = 10_000_000  # bytes
CHUNK = 1 << 20  # bytes
GZIP_MAGIC = b"\x1f\x8b"
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of a source.

    Args:
        path: where it is.
        hour: hour its name bears, the day's first hour for a name with a date alone; None: neither.
        earliest: first hour a row in it may have; None: any.
        latest: last hour a row in it may have; None: any.
    """

    path: Path
    hour: int | None = None
    earliest: int | None = None
    latest: int | None = None

    def may_hold(self, hour: int) -> bool:
        """A row of this hour may stand in this file; if so, it is read whenever the hour is."""
        return (self.earliest is None or self.earliest <= hour) and (
            self.latest is None or hour <= self.latest
        )

    def time_problem(self, hour: int) -> str | None:
        """Why a row of this hour cannot stand in this file."""
        if self.earliest is not None and hour < self.earliest and self.hour is not None:
            return f"timestamp is {hours_between(hour, self.hour)} h before its file"
        if self.latest is not None and hour > self.latest:
            return f"timestamp is {hours_between(self.latest, hour)} h after its file"
        return None


def source_files(source: Source, first: int, last: int) -> list[SourceFile]:
    """Files in which rows of hours `first` to `last` may stand, in the order they are read.

    With `{hour}` in the path: the files of these hours and of `late_hours` more. With `{date}`
    alone: those of the days concerned. With neither: every file of the glob, always.

    Returns:
        By hour, then name; no file twice, also when a link leads to it.
    """
    unique: dict[str, SourceFile] = {}
    for file in _candidates(source, first, shift(last, source.late_hours)):
        unique.setdefault(os.path.realpath(file.path), file)
    return sorted(unique.values(), key=lambda file: (file.hour or 0, str(file.path)))


def _candidates(source: Source, first: int, last: int) -> Iterator[SourceFile]:
    if "{date}" not in source.path:
        yield from (SourceFile(path) for path in _glob(source.path))
        return
    hourly = "{hour}" in source.path
    hours = hour_range(first, last) if hourly else _days(first, last)
    for hour in hours:
        start = hour_start(hour)
        pattern = source.path.replace("{date}", f"{start:%Y-%m-%d}").replace(
            "{hour}", f"{start:%H}"
        )
        earliest, latest = shift(hour, -source.late_hours), hour if hourly else shift(hour, 23)
        yield from (SourceFile(path, hour, earliest, latest) for path in _glob(pattern))


def _days(first: int, last: int) -> Iterator[int]:
    """First hour of every day from first to last."""
    day, end = hour_start(first // 100 * 100), hour_start(last)
    while day <= end:
        yield int(f"{day:%Y%m%d%H}")
        day += timedelta(days=1)


def _glob(pattern: str) -> list[Path]:
    found = sorted(glob.glob(pattern, recursive=True))
    return [Path(path) for path in found if os.path.isfile(path)]


@dataclass(frozen=True, slots=True)
class BrokenLine:
    """A line that cannot be handed on, and how it starts."""

    reason: str
    start: bytes


def read_lines(path: Path) -> Iterator[tuple[int, bytes | BrokenLine]]:
    """Lines that are not blank, numbered from 1, without their ends.

    The file is plain or gzip, by its first bytes. A line over 10 MB is broken; so is the place
    where a gzip stream ends early or is corrupt: what stood before it is still handed on.

    Raises:
        OSError: the file cannot be opened or read.
    """
    for number, line in enumerate(_split(_chunks(path)), start=1):
        if isinstance(line, BrokenLine):
            yield number, line
        elif content := (line.removeprefix(BOM) if number == 1 else line).rstrip(b" \t\r"):
            yield number, content


def _chunks(path: Path) -> Iterator[bytes | BrokenLine]:
    with path.open("rb") as raw:
        if raw.peek(2)[:2] != GZIP_MAGIC:
            while chunk := raw.read(CHUNK):
                yield chunk
            return
        with gzip.open(raw) as unpacked:
            # read1 hands on what is unpacked before it runs into the damage; read would lose it.
            try:
                while chunk := unpacked.read1(CHUNK):
                    yield chunk
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                yield BrokenLine(f"gzip stream is damaged: {error}", b"")


def _split(chunks: Iterator[bytes | BrokenLine]) -> Iterator[bytes | BrokenLine]:
    rest, length = b"", 0  # of an over-long line only the start is kept, but its length is counted
    for chunk in chunks:
        if isinstance(chunk, BrokenLine):
            yield BrokenLine(chunk.reason, rest[:LONGEST_LINE])
            return
        head, *lines = chunk.split(b"\n")
        length += len(head)
        rest = rest + head if len(rest) <= LONGEST_LINE else rest
        for line in lines:
            yield _checked(rest, length)
            rest, length = line, len(line)
    if rest:
        yield _checked(rest, length)


def _checked(line: bytes, length: int) -> bytes | BrokenLine:
    if length <= LONGEST_LINE:
        return line
    return BrokenLine(f"line is longer than {LONGEST_LINE:,} bytes", line[:LONGEST_LINE])


def files_naming(
    sources: Sequence[Source], first: int, last: int, words: Sequence[str]
) -> list[Path]:
    """Files in which rows of these hours may stand, and one of the words does.

    A word is a whole JSON text: an id of two digits stands in every file.
    """
    needles = [
        json.dumps(word, ensure_ascii=plain).encode() for word in words for plain in (False, True)
    ]
    files = [file.path for source in sources for file in source_files(source, first, last)]
    return [
        path
        for path in dict.fromkeys(files)
        if any(
            needle in line
            for _, line in read_lines(path)
            if isinstance(line, bytes)
            for needle in needles
        )
    ]

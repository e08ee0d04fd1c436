"""Which files hold the rows of a range of hours, and the lines in them."""

import fnmatch
import glob
import gzip
import json
import os
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from llm_monitoring.adapters.redaction import Redactor
from llm_monitoring.hours import hour_start, hours_between, shift
from llm_monitoring.settings import Source

LONGEST_LINE = 10_000_000  # bytes
CHUNK = 1 << 20  # bytes
GZIP_MAGIC = b"\x1f\x8b"
BOM = b"\xef\xbb\xbf"
DIGEST = 11  # characters
_DIGEST_AT_END = re.compile(r" \(id-[0-9a-f]{8}\)$")


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

    @property
    def place(self) -> tuple[int, str]:
        """Files are read in this order."""
        return self.hour or 0, str(self.path)

    def is_of(self, first: int, last: int) -> bool:
        """Its name bears one of the hours, or a day with one of them, or no time at all."""
        if self.hour is None or self.latest is None:
            return True
        return self.hour <= last and self.latest >= first

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
    alone: those of the days concerned. With neither: every file of the glob, always. The folder
    is scanned once, however many hours are asked for.

    Returns:
        By hour, then name; no file twice, also when a link leads to it.
    """
    last = shift(last, source.late_hours)
    unique: dict[str, SourceFile] = {}
    for path in sorted(glob.glob(_wildcards(source.path, first, last), recursive=True)):
        file = placed(source, path)
        if file is not None and file.is_of(first, last) and os.path.isfile(path):
            unique.setdefault(os.path.realpath(path), file)
    return sorted(unique.values(), key=lambda file: file.place)


def stored_name(file: SourceFile, redactor: Redactor) -> str:
    """Path of a file as it is stored: redacted, and in signs that can be stored.

    Of a path in which something is redacted a digest stays: it is another file than one that
    differs in just that.
    """
    path = str(file.path).encode("utf-8", "backslashreplace").decode()
    name = redactor.text(path)
    return name if name == path else f"{name} ({redactor.request_id(path)[:DIGEST]})"


def placed(source: Source, path: str) -> SourceFile | None:
    """A file of the source by its stored path, whether or not it is there.

    Returns:
        None: it is not of this source.
    """
    match = _pattern(source.path).match(_DIGEST_AT_END.sub("", path))
    if match is None:
        return None
    if "date" not in match.groupdict():
        return SourceFile(Path(path))
    is_hourly = "hour" in match.groupdict()
    key = int(match["date"].replace("-", "") + (match["hour"] if is_hourly else "00"))
    try:
        hour_start(key)
    except ValueError:  # digits that are no date
        return None
    latest = key if is_hourly else shift(key, 23)
    return SourceFile(Path(path), key, shift(key, -source.late_hours), latest)


def _wildcards(path: str, first: int, last: int) -> str:
    """The path as a glob: of the date, what is common to the days of the range is kept."""
    days = [f"{hour_start(hour):%Y-%m-%d}" for hour in (first, last)]
    common = os.path.commonprefix(days)  # noqa: RUF071 - sign by sign is what is wanted
    date = common + "".join("-" if sign == "-" else "[0-9]" for sign in days[0][len(common) :])
    return path.replace("{date}", date).replace("{hour}", "[0-2][0-9]")


@lru_cache
def _pattern(path: str) -> re.Pattern[str]:
    """What a path of the source looks like, with groups `date` and `hour`."""
    # Signs that no path has stand for the placeholders while the wildcards are translated. A "**/"
    # may be no folder at all; "*" takes in a little more, which the glob has sorted out before.
    path = path.replace("**/", "*").replace("{date}", "\x01").replace("{hour}", "\x02")
    pattern = fnmatch.translate(path)
    for sign, name, digits in (("\x01", "date", r"\d{4}-\d\d-\d\d"), ("\x02", "hour", r"\d\d")):
        pattern = pattern.replace(sign, f"(?P<{name}>{digits})", 1).replace(sign, f"(?P={name})")
    return re.compile(pattern)


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

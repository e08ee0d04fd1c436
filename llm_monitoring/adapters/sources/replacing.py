"""Of two rows with one id the later wins: which rows of which files stay."""

from collections import defaultdict
from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llm_monitoring.adapters.sources.columns import Columns, Rows, columns_of
from llm_monitoring.adapters.sources.files import SourceFile, placed
from llm_monitoring.settings import Source


@dataclass(slots=True)
class FileRows:
    """The rows of one file.

    Args:
        place: files are read in this order.
        file: where the rows stand.
        is_read: they were read now; else they are stored rows of a file that was not.
        keys: what makes each of its rows one and the same.
        hours: of each row; None: it is of an hour that is not wanted, but it may replace one.
        columns: the wanted rows.
    """

    place: tuple[int, int, str]
    file: SourceFile
    is_read: bool = True
    keys: list[Hashable] = field(default_factory=list)
    hours: list[int | None] = field(default_factory=list)
    columns: Columns = field(default_factory=dict)

    def add(self, columns: Columns) -> None:
        """More wanted rows, after those that are there."""
        for name, values in columns.items():
            self.columns.setdefault(name, []).extend(values)

    def __len__(self) -> int:
        """How many wanted rows."""
        return len(self.columns.get("hour", ()))


def files_of(
    rows: Sequence[Any], sources: Sequence[Source], of: Rows, hours: tuple[int, int]
) -> list[FileRows]:
    """Stored rows of files that are not read, where their file stood; first, if nobody knows where.

    Args:
        hours: first and last that are wanted.
    """
    by_file: dict[tuple[str, str | None], list[Any]] = defaultdict(list)
    for row in rows:
        by_file[row.source, row.file].append(row)
    return [
        _stored(_placed(sources, source, name), found, of, hours)
        for (source, name), found in by_file.items()
    ]


def _placed(
    sources: Sequence[Source], source: str, name: str | None
) -> tuple[tuple[int, int, str], SourceFile]:
    """Place and file of a name under which rows are stored."""
    for number, one in enumerate(sources):
        if one.name == source and name and (file := placed(one, name)):
            return (number, *file.place), file
    return (-1, 0, ""), SourceFile(Path(name or ""))


def _stored(
    place: tuple[tuple[int, int, str], SourceFile],
    rows: Sequence[Any],
    of: Rows,
    hours: tuple[int, int],
) -> FileRows:
    first, last = hours
    return FileRows(
        *place,
        is_read=False,
        keys=[of.key_of(row) for row in rows],
        hours=[row.hour if first <= row.hour <= last else None for row in rows],
        columns=columns_of([row for row in rows if first <= row.hour <= last], of.record),
    )


def staying(files: Sequence[FileRows], ids: Collection[Hashable]) -> list[list[bool]]:
    """Whether each wanted row of each file stays; files are in their order.

    A row goes if one with its id follows in a file that may hold rows of its hour.

    Args:
        ids: of all the rows, each once.
    """
    if len(ids) == sum(len(file.keys) for file in files):  # as nearly always: all differ
        return [[True] * len(file) for file in files]
    later: dict[Hashable, tuple[SourceFile, ...]] = {}
    found = [_staying(file, later) for file in reversed(files)]
    return found[::-1]


def _staying(rows: FileRows, later: dict[Hashable, tuple[SourceFile, ...]]) -> list[bool]:
    """The same of one file.

    Args:
        later: id -> files in which it follows; the file's own ids are added.
    """
    stays = []
    for key, hour in zip(reversed(rows.keys), reversed(rows.hours), strict=True):
        followers = later.get(key, ())
        if hour is not None:
            stays.append(not any(file.may_hold(hour) for file in followers))
        if rows.file not in followers:
            later[key] = (*followers, rows.file)
    return stays[::-1]

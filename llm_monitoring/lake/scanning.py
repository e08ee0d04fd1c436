"""Looking for words in files as they lie on the disk, whatever table or version they belong to."""

import html
import json
import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

PARQUET = re.compile(r"\.parquet(#\d+)?$")  # with a number: not written to its end, or not yet
SHORT_ID = 6  # characters; a shorter id is looked for as a whole value only: 42 stands everywhere


@dataclass(frozen=True, slots=True)
class Scan:
    """What was looked through, and what was found.

    Args:
        files: how many files were read.
        holding: those that hold what was looked for.
        unreadable: those of which nobody can say, such as half a file of a writer that was killed.
    """

    files: int
    holding: tuple[Path, ...]
    unreadable: tuple[Path, ...] = ()


def scan(folders: Collection[Path], ids: Collection[str], texts: Collection[str]) -> Scan:
    """Read every file below the folders, Parquet column by column; one that goes meanwhile is gone.

    Args:
        ids: looked for as words of their own.
        texts: looked for anywhere, also inside JSON and HTML.
    """
    looked_for = _LookedFor(ids, texts)
    read: list[Path] = []
    holding: list[Path] = []
    unreadable: list[Path] = []
    for file in _files(folders):
        try:
            if looked_for.is_in(file):
                holding.append(file)
        except FileNotFoundError:
            continue
        except (pa.ArrowException, OSError):
            unreadable.append(file)
        else:
            read.append(file)
    return Scan(len(read), tuple(holding), tuple(unreadable))


def _files(folders: Collection[Path]) -> list[Path]:
    found = [
        Path(folder, name)
        for start in folders
        for folder, _, names in os.walk(start)
        for name in names
    ]
    return sorted(file for file in found if file.is_file())


class _LookedFor:
    def __init__(self, ids: Collection[str], texts: Collection[str]) -> None:
        self._values = {*ids, *texts}
        self._texts = list(texts)
        self._words = {
            word: re.compile(rf"(?<![^\W_]){re.escape(word)}(?![^\W_])")
            for word in ids
            if len(word) >= SHORT_ID
        }

    def is_in(self, file: Path) -> bool:
        values = set(_strings_of(file))
        if not self._values.isdisjoint(values):
            return True
        everything = "\0".join(values)
        return any(text in everything for text in self._texts) or any(
            word in everything and pattern.search(everything)
            for word, pattern in self._words.items()
        )


def _strings_of(file: Path) -> Iterator[str]:
    """Every text in a file, and the texts inside those."""
    if PARQUET.search(file.name):
        table = pq.ParquetFile(file)
        for column in table.schema_arrow.names:
            yield from _strings_in(table.read(columns=[column]))
        return
    content = file.read_bytes().decode("utf-8", "replace")
    yield content
    if file.suffix == ".html":
        yield html.unescape(content)
    elif file.suffix in (".json", ".jsonl"):
        for line in content.splitlines():
            yield from _inside(line)


def _strings_in(table: pa.Table) -> Iterator[str]:
    for column in table.columns:
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            for value in column.unique().to_pylist():
                yield from _inside(value)
        elif pa.types.is_nested(column.type):
            yield from _walk(column.to_pylist())


def _inside(value: Any) -> Iterator[str]:
    """A text, and if it is JSON the texts in it: JSON writes quotes and accents otherwise."""
    if not isinstance(value, str):
        return
    yield value
    if value[:1] in ("{", "["):
        try:
            yield from _walk(json.loads(value))
        except ValueError:
            return


def _walk(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield from _inside(node)
    elif isinstance(node, dict):
        for key, value in node.items():
            yield str(key)
            yield from _walk(value)
    elif isinstance(node, list | tuple):
        for item in node:
            yield from _walk(item)

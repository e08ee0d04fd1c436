"""Answers from the lake, as a table, JSON or CSV."""

import csv
import json
import sys
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any, Literal

import pyarrow as pa
from rich.table import Table

from llm_monitoring.cli.console import PlainConsole
from llm_monitoring.lake import Lake
from llm_monitoring.plain_text import safe_json, spreadsheet_cell
from llm_monitoring.settings import Settings


def open_lake(settings: Settings) -> Lake:
    """The configured lake."""
    return Lake(settings.lake.uri, settings.lake.all_options())


def print_table(rows: pa.Table, style: str) -> None:
    """Write rows to standard output."""
    if style == "json":
        names = _distinct(rows.column_names)
        print_json([dict(zip(names, row, strict=True)) for row in _values(rows)])
    elif style == "csv":
        _print_csv(rows)
    else:
        shown = Table(*map(str, rows.column_names))
        for row in _values(rows):
            shown.add_row(*("" if value is None else str(value) for value in row))
        PlainConsole().print(shown)


def print_json(document: Any) -> None:
    """Write a document to standard output; what a terminal would act on is written as \\u001b."""
    print(safe_json(json.dumps(document, default=_plain, ensure_ascii=False, indent=2)))


def _print_csv(rows: pa.Table) -> None:
    # Text is always quoted: the writer would leave a lone carriage return bare, and readers end
    # the row there.
    writer = csv.writer(sys.stdout, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerow(map(spreadsheet_cell, rows.column_names))
    for row in _values(rows):
        writer.writerow(map(spreadsheet_cell, row))


def _values(rows: pa.Table) -> Iterator[tuple[Any, ...]]:
    """By position: an answer may have two columns of one name."""
    columns = [column.to_pylist(maps_as_pydicts=_maps(column.type)) for column in rows.columns]
    return zip(*columns, strict=True) if columns else iter(())


def _maps(kind: pa.DataType) -> Literal["strict"] | None:
    """A map with names is an object, as in JSON; any other is pairs."""
    return "strict" if pa.types.is_map(kind) and pa.types.is_string(kind.key_type) else None


def _distinct(names: Sequence[str]) -> list[str]:
    """Names of which none stands twice: `hour`, `hour_2`."""
    distinct: list[str] = []
    for name in names:
        number, free = 1, name
        while free in distinct:
            number += 1
            free = f"{name}_{number}"
        distinct.append(free)
    return distinct


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)

"""Answers from the lake, as a table, JSON or CSV."""

import csv
import json
import sys
from datetime import date
from typing import Any

import pyarrow as pa
from rich.table import Table

from llm_monitoring.cli.console import PlainConsole
from llm_monitoring.lake import Lake
from llm_monitoring.plain_text import safe_json, spreadsheet_cell
from llm_monitoring.settings import Settings
from llm_monitoring.settings.models import secret


def open_lake(settings: Settings) -> Lake:
    """The configured lake."""
    named = {name: secret(env) or "" for name, env in settings.lake.storage_options_env.items()}
    return Lake(settings.lake.uri, {**settings.lake.storage_options, **named})


def print_table(rows: pa.Table, style: str) -> None:
    """Write rows to standard output."""
    if style == "json":
        print_json(rows.to_pylist())
    elif style == "csv":
        _print_csv(rows)
    else:
        shown = Table(*map(str, rows.column_names))
        for row in rows.to_pylist():
            shown.add_row(*("" if value is None else str(value) for value in row.values()))
        PlainConsole().print(shown)


def print_json(document: Any) -> None:
    """Write a document to standard output; what a terminal would act on is written as \\u001b."""
    print(safe_json(json.dumps(document, default=_plain, ensure_ascii=False, indent=2)))


def _print_csv(rows: pa.Table) -> None:
    # Text is always quoted: the writer would leave a lone carriage return bare, and readers end
    # the row there.
    writer = csv.writer(sys.stdout, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerow(map(spreadsheet_cell, rows.column_names))
    for row in rows.to_pylist():
        writer.writerow(map(spreadsheet_cell, row.values()))


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)

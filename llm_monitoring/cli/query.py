"""Answers from the lake, as a table, JSON or CSV."""

import sys

import pyarrow as pa
from rich.console import Console
from rich.table import Table

from llm_monitoring.lake import Lake
from llm_monitoring.settings import Settings
from llm_monitoring.settings.models import secret


def open_lake(settings: Settings) -> Lake:
    """The configured lake."""
    named = {name: secret(env) or "" for name, env in settings.lake.storage_options_env.items()}
    return Lake(settings.lake.uri, {**settings.lake.storage_options, **named})


def print_table(rows: pa.Table, style: str) -> None:
    """Write rows to standard output."""
    frame = rows.to_pandas()
    if style == "json":
        print(frame.to_json(orient="records", date_format="iso", indent=2))
    elif style == "csv":
        # A cell that begins like a formula would be run by a spreadsheet.
        frame.map(_harmless).to_csv(sys.stdout, index=False)
    else:
        shown = Table(*map(str, frame.columns))
        for row in rows.to_pylist():
            shown.add_row(*("" if value is None else str(value) for value in row.values()))
        Console().print(shown, markup=False)


def _harmless(value: object) -> object:
    starts_formula = isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r")
    return f"'{value}" if starts_formula else value

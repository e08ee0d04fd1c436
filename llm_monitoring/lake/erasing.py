"""Taking things out of the tables for good: words past their time, and people who are forgotten.

An operation's predicate stays in the Delta log, so ids never stand in one: rows are named by a
table they are merged with.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.table import TableMerger

from llm_monitoring.lake.lake import Lake
from llm_monitoring.lake.schema import TABLES, Table

LOG_RETENTION = "delta.logRetentionDuration"
USUAL_LOG_RETENTION = "interval 30 days"  # Delta's own default


def existing_tables(lake: Lake) -> list[Table]:
    """Those something was written to."""
    return [table for name, table in TABLES.items() if lake.version(name) is not None]


def configure(lake: Lake) -> list[str]:
    """Give the tables of an earlier version today's Delta properties; returns which had others."""
    changed = []
    for table in existing_tables(lake):
        wanted = table.configuration
        if wanted.items() - lake.properties(table.name).items():
            lake.change(table.name, partial(_configure, configuration=wanted))
            changed.append(table.name)
    return changed


def blank_words(lake: Lake, name: str, before: int) -> int:
    """Put what `Table.words` says in place of the words of rows before an hour.

    Returns:
        How many rows were changed.
    """
    words = TABLES[name].words
    stale = " or ".join(
        f"({column} is distinct from cast({value} as varchar))" for column, value in words.items()
    )
    predicate = f"hour < {int(before)} and ({stale})"
    rows = _count(lake, f"select count(*) as n from {name} where {predicate}")
    if rows:
        lake.change(name, lambda delta: delta.update(updates=dict(words), predicate=predicate))
    return rows


def rows_naming(lake: Lake, name: str, column: str, values: Sequence[str]) -> int:
    """How many rows have one of the values in a column."""
    statement = f"select count(*) as n from {name} where list_contains($values, {column})"
    return _count(lake, statement, values=list(values)) if values else 0


def delete_rows(lake: Lake, name: str, column: str, values: Sequence[str]) -> int:
    """Delete the rows that have one of the values in a column; returns how many there were."""
    rows = rows_naming(lake, name, column, values)
    if rows:
        named = pa.table({column: list(values)}, pa.schema([(column, pa.string())]))
        lake.change(
            name, lambda delta: _merge(delta, named, column).when_matched_delete().execute()
        )
    return rows


def unname(lake: Lake, name: str, column: str, values: Sequence[str]) -> int:
    """Set a column to null where it has one of the values; returns in how many rows."""
    rows = rows_naming(lake, name, column, values)
    if rows:
        named = pa.table({column: list(values)}, pa.schema([(column, pa.string())]))
        updates = {f"old.{column}": "null"}
        lake.change(
            name, lambda delta: _merge(delta, named, column).when_matched_update(updates).execute()
        )
    return rows


def purge(lake: Lake, name: str) -> None:
    """Leave nothing of a table but its newest version: neither older files nor their log entries.

    Who is reading an older version at this moment fails, and may read again.
    """
    usual = lake.properties(name).get(LOG_RETENTION, USUAL_LOG_RETENTION)
    lake.change(name, partial(_configure, configuration=TABLES[name].configuration))
    lake.change(name, _vacuum)
    lake.change(name, partial(_configure, configuration={LOG_RETENTION: "interval 0 seconds"}))
    lake.change(name, _trim_log)
    lake.change(name, partial(_configure, configuration={LOG_RETENTION: usual}))


def _configure(delta: DeltaTable, configuration: dict[str, str]) -> None:
    delta.alter.set_table_properties(configuration)


def _merge(delta: DeltaTable, named: pa.Table, column: str) -> TableMerger:
    condition = f"old.{column} = new.{column}"
    return delta.merge(named, condition, source_alias="new", target_alias="old")


def _vacuum(delta: DeltaTable) -> None:
    delta.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False)


def _trim_log(delta: DeltaTable) -> None:
    delta.create_checkpoint()
    delta.cleanup_metadata()


def _count(lake: Lake, statement: str, **parameters: Any) -> int:
    return int(lake.run(statement, **parameters)["n"][0].as_py())

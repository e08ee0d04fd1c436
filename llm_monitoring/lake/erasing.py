"""Taking things out of the tables for good: words past their time, and people who are forgotten.

An operation's predicate stays in the Delta log, so ids never stand in one: rows are named by a
table they are merged with.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable
from deltalake.table import TableMerger

from llm_monitoring.lake.lake import Lake
from llm_monitoring.lake.maintaining import remove_staged, vacuum
from llm_monitoring.lake.schema import TABLES, Table

LOG_RETENTION = "delta.logRetentionDuration"
NO_LOG_RETENTION = "interval 0 seconds"
USUAL_LOG_RETENTION = "interval 30 days"  # Delta's own default


def existing_tables(lake: Lake) -> list[Table]:
    """Those something was written to."""
    return [table for name, table in TABLES.items() if lake.version(name) is not None]


def configure(lake: Lake) -> list[str]:
    """Give tables that have others today's Delta properties; returns which.

    Those are tables of an earlier version, and those of a purge that was killed.
    """
    changed = []
    for table in existing_tables(lake):
        properties = lake.properties(table.name)
        wanted = _wanted(table, properties)
        if wanted.items() - properties.items():
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
    rows = lake.run(f"select hour from {name} where hour < {int(before)} and ({stale})")["hour"]
    if len(rows):
        first, last = pc.min_max(rows).as_py().values()
        # Delta compares no maps, so it is told hours: what is blank in them already stays so.
        lake.change(name, partial(_blank, words=words, hours=(first, last)))
    return len(rows)


def _blank(delta: DeltaTable, words: Mapping[str, str], hours: tuple[int, int]) -> None:
    stored = {column.name for column in delta.schema().fields}  # by an earlier version: fewer
    delta.update(
        updates={column: value for column, value in words.items() if column in stored},
        predicate=f"hour >= {hours[0]} and hour <= {hours[1]}",
    )


def rows_naming(lake: Lake, name: str, column: str, values: Sequence[str]) -> int:
    """How many rows have one of the values in a column."""
    statement = f"select count(*) as n from {name} where list_contains($values, {column})"
    return _count(lake, statement, values=list(values)) if values else 0


def delete_rows(lake: Lake, name: str, column: str, values: Sequence[str]) -> int:
    """Delete the rows that have one of the values in a column; returns how many there were."""
    return _change_rows(lake, name, column, values, TableMerger.when_matched_delete)


def unname(lake: Lake, name: str, column: str, values: Sequence[str]) -> int:
    """Set a column to null where it has one of the values; returns in how many rows."""
    nothing = {f"old.{column}": "null"}
    return _change_rows(
        lake, name, column, values, lambda merger: merger.when_matched_update(nothing)
    )


def _change_rows(
    lake: Lake,
    name: str,
    column: str,
    values: Sequence[str],
    what: Callable[[TableMerger], TableMerger],
) -> int:
    rows = rows_naming(lake, name, column, values)
    if rows:
        named = pa.table({column: list(values)}, pa.schema([(column, pa.string())]))
        lake.change(name, lambda delta: what(_merge(delta, named, column)).execute())
    return rows


def purge(lake: Lake, name: str) -> None:
    """Leave nothing of a table but its newest version: neither older files nor their log entries.

    Who is reading an older version at this moment fails, and may read again.
    """
    configuration = _wanted(TABLES[name], lake.properties(name))
    lake.change(name, partial(_configure, configuration=configuration))
    lake.change(name, partial(vacuum, keep_hours=0))
    remove_staged(lake, name)
    usual = lake.properties(name).get(LOG_RETENTION, USUAL_LOG_RETENTION)
    lake.change(name, partial(_configure, configuration={LOG_RETENTION: NO_LOG_RETENTION}))
    lake.change(name, _trim_log)
    lake.change(name, partial(_configure, configuration={LOG_RETENTION: usual}))


def _wanted(table: Table, properties: Mapping[str, str]) -> dict[str, str]:
    """Today's properties, and the usual retention of the log where a purge was killed half-way."""
    is_left_over = properties.get(LOG_RETENTION) == NO_LOG_RETENTION
    return table.configuration | ({LOG_RETENTION: USUAL_LOG_RETENTION} if is_left_over else {})


def _configure(delta: DeltaTable, configuration: dict[str, str]) -> None:
    delta.alter.set_table_properties(configuration)


def _merge(delta: DeltaTable, named: pa.Table, column: str) -> TableMerger:
    condition = f"old.{column} = new.{column}"
    return delta.merge(named, condition, source_alias="new", target_alias="old")


def _trim_log(delta: DeltaTable) -> None:
    delta.create_checkpoint()
    delta.cleanup_metadata()


def _count(lake: Lake, statement: str, **parameters: Any) -> int:
    return int(lake.run(statement, **parameters)["n"][0].as_py())

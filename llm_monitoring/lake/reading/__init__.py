"""Questions to tables: an in-memory DuckDB over exactly the files the Delta log names."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import duckdb
import pyarrow as pa
from deltalake import DeltaTable

from llm_monitoring.lake.reading.confinement import (
    bounded,
    check_is_select,
    interrupted_after,
    listed,
    lock,
)
from llm_monitoring.lake.schema import TABLES, Table
from llm_monitoring.lake.storage import Storage

QUERIES = Path(__file__).parents[1] / "queries"


def statement_of(name: str, fragments: Mapping[str, str]) -> str:
    """`queries/<name>.sql` with SQL in its `{named}` places."""
    statement = (QUERIES / f"{name}.sql").read_text()
    for place, fragment in fragments.items():
        statement = statement.replace(f"{{{place}}}", fragment)
    return statement


def answer(
    storage: Storage,
    statement: str,
    hours: tuple[int, int] | None,
    parameters: Mapping[str, Any],
) -> pa.Table:
    """What one SELECT over views named like the tables comes to."""
    with storage.connect() as connection:
        _prepare(storage, connection, statement, hours)
        wanted = {k: v for k, v in parameters.items() if f"${k}" in statement}
        return connection.sql(statement, params=wanted).to_arrow_table()


def bounded_answer(
    storage: Storage, statement: str, *, seconds: float, memory: str, largest_bytes: int
) -> pa.Table:
    """The same with bounds of time and memory."""
    with storage.connect() as connection:
        # Without a folder of temporary files: what does not fit in memory fails.
        connection.execute(f"set memory_limit = '{memory}'; set temp_directory = ''")
        for table in TABLES.values():
            # `show tables` and the hint after a slip of the pen know every table.
            if table not in _tables_named_in(statement):
                connection.register(table.name, table.schema.empty_table())
        _prepare(storage, connection, statement, None)
        with interrupted_after(connection, seconds):
            return bounded(connection.sql(statement).to_arrow_reader(), largest_bytes)


def _prepare(
    storage: Storage,
    connection: duckdb.DuckDBPyConnection,
    statement: str,
    hours: tuple[int, int] | None,
) -> None:
    """Views of the tables that a statement names, and then no way to anything else."""
    check_is_select(connection, statement)
    connection.execute("set preserve_insertion_order = false")
    views = [_create_view(storage, connection, t, hours) for t in _tables_named_in(statement)]
    lock(connection, [file for files in views for file in files])


def _create_view(
    storage: Storage,
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    hours: tuple[int, int] | None,
) -> list[str]:
    """A view named like the table; returns the local files it reads."""
    delta, wanted = storage.open(table.name), _wanted_partitions(table, hours)
    return create_view(storage, connection, table.name, delta, schema=table.schema, wanted=wanted)


def create_view(
    storage: Storage,
    connection: duckdb.DuckDBPyConnection,
    name: str,
    delta: DeltaTable | None,
    *,
    schema: pa.Schema,
    wanted: list[tuple[str, str, Any]] | None = None,
) -> list[str]:
    """A view of a table (None: it has no rows) with the columns of a schema.

    Args:
        wanted: condition on the partition column; None: every file.

    Returns:
        The local files it reads.
    """
    # Files of an earlier version may lack a column: by name, what is not there is null.
    connection.register(f"_{name}_none", schema.empty_table())
    columns = ", ".join(f'"{column}"' for column in schema.names)
    source = f"select * from _{name}_none"
    files: list[str] = []
    if delta is not None and not storage.is_local:
        dataset = delta.to_pyarrow_dataset(file_pruning_predicate=wanted)
        connection.register(f"_{name}", dataset)
        source += f" union all by name select * from _{name}"
    elif delta is not None:
        # Local paths come percent-encoded: a space in a folder's name would not be found.
        files = [unquote(file) for file in delta.file_uris(file_pruning_predicate=wanted)]
    if files and delta is not None:
        kinds = ", ".join(f"'{column}': bigint" for column in delta.metadata().partition_columns)
        options = "union_by_name = true, hive_partitioning = true"
        options += f", hive_types = {{{kinds}}}" if kinds else ""
        source += f" union all by name select * from read_parquet({listed(files)}, {options})"
    connection.execute(f'create view "{name}" as select {columns} from ({source})')
    return files


def _wanted_partitions(
    table: Table, hours: tuple[int, int] | None
) -> list[tuple[str, str, Any]] | None:
    """Condition on the partition column for the hours; None: every file may be needed."""
    if hours is None or table.partition is None:
        return None
    first, last = hours if table.partition == "hour" else (hours[0] // 10000, hours[1] // 10000)
    return [(table.partition, ">=", str(first)), (table.partition, "<=", str(last))]


def _tables_named_in(statement: str) -> list[Table]:
    words = set(re.findall(r"[a-z_]+", statement.lower()))
    if words & {"query", "query_table"}:  # DuckDB's: they may put any name together
        return list(TABLES.values())
    return [table for name, table in TABLES.items() if name in words]

"""A table's rows written anew under other columns: one atomic commit, streamed.

Whatever the size of the table, what is in memory are some batches of it and the open files of its
months.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb
import pyarrow as pa
from deltalake import DeltaTable, PostCommitHookProperties, WriterProperties, write_deltalake

from llm_monitoring.lake.reading import create_view
from llm_monitoring.lake.storage import Storage, retry_conflicts

BATCH_ROWS = 32_768
FILE_BYTES = 16_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewrite:
    """What becomes of one table.

    Args:
        table: its name.
        statement: SELECT of the new rows; `old` is the table as it is, the names given beside.
        gone: column that the old table has and the new one has not; empty: it keeps its columns.
        words: what is done, for people.
    """

    table: str
    statement: str
    gone: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewritten:
    """What became of it. Versions are Delta's: `before` is the one to go back to."""

    table: str
    rows: int
    words: str
    before: int
    after: int | None  # None: it was not done, only looked at


def is_due(delta: DeltaTable, rewrite: Rewrite) -> bool:
    """It was not done yet. A table that keeps its columns is written again as it is."""
    return not rewrite.gone or rewrite.gone in delta.schema().to_arrow().names


def count(delta: DeltaTable) -> int:
    """How many rows a table has; without reading them."""
    return int(delta.count())


def rewrite_table(storage: Storage, rewrite: Rewrite, names: Mapping[str, pa.Table]) -> int | None:
    """Do it, unless it is done; returns the Delta version, None: nothing was to be done.

    Args:
        names: small tables that the statement may join.
    """

    def written() -> int | None:
        delta = storage.open_any(rewrite.table)
        if delta is None or not is_due(delta, rewrite):
            return None
        with _view_of(storage, delta) as connection:
            for name, given in names.items():
                connection.register(name, given)
            write_deltalake(
                delta,
                connection.sql(rewrite.statement).to_arrow_reader(BATCH_ROWS),
                mode="overwrite",
                schema_mode="overwrite",
                # Files of all months are open at once, and in memory until they are this large.
                target_file_size=FILE_BYTES,
                writer_properties=WriterProperties(
                    max_row_group_size=BATCH_ROWS, compression="ZSTD"
                ),
                post_commithook_properties=PostCommitHookProperties(cleanup_expired_logs=False),
            )
        return delta.version()

    return retry_conflicts(written)


def distinct(storage: Storage, table: str, column: str) -> list[str]:
    """Values that a column of a table of any layout has; none where it has no such column."""
    delta = storage.open_any(table)
    if delta is None or column not in delta.schema().to_arrow().names:
        return []
    with _view_of(storage, delta) as connection:
        found = connection.sql(f'select distinct "{column}" as value from old')
        return [value for (value,) in found.fetchall() if value is not None]


@contextmanager
def _view_of(storage: Storage, delta: DeltaTable) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with the view `old` of a table, with the columns that it has."""
    schema = pa.schema(delta.schema().to_arrow())
    with storage.connect() as connection:
        # One thread reads month after month; several would hold a batch of many files each.
        connection.execute("set threads = 1; set timezone = 'UTC'")
        create_view(storage, connection, "old", delta, schema=schema)
        yield connection

"""Rows into tables: one atomic commit each."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable, PostCommitHookProperties, write_deltalake
from deltalake.table import TableMerger

from llm_monitoring.lake.schema import Table
from llm_monitoring.lake.storage import Storage, retry_conflicts


def stored(table: Table, rows: Iterable[Any] | pa.Table) -> pa.Table:
    """Records, or an Arrow table of the record's schema, as they stand in the lake."""
    if not isinstance(rows, pa.Table):
        rows = table.to_arrow(rows)
    data = rows.select(table.schema.names).cast(table.schema)
    if table.partition == "month":
        month = pc.cast(pc.floor(pc.divide(data["hour"], 10000)), pa.int64())
        data = data.append_column(pa.field("month", pa.int64()), month)
    return data


def write(storage: Storage, table: Table, data: pa.Table, **how: Any) -> int:
    """Append or overwrite; returns the Delta version."""

    def written() -> int:
        target = storage.create(table)
        write_deltalake(
            target,
            data,
            schema_mode="merge",  # a table made by an earlier version gains our columns
            post_commithook_properties=PostCommitHookProperties(cleanup_expired_logs=False),
            **how,
        )
        return target.version()

    return retry_conflicts(written)


def hours_predicate(
    table: Table, data: pa.Table, first: int, last: int, only: Mapping[str, Sequence[str]]
) -> str:
    """What rows from hour `first` to `last` replace, both included.

    Raises:
        ValueError: the table is not partitioned in time, or a row lies outside the range.
    """
    if table.partition is None:
        raise ValueError(f"{table.name} is not partitioned by time")
    outside = pc.sum(pc.or_(pc.less(data["hour"], first), pc.greater(data["hour"], last))).as_py()
    if outside:
        raise ValueError(f"{outside} rows for {table.name} lie outside hours {first} to {last}")
    predicate = f"hour >= {first} and hour <= {last}"
    if table.partition == "month":
        predicate += f" and month >= {first // 10000} and month <= {last // 10000}"
    for column, values in only.items():
        listed = ", ".join("'" + value.replace("'", "''") + "'" for value in values)
        predicate += f' and "{column}" in ({listed})'
    return predicate


def merge(target: DeltaTable, table: Table, rows: pa.Table) -> TableMerger:
    """Rows against those of the same key; `old` is the table, `new` are the rows."""
    condition = " and ".join(f"old.{column} = new.{column}" for column in table.key)
    return target.merge(rows, condition, source_alias="new", target_alias="old", merge_schema=True)


def unchanged(seen: Any | None, columns: Sequence[str]) -> str:
    """Condition that a stored row is the one that was seen; empty: there was none."""
    if seen is None:
        return ""
    return " and ".join(f'(old."{column}" {_equals(getattr(seen, column))})' for column in columns)


def _equals(value: str | int | None) -> str:
    if value is None:
        return "is null"
    return f"= {value}" if isinstance(value, int) else "= '" + value.replace("'", "''") + "'"

"""Reading and writing the tables.

A write replaces whole hours (or rows by key) in one atomic commit, so a re-run never duplicates
and a reader sees the old window or the new one. A read opens an in-memory DuckDB over exactly the
files the Delta log names, pruned to the hours asked for.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from llm_monitoring.lake.maintaining import maintain
from llm_monitoring.lake.reading import answer, bounded_answer, statement_of
from llm_monitoring.lake.schema import TABLES
from llm_monitoring.lake.selecting import named, select
from llm_monitoring.lake.storage import Storage
from llm_monitoring.lake.writing import hours_predicate, merge, stored, unchanged, write

MONTH = re.compile(r"/month=(\d+)/")


class Lake(Storage):
    """The tables, and all that is done with them."""

    def version(self, name: str) -> int | None:
        """Delta version of a table; None: nothing was written yet."""
        table = self.open(name)
        return None if table is None else table.version()

    def properties(self, name: str) -> dict[str, str]:
        """Delta properties of a table; none where nothing was written yet."""
        table = self.open(name)
        return {} if table is None else dict(table.metadata().configuration)

    def changed_since(self, name: str, version: int | None) -> int | None:
        """First hour a table partitioned by month may hold other rows for than at a version.

        Args:
            version: None: never seen.

        Returns:
            Hour key of the beginning of a month; 0: any hour may have changed; None: none has.
        """
        now = self.open(name)
        if now is None or now.version() == version:
            return None
        if version is None or version > now.version():
            return 0
        try:
            then = self.open_any(name, version)
        except DeltaError:  # its log was cleaned up
            return 0
        if then is None:
            return 0
        changed = set(now.file_uris()) ^ set(then.file_uris())
        months = [int(found[1]) for file in changed if (found := MONTH.search(file))]
        return min(months) * 10000 + 100 if months else None  # the first, at midnight

    # ---------------------------------------------------------------- writing

    def replace_hours(
        self,
        name: str,
        rows: Iterable[Any] | pa.Table,
        first: int,
        last: int,
        only: Mapping[str, Sequence[str]] | None = None,
    ) -> int:
        """Make the rows all there is of a table from hour `first` to `last`, both included.

        Args:
            rows: records, or an Arrow table of the record's schema.
            only: column -> values; rows with other values of that column stay as they are.

        Returns:
            The Delta version that was committed.

        Raises:
            ValueError: the table is not partitioned in time, or a row lies outside the range.
        """
        table = TABLES[name]
        data = stored(table, rows)
        predicate = hours_predicate(table, data, first, last, only or {})
        return write(self, table, data, mode="overwrite", predicate=predicate)

    def replace_all(self, name: str, rows: Iterable[Any] | pa.Table) -> int:
        """Make the rows all there is of a table; returns the Delta version."""
        table = TABLES[name]
        return write(self, table, stored(table, rows), mode="overwrite")

    def append(self, name: str, rows: Iterable[Any] | pa.Table) -> int:
        """Add rows; the caller knows that their keys are new. Returns the Delta version."""
        table = TABLES[name]
        return write(self, table, stored(table, rows), mode="append")

    def upsert(self, name: str, rows: Iterable[Any] | pa.Table) -> int:
        """Insert rows, replacing those with the same key; returns the Delta version."""
        table = TABLES[name]
        data = stored(table, rows)
        return self.change(
            name,
            lambda target: (
                merge(target, table, data)
                .when_matched_update_all()
                .when_not_matched_insert_all()
                .execute()
            ),
        )

    def update(self, name: str, rows: Iterable[Any], columns: Iterable[str]) -> int:
        """Take over some columns of these rows where their keys are; returns the Delta version.

        Others may write the other columns at the same time, and neither undoes the other's work.
        """
        table = TABLES[name]
        data = stored(table, rows)
        values = {f'"{column}"': f'new."{column}"' for column in columns}
        return self.change(
            name, lambda target: merge(target, table, data).when_matched_update(values).execute()
        )

    def claim(self, name: str, row: Any, seen: Any | None, columns: Sequence[str]) -> bool:
        """Store a row unless somebody else has stored another one of its key meanwhile.

        Args:
            row: as it is to be.
            seen: as it was read; None: there was none.
            columns: by which a row is known to be the one that was seen; they tell writers apart.

        Returns:
            Whether it is stored now; of several who try at once, one hears True.
        """
        table = TABLES[name]
        data = stored(table, [row])
        is_seen = unchanged(seen, columns)

        def merged(target: DeltaTable) -> object:
            merger = merge(target, table, data).when_not_matched_insert_all()
            return (merger.when_matched_update_all(is_seen) if is_seen else merger).execute()

        self.change(name, merged)
        found = self.rows(name, **{column: getattr(row, column) for column in table.key})
        return bool(found) and found[0] == row

    def remove(self, name: str, rows: Iterable[Any] | pa.Table) -> int:
        """Delete the rows that have the keys of these; returns the Delta version."""
        table = TABLES[name]
        data = stored(table, rows)
        return self.change(
            name, lambda target: merge(target, table, data).when_matched_delete().execute()
        )

    def delete(self, name: str, predicate: str) -> int:
        """Delete the rows a SQL predicate names; returns the Delta version."""
        return self.change(name, lambda table: table.delete(predicate))

    def delete_before(self, name: str, hour: int) -> int:
        """Delete the rows of hours before this one; returns the Delta version."""
        by_month = TABLES[name].partition == "month"
        months = f" and month <= {int(hour) // 10000}" if by_month else ""
        return self.delete(name, f"hour < {int(hour)}{months}")

    # ---------------------------------------------------------------- reading

    def query(
        self,
        name: str,
        *,
        hours: tuple[int, int] | None = None,
        fragments: Mapping[str, str] | None = None,
        **parameters: Any,
    ) -> pa.Table:
        """Run `queries/<name>.sql`.

        Args:
            hours: first and last hour the statement needs of hour-keyed tables; prunes files.
            fragments: SQL for the statement's `{named}` places: definitions, never values.
            parameters: values for the statement's `$named` parameters.
        """
        return self.run(statement_of(name, fragments or {}), hours=hours, **parameters)

    def run(
        self, statement: str, *, hours: tuple[int, int] | None = None, **parameters: Any
    ) -> pa.Table:
        """Run one SELECT over views named like the tables.

        Raises:
            ValueError: the text is not exactly one SELECT.
        """
        return answer(self, statement, hours, parameters)

    def ask(
        self,
        statement: str,
        *,
        seconds: float = 60,
        memory: str = "2GB",
        largest_bytes: int = 1_000_000_000,
    ) -> pa.Table:
        """Run one SELECT that a person wrote: as `run`, with bounds of time and memory.

        Args:
            seconds: after which it is interrupted.
            memory: that DuckDB may use.
            largest_bytes: of the answer, in memory.

        Raises:
            ValueError: the text is not exactly one SELECT, or a bound was passed.
        """
        return bounded_answer(
            self, statement, seconds=seconds, memory=memory, largest_bytes=largest_bytes
        )

    def rows(
        self, name: str, /, *, hours: tuple[int, int] | None = None, **wanted: Any
    ) -> list[Any]:
        """Records of a table, in the order of its key.

        Args:
            hours: first and last hour wanted, both included.
            wanted: column=value; a list: any of these; None: null.

        Raises:
            ValueError: the table has no such column.
        """
        return TABLES[name].to_records(self.table(name, hours=hours, **wanted))

    def table(
        self, name: str, /, *, hours: tuple[int, int] | None = None, **wanted: Any
    ) -> pa.Table:
        """The same as `rows`, as columns."""
        table = TABLES[name]
        statement, values = select(table, "*", wanted, hours)
        return self.run(f"{statement} order by {named(table, table.key)}", hours=hours, **values)

    def columns(
        self,
        name: str,
        columns: Sequence[str],
        /,
        *,
        hours: tuple[int, int] | None = None,
        **wanted: Any,
    ) -> pa.Table:
        """Some columns of a table, in the order of its key; conditions as in `rows`."""
        table = TABLES[name]
        statement, values = select(table, named(table, columns), wanted, hours)
        return self.run(f"{statement} order by {named(table, table.key)}", hours=hours, **values)

    def distinct(
        self, name: str, column: str, /, *, hours: tuple[int, int] | None = None, **wanted: Any
    ) -> set[Any]:
        """Values of a column, each once; conditions as in `rows`."""
        table = TABLES[name]
        statement, values = select(table, f"distinct {named(table, [column])}", wanted, hours)
        return set(self.run(statement, hours=hours, **values)[column].to_pylist())

    def count(self, name: str, /, *, hours: tuple[int, int] | None = None, **wanted: Any) -> int:
        """How many rows a table has; conditions as in `rows`."""
        statement, values = select(TABLES[name], "count(*) as n", wanted, hours)
        return int(self.run(statement, hours=hours, **values)["n"][0].as_py())

    def span(
        self, name: str, /, *, hours: tuple[int, int] | None = None, **wanted: Any
    ) -> tuple[int, int] | None:
        """First and last hour of a table; None: it has no row. Conditions as in `rows`."""
        ends = "min(hour) as first, max(hour) as last"
        statement, values = select(TABLES[name], ends, wanted, hours)
        (row,) = self.run(statement, hours=hours, **values).to_pylist()
        return None if row["first"] is None else (row["first"], row["last"])

    # ------------------------------------------------------------ maintaining

    def expire(self, before: int) -> dict[str, int]:
        """Delete the rows of hour-partitioned tables older than an hour.

        Args:
            before: hour key; rows of earlier hours are deleted.

        Returns:
            Table -> Delta version after the deletion.
        """
        names = [name for name, table in TABLES.items() if table.partition == "hour"]
        return {name: self.delete_before(name, before) for name in names if self.open(name)}

    def maintain(self, keep_hours: int = 168) -> dict[str, dict[str, Any]]:
        """Compact small files, checkpoint the log and delete files no version needs any more.

        A writer that gets in between is waited for; a table that cannot be served all the same
        does not keep the others from it.

        Args:
            keep_hours: files replaced longer ago than this are deleted.

        Returns:
            Per table: files before and after, files deleted; or its error.
        """
        return {name: maintain(self, name, keep_hours) for name in TABLES if self.open(name)}

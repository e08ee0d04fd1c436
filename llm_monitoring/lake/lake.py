"""Reading and writing the tables.

A write replaces whole hours (or rows by key) in one atomic commit, so a re-run never duplicates
and a reader sees the old window or the new one. A read opens an in-memory DuckDB over exactly the
files the Delta log names, pruned to the hours asked for.
"""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import stamina
from deltalake import DeltaTable, PostCommitHookProperties, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.table import TableMerger

from llm_monitoring.lake.confinement import (
    bounded,
    check_is_select,
    interrupted_after,
    listed,
    lock,
)
from llm_monitoring.lake.schema import TABLES, Table
from llm_monitoring.lake.selecting import named, select
from llm_monitoring.private_files import make_private

QUERIES = Path(__file__).with_name("queries")
MONTH = re.compile(r"/month=(\d+)/")
STAGED = re.compile(r"#\d+$")  # a file that is being written has this after its name
UNKNOWN_FILE_HOURS = 24  # no write takes a day: an older file in no log was left by a dead writer
Result = TypeVar("Result")
Connect = Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]]


@contextmanager
def connect_in_memory() -> Iterator[duckdb.DuckDBPyConnection]:
    """A private DuckDB in memory, closed whatever happens."""
    connection = duckdb.connect(":memory:")
    try:
        yield connection
    finally:
        connection.close()


class Lake:
    """The tables under one URI.

    Args:
        uri: local folder, or an object store such as `s3://bucket/prefix`.
        storage_options: what the object store needs (endpoint, region, keys), else empty.
        connect: opens a DuckDB connection and closes it again; one connection per use.

    Raises:
        ValueError: the path of a local folder has a character that Delta or DuckDB misreads.
    """

    def __init__(
        self,
        uri: str,
        storage_options: Mapping[str, str] | None = None,
        connect: Connect = connect_in_memory,
    ) -> None:
        if "://" not in uri and (wrong := sorted(set(uri) & set("%[]="))):
            # Delta reads the first three as parts of an address, DuckDB the last as a partition.
            raise ValueError(f"a lake's folder cannot have {' '.join(wrong)} in its path: {uri}")
        self.uri = uri.rstrip("/")
        self.storage_options = dict(storage_options or {}) or None
        self.connect = connect

    @property
    def is_local(self) -> bool:
        """DuckDB reads local files itself; an object store is read through Arrow."""
        return "://" not in self.uri

    def version(self, name: str) -> int | None:
        """Delta version of a table; None: nothing was written yet."""
        table = self._open(name)
        return None if table is None else table.version()

    def properties(self, name: str) -> dict[str, str]:
        """Delta properties of a table; none where nothing was written yet."""
        table = self._open(name)
        return {} if table is None else dict(table.metadata().configuration)

    def changed_since(self, name: str, version: int | None) -> int | None:
        """First hour a table partitioned by month may hold other rows for than at a version.

        Args:
            version: None: never seen.

        Returns:
            Hour key of the beginning of a month; 0: any hour may have changed; None: none has.
        """
        now = self._open(name)
        if now is None or now.version() == version:
            return None
        if version is None or version > now.version():
            return 0
        try:
            then = DeltaTable(
                self._location(name), version=version, storage_options=self.storage_options
            )
        except DeltaError:  # its log was cleaned up
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
        if table.partition is None:
            raise ValueError(f"{name} is not partitioned by time")
        data = self._stored(table, rows)
        outside = pc.sum(
            pc.or_(pc.less(data["hour"], first), pc.greater(data["hour"], last))
        ).as_py()
        if outside:
            raise ValueError(f"{outside} rows for {name} lie outside hours {first} to {last}")
        predicate = f"hour >= {first} and hour <= {last}"
        if table.partition == "month":
            predicate += f" and month >= {first // 10000} and month <= {last // 10000}"
        for column, values in (only or {}).items():
            listed = ", ".join("'" + value.replace("'", "''") + "'" for value in values)
            predicate += f' and "{column}" in ({listed})'
        return self._write(table, data, mode="overwrite", predicate=predicate)

    def replace_all(self, name: str, rows: Iterable[Any] | pa.Table) -> int:
        """Make the rows all there is of a table; returns the Delta version."""
        table = TABLES[name]
        return self._write(table, self._stored(table, rows), mode="overwrite")

    def append(self, name: str, rows: Iterable[Any] | pa.Table) -> int:
        """Add rows; the caller knows that their keys are new. Returns the Delta version."""
        table = TABLES[name]
        return self._write(table, self._stored(table, rows), mode="append")

    def upsert(self, name: str, rows: Iterable[Any] | pa.Table) -> int:
        """Insert rows, replacing those with the same key; returns the Delta version."""
        table = TABLES[name]
        data = self._stored(table, rows)
        return self.change(
            name,
            lambda target: (
                _merge(target, table, data)
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
        data = self._stored(table, rows)
        values = {f'"{column}"': f'new."{column}"' for column in columns}
        return self.change(
            name, lambda target: _merge(target, table, data).when_matched_update(values).execute()
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
        data = self._stored(table, [row])
        unchanged = " and ".join(
            f'(old."{column}" {_equals(getattr(seen, column))})'
            for column in (columns if seen is not None else ())
        )

        def merged(target: DeltaTable) -> object:
            merger = _merge(target, table, data).when_not_matched_insert_all()
            return (merger.when_matched_update_all(unchanged) if unchanged else merger).execute()

        self.change(name, merged)
        stored = self.rows(name, **{column: getattr(row, column) for column in table.key})
        return bool(stored) and stored[0] == row

    def remove(self, name: str, rows: Iterable[Any] | pa.Table) -> int:
        """Delete the rows that have the keys of these; returns the Delta version."""
        table = TABLES[name]
        data = self._stored(table, rows)
        return self.change(
            name, lambda target: _merge(target, table, data).when_matched_delete().execute()
        )

    def delete(self, name: str, predicate: str) -> int:
        """Delete the rows a SQL predicate names; returns the Delta version."""
        return self.change(name, lambda table: table.delete(predicate))

    def delete_before(self, name: str, hour: int) -> int:
        """Delete the rows of hours before this one; returns the Delta version."""
        by_month = TABLES[name].partition == "month"
        months = f" and month <= {int(hour) // 10000}" if by_month else ""
        return self.delete(name, f"hour < {int(hour)}{months}")

    def change(self, name: str, operation: Callable[[DeltaTable], object]) -> int:
        """One Delta operation, done again on top of whoever got there first; returns the version.

        What an operation is given as text, such as a predicate, stays in the log: never an id.
        """

        def changed() -> int:
            target = self._create(TABLES[name])
            operation(target)
            return target.version()

        return _retry_conflicts(changed)

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
        statement = (QUERIES / f"{name}.sql").read_text()
        for place, fragment in (fragments or {}).items():
            statement = statement.replace(f"{{{place}}}", fragment)
        return self.run(statement, hours=hours, **parameters)

    def run(
        self, statement: str, *, hours: tuple[int, int] | None = None, **parameters: Any
    ) -> pa.Table:
        """Run one SELECT over views named like the tables.

        Raises:
            ValueError: the text is not exactly one SELECT.
        """
        with self.connect() as connection:
            self._prepare(connection, statement, hours)
            wanted = {k: v for k, v in parameters.items() if f"${k}" in statement}
            return connection.sql(statement, params=wanted).to_arrow_table()

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
        with self.connect() as connection:
            # Without a folder of temporary files: what does not fit in memory fails.
            connection.execute(f"set memory_limit = '{memory}'; set temp_directory = ''")
            for table in TABLES.values():
                # `show tables` and the hint after a slip of the pen know every table.
                if table not in _tables_named_in(statement):
                    connection.register(table.name, table.schema.empty_table())
            self._prepare(connection, statement, None)
            with interrupted_after(connection, seconds):
                return bounded(connection.sql(statement).to_arrow_reader(), largest_bytes)

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
        return {name: self.delete_before(name, before) for name in names if self._open(name)}

    def maintain(self, keep_hours: int = 168) -> dict[str, dict[str, Any]]:
        """Compact small files, checkpoint the log and delete files no version needs any more.

        A writer that gets in between is waited for; a table that cannot be served all the same
        does not keep the others from it.

        Args:
            keep_hours: files replaced longer ago than this are deleted.

        Returns:
            Per table: files before and after, files deleted; or its error.
        """
        return {name: self._maintain(name, keep_hours) for name in TABLES if self._open(name)}

    def _maintain(self, name: str, keep_hours: int) -> dict[str, Any]:
        try:
            return _retry_conflicts(lambda: self._upkeep(name, keep_hours))
        except (DeltaError, OSError) as error:
            return {"error": str(error)}

    def _upkeep(self, name: str, keep_hours: int) -> dict[str, Any]:
        table = self._open(name)
        if table is None:  # deleted by hand in between
            return {}
        before = len(table.file_uris())
        table.optimize.compact()
        table.create_checkpoint()
        table.cleanup_metadata()
        deleted = vacuum(table, keep_hours)
        # Files of a writer that was killed are in no log; those of one still at work neither.
        unknown_hours = max(keep_hours, UNKNOWN_FILE_HOURS)
        deleted += vacuum(table, unknown_hours, full=True)
        deleted += self.remove_staged(name, unknown_hours)
        return {
            "files_before": before,
            "files_after": len(table.file_uris()),
            "deleted": len(deleted),
        }

    def remove_staged(self, name: str, keep_hours: int = UNKNOWN_FILE_HOURS) -> list[str]:
        """Delete files that killed writers did not write to their end; no vacuum sees those.

        Args:
            keep_hours: younger ones stay: their writer may be at work.

        Returns:
            Their paths.
        """
        if not self.is_local:  # an object store shows a file when it is whole
            return []
        staged = [
            file
            for file in Path(self._location(name)).rglob("*#*")
            if STAGED.search(file.name) and _age_hours(file) > keep_hours
        ]
        for file in staged:
            file.unlink(missing_ok=True)
        return [str(file) for file in staged]

    # ---------------------------------------------------------------- private

    def _location(self, name: str) -> str:
        return f"{self.uri}/{name}"

    def _open(self, name: str) -> DeltaTable | None:
        try:
            return DeltaTable(self._location(name), storage_options=self.storage_options)
        except TableNotFoundError:
            return None

    def _create(self, table: Table) -> DeltaTable:
        if self.is_local:
            make_private(Path(self.uri))
        return DeltaTable.create(
            self._location(table.name),
            schema=table.stored_schema,
            mode="ignore",
            partition_by=[table.partition] if table.partition else None,
            configuration=table.configuration,
            storage_options=self.storage_options,
        )

    def _stored(self, table: Table, rows: Iterable[Any] | pa.Table) -> pa.Table:
        if not isinstance(rows, pa.Table):
            rows = table.to_arrow(rows)
        data = rows.select(table.schema.names).cast(table.schema)
        if table.partition == "month":
            month = pc.cast(pc.floor(pc.divide(data["hour"], 10000)), pa.int64())
            data = data.append_column(pa.field("month", pa.int64()), month)
        return data

    def _write(self, table: Table, data: pa.Table, **how: Any) -> int:
        def write() -> int:
            target = self._create(table)
            write_deltalake(
                target,
                data,
                schema_mode="merge",  # a table made by an earlier version gains our columns
                post_commithook_properties=PostCommitHookProperties(cleanup_expired_logs=False),
                **how,
            )
            return target.version()

        return _retry_conflicts(write)

    def _prepare(
        self,
        connection: duckdb.DuckDBPyConnection,
        statement: str,
        hours: tuple[int, int] | None,
    ) -> None:
        """Views of the tables that a statement names, and then no way to anything else."""
        check_is_select(connection, statement)
        connection.execute("set preserve_insertion_order = false")
        views = [self._create_view(connection, t, hours) for t in _tables_named_in(statement)]
        lock(connection, [file for files in views for file in files])

    def _create_view(
        self,
        connection: duckdb.DuckDBPyConnection,
        table: Table,
        hours: tuple[int, int] | None,
    ) -> list[str]:
        """A view named like the table; returns the local files it reads."""
        delta = self._open(table.name)
        wanted = _wanted_partitions(table, hours)
        # Files of an earlier version may lack a column: by name, what is not there is null.
        none = f"_{table.name}_none"
        connection.register(none, table.schema.empty_table())
        columns = ", ".join(f'"{name}"' for name in table.schema.names)
        source = f"select * from {none}"
        files: list[str] = []
        if delta is not None and not self.is_local:
            dataset = delta.to_pyarrow_dataset(file_pruning_predicate=wanted)
            connection.register(f"_{table.name}", dataset)
            source += f" union all by name select * from _{table.name}"
        elif delta is not None:
            # Local paths come percent-encoded: a space in a folder's name would not be found.
            files = [unquote(file) for file in delta.file_uris(file_pruning_predicate=wanted)]
        if files:
            partition = f", hive_types = {{'{table.partition}': bigint}}" if table.partition else ""
            options = f"union_by_name = true, hive_partitioning = true{partition}"
            source += f" union all by name select * from read_parquet({listed(files)}, {options})"
        connection.execute(f'create view "{table.name}" as select {columns} from ({source})')
        return files


def _merge(target: DeltaTable, table: Table, rows: pa.Table) -> TableMerger:
    condition = " and ".join(f"old.{column} = new.{column}" for column in table.key)
    return target.merge(rows, condition, source_alias="new", target_alias="old", merge_schema=True)


def _equals(value: str | int | None) -> str:
    if value is None:
        return "is null"
    return f"= {value}" if isinstance(value, int) else "= '" + value.replace("'", "''") + "'"


def vacuum(table: DeltaTable, keep_hours: int, *, full: bool = False) -> list[str]:
    """Delete files that no version of the last hours needs; returns their paths.

    Args:
        full: those that no log names too.
    """
    return table.vacuum(
        retention_hours=keep_hours, dry_run=False, enforce_retention_duration=False, full=full
    )


def _age_hours(file: Path) -> float:
    """By the clock of the machine, like Delta's own; 0: it is gone."""
    try:
        return (time.time() - file.stat().st_mtime) / 3600
    except FileNotFoundError:
        return 0


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


def _retry_conflicts(write: Callable[[], Result]) -> Result:
    """Another writer got there first: read the new version and commit on top of it."""
    for attempt in stamina.retry_context(on=_is_conflict, attempts=20, timeout=120, wait_max=2):
        with attempt:
            return write()
    raise AssertionError("stamina re-raises the last error")  # pragma: no cover


def _is_conflict(error: Exception) -> bool:
    said = str(error).lower()
    return isinstance(error, CommitFailedError) or (
        isinstance(error, DeltaError)
        # An entry of the log that was to be read next was trimmed in between.
        and ("conflict" in said or ("not found" in said and "_delta_log" in said))
    )

"""Where the tables lie, and how one is opened, made and changed."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeVar

import duckdb
import stamina
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from llm_monitoring.lake.layout import LAYOUT, PROPERTY, checked
from llm_monitoring.lake.schema import TABLES, Table
from llm_monitoring.private_files import make_private

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


class Storage:
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

    def location(self, name: str) -> str:
        """Folder or address of a table."""
        return f"{self.uri}/{name}"

    def open(self, name: str) -> DeltaTable | None:
        """A table; None: nothing was written yet.

        Raises:
            LayoutError: it is of another version of the layout.
        """
        delta = self.open_any(name)
        return None if delta is None else checked(delta, self.uri)

    def open_any(self, name: str, version: int | None = None) -> DeltaTable | None:
        """A table of whatever layout, at a Delta version (None: the newest); None: not there."""
        try:
            return DeltaTable(
                self.location(name), version=version, storage_options=self.storage_options
            )
        except TableNotFoundError:
            return None

    def create(self, table: Table) -> DeltaTable:
        """The table, made where it is not there yet.

        Raises:
            LayoutError: it is there, of another version of the layout.
        """
        if self.is_local:
            make_private(Path(self.uri))
        delta = DeltaTable.create(
            self.location(table.name),
            schema=table.stored_schema,
            mode="ignore",
            partition_by=[table.partition] if table.partition else None,
            configuration=table.configuration | {PROPERTY: str(LAYOUT)},
            storage_options=self.storage_options,
            raise_if_key_not_exists=False,  # Delta knows its own properties only
        )
        return checked(delta, self.uri)

    def check_layout(self) -> None:
        """Look at every table; cheaper is to use them and be refused.

        Raises:
            LayoutError: one is of another version of the layout.
        """
        for name in TABLES:
            self.open(name)

    def change(self, name: str, operation: Callable[[DeltaTable], object]) -> int:
        """One Delta operation, done again on top of whoever got there first; returns the version.

        What an operation is given as text, such as a predicate, stays in the log: never an id.
        """

        def changed() -> int:
            target = self.create(TABLES[name])
            operation(target)
            return target.version()

        return retry_conflicts(changed)


def retry_conflicts(write: Callable[[], Result]) -> Result:
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

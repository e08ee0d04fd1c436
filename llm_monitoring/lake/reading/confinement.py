"""A DuckDB connection that can read what it was given, and nothing else, for a while."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import duckdb
import pyarrow as pa


def check_is_select(connection: duckdb.DuckDBPyConnection, statement: str) -> None:
    """Refuse what is not exactly one SELECT (`show tables` and `describe` are of its kind).

    Raises:
        ValueError: it is more, less or something else.
    """
    parsed = connection.extract_statements(statement)
    if len(parsed) != 1 or parsed[0].type != duckdb.StatementType.SELECT:
        raise ValueError("expected exactly one SELECT statement")


def lock(connection: duckdb.DuckDBPyConnection, files: Sequence[str]) -> None:
    """Shut the file system but for some files, the network, extensions and the settings.

    Python's variables are shut too: DuckDB would read a data frame of the caller by its name.
    """
    connection.execute(f"set allowed_paths = {listed(files)}; {LOCKS}")


@contextmanager
def interrupted_after(connection: duckdb.DuckDBPyConnection, seconds: float) -> Iterator[None]:
    """Interrupt what runs within once the time is over.

    Not everything can be interrupted, such as a list that DuckDB makes before it runs at all: then
    the error comes late.

    Raises:
        ValueError: it took longer.
    """
    is_over = threading.Event()

    def interrupt() -> None:
        is_over.set()
        connection.interrupt()

    timer = threading.Timer(seconds, interrupt)
    timer.start()
    try:
        yield
        if is_over.is_set():
            raise InterruptedError
    # Arrow tells of an interruption as OSError.
    except (duckdb.InterruptException, OSError) as error:
        if is_over.is_set():
            raise ValueError(f"interrupted: the statement took over {seconds:g} s") from error
        raise
    finally:
        timer.cancel()


def bounded(reader: pa.RecordBatchReader, largest_bytes: int) -> pa.Table:
    """All the rows of an answer.

    Raises:
        ValueError: they are more than fits.
    """
    batches, size = [], 0
    for batch in reader:
        size += batch.nbytes
        if size > largest_bytes:
            raise ValueError(f"the answer is larger than {largest_bytes / 1e6:g} MB: ask for less")
        batches.append(batch)
    return pa.Table.from_batches(batches, schema=reader.schema)


def listed(texts: Sequence[str]) -> str:
    """A list of texts as SQL."""
    return "[" + ", ".join("'" + text.replace("'", "''") + "'" for text in texts) + "]"


# The last one holds the others.
LOCKS = """
set enable_external_access = false;
set autoinstall_known_extensions = false;
set autoload_known_extensions = false;
set allow_persistent_secrets = false;
set python_enable_replacements = false;
set lock_configuration = true;
"""

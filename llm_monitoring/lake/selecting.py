"""Statements over one table, made of its own column names: what is wanted of it, by equality."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from llm_monitoring.lake.schema import Table


def select(
    table: Table,
    what: str,
    wanted: Mapping[str, Any],
    hours: tuple[int, int] | None = None,
) -> tuple[str, dict[str, Any]]:
    """A statement and its parameters.

    Args:
        what: the statement's list of expressions.
        wanted: column -> value; a list: any of these; None: null.
        hours: first and last hour wanted, both included.

    Raises:
        ValueError: the table has no such column.
    """
    named(table, wanted)
    conditions = [_condition(column, value) for column, value in wanted.items()]
    if hours is not None:
        conditions.append(f"hour between {int(hours[0])} and {int(hours[1])}")
    where = f" where {' and '.join(conditions)}" if conditions else ""
    values = {
        column: list(value) if _is_list(value) else value
        for column, value in wanted.items()
        if value is not None
    }
    return f"select {what} from {table.name}{where}", values


def named(table: Table, columns: Iterable[str]) -> str:
    """The columns as a statement lists them.

    Raises:
        ValueError: the table has no such column.
    """
    columns = list(columns)
    if unknown := sorted(set(columns) - set(table.schema.names)):
        raise ValueError(f"{table.name} has no column {', '.join(unknown)}")
    return ", ".join(f'"{column}"' for column in columns)


def _condition(column: str, value: Any) -> str:
    if value is None:
        return f'"{column}" is null'
    if _is_list(value):
        return f'list_contains(${column}, "{column}")'
    return f'"{column}" = ${column}'


def _is_list(value: Any) -> bool:
    return isinstance(value, Collection) and not isinstance(value, str)

"""The version of the lake's layout: which tables and columns there are, and how ids are made.

Each table bears it among its Delta properties, so that opening one tells it at no cost. A table
without it was written before there were versions, and is of the first. What only adds a column is
no new version: tables gain it when they are next written, and it is null until then.
"""

from deltalake import DeltaTable

LAYOUT = 2  # 1: series by model, the chart `outage`; 2: by segment, `single_window`
PROPERTY = "llm-monitoring.layout"
FIRST = 1


class LayoutError(ValueError):
    """The lake is of another version than this code reads and writes."""


def layout_of(delta: DeltaTable) -> int:
    """The version that a table is of."""
    return int(delta.metadata().configuration.get(PROPERTY, FIRST))


def checked(delta: DeltaTable, uri: str) -> DeltaTable:
    """The table, if it is of this code's version.

    Raises:
        LayoutError: it is not.
    """
    found = layout_of(delta)
    if found < LAYOUT:
        raise LayoutError(
            f"the lake {uri} has layout {found} and this version reads {LAYOUT}: stop what writes "
            "to it and run llm-monitoring migrate"
        )
    if found > LAYOUT:
        raise LayoutError(
            f"the lake {uri} has layout {found} and this version reads {LAYOUT}: it was written or "
            "migrated by a newer llm-monitoring, which has to be installed here too"
        )
    return delta


def stamp(delta: DeltaTable) -> None:
    """Write this code's version onto a table."""
    delta.alter.set_table_properties({PROPERTY: str(LAYOUT)}, raise_if_not_exists=False)

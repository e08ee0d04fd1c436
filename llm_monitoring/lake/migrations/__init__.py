"""From an older layout of the lake to this code's, table by table.

Each table is rewritten in one commit and all are stamped at the end, so whatever kills a migration
leaves a lake that nobody reads, and the next one goes on where it stopped. Nothing else may write
meanwhile. Delta keeps the versions from before as it keeps all others.
"""

from collections.abc import Iterator
from functools import partial

from deltalake import DeltaTable

from llm_monitoring.lake.layout import LAYOUT, checked, layout_of, stamp
from llm_monitoring.lake.migrations.rewriting import Rewritten, count, is_due, rewrite_table
from llm_monitoring.lake.migrations.segments import REWRITES, Rename, names
from llm_monitoring.lake.schema import TABLES
from llm_monitoring.lake.storage import Storage, retry_conflicts


def oldest_layout(storage: Storage) -> int:
    """Of the tables there are; this code's where there is none."""
    return min((layout_of(delta) for delta in _tables(storage).values()), default=LAYOUT)


def migrate_lake(storage: Storage, rename: Rename, *, dry_run: bool = False) -> Iterator[Rewritten]:
    """Bring the lake to this code's layout; yields each table when it is done.

    Args:
        rename: a baseline under another chart_id, with the id that it has by that name.
        dry_run: only yield what would be done.

    Raises:
        LayoutError: a table is of a newer layout.
    """
    tables = _tables(storage)
    old = {name: delta for name, delta in tables.items() if layout_of(delta) < LAYOUT}
    for name in tables.keys() - old.keys():
        checked(tables[name], storage.uri)
    given = names(storage, rename) if old else {}
    for rewrite in REWRITES:
        if (delta := old.get(rewrite.table)) is not None and is_due(delta, rewrite):
            rows, before = count(delta), delta.version()
            after = None if dry_run else rewrite_table(storage, rewrite, given)
            if dry_run or after is not None:  # else somebody else has just done it
                yield Rewritten(
                    table=rewrite.table, rows=rows, words=rewrite.words, before=before, after=after
                )
    if not dry_run:
        for name in old:
            retry_conflicts(partial(_stamp, storage, name))


def _stamp(storage: Storage, name: str) -> None:
    delta = storage.open_any(name)
    if delta is not None:
        stamp(delta)


def _tables(storage: Storage) -> dict[str, DeltaTable]:
    found = ((name, storage.open_any(name)) for name in TABLES)
    return {name: delta for name, delta in found if delta is not None}

"""Upkeep of tables: few files, a short log, and nothing left behind by dead writers."""

import re
import time
from pathlib import Path
from typing import Any

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from llm_monitoring.lake.storage import Storage, retry_conflicts

STAGED = re.compile(r"#\d+$")  # a file that is being written has this after its name
UNKNOWN_FILE_HOURS = 24  # no write takes a day: an older file in no log was left by a dead writer


def maintain(storage: Storage, name: str, keep_hours: int) -> dict[str, Any]:
    """Compact, checkpoint and vacuum one table: what became of its files, or its error."""
    try:
        return retry_conflicts(lambda: _upkeep(storage, name, keep_hours))
    except (DeltaError, OSError) as error:
        return {"error": str(error)}


def _upkeep(storage: Storage, name: str, keep_hours: int) -> dict[str, Any]:
    table = storage.open(name)
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
    deleted += remove_staged(storage, name, unknown_hours)
    return {
        "files_before": before,
        "files_after": len(table.file_uris()),
        "deleted": len(deleted),
    }


def remove_staged(storage: Storage, name: str, keep_hours: int = UNKNOWN_FILE_HOURS) -> list[str]:
    """Delete files that killed writers did not write to their end; no vacuum sees those.

    Args:
        keep_hours: younger ones stay: their writer may be at work.

    Returns:
        Their paths.
    """
    if not storage.is_local:  # an object store shows a file when it is whole
        return []
    staged = [
        file
        for file in Path(storage.location(name)).rglob("*#*")
        if STAGED.search(file.name) and _age_hours(file) > keep_hours
    ]
    for file in staged:
        file.unlink(missing_ok=True)
    return [str(file) for file in staged]


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

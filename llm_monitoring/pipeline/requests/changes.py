"""The change ledger: files of deployments, prompts, models and prices, and decisions of people."""

from dataclasses import dataclass

from llm_monitoring.adapters.sources import read_changes
from llm_monitoring.lake import Lake
from llm_monitoring.rebaselines import ledger_entry
from llm_monitoring.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """What reading the ledger came to.

    Args:
        entries: how many it has.
        rejected: file and line -> why it is no entry.
        missing: files that are not there.
        version: Delta version.
    """

    entries: int
    rejected: dict[str, str]
    missing: list[str]
    version: int


def read_ledger(lake: Lake, settings: Settings) -> Ledger:
    """Read the whole ledger again and store it.

    Decisions about baselines are entries too; they are kept in the lake, not in a file. While a
    file is missing, what was read of it stays.
    """
    files = settings.sources.changes
    missing = [str(file) for file in files if not file.exists()]
    entries, rejected = read_changes([f for f in files if f.exists()], settings.redaction)
    entries += [ledger_entry(decision) for decision in lake.rows("rebaselines")]
    if missing:
        read = {entry.change_id for entry in entries}
        entries += [row for row in lake.rows("changes") if row.change_id not in read]
    return Ledger(
        entries=len(entries),
        rejected={f"{row.file}:{row.line}": row.reason for row in rejected},
        missing=missing,
        version=lake.replace_all("changes", entries),
    )

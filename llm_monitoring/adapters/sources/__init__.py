"""Logs as records: requests and user signals of a range of hours, and the ledger of changes."""

from llm_monitoring.adapters.sources.changes import read_changes
from llm_monitoring.adapters.sources.files import (
    SourceFile,
    files_naming,
    source_files,
    stored_name,
)
from llm_monitoring.adapters.sources.filing import FileContents
from llm_monitoring.adapters.sources.reading import Reading, read_requests, read_signals

__all__ = [
    "FileContents",
    "Reading",
    "SourceFile",
    "files_naming",
    "read_changes",
    "read_requests",
    "read_signals",
    "source_files",
    "stored_name",
]

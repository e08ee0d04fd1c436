"""The daily upkeep of the lake: retention, compaction, checkpoints, vacuum."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from llm_monitoring.lake import Lake
from llm_monitoring.pipeline.incidents.pages import write_cases, write_report
from llm_monitoring.pipeline.upkeep.retention import Expired, delete_cases, expire
from llm_monitoring.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Maintained:
    """What an upkeep came to.

    Args:
        expired: what was past its time.
        cases: regression cases that were deleted.
        tables: table -> files before and after, files deleted; or its error.
    """

    expired: Expired
    cases: int
    tables: dict[str, dict[str, Any]]

    @property
    def failed(self) -> dict[str, str]:
        """Tables that could not be maintained -> why; all others were."""
        return {name: done["error"] for name, done in self.tables.items() if "error" in done}


def maintain_lake(lake: Lake, settings: Settings, now: datetime) -> Maintained:
    """Delete rows past their retention, compact small files, checkpoint, vacuum."""
    retention = settings.retention
    expired = expire(lake, retention, now)
    for incident in expired.incidents:
        write_report(lake, settings, now, incident, leave_out=expired.cases)
    deleted = delete_cases(lake, expired.cases)
    if retention.regression_case_days is not None:
        write_cases(lake, settings)
    return Maintained(
        expired=expired, cases=deleted, tables=lake.maintain(retention.replaced_files_hours)
    )

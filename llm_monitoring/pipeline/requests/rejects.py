"""Hours in which too many rows of a source were rejected."""

from collections.abc import Sequence

from llm_monitoring.alerts import POOLED_HOURS, DataFinding, find_rejects
from llm_monitoring.hours import shift
from llm_monitoring.lake import Lake
from llm_monitoring.records import SourceRead
from llm_monitoring.settings import Settings


def rejected_hours(
    lake: Lake, settings: Settings, reads: Sequence[SourceRead]
) -> list[DataFinding]:
    """What the alerts find too: judged by the hour and the day up to it.

    Args:
        reads: of one table.
    """
    if not reads:
        return []
    first, last = min(read.hour for read in reads), max(read.hour for read in reads)
    counted: list[SourceRead] = lake.rows(
        "source_reads", hours=(shift(first, 1 - POOLED_HOURS), last), table=reads[0].table
    )
    return find_rejects(counted, settings.control.maximum_reject_ratio)

"""Hours in which too few of the sampled answers got a score."""

from collections.abc import Sequence

from llm_monitoring.alerts import POOLED_HOURS, Counted, DataFinding, find_low_coverage
from llm_monitoring.hours import shift
from llm_monitoring.lake import Lake
from llm_monitoring.records import Judgement
from llm_monitoring.settings import Settings


def uncovered_hours(lake: Lake, settings: Settings, rows: Sequence[Judgement]) -> list[DataFinding]:
    """What the alerts find too: judged by the hour and the day up to it.

    Args:
        rows: of one epoch.
    """
    if not rows:
        return []
    first, last = min(row.hour for row in rows), max(row.hour for row in rows)
    judged: list[Judgement] = lake.rows(
        "judgements", hours=(shift(first, 1 - POOLED_HOURS), last), epoch=rows[0].epoch
    )
    samples = [
        Counted(hour=row.hour, place=row.feature_id, bad=row.unscored_reason is not None, rows=1)
        for row in judged
    ]
    return find_low_coverage(samples, settings.control.minimum_judge_coverage_ratio)

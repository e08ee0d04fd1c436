"""Charts of windows before a run that were measured again."""

from collections.abc import Sequence

from llm_monitoring.hours import shift
from llm_monitoring.lake import Lake
from llm_monitoring.pipeline.windows.chart import recompute
from llm_monitoring.pipeline.windows.measure import names_of, settle_hours
from llm_monitoring.settings import Settings


def recompute_late(lake: Lake, settings: Settings, first: int) -> list[int]:
    """Replay charts anew whose windows before `first` are others than when they were replayed.

    That they differ is read from the tables themselves: a run that was killed in between leaves
    the next one to see it.

    Returns:
        Hours before `first` that have other alarms now.
    """
    stale = [
        *_stale(lake, names_of("signals"), shift(first, -settle_hours(settings)), first),
        *_stale(lake, ["novelty_rate"], shift(first, -24 * settings.retention.raw_days), first),
    ]
    if not stale:
        return []
    since = min(hour for hour, _ in stale)
    metrics = sorted({metric for _, metric in stale})
    before = _alarms(lake, metrics, since, first)
    recompute(lake, settings, since, shift(first, -1), metrics=metrics)
    return sorted({hour for hour, _ in before ^ _alarms(lake, metrics, since, first)})


def _stale(lake: Lake, metrics: Sequence[str], since: int, until: int) -> list[tuple[int, str]]:
    hours = (since, until)
    rows = lake.query("stale_charts", hours=hours, metrics=metrics, since=since, until=until)
    return [(row["hour"], row["metric"]) for row in rows.to_pylist()]


def _alarms(lake: Lake, metrics: Sequence[str], since: int, until: int) -> set[tuple[int, str]]:
    rows = lake.columns(
        "control_charts", ["hour", "chart_id"], hours=(since, shift(until, -1)),
        alarm=True, metric=metrics,
    ).to_pylist()  # fmt: skip
    return {(row["hour"], row["chart_id"]) for row in rows}

"""The replay of control charts over the lake: read, go on from the stored state, write."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from llm_monitoring.control import Checkpoint, Series, charts_of, concerns, group, replay
from llm_monitoring.hours import LAST_HOUR
from llm_monitoring.lake import TABLES, Lake
from llm_monitoring.pipeline.windows.chart_history import History, read_heads, read_history
from llm_monitoring.records import Baseline, ChartPoint, Rebaseline, WindowMetric
from llm_monitoring.settings import Settings
from llm_monitoring.stats.charts import Chart


@dataclass(frozen=True, slots=True)
class Recomputed:
    """What a replay came to."""

    charts: int
    baselines: int
    last: int
    version: int


@dataclass(frozen=True, slots=True)
class _Plan:
    """A chart to replay: where it goes on, and from which hour its earlier windows are needed."""

    series: Series
    chart: Chart
    checkpoint: Checkpoint | None
    since: int | None  # None: none of them

    def replay(
        self,
        earlier: Sequence[WindowMetric],
        later: Sequence[WindowMetric],
        rebaselines: Sequence[Rebaseline],
    ) -> tuple[list[ChartPoint], list[Baseline]]:
        """Points and baselines of the windows after the one it goes on from."""
        checkpoint, head = self.checkpoint, self.checkpoint.point.hour if self.checkpoint else 0
        if checkpoint and checkpoint.phase_one and self.since is not None and self.since <= head:
            taken = [row for row in earlier if self.since <= row.hour <= head]
            checkpoint = replace(checkpoint, phase_one=replace(checkpoint.phase_one, windows=taken))
        windows = [*(row for row in earlier if row.hour > head), *later]
        replayed = replay(self.series, self.chart, windows, checkpoint, rebaselines)
        return replayed.points, replayed.baselines

    def overtaken(self, known: Iterable[Baseline], learned: Iterable[Baseline]) -> list[Baseline]:
        """Baselines that were learned after that point once, when the windows were others."""
        head = self.checkpoint.point.hour if self.checkpoint else 0
        ids = {row.baseline_id for row in learned}
        return [row for row in known if row.last_hour > head and row.baseline_id not in ids]


def recompute(
    lake: Lake,
    settings: Settings,
    first: int,
    last: int,
    only: Rebaseline | None = None,
    *,
    metrics: Sequence[str] | None = None,
) -> Recomputed:
    """Replay the windows from `first` on, and those computed after `last` already.

    A chart goes on from its stored state if it has a point for each earlier window and knew of
    every decision about it; otherwise it is replayed from its first window. So the table equals the
    replay over all windows and decisions, in whatever order they were materialised and made.

    Args:
        only: charts that this decision is not about are left as they are.
        metrics: charts of other metrics are left as they are; None: all are replayed.
    """
    history = read_history(lake, first)
    later = group(_later(lake, first, only))
    known = {
        series: charts_of(series, settings)
        for series in {*later, *history.windows}
        if (only is None or concerns(only, series))
        and (metrics is None or series.metric in metrics)
    }
    # A chart of a series that has ended is left as it is, unless it lacks a point.
    due = [
        (series, chart)
        for series, charts in known.items()
        for chart in charts
        if series in later or not history.is_complete(series, chart)
    ]
    read_heads(lake, history, due)
    plans = [_plan(history, *one, len(later.get(one[0], ()))) for one in due]
    needed = _needed(plans)
    earlier = group(_earlier(lake, first, needed)) if needed else {}
    points: list[ChartPoint] = []
    baselines: list[Baseline] = []
    overtaken: list[Baseline] = []
    for plan in plans:
        windows = earlier.get(plan.series, ()), later.get(plan.series, ())
        replayed, learned = plan.replay(*windows, history.rebaselines)
        # Where it is recomputed no stored point can be relied on, equal as the last ones may be.
        points += (
            history.news(plan.checkpoint.point.chart_id, replayed) if plan.checkpoint else replayed
        )
        known_before = history.baselines.get(plan.series.chart_id(plan.chart), {})
        baselines += [b for b in learned if b != known_before.get(b.baseline_id)]
        overtaken += plan.overtaken(known_before.values(), learned)
    end = max((point.hour for point in points), default=last)
    names = [series.chart_id(chart) for series, charts in known.items() for chart in charts]
    own = None if only is None and metrics is None else {"chart_id": names}
    _write_baselines(lake, baselines, overtaken)
    return Recomputed(
        charts=len(names),
        baselines=len(baselines),
        last=max(end, last),
        version=_write_points(lake, points, (first, max(end, last)), own),
    )


def _later(lake: Lake, first: int, only: Rebaseline | None) -> list[WindowMetric]:
    """Windows from `first` on."""
    own = {} if only is None else {"feature_id": only.feature_id}
    return lake.rows("window_metrics", hours=(first, LAST_HOUR), **own)


def _plan(history: History, series: Series, chart: Chart, later: int) -> _Plan:
    """How a chart is replayed.

    Args:
        later: windows its series has from the replay's first hour on.
    """
    checkpoint = history.checkpoint(series, chart)
    if checkpoint is None:
        return _Plan(series, chart, None, 0 if series in history.windows else None)
    head, failed = checkpoint.point.hour, len(history.stored[checkpoint.point.chart_id]) - 1
    if checkpoint.phase_one and checkpoint.phase_one.learns_within(failed + later):
        return _Plan(series, chart, checkpoint, history.restart_of(series, head) or 0)
    return _Plan(series, chart, checkpoint, head + 1 if failed else None)


def _needed(plans: Sequence[_Plan]) -> dict[Series, int]:
    """From which hour windows before the replay are needed, of the series of which any are."""
    needed: dict[Series, int] = {}
    for plan in plans:
        if plan.since is not None:
            needed[plan.series] = min(plan.since, needed.get(plan.series, plan.since))
    return needed


def _earlier(lake: Lake, first: int, needed: Mapping[Series, int]) -> list[WindowMetric]:
    table = lake.query(
        "series_windows",
        hours=(min(needed.values()), first),
        features=[series.feature_id for series in needed],
        segments=[series.segment for series in needed],
        epochs=[series.epoch for series in needed],
        metrics=[series.metric for series in needed],
        since=list(needed.values()),
        first=first,
    )
    return TABLES["window_metrics"].to_records(table)


def _write_baselines(
    lake: Lake, learned: Sequence[Baseline], overtaken: Sequence[Baseline]
) -> None:
    """Before the points: a chart whose point names a baseline that is gone is recomputed.

    So a run that dies in between leaves nothing behind.
    """
    if learned:
        lake.upsert("baselines", learned)
    if overtaken:
        lake.remove("baselines", overtaken)


def _write_points(
    lake: Lake,
    points: Sequence[ChartPoint],
    hours: tuple[int, int],
    own: Mapping[str, Sequence[str]] | None,
) -> int:
    """Points of the replay's hours, and earlier ones of the charts that were recomputed.

    Args:
        own: the charts whose points are replaced, by column; None: all of them.
    """
    first, last = hours
    recomputed = [point for point in points if point.hour < first]
    if recomputed:
        start = min(point.hour for point in recomputed)
        charts = sorted({point.chart_id for point in recomputed})
        lake.replace_hours(
            "control_charts", recomputed, start, _previous(first), {"chart_id": charts}
        )
    later = [point for point in points if point.hour >= first]
    return lake.replace_hours("control_charts", later, first, last, own)


def _previous(hour: int) -> int:
    return hour - 1  # keys are compared, not counted: no hour lies between

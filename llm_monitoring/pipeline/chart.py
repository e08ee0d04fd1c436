"""The fold of control charts over the lake: read, go on from the stored state, write."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

from llm_monitoring.control import (
    Resume,
    Series,
    can_resume,
    charts_of,
    concerns,
    fold,
    group,
)
from llm_monitoring.hours import LAST_HOUR
from llm_monitoring.lake import TABLES, Lake
from llm_monitoring.records import Baseline, ChartPoint, Rebaseline, WindowMetric
from llm_monitoring.settings import Settings
from llm_monitoring.stats.charts import Chart


@dataclass(frozen=True, slots=True)
class Refolded:
    """What a fold came to."""

    charts: int
    baselines: int
    last: int
    version: int


@dataclass(frozen=True, slots=True)
class _Before:
    """What the lake knows of the windows before an hour."""

    first: int
    heads: dict[str, ChartPoint]
    points: dict[str, int]
    windows: dict[Series, int]
    baselines: dict[str, Baseline]
    rebaselines: list[Rebaseline]

    def is_complete(self, series: Series, chart: Chart) -> bool:
        """The chart has a point for each window of its series."""
        return self.points.get(series.chart_id(chart), 0) == self.windows.get(series, 0)

    def restarts_of(self, series: Series) -> list[int]:
        """Hours in which the series began to learn anew."""
        mine = (entry.from_hour for entry in self.rebaselines if concerns(entry, series))
        return [hour for hour in mine if hour is not None and hour < self.first]

    def has_to_go_back(self, series: Series, charts: Sequence[Chart], goes_on: bool) -> bool:
        """Its first windows are needed: a chart is still learning, or lacks a point."""
        return series in self.windows and any(
            self.resume(series, chart) is None
            for chart in charts
            if goes_on or not self.is_complete(series, chart)
        )

    def news(self, points: Sequence[ChartPoint], start: "_Before | None") -> Sequence[ChartPoint]:
        """Points that are not stored yet: where the last one before the fold is, all before are.

        Args:
            points: of one chart, folded from `start` on; None: from its first window.
        """
        earlier = [point for point in points if point.hour < self.first]
        if not earlier or self.heads.get(earlier[-1].chart_id) != earlier[-1]:
            return points
        chart_id, count = earlier[-1].chart_id, len(earlier)
        known = self.points[chart_id] - (start.points.get(chart_id, 0) if start else 0)
        return points[count:] if known == count else points

    def resume(self, series: Series, chart: Chart) -> Resume | None:
        """Where the chart goes on; None: it starts anew, or has to be folded from its beginning."""
        head = self.heads.get(series.chart_id(chart))
        if head is None or not self.is_complete(series, chart):
            return None
        baseline = self.baselines.get(head.baseline_id or "")
        mine = [entry for entry in self.rebaselines if concerns(entry, series)]
        return Resume(head, baseline) if can_resume(chart, head, baseline, mine) else None


def refold(
    lake: Lake,
    settings: Settings,
    first: int,
    last: int,
    only: Rebaseline | None = None,
    *,
    metrics: Sequence[str] | None = None,
) -> Refolded:
    """Fold the windows from `first` on, and those computed after `last` already.

    A chart goes on from its stored state if its Phase I is over, it has a point for each earlier
    window, and its baseline knew of every decision about it; otherwise it is folded from its last
    restart, or from its first window. So the table equals the fold over all windows and decisions,
    in whatever order they were materialised and made.

    Args:
        only: charts that this decision is not about are left as they are.
        metrics: charts of other metrics are left as they are; None: all are folded.
    """
    before = _before(lake, first)
    later = group(_later(lake, first, only))
    known = {
        series: charts_of(series, settings)
        for series in {*later, *before.windows}
        if (only is None or concerns(only, series))
        and (metrics is None or series.metric in metrics)
    }
    starts = _starts(lake, before, known, later)
    earlier = group(_earlier(lake, before, starts)) if starts else {}
    points: list[ChartPoint] = []
    baselines: list[Baseline] = []
    for series, charts in known.items():
        start = starts.get(series, before)
        windows = [*_since(start, earlier.get(series, ())), *later.get(series, ())]
        for chart in charts:
            resume = start.resume(series, chart) if start else None
            folded = fold(series, chart, windows, resume, before.rebaselines)
            points += before.news(folded.points, start)
            baselines += [b for b in folded.baselines if b != before.baselines.get(b.baseline_id)]
    end = max((point.hour for point in points), default=last)
    names = [series.chart_id(chart) for series, charts in known.items() for chart in charts]
    own = None if only is None and metrics is None else {"chart_id": names}
    return Refolded(
        charts=len(names),
        baselines=len(baselines),
        last=max(end, last),
        version=_write(lake, points, baselines, (first, max(end, last)), own),
    )


def _before(lake: Lake, first: int) -> _Before:
    table = lake.query("chart_heads", first=first)
    heads: list[ChartPoint] = TABLES["control_charts"].to_records(table)
    counts = table["points"].to_pylist()
    series = lake.query("series_before", first=first).to_pylist()
    return _Before(
        first=first,
        heads={head.chart_id: head for head in heads},
        points={head.chart_id: count for head, count in zip(heads, counts, strict=True)},
        windows={
            Series(row["feature_id"], row["model_id"], row["epoch"], row["metric"]): row["windows"]
            for row in series
        },
        baselines={row.baseline_id: row for row in lake.rows("baselines")},
        rebaselines=lake.rows("rebaselines"),
    )


def _later(lake: Lake, first: int, only: Rebaseline | None) -> list[WindowMetric]:
    """Windows from `first` on."""
    return lake.rows(
        "window_metrics",
        "true" if only is None else "feature_id = $feature_id",
        hours=(first, LAST_HOUR),
        feature_id=only.feature_id if only else None,
    )


def _starts(
    lake: Lake,
    before: _Before,
    known: Mapping[Series, Sequence[Chart]],
    later: Container[Series],
) -> dict[Series, _Before | None]:
    """Where series are folded from that cannot go on from before the fold; None: their beginning.

    While one learns anew after a restart, all its charts can go on from before the restart.
    """
    snapshots: dict[int, _Before] = {}
    starts: dict[Series, _Before | None] = {}
    for series, charts in known.items():
        if not before.has_to_go_back(series, charts, goes_on=series in later):
            continue
        starts[series] = None
        restart = max(before.restarts_of(series), default=None)
        if restart is None:
            continue
        if restart not in snapshots:
            snapshots[restart] = _before(lake, restart)
        snapshot = snapshots[restart]
        if all(snapshot.resume(series, chart) for chart in charts):
            starts[series] = snapshot
    return starts


def _since(start: _Before | None, windows: Sequence[WindowMetric]) -> Sequence[WindowMetric]:
    return [row for row in windows if row.hour >= start.first] if start else windows


def _earlier(
    lake: Lake, before: _Before, starts: Mapping[Series, _Before | None]
) -> list[WindowMetric]:
    """Windows before the fold of the series with a start, and of others of the same metrics."""
    metrics = sorted({series.metric for series in starts})
    since = min(start.first if start else 0 for start in starts.values())
    return lake.rows(
        "window_metrics",
        "list_contains($metrics, metric)",
        hours=(since, before.first - 1),
        metrics=metrics,
    )


def _write(
    lake: Lake,
    points: Sequence[ChartPoint],
    baselines: Sequence[Baseline],
    hours: tuple[int, int],
    own: Mapping[str, Sequence[str]] | None,
) -> int:
    """Baselines first: a point never names one that is not there.

    Args:
        own: the charts whose points are replaced, by column; None: all of them.
    """
    first, last = hours
    if baselines:
        lake.upsert("baselines", baselines)
    refolded = [point for point in points if point.hour < first]
    if refolded:
        start = min(point.hour for point in refolded)
        charts = sorted({point.chart_id for point in refolded})
        lake.replace_hours(
            "control_charts", refolded, start, _previous(first), {"chart_id": charts}
        )
    later = [point for point in points if point.hour >= first]
    return lake.replace_hours("control_charts", later, first, last, own)


def _previous(hour: int) -> int:
    return hour - 1  # keys are compared, not counted: no hour lies between

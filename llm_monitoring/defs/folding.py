"""The fold of control charts over the lake: read, go on from the stored state, write."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from llm_monitoring.control import Resume, Series, can_resume, charts_of, fold, group
from llm_monitoring.lake import TABLES, Lake
from llm_monitoring.records import Baseline, ChartPoint, WindowMetric
from llm_monitoring.settings import Settings
from llm_monitoring.stats.chart import Chart

LAST_HOUR = 9999123123


@dataclass(frozen=True, slots=True)
class Refolded:
    """What a fold came to."""

    charts: int
    baselines: int
    last: int
    version: int


@dataclass(frozen=True, slots=True)
class _Before:
    """What the lake knows of the windows before the fold."""

    heads: dict[str, ChartPoint]
    points: dict[str, int]
    windows: dict[Series, int]
    baselines: dict[str, Baseline]

    def is_complete(self, series: Series, chart: Chart) -> bool:
        """The chart has a point for each window of its series."""
        return self.points.get(series.chart_id(chart), 0) == self.windows.get(series, 0)

    def restarts(self, series: Series, charts: Sequence[Chart], goes_on: bool) -> bool:
        """Its first windows are needed: a chart is still learning, or lacks a point."""
        return series in self.windows and any(
            self.resume(series, chart) is None
            for chart in charts
            if goes_on or not self.is_complete(series, chart)
        )

    def news(self, points: Sequence[ChartPoint], first: int) -> Sequence[ChartPoint]:
        """Points that are not stored yet: where the last one before `first` is, all before are."""
        earlier = [point for point in points if point.hour < first]
        if not earlier or self.heads.get(earlier[-1].chart_id) != earlier[-1]:
            return points
        count = len(earlier)
        return points[count:] if self.points[earlier[-1].chart_id] == count else points

    def resume(self, series: Series, chart: Chart) -> Resume | None:
        """Where the chart goes on; None: it starts anew, or has to be folded from its beginning."""
        head = self.heads.get(series.chart_id(chart))
        if head is None or not self.is_complete(series, chart):
            return None
        baseline = self.baselines.get(head.baseline_id or "")
        return Resume(head, baseline) if can_resume(chart, head, baseline) else None


def refold(lake: Lake, settings: Settings, first: int, last: int) -> Refolded:
    """Fold the windows from `first` on, and those computed after `last` already.

    A chart goes on from its stored state if its Phase I is over and it has a point for each
    earlier window; otherwise it is folded from its first window. So the table equals the fold over
    all windows, in whatever order they were materialised.
    """
    before = _before(lake, first)
    later = group(lake.rows("window_metrics", hours=(first, LAST_HOUR)))
    known = {series: charts_of(series, settings) for series in {*later, *before.windows}}
    anew = {
        series
        for series, charts in known.items()
        if before.restarts(series, charts, goes_on=series in later)
    }
    earlier = group(_earlier(lake, first, anew)) if anew else {}
    points: list[ChartPoint] = []
    baselines: list[Baseline] = []
    for series, charts in known.items():
        for chart in charts:
            resume = None if series in anew else before.resume(series, chart)
            windows = [*(earlier.get(series, ()) if series in anew else ()), *later.get(series, ())]
            folded = fold(series, chart, windows, resume)
            points += before.news(folded.points, first)
            baselines += [b for b in folded.baselines if b.baseline_id not in before.baselines]
    end = max((point.hour for point in points), default=last)
    return Refolded(
        charts=sum(map(len, known.values())),
        baselines=len(baselines),
        last=max(end, last),
        version=_write(lake, points, baselines, first, max(end, last)),
    )


def _before(lake: Lake, first: int) -> _Before:
    table = lake.query("chart_heads", first=first)
    heads: list[ChartPoint] = TABLES["control_charts"].to_records(table)
    counts = table["points"].to_pylist()
    series = lake.query("series_before", first=first).to_pylist()
    return _Before(
        heads={head.chart_id: head for head in heads},
        points={head.chart_id: count for head, count in zip(heads, counts, strict=True)},
        windows={
            Series(row["feature_id"], row["model_id"], row["epoch"], row["metric"]): row["windows"]
            for row in series
        },
        baselines={row.baseline_id: row for row in lake.rows("baselines")},
    )


def _earlier(lake: Lake, first: int, wanted: Iterable[Series]) -> list[WindowMetric]:
    """Windows before `first` of the wanted series, and of others of the same metrics."""
    metrics = sorted({series.metric for series in wanted})
    return lake.rows(
        "window_metrics",
        "hour < $first and list_contains($metrics, metric)",
        first=first,
        metrics=metrics,
    )


def _write(
    lake: Lake,
    points: Sequence[ChartPoint],
    baselines: Sequence[Baseline],
    first: int,
    last: int,
) -> int:
    """Baselines first: a point never names one that is not there."""
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
    return lake.replace_hours("control_charts", later, first, last)


def _previous(hour: int) -> int:
    return hour - 1  # keys are compared, not counted: no hour lies between

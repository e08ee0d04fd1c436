"""What the lake knows of charts before an hour, and where each of them goes on."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from llm_monitoring.control import Checkpoint, PhaseOne, Series, can_resume, concerns, skips
from llm_monitoring.hours import shift
from llm_monitoring.lake import TABLES, Lake
from llm_monitoring.records import Baseline, ChartPoint, Rebaseline
from llm_monitoring.stats.charts import Chart

# Points that failed are computed again for a week, so that a mended fault heals by itself; what
# failed before stays until its hours are run again, or a failure would cost more every hour.
RETRIED_HOURS = 168


@dataclass(slots=True, kw_only=True)
class History:
    """Points and windows before an hour.

    Args:
        first: the hour.
        windows: how many each series has.
        points: how many each chart has.
        ends: hour of the last point of each chart that a replay may go on from.
        baselines: those of each chart, by their ids.
        stored: that point of charts that were read, and those that failed after it, in order.
        learning: hours that Phase I took in, of charts that were read and are learning.
        restarts: what the lake knew at the restarts of charts that are learning.
    """

    first: int
    windows: Mapping[Series, int]
    points: Mapping[str, int]
    ends: Mapping[str, int]
    baselines: Mapping[str, Mapping[str, Baseline]]
    rebaselines: Sequence[Rebaseline]
    stored: dict[str, list[ChartPoint]] = field(default_factory=dict)
    learning: dict[str, list[int]] = field(default_factory=dict)
    restarts: dict[int, "History"] = field(default_factory=dict)

    def is_complete(self, series: Series, chart: Chart) -> bool:
        """The chart has a point for each window of its series."""
        return self.points.get(series.chart_id(chart), 0) == self.windows.get(series, 0)

    def decisions(self, series: Series) -> list[Rebaseline]:
        """What people decided about a series."""
        return [entry for entry in self.rebaselines if concerns(entry, series)]

    def restart_of(self, series: Series, hour: int) -> int | None:
        """Hour in which the series last began to learn anew, up to an hour; None: it never did."""
        mine = (entry.from_hour for entry in self.decisions(series))
        return max((start for start in mine if start and start <= hour), default=None)

    def checkpoint(self, series: Series, chart: Chart) -> Checkpoint | None:
        """Where the chart goes on; None: it is replayed from its first window."""
        stored = self.stored.get(series.chart_id(chart))
        if not stored or not self.is_complete(series, chart):
            return None
        head, is_retried = stored[0], stored[0].hour >= shift(self.first, -RETRIED_HOURS)
        if head.failure is not None and is_retried:
            return None
        baseline = self.baseline_of(head)
        phase_one = None
        if is_learning(chart, baseline):
            phase_one = self._phase_one(series, chart, head)
        mine = self.decisions(series)
        is_ours = can_resume(chart, head, baseline, mine, phase_one)
        return Checkpoint(head, baseline, phase_one) if is_ours else None

    def baseline_of(self, point: ChartPoint) -> Baseline | None:
        """The baseline that was in force at a point."""
        return self.baselines.get(point.chart_id, {}).get(point.baseline_id or "")

    def news(self, chart_id: str, points: Sequence[ChartPoint]) -> list[ChartPoint]:
        """Points that are not stored as they are now.

        Args:
            points: of one chart, from the point after the one it goes on from.
        """
        known = self.stored[chart_id][1:]  # they failed
        return list(points[len(known) :] if list(points[: len(known)]) == known else points)

    def _phase_one(self, series: Series, chart: Chart, head: ChartPoint) -> PhaseOne | None:
        """Phase I as it stands; None: what was known before it cannot be relied on."""
        restart, before = self.restart_of(series, head.hour), None
        if restart is not None:
            earlier = self.restarts[restart]
            if earlier.windows.get(series):
                start = earlier.checkpoint(series, chart)
                if start is None:
                    return None
                before = start.phase_one.before if start.phase_one else start.baseline
        hours = [h for h in self.learning.get(head.chart_id, ()) if h >= (restart or 0)]
        left_out = skips(self.decisions(series))
        taken = {h for h in hours if not any(first <= h <= last for first, last in left_out)}
        return PhaseOne(min(hours, default=None), taken, before)


def is_learning(chart: Chart, baseline: Baseline | None) -> bool:
    """Phase I is not over."""
    return chart.learn is not None and (baseline is None or baseline.status != "established")


def read_history(lake: Lake, first: int) -> History:
    """Counts, baselines and decisions; points only of the charts that are asked for later."""
    counts = lake.query("chart_counts", first=first, retried=shift(first, -RETRIED_HOURS))
    charts = counts["chart_id"].to_pylist()
    series = lake.query("series_before", first=first).to_pylist()
    return History(
        first=first,
        windows={
            Series(row["feature_id"], row["segment"], row["epoch"], row["metric"]): row["windows"]
            for row in series
        },
        points=dict(zip(charts, counts["points"].to_pylist(), strict=True)),
        ends=dict(zip(charts, counts["head"].to_pylist(), strict=True)),
        baselines=_by_chart(lake.rows("baselines")),
        rebaselines=lake.rows("rebaselines"),
    )


def _by_chart(baselines: Iterable[Baseline]) -> dict[str, dict[str, Baseline]]:
    by_chart: dict[str, dict[str, Baseline]] = {}
    for row in baselines:
        by_chart.setdefault(row.chart_id, {})[row.baseline_id] = row
    return by_chart


def read_heads(lake: Lake, history: History, charts: Iterable[tuple[Series, Chart]]) -> None:
    """Points that charts go on from; of those that are learning, what Phase I took in."""
    ids = {s.chart_id(c): (s, c) for s, c in charts if s.chart_id(c) in history.ends}
    if not ids:
        return
    heads = [history.ends[name] for name in ids]
    found = lake.query(
        "chart_heads",
        hours=(min(heads), history.first),
        charts=list(ids),
        heads=heads,
        earliest=min(heads),
        first=history.first,
    )
    points: list[ChartPoint] = TABLES["control_charts"].to_records(found)
    for point in sorted(points, key=lambda point: point.hour):
        history.stored.setdefault(point.chart_id, []).append(point)
    _read_learning(lake, history, ids)


def _read_learning(
    lake: Lake, history: History, charts: Mapping[str, tuple[Series, Chart]]
) -> None:
    learning = {
        name: charts[name]
        for name, (head, *_) in history.stored.items()
        if is_learning(charts[name][1], history.baseline_of(head))
    }
    if not learning:
        return
    rows = lake.query("learning_hours", charts=list(learning), first=history.first)
    names, hours = rows["chart_id"].to_pylist(), rows["hours"].to_pylist()
    history.learning.update(zip(names, hours, strict=True))
    by_restart: dict[int, list[tuple[Series, Chart]]] = {}
    for name, (series, chart) in learning.items():
        restart = history.restart_of(series, history.stored[name][0].hour)
        if restart is not None:
            by_restart.setdefault(restart, []).append((series, chart))
    for restart, mine in by_restart.items():
        history.restarts[restart] = read_history(lake, restart)
        read_heads(lake, history.restarts[restart], mine)

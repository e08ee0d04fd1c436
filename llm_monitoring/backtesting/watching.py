"""One series under one rule: replayed as the product replays it, its episodes, its budget."""

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from llm_monitoring.alerts.runs import Run, chart_runs, joined
from llm_monitoring.backtesting.rules import Rule, charts_for
from llm_monitoring.control import Series, chart_run_length, replay, ticket_margin
from llm_monitoring.records import Baseline, ChartPoint, Rebaseline, WindowMetric
from llm_monitoring.stats.multiplicity import expected_false_alarms

MONITORED = ("provisional", "established")
ENDED_AFTER_HOURS = 48  # a chart without windows for longer has ended, and its episode with it


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundEpisode:
    """Windows in a row in which one series was out of control under a rule."""

    series: Series
    chart: str  # that opened it
    first_hour: int  # first window out of control
    last_hour: int  # latest window out of control
    is_open: bool  # still out of control at the end
    direction: str | None  # up or down; None: neither
    before: float | None  # what the baseline expects, in the metric's unit; None: a drawn line
    level: float | None  # estimated level since the change, as of the episode's median window
    change_hour: int | None  # estimated first window of the change


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """One series under one rule, over the windows that were asked about."""

    series: Series
    charts: int
    chart_windows: int  # that were compared with a baseline or a line
    waiting_windows: int  # in which a chart was still learning
    expected: float | None  # false alarms by the budget; None: no chart keeps one
    episodes: tuple[FoundEpisode, ...]


def watch_series(
    rule: Rule,
    series: Series,
    windows: Sequence[WindowMetric],
    *,
    hours: tuple[int, int],
    rebaselines: Sequence[Rebaseline] = (),
) -> Watched | None:
    """One series under one rule.

    Args:
        windows: of the series in order of time, from its first one on: Phase I is learned from
            those before `hours`, as the product learns it.
        hours: first and last hour asked about; later windows are not looked at.
        rebaselines: what people decided about baselines.

    Returns:
        None: no chart of the rule watches the series.
    """
    charts = charts_for(rule, series)
    windows = [window for window in windows if window.hour <= hours[1]]
    if not charts or not windows:
        return None
    points: list[ChartPoint] = []
    accepted: dict[str, int] = {}
    for chart in charts:
        replayed = replay(series, chart, windows, rebaselines=rebaselines)
        points += replayed.points
        accepted |= {b.baseline_id: b.last_hour for b in replayed.baselines if _is_accepted(b)}
    runs = chart_runs(
        points, newest_hour=hours[1], ended_after_hours=ENDED_AFTER_HOURS, accepted=accepted
    )
    asked = [point for point in points if point.hour >= hours[0]]
    episodes = [_episode(series, runs) for runs in joined(runs)]
    return Watched(
        series=series,
        charts=len(charts),
        chart_windows=sum(point.status in MONITORED for point in asked),
        waiting_windows=sum(point.status == "waiting" for point in asked),
        expected=_expected(rule, series, asked),
        episodes=tuple(e for e in episodes if e.last_hour >= hours[0]),
    )


def _is_accepted(baseline: Baseline) -> bool:
    """The policy took the level of an open episode as the new normal."""
    reason: object = json.loads(baseline.diagnostics).get("reason")
    return reason == "accepted_shift"


def _episode(series: Series, runs: Sequence[Run]) -> FoundEpisode:
    first = runs[0].first
    rows = [row for run in runs for row in run.rows]
    typical = sorted(rows, key=_departure)[len(rows) // 2]
    return FoundEpisode(
        series=series,
        chart=first.chart,
        first_hour=min(row.hour for row in rows),
        last_hour=max(row.hour for row in rows),
        is_open=any(run.is_open for run in runs),
        direction=first.direction,
        before=typical.center,
        # The first estimates rest on few windows, the last ones on windows of the recovery.
        level=typical.level,
        # The estimate at the alarm: later ones wander.
        change_hour=first.change_hour,
    )


def _departure(row: ChartPoint) -> float:
    """How far the level is from where it should be in that hour, or from nothing."""
    return (row.level or 0.0) - (row.center or 0.0)


def _expected(rule: Rule, series: Series, points: Sequence[ChartPoint]) -> float | None:
    """False alarms by the budget, in the windows that were monitored."""
    windows = Counter(point.chart for point in points if point.status in MONITORED)
    lengths = {
        chart: chart_run_length(rule.settings, series.feature_id, chart)
        for chart in {point.chart for point in points}
    }
    known = [(chart, length) for chart, length in lengths.items() if length is not None]
    if not known:
        return None
    more = math.exp(ticket_margin(rule.settings))
    return sum(more * expected_false_alarms(windows[chart], length) for chart, length in known)

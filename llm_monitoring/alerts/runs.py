"""Runs: windows in a row in which one chart was out of control, and which runs are one episode."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from llm_monitoring import hours
from llm_monitoring.records import ChartPoint
from llm_monitoring.stats.charts import rank_in_pair


@dataclass(frozen=True, slots=True)
class Run:
    """Windows in a row in which one chart was out of control."""

    rows: tuple[ChartPoint, ...]  # those with an alarm, in order of time, not empty
    is_open: bool  # still out of control after the newest row
    accepted: bool  # the policy took the level of its last row as the baseline

    @property
    def first(self) -> ChartPoint:
        """The row that opened it."""
        return self.rows[0]

    @property
    def last(self) -> ChartPoint:
        """The newest row out of control."""
        return self.rows[-1]


def chart_runs(
    points: Iterable[ChartPoint],
    *,
    newest_hour: int,
    ended_after_hours: int,
    accepted: Mapping[str, int],
) -> list[Run]:
    """Runs of every chart.

    Args:
        points: rows of control_charts, any order; which are enough is told at `chart_episodes`.
        newest_hour: newest window in the lake.
        ended_after_hours: a chart without rows for longer than this has ended, and so has its run.
        accepted: baseline_id -> hour in which the policy accepted a shift as that baseline.
    """
    runs = []
    ordered = sorted(points, key=lambda point: (point.chart_id, point.hour))
    for _, group in groupby(ordered, key=lambda point: point.chart_id):
        rows = list(group)
        ended = hours.hours_between(rows[-1].hour, newest_hour) > ended_after_hours
        for run, is_open in _split(rows):
            taken = is_accepted(run[-1], accepted)
            runs.append(Run(tuple(run), is_open and not ended and not taken, taken))
    return runs


def is_accepted(point: ChartPoint, accepted: Mapping[str, int]) -> bool:
    """With this window the policy took the level of the open episode as the baseline."""
    return point.alarm and accepted.get(point.baseline_id or "") == point.hour


def joined(runs: Iterable[Run]) -> list[list[Run]]:
    """Runs that are one episode, the leading one first.

    Twin charts watch one series for one budget, so that their runs are one episode where they
    overlap or follow each other without a window between. The earlier leads; of two that begin
    together, the one that finds what lasts.
    """
    episodes: list[list[Run]] = []
    ordered = sorted(runs, key=_order)
    for _, group in groupby(ordered, key=lambda run: watched_by(run.first.chart_id)):
        current: list[Run] = []
        for run in group:
            if current and not _touches(current, run):
                episodes.append(current)
                current = []
            current.append(run)
        episodes.append(current)
    return episodes


def watched_by(subject: str) -> str:
    """What an alert's subject is about: a series for twin charts, else the subject itself."""
    series, _, chart = subject.rpartition("/")
    return subject if rank_in_pair(chart) is None else series


def one_to_a_series(points: Iterable[ChartPoint]) -> list[ChartPoint]:
    """Points of a window, of twin charts only the one that finds what lasts."""
    kept: dict[str, ChartPoint] = {}
    for point in sorted(points, key=lambda p: _precedence(p.chart)):
        kept.setdefault(watched_by(point.chart_id), point)
    return sorted(kept.values(), key=lambda point: (point.hour, point.chart_id))


def _split(rows: Iterable[ChartPoint]) -> Iterator[tuple[list[ChartPoint], bool]]:
    """Rows with an alarm, one list an episode, and whether it is open after the last row."""
    run: list[ChartPoint] = []
    for row in rows:
        back_in_control = not row.alarm and row.status not in ("no_data", "failed")
        if run and (row.alarm_started or back_in_control):
            yield run, False
            run = []
        if row.alarm:
            run.append(row)
    if run:
        yield run, True


def _order(run: Run) -> tuple[str, int, int]:
    return watched_by(run.first.chart_id), run.first.hour, _precedence(run.first.chart)


def _precedence(chart: str) -> int:
    return rank_in_pair(chart) or 0


def _touches(current: Sequence[Run], run: Run) -> bool:
    """It goes on where the other chart is; a chart that begins anew begins another episode."""
    return any(
        one.first.chart != run.first.chart
        and hours.hours_between(one.last.hour, run.first.hour) <= 1
        for one in current
    )

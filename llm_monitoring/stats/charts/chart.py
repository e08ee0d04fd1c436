"""What a control chart is: a replay over the windows of one series, or of many series at once.

A chart learns a baseline from Phase I (where it needs one), starts in a known state, and steps
once per window: (state, row) -> (state, point). Every step is written for arrays whose last axis
is the chart: numbers for one chart as it streams, [charts] for many replayed together. There is no
second definition. A chart never looks at a window it has not been given yet, so a series can be
replayed in one go or in pieces with the stored state, with the same result.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from llm_monitoring.stats.baselines import AnyBaseline, Array, Reading, Row

Side = Literal["up", "down"]


@dataclass(frozen=True, slots=True)
class Point:
    """What a chart says after one window; every field is [] or [charts]. nan: not known.

    Args:
        center: what the baseline expects.
        statistic: compared with the limit; nan: the chart has no opinion yet.
        limit: an alarm is raised above it.
        alarm: an episode is open.
        started: this window opened it.
        side: direction of the open episode: 1 up, -1 down, 0 none is open.
        level: estimated level since the change, in the series' unit.
        change_t: estimated first window of the change, hours since 1970.
        age: windows the open episode has lasted; 0: none is open, or the chart does not count.
    """

    center: Any
    statistic: Any
    limit: Any
    alarm: Any
    started: Any
    side: Any
    level: Any
    change_t: Any
    age: Any = 0


Step = Callable[[Any, Array, Row], tuple[Array, Point]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """One kind of chart.

    Args:
        name: in the catalogue.
        learn: Phase I readings to a baseline; None: the chart learns as it goes.
        start: baseline to the state before the first window of Phase II: [k] or [k, charts].
        step: the replay, for states [k] or [k, charts].
        reads_silence: windows without data are steps too.
        variant: tells two charts of one kind on one series apart.
        accept: baseline and state of an open episode to the baseline of its new level.
    """

    name: str
    learn: Callable[[Sequence[Reading]], AnyBaseline] | None
    start: Callable[[Any], Array]
    step: Step
    reads_silence: bool = False
    variant: str = ""
    accept: Callable[[Any, Array], Any] | None = None


def run(
    chart: Chart, baseline: Any, rows: Sequence[Row], state: Array | None = None
) -> tuple[Array, list[Point]]:
    """Replay of many windows of one chart, or of many charts with a stacked baseline.

    A chart that has no data in a window (n is 0 or the value is nan) is left as it was; its point
    then has a nan statistic, and the alarm of the window before.

    Raises:
        ValueError: the windows are not in order of time, or a value is infinite.
    """
    state = _begin(chart, baseline, rows) if state is None else state
    points: list[Point] = []
    last_t = -math.inf
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        for row in rows:
            if row.t <= last_t:
                raise ValueError(f"window {row.t} follows {last_t}")
            if np.any(np.isinf(row.value)):
                raise ValueError(f"window {row.t} has the value inf")
            last_t = row.t
            after, point = chart.step(baseline, state, row)
            if not chart.reads_silence:
                empty = (np.asarray(row.n) <= 0) | np.isnan(row.value)
                if np.any(empty):
                    after = np.where(empty, state, after)
                    point = _kept(point, points[-1] if points else None, empty)
            state = after
            points.append(point)
    return state, points


def _begin(chart: Chart, baseline: Any, rows: Sequence[Row]) -> Array:
    """The state before the first window, as wide as the rows where there is no baseline to ask."""
    state = chart.start(baseline)
    if rows and np.ndim(rows[0].value) and state.ndim == 1:
        state = np.repeat(state[:, None], len(np.asarray(rows[0].value)), axis=1)
    return state


def _kept(point: Point, before: Point | None, empty: NDArray[np.bool_]) -> Point:
    alarm = np.where(empty, before.alarm if before else False, point.alarm)
    return Point(
        center=point.center,
        statistic=np.where(empty, np.nan, point.statistic),
        limit=point.limit,
        alarm=alarm,
        started=point.started & ~empty,
        side=np.where(empty, before.side if before else 0, point.side),
        level=np.where(empty, before.level if before else np.nan, point.level),
        change_t=np.where(empty, before.change_t if before else np.nan, point.change_t),
        age=np.where(empty, before.age if before else 0, point.age),
    )

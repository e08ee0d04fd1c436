"""The fold from the windows of a series to the points of a chart."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from llm_monitoring.control.series import Series, concerns
from llm_monitoring.control.stored import (
    baseline_id_of,
    heeds,
    parse_baseline,
    phase_one_hours,
    skips,
    store_baseline,
)
from llm_monitoring.hours import hour_at, hour_index
from llm_monitoring.metrics import BY_NAME
from llm_monitoring.records import Baseline, ChartPoint, Rebaseline, WindowMetric
from llm_monitoring.stats.baselines import (
    ESTABLISHED_WINDOWS,
    PROVISIONAL_WINDOWS,
    AnyBaseline,
    Array,
    Reading,
    SilenceBaseline,
    learn_proportion,
    relevel,
)
from llm_monitoring.stats.charts import Chart, Point
from llm_monitoring.stats.multiplicity import HOURS_PER_WEEK

# A provisional baseline is learned from two days, and again once it has seen a whole week.
LEARNING_WINDOWS = (PROVISIONAL_WINDOWS, HOURS_PER_WEEK, ESTABLISHED_WINDOWS)
# After a rebaseline the season, scatter and memory are known already: only the level is not.
RELEVEL_WINDOWS = 20
# A shift that stays is proposed as the new normal after this many windows; of volume, which moves
# in steps by itself and only informs, it is taken as such.
ACCEPT_WINDOWS = 24


@dataclass(frozen=True, slots=True)
class Resume:
    """Where a fold goes on: the last stored point and the baseline it was made with."""

    point: ChartPoint
    baseline: Baseline | None


@dataclass(frozen=True, slots=True)
class Folded:
    """What a fold gives back: the chart's points and every baseline learned on the way."""

    points: list[ChartPoint]
    baselines: list[Baseline]


def fold(
    series: Series,
    chart: Chart,
    windows: Sequence[WindowMetric],
    resume: Resume | None = None,
    rebaselines: Sequence[Rebaseline] = (),
) -> Folded:
    """Chart points of a series.

    Args:
        windows: in order of time; all of the series, or those after the resumed point.
        resume: an established point to go on from; None: from the beginning.
        rebaselines: what people decided about baselines; those of other series are ignored.

    Raises:
        ValueError: the windows are not in order of time.
    """
    mine = [entry for entry in rebaselines if concerns(entry, series)]
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        return _Fold(series, chart, resume, mine).run(windows)


def can_resume(
    chart: Chart,
    point: ChartPoint,
    baseline: Baseline | None,
    rebaselines: Sequence[Rebaseline] = (),
) -> bool:
    """Phase I is over, so that what follows depends on the stored state alone, and it is ours.

    A state that another version of the chart has left behind is not read: it would be misread. Nor
    is one from before a decision about the baseline that was made since.

    Args:
        rebaselines: decisions about this series.
    """
    if chart.learn is None:
        return len(point.state) == len(chart.start(None))
    return (
        baseline is not None
        and baseline.status == "established"
        and baseline.baseline_id == baseline_id_of(baseline)
        and len(point.state) == len(chart.start(parse_baseline(baseline)))
        and heeds(baseline, rebaselines, point.hour)
    )


class _Fold:
    """The running state of one fold."""

    def __init__(
        self,
        series: Series,
        chart: Chart,
        resume: Resume | None,
        rebaselines: Sequence[Rebaseline],
    ) -> None:
        self.series, self.chart = series, chart
        self.chart_id = series.chart_id(chart)
        metric = BY_NAME.get(series.metric)
        self.minimum_n = metric.minimum_n if metric and chart.learn else 1
        self.accepts = metric is not None and metric.is_volume
        self.skipped = skips(rebaselines)
        self.restarts = sorted(r.from_hour for r in rebaselines if r.from_hour)
        self.baselines: list[Baseline] = []
        self.learned: AnyBaseline | None = None
        self.before: AnyBaseline | None = None
        self.baseline_id: str | None = None
        self.last_hour = 0
        self._begin()
        if resume:
            self._resume(resume)

    def _begin(self) -> None:
        """Phase I begins; what was known before serves as its shape."""
        if self._is_established():
            self.before = self.learned
        self.phase_one: list[Reading] = []
        self.began: int | None = None
        self.learned, self.baseline_id = None, None
        self.status = "waiting" if self.chart.learn else "established"
        self.state: Array = np.empty(0) if self.chart.learn else self.chart.start(None)

    def _is_established(self) -> bool:
        """A whole Phase I has been seen."""
        return self.learned is not None and self.status == "established"

    def _resume(self, resume: Resume) -> None:
        self.state = np.array(resume.point.state)
        self.status = "established"
        self.last_hour = resume.point.hour
        self.restarts = [hour for hour in self.restarts if hour > self.last_hour]
        if resume.baseline:
            self.began = phase_one_hours(resume.baseline)[0]
            self.learned = parse_baseline(resume.baseline)
            self.baseline_id = resume.baseline.baseline_id

    def run(self, windows: Sequence[WindowMetric]) -> Folded:
        points = [self._step(window) for window in windows]
        return Folded(points, self.baselines)

    def _step(self, window: WindowMetric) -> ChartPoint:
        if window.hour <= self.last_hour:
            raise ValueError(f"{self.chart_id}: hour {window.hour} follows {self.last_hour}")
        self.last_hour = window.hour
        if self.chart.learn and self.restarts and window.hour >= self.restarts[0]:
            self.restarts = [hour for hour in self.restarts if hour > window.hour]
            self._begin()
        reading = self._reading(window)
        if not self.chart.reads_silence and (not reading.has_data or window.n < self.minimum_n):
            return self._point(window, None, "no_data")
        if self.chart.learn and self.learned is None:
            self._learn(reading)
            return self._point(window, None, "waiting")
        self.state, point = self.chart.step(self.learned, self.state, reading.as_row())
        status = self.status
        if status == "provisional":
            self._learn(reading)
        if self.accepts and self.chart.accept and point.age >= ACCEPT_WINDOWS:
            self._accept(window)
        return self._point(window, point, status)

    def _reading(self, window: WindowMetric) -> Reading:
        reading = Reading(hour_index(window.hour), window.value, window.n, window.stddev)
        if reading.has_data and self.chart.learn is learn_proportion:
            # Users may react to one request more than once: per request then passes 1, a share
            # does not.
            return replace(reading, value=min(reading.measured, 1.0))
        return reading

    def _learn(self, reading: Reading) -> None:
        """Take the window into Phase I; learn the baseline when there is enough of it."""
        hour = hour_at(reading.t)
        self.began = self.began or hour
        if any(first <= hour <= last for first, last in self.skipped):
            return
        self.phase_one.append(reading)
        count = len(self.phase_one)
        if self.chart.learn is None:
            return
        if self.before is not None and not isinstance(self.before, SilenceBaseline):
            # Its own scatter takes over once it has seen a whole week.
            if count == RELEVEL_WINDOWS:
                self._take(relevel(self.before, self.phase_one), "provisional")
            elif count in LEARNING_WINDOWS[1:]:
                self._take(self.chart.learn(self.phase_one), self._status(count))
        elif count in LEARNING_WINDOWS:
            self._take(self.chart.learn(self.phase_one), self._status(count))

    def _status(self, count: int) -> str:
        return "established" if count == ESTABLISHED_WINDOWS else "provisional"

    def _take(self, learned: AnyBaseline, status: str, reason: str = "phase_one") -> None:
        """A new baseline is in force, and the chart starts anew."""
        self.learned, self.status = learned, status
        self.state = self.chart.start(learned)
        baseline = store_baseline(
            learned,
            self.phase_one,
            chart_id=self.chart_id,
            status=status,
            reason=reason,
            began=self.began or hour_at(self.phase_one[0].t),
            skipped=self.skipped,
        )
        self.baselines.append(baseline)
        self.baseline_id = baseline.baseline_id

    def _accept(self, window: WindowMetric) -> None:
        """A shift that stayed is the new normal."""
        if self.chart.accept is None or self.status != "established":
            return
        moved = self.chart.accept(self.learned, self.state)
        self.phase_one = [Reading(hour_index(window.hour), window.value, window.n)]
        self._take(moved, "established", "accepted_shift")

    def _point(self, window: WindowMetric, point: Point | None, status: str) -> ChartPoint:
        change_t = _known(point.change_t) if point else None
        return ChartPoint(
            hour=window.hour,
            chart_id=self.chart_id,
            feature_id=self.series.feature_id,
            model_id=self.series.model_id,
            epoch=self.series.epoch,
            metric=self.series.metric,
            chart=self.chart.name,
            status=status,
            value=window.value,
            n=window.n,
            center=_known(point.center) if point else None,
            statistic=_known(point.statistic) if point else None,
            limit=_known(point.limit) if point else None,
            alarm=bool(point.alarm) if point else False,
            alarm_started=bool(point.started) if point else False,
            direction=SIDES[int(point.side)] if point else None,
            level=_known(point.level) if point else None,
            change_hour=None if change_t is None else hour_at(int(change_t)),
            baseline_id=self.baseline_id,
            state=self.state.tolist(),
        )


SIDES = {1: "up", -1: "down", 0: None}


def _known(value: Any) -> float | None:
    """A number of a point; nan is not known."""
    return None if math.isnan(value) else float(value)

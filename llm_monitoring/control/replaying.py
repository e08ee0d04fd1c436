"""The replay from the windows of a series to the points of a chart."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from llm_monitoring.control.checkpoint import (
    LEARNING_WINDOWS,
    RELEVEL_WINDOWS,
    Checkpoint,
    learning_counts,
)
from llm_monitoring.control.series import Series, concerns
from llm_monitoring.control.standing import Standing
from llm_monitoring.control.stored import parse_baseline, phase_one_hours, skips, store_baseline
from llm_monitoring.hours import hour_at, hour_index
from llm_monitoring.metrics import BY_NAME
from llm_monitoring.records import Baseline, ChartPoint, Rebaseline, WindowMetric
from llm_monitoring.stats.baselines import (
    ESTABLISHED_WINDOWS,
    AnyBaseline,
    Array,
    LevelBaseline,
    ProportionBaseline,
    Reading,
    learn_proportion,
    relevel,
)
from llm_monitoring.stats.charts import Chart, Point

# A shift that stays is proposed as the new normal after this many windows; of volume, which moves
# in steps by itself and only informs, it is taken as such.
ACCEPT_WINDOWS = 24
Learn = Callable[[Sequence[Reading]], AnyBaseline]
LONGEST_REASON = 200  # characters


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay gives back: the chart's points and every baseline learned on the way."""

    points: list[ChartPoint]
    baselines: list[Baseline]


def replay(
    series: Series,
    chart: Chart,
    windows: Sequence[WindowMetric],
    checkpoint: Checkpoint | None = None,
    rebaselines: Sequence[Rebaseline] = (),
) -> Replayed:
    """Chart points of a series.

    A window the arithmetic refuses has a point that says why, and leaves the chart as it was.

    Args:
        windows: in order of time; all of the series, or those after the resumed point.
        checkpoint: a point to go on from that `can_resume`; None: from the beginning.
        rebaselines: what people decided about baselines; those of other series are ignored.

    Raises:
        ValueError: the windows are not in order of time.
    """
    mine = [entry for entry in rebaselines if concerns(entry, series)]
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        return _Replay(series, chart, mine).run(windows, checkpoint)


class _Replay:
    """One chart of one series."""

    def __init__(self, series: Series, chart: Chart, rebaselines: Sequence[Rebaseline]) -> None:
        self.series, self.chart = series, chart
        self.chart_id = series.chart_id(chart)
        metric = BY_NAME.get(series.metric)
        self.minimum_n = metric.minimum_n if metric and chart.learn else 1
        self.accepts = metric is not None and metric.is_volume
        self.skipped = skips(rebaselines)
        self.restarts = tuple(sorted(r.from_hour for r in rebaselines if r.from_hour))

    def run(self, windows: Sequence[WindowMetric], checkpoint: Checkpoint | None) -> Replayed:
        standing = (
            self._resumed(checkpoint) if checkpoint else self._beginning(restarts=self.restarts)
        )
        points: list[ChartPoint] = []
        baselines: list[Baseline] = []
        for window in windows:
            if window.hour <= standing.last_hour:
                raise ValueError(
                    f"{self.chart_id}: hour {window.hour} follows {standing.last_hour}"
                )
            known = standing.baseline
            standing, point = self._tried(self._restarted(standing, window.hour), window)
            points.append(point)
            if standing.baseline is not None and standing.baseline is not known:
                baselines.append(standing.baseline)
        return Replayed(points, baselines)

    # ------------------------------------------------------------ where it begins

    def _beginning(self, **kept: Any) -> Standing:
        """Phase I begins, of a chart that has one."""
        if self.chart.learn:
            return Standing(status="waiting", state=np.empty(0), **kept)
        return Standing(status="established", state=self.chart.start(None), **kept)

    def _restarted(self, standing: Standing, hour: int) -> Standing:
        """Where somebody decided so, Phase I begins anew; what was known is its shape."""
        standing = replace(standing, last_hour=hour)
        if not (self.chart.learn and standing.restarts and hour >= standing.restarts[0]):
            return standing
        is_known = standing.status == "established"
        return self._beginning(
            before=standing.learned if is_known else standing.before,
            last_hour=hour,
            restarts=tuple(later for later in standing.restarts if later > hour),
        )

    def _resumed(self, checkpoint: Checkpoint) -> Standing:
        point, baseline, phase_one = checkpoint.point, checkpoint.baseline, checkpoint.phase_one
        standing = Standing(
            status="established",
            state=np.array(point.state, float),
            learned=parse_baseline(baseline) if baseline else None,
            baseline=baseline,
            began=phase_one_hours(baseline)[0] if baseline else None,
            last_hour=point.hour,
            restarts=tuple(hour for hour in self.restarts if hour > point.hour),
        )
        if phase_one is None:
            return standing
        windows = phase_one.windows or ()
        return replace(
            standing,
            status=baseline.status if baseline else "waiting",
            before=parse_baseline(phase_one.before) if phase_one.before else None,
            taken=len(phase_one.taken),
            earlier=tuple(window for window in windows if window.hour in phase_one.taken),
            began=phase_one.began,
        )

    # ---------------------------------------------------------------- one window

    def _tried(self, standing: Standing, window: WindowMetric) -> tuple[Standing, ChartPoint]:
        try:
            return self._step(standing, window)
        except Exception as error:  # noqa: BLE001 - one chart's failure is told, and stops no other
            reason = f"{type(error).__name__}: {error}"[:LONGEST_REASON]
            return standing, self._point(window, standing, "failed", failure=reason)

    def _step(self, standing: Standing, window: WindowMetric) -> tuple[Standing, ChartPoint]:
        reading = self._reading(window)
        if not self._has_data(reading):
            return standing, self._point(window, standing, "no_data")
        if self.chart.learn and standing.learned is None:
            after = self._learned(standing, reading)
            return after, self._point(window, after, "waiting")
        state, point = self.chart.step(standing.learned, standing.state, reading.as_row())
        _check(state, "state")
        after = self._followed(replace(standing, state=state), reading, point)
        return after, self._point(window, after, standing.status, point)

    def _followed(self, standing: Standing, reading: Reading, point: Point) -> Standing:
        """What a window leads to beyond its step: Phase I goes on, or a shift is accepted.

        Never both: an episode that was open under another baseline says nothing of this one.
        """
        if standing.status == "provisional":
            return self._learned(standing, reading)
        if self.accepts and point.age >= ACCEPT_WINDOWS:
            return self._accepted(standing, reading)
        return standing

    def _reading(self, window: WindowMetric) -> Reading:
        reading = Reading(hour_index(window.hour), window.value, window.n, window.stddev)
        if reading.has_data and self.chart.learn is learn_proportion:
            # Users may react to one request more than once: per request then passes 1, a share
            # does not.
            return replace(reading, value=min(reading.measured, 1.0))
        return reading

    def _has_data(self, reading: Reading) -> bool:
        return self.chart.reads_silence or (reading.has_data and reading.n >= self.minimum_n)

    # ------------------------------------------------------------------- Phase I

    def _learned(self, standing: Standing, reading: Reading) -> Standing:
        """Take the window into Phase I; learn the baseline when there is enough of it."""
        after, learn = self._taken(standing, reading), self.chart.learn
        counts = learning_counts(after.before)
        if learn is None or after.taken == standing.taken or after.taken not in counts:
            return after
        readings = (*map(self._reading, after.earlier), *after.phase_one)
        if len(readings) != after.taken:
            raise ValueError(f"{len(readings)} of {after.taken} windows of Phase I are here")
        shape, learned = after.before, None
        if after.taken == RELEVEL_WINDOWS and isinstance(shape, LevelBaseline | ProportionBaseline):
            learned = relevel(shape, readings)
        status = "established" if after.taken == ESTABLISHED_WINDOWS else "provisional"
        return self._in_force(after, learned or _learned(learn, readings), readings, status)

    def _taken(self, standing: Standing, reading: Reading) -> Standing:
        hour = hour_at(reading.t)
        began = standing.began or hour
        if any(first <= hour <= last for first, last in self.skipped):
            return replace(standing, began=began)
        phase_one = (*standing.phase_one, reading)
        return replace(standing, began=began, phase_one=phase_one, taken=standing.taken + 1)

    def _accepted(self, standing: Standing, reading: Reading) -> Standing:
        """A shift that stayed is the new normal."""
        if self.chart.accept is None:
            return standing
        moved = self.chart.accept(standing.learned, standing.state)
        return self._in_force(standing, moved, (reading,), "established", "accepted_shift")

    def _in_force(
        self,
        standing: Standing,
        learned: AnyBaseline,
        readings: Sequence[Reading],
        status: str,
        reason: str = "phase_one",
    ) -> Standing:
        """A new baseline is in force, and the chart starts anew."""
        baseline = store_baseline(
            learned,
            readings,
            chart_id=self.chart_id,
            status=status,
            reason=reason,
            began=standing.began or hour_at(readings[0].t),
            skipped=self.skipped,
        )
        state = self.chart.start(learned)
        _check(state, "first state")
        return replace(standing, status=status, state=state, learned=learned, baseline=baseline)

    # --------------------------------------------------------------------- point

    def _point(
        self,
        window: WindowMetric,
        standing: Standing,
        status: str,
        point: Point | None = None,
        failure: str | None = None,
    ) -> ChartPoint:
        change_t = _known(point.change_t) if point else None
        return ChartPoint(
            hour=window.hour,
            chart_id=self.chart_id,
            feature_id=self.series.feature_id,
            segment=self.series.segment,
            epoch=self.series.epoch,
            metric=self.series.metric,
            chart=self.chart.name,
            status=status,
            value=None if window.value is None else _known(window.value),
            n=window.n,
            center=_known(point.center) if point else None,
            statistic=_known(point.statistic) if point else None,
            limit=_known(point.limit) if point else None,
            alarm=bool(point.alarm) if point else False,
            alarm_started=bool(point.started) if point else False,
            direction=SIDES[int(point.side)] if point else None,
            level=_known(point.level) if point else None,
            change_hour=None if change_t is None else hour_at(int(change_t)),
            baseline_id=standing.baseline.baseline_id if standing.baseline else None,
            state=standing.state.tolist(),
            failure=failure,
        )


@lru_cache(maxsize=len(LEARNING_WINDOWS))
def _learned(learn: Learn, readings: tuple[Reading, ...]) -> AnyBaseline:
    """Two charts of one series learn the same, one after the other; learning is what costs."""
    return learn(readings)


SIDES = {1: "up", -1: "down", 0: None}


def _known(value: Any) -> float | None:
    """A number of a point; what is not finite is not known."""
    return float(value) if math.isfinite(value) else None


def _check(state: Array, name: str) -> None:
    """A state that is no number would silence its chart for good.

    Raises:
        ArithmeticError: it is not finite.
    """
    if not np.isfinite(state).all():
        raise ArithmeticError(f"the {name} of the chart is not finite")

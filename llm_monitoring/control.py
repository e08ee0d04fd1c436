"""Which series are charted how, and the fold from window metrics to chart points.

The false-alarm budget is one number for all charts together (`false_alarms_per_week`); every
series gets the same share of it, as an average run length. Nine tenths go to the chart that finds
what lasts, one tenth to the one that finds a single window far out.
"""

import hashlib
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from llm_monitoring.hours import hour_at, hour_index
from llm_monitoring.metrics import ALL_FEATURES, BY_NAME, CHARTED, FLEET_FEATURES, Metric
from llm_monitoring.records import Baseline, ChartPoint, Rebaseline, WindowMetric
from llm_monitoring.settings import Settings, Threshold
from llm_monitoring.stats.baselines import (
    BASELINES,
    ESTABLISHED_WINDOWS,
    PROVISIONAL_WINDOWS,
    AnyBaseline,
    Array,
    Reading,
    SilenceBaseline,
    learn_proportion,
    relevel,
)
from llm_monitoring.stats.charts import (
    CHARTS,
    LEARN,
    STATE_VERSION,
    Chart,
    Point,
    laney_p,
    missing,
    outage,
    reference_ewma,
    sr_mixture,
    static_threshold,
    variance_cusum,
)
from llm_monitoring.stats.multiplicity import HOURS_PER_WEEK, run_length

# The budget is shared out before it is known which models a feature will use, and which features
# that monitoring.yaml does not name: those share one feature's part.
MODELS_PER_FEATURE = 4
UNLISTED_FEATURES = 10
OUTAGE_SHARE = 0.1  # of a series' budget
# A provisional baseline is learned from two days, and again once it has seen a whole week.
LEARNING_WINDOWS = (PROVISIONAL_WINDOWS, HOURS_PER_WEEK, ESTABLISHED_WINDOWS)
# After a rebaseline the season, scatter and memory are known already: only the level is not.
RELEVEL_WINDOWS = 20
# A shift that stays is proposed as the new normal after this many windows; of volume, which moves
# in steps by itself and only informs, it is taken as such.
ACCEPT_WINDOWS = 24


@dataclass(frozen=True, slots=True)
class Series:
    """One measured series: a metric of a segment."""

    feature_id: str
    model_id: str | None
    epoch: str | None
    metric: str

    def chart_id(self, chart: Chart) -> str:
        """Name of a chart of this series."""
        segment = f"{self.feature_id}/{self.model_id or '*'}/{self.epoch or '-'}"
        return f"{segment}/{self.metric}/{chart.name}{chart.variant}"


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


def chart_count(settings: Settings) -> int:
    """Series the false-alarm budget is shared by; it does not depend on what was logged so far."""
    by_model = sum(metric.by_model for metric in CHARTED) * MODELS_PER_FEATURE
    return (len(settings.features) + 1) * (len(CHARTED) + by_model)


def series_run_length(settings: Settings, feature_id: str | None = None) -> float:
    """Windows in control per false page of one series, so that all together keep the budget.

    Args:
        feature_id: the feature; one that monitoring.yaml does not name has a smaller share.
    """
    each = run_length(settings.control.false_alarms_per_week, chart_count(settings))
    listed = {ALL_FEATURES, *(feature.feature_id for feature in settings.features)}
    return each if feature_id is None or feature_id in listed else each * UNLISTED_FEATURES


def chart_run_length(settings: Settings, feature_id: str, chart: str) -> float | None:
    """Windows in control per false page of one chart; None: the chart takes no budget.

    Args:
        chart: name in the catalogue of charts.
    """
    shares = {"sr_mixture": 1 - OUTAGE_SHARE, "outage": OUTAGE_SHARE}
    if chart not in shares:
        return None
    is_alone = settings.control.chart == chart == "outage"
    return series_run_length(settings, feature_id) / (1.0 if is_alone else shares[chart])


def ticket_margin(settings: Settings) -> float:
    """How far above its limit a statistic has to rise before an episode is worth a page, nats.

    0 unless a larger budget was given to tickets: then charts open episodes at that budget.
    """
    pages, tickets = settings.control.false_alarms_per_week, settings.control.false_tickets_per_week
    return 0.0 if tickets is None else math.log(tickets / pages)


def group(windows: Iterable[WindowMetric]) -> dict[Series, list[WindowMetric]]:
    """Window metrics by series, each in order of time."""
    grouped: dict[Series, list[WindowMetric]] = defaultdict(list)
    for window in windows:
        series = Series(window.feature_id, window.model_id, window.epoch, window.metric)
        grouped[series].append(window)
    for rows in grouped.values():
        rows.sort(key=lambda row: row.hour)
    return dict(grouped)


def charts_of(series: Series, settings: Settings) -> list[Chart]:
    """Charts that watch a series: the configured ones, silence, and lines somebody drew."""
    metric = BY_NAME.get(series.metric)
    if metric is None:
        return []
    charts = list(_configured_charts(series, metric, settings))
    if series.metric == "request_count" and series.model_id is None:
        charts += [missing()] if series.feature_id != ALL_FEATURES else []
    if series.model_id is None:
        charts += [_line(line) for line in settings.control.thresholds if _applies(line, series)]
    return charts


def _configured_charts(series: Series, metric: Metric, settings: Settings) -> Iterator[Chart]:
    if not metric.bad or (series.model_id is not None and not metric.by_model):
        return
    is_fleet = len(settings.features) >= FLEET_FEATURES
    if metric.name == "request_count" and is_fleet and series.feature_id != ALL_FEATURES:
        return  # its share is charted
    length = series_run_length(settings, series.feature_id) / math.exp(ticket_margin(settings))
    yield from named_charts(settings.control.chart, metric, length)


def named_charts(name: str, metric: Metric, length: float) -> Iterator[Chart]:
    """Charts of a series that go by a name in the catalogue.

    Args:
        name: in the catalogue of charts. sr_mixture comes with outage, and they share the budget.
        length: windows in control per false alarm; charts that take no budget do not heed it.

    Raises:
        ValueError: the chart does not fit the metric, or needs more than a name.
    """
    learn = LEARN[metric.kind]
    if name == "sr_mixture":
        yield sr_mixture(learn, metric.bad, length / (1 - OUTAGE_SHARE))
        yield outage(learn, metric.bad, length / OUTAGE_SHARE)
    elif name == "outage":
        yield outage(learn, metric.bad, length)
    elif name == "reference_ewma":
        yield reference_ewma()
    elif name == "variance_cusum":
        yield variance_cusum(learn)
    elif name == "laney_p":
        if metric.kind != "proportion":
            raise ValueError(f"laney_p charts proportions; {metric.name} is a {metric.kind}")
        yield laney_p(metric.bad)
    elif name in ("cusum", "ewma", "shewhart"):
        yield CHARTS[name](learn, metric.bad)
    else:
        raise ValueError(f"no chart {name!r} that needs only a name; there are: {NAMED}")


NAMED = ("sr_mixture", "outage", "variance_cusum", "cusum", "ewma", "shewhart", "laney_p",
         "reference_ewma")  # fmt: skip


def _applies(line: Threshold, series: Series) -> bool:
    return line.metric == series.metric and line.feature_id in (None, series.feature_id)


def _line(line: Threshold) -> Chart:
    return static_threshold(above=line.above, below=line.below, minimum_n=line.minimum_n)


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


def concerns(entry: Rebaseline, series: Series) -> bool:
    """The decision is about this series."""
    return (
        entry.feature_id == series.feature_id
        and entry.metric in (None, series.metric)
        and entry.model_id in (None, series.model_id)
    )


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
        and baseline.baseline_id == _baseline_id(baseline)
        and len(point.state) == len(chart.start(parse_baseline(baseline)))
        and _heeds(baseline, rebaselines, point.hour)
    )


def phase_one_hours(baseline: Baseline) -> tuple[int, int]:
    """First and last window of the Phase I it was learned in, those left out included."""
    began: int = json.loads(baseline.diagnostics).get("began", baseline.first_hour)
    return began, baseline.last_hour


def _heeds(baseline: Baseline, rebaselines: Sequence[Rebaseline], hour: int) -> bool:
    """The baseline in force at an hour knew of every decision that is about it."""
    began, last = phase_one_hours(baseline)
    restarts = [r.from_hour for r in rebaselines if r.from_hour is not None]
    left_out = [list(skip) for skip in _left_out(_skips(rebaselines), began, last)]
    return not any(began < restart <= hour for restart in restarts) and (
        json.loads(baseline.diagnostics).get("left_out", []) == left_out
    )


def _skips(rebaselines: Iterable[Rebaseline]) -> list[tuple[int, int]]:
    return [(r.skip_from, r.skip_to) for r in rebaselines if r.skip_from and r.skip_to]


def _left_out(skips: Iterable[tuple[int, int]], began: int, last: int) -> list[tuple[int, int]]:
    """Skips that lie in a Phase I, wholly or in part."""
    return sorted({skip for skip in skips if skip[0] <= last and skip[1] >= began})


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
        self.accepts = metric is not None and metric.kind == "count"
        self.skipped = _skips(rebaselines)
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
        if self.status_is_established():
            self.before = self.learned
        self.phase_one: list[Reading] = []
        self.began: int | None = None
        self.learned, self.baseline_id = None, None
        self.status = "waiting" if self.chart.learn else "established"
        self.state: Array = np.empty(0) if self.chart.learn else self.chart.start(None)

    def status_is_established(self) -> bool:
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
        baseline = self._baseline(learned, reason)
        self.baselines.append(baseline)
        self.baseline_id = baseline.baseline_id

    def _accept(self, window: WindowMetric) -> None:
        """A shift that stayed is the new normal."""
        if self.chart.accept is None or self.status != "established":
            return
        moved = self.chart.accept(self.learned, self.state)
        self.phase_one = [Reading(hour_index(window.hour), window.value, window.n)]
        self._take(moved, "established", "accepted_shift")

    def _baseline(self, learned: AnyBaseline, reason: str) -> Baseline:
        first, last = hour_at(self.phase_one[0].t), hour_at(self.phase_one[-1].t)
        began = self.began or first
        baseline = Baseline(
            chart_id=self.chart_id,
            baseline_id="",
            status=self.status,
            first_hour=first,
            last_hour=last,
            windows=learned.windows,
            parameters=json.dumps(asdict(learned), sort_keys=True),
            diagnostics=json.dumps(
                {
                    "reason": reason,
                    "began": began,
                    "left_out": _left_out(self.skipped, began, last),
                    **_diagnostics(self.phase_one),
                },
                sort_keys=True,
            ),
        )
        return replace(baseline, baseline_id=_baseline_id(baseline))

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


def _baseline_id(baseline: Baseline) -> str:
    """Hash of all that was learned, and of how the chart keeps its state."""
    parts = [
        baseline.chart_id,
        baseline.status,
        baseline.first_hour,
        baseline.last_hour,
        baseline.parameters,
        STATE_VERSION,
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def parse_baseline(baseline: Baseline) -> AnyBaseline:
    """A stored baseline as the statistics know it."""
    parameters: Mapping[str, object] = json.loads(baseline.parameters)
    kind = BASELINES[str(parameters["kind"])]
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in parameters.items()}
    return kind(**values)  # type: ignore[arg-type]


def _diagnostics(readings: Sequence[Reading]) -> dict[str, float]:
    values = [r.value for r in readings if r.value is not None]
    rows = [r.n for r in readings]
    return {
        "smallest": min(values, default=0.0),
        "largest": max(values, default=0.0),
        "median_n": float(sorted(rows)[len(rows) // 2]),
        "empty_windows": float(sum(n == 0 for n in rows)),
    }

"""Which series are charted how, and the fold from window metrics to chart points.

The false-alarm budget is one number for all charts together (`false_alarms_per_week`); every
chart gets the same share of it, as an average run length.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from llm_monitoring.hours import hour_at, hour_index
from llm_monitoring.metrics import BY_NAME, CHARTED, Metric
from llm_monitoring.records import Baseline, ChartPoint, WindowMetric
from llm_monitoring.settings import Settings, Threshold
from llm_monitoring.stats.baselines import (
    BASELINES,
    ESTABLISHED_WINDOWS,
    PROVISIONAL_WINDOWS,
    AnyBaseline,
    Reading,
    learn_proportion,
)
from llm_monitoring.stats.chart import Chart, Point, State
from llm_monitoring.stats.charts import (
    LEARN,
    STATE_VERSION,
    missing,
    reference_ewma,
    static_threshold,
)
from llm_monitoring.stats.sr_mixture import sr_mixture

HOURS_PER_WEEK = 168
# The budget is shared out before it is known which models a feature will use.
MODELS_PER_FEATURE = 4
# A provisional baseline is learned from two days, and again once it has seen a whole week.
LEARNING_WINDOWS = (PROVISIONAL_WINDOWS, HOURS_PER_WEEK, ESTABLISHED_WINDOWS)


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
    """Charts the false-alarm budget is shared by; it does not depend on what was logged so far."""
    by_model = sum(metric.by_model for metric in CHARTED) * MODELS_PER_FEATURE
    return len(settings.features) * (len(CHARTED) + by_model)


def run_length(settings: Settings) -> float:
    """Windows in control per false alarm of one chart, so that all together keep the budget."""
    return chart_count(settings) * HOURS_PER_WEEK / settings.control.false_alarms_per_week


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
    """Charts that watch a series: the configured one, silence, and lines somebody drew."""
    metric = BY_NAME.get(series.metric)
    if metric is None:
        return []
    charts = list(_configured_chart(series, metric, settings))
    if series.metric == "request_count" and series.model_id is None:
        charts.append(missing())
    if series.model_id is None:
        charts += [_line(line) for line in settings.control.thresholds if _applies(line, series)]
    return charts


def _configured_chart(series: Series, metric: Metric, settings: Settings) -> Iterator[Chart]:
    if not metric.bad or (series.model_id is not None and not metric.by_model):
        return
    if settings.control.chart == "reference_ewma":
        yield reference_ewma()
    else:
        yield sr_mixture(LEARN[metric.kind], metric.bad, run_length(settings))


def _applies(line: Threshold, series: Series) -> bool:
    return line.metric == series.metric and line.feature_id in (None, series.feature_id)


def _line(line: Threshold) -> Chart:
    return static_threshold(above=line.above, below=line.below, minimum_n=line.minimum_n)


def fold(
    series: Series,
    chart: Chart,
    windows: Sequence[WindowMetric],
    resume: Resume | None = None,
) -> Folded:
    """Chart points of a series.

    Args:
        windows: in order of time; all of the series, or those after the resumed point.
        resume: an established point to go on from; None: from the beginning.

    Raises:
        ValueError: the windows are not in order of time.
    """
    return _Fold(series, chart, resume).run(windows)


def can_resume(chart: Chart, point: ChartPoint, baseline: Baseline | None) -> bool:
    """Phase I is over, so that what follows depends on the stored state alone, and it is ours.

    A state that another version of the chart has left behind is not read: it would be misread.
    """
    if chart.learn is None:
        return len(point.state) == len(chart.start(None))
    return (
        baseline is not None
        and baseline.status == "established"
        and baseline.baseline_id == _baseline_id(baseline)
        and len(point.state) == len(chart.start(parse_baseline(baseline)))
    )


class _Fold:
    """The running state of one fold."""

    def __init__(self, series: Series, chart: Chart, resume: Resume | None) -> None:
        self.series, self.chart = series, chart
        self.chart_id = series.chart_id(chart)
        self.phase_one: list[Reading] = []
        self.baselines: list[Baseline] = []
        self.learned: AnyBaseline | None = None
        self.baseline_id: str | None = None
        self.status = "waiting" if chart.learn else "established"
        self.state: State = () if chart.learn else chart.start(None)
        self.last_hour = 0
        if resume:
            self._resume(resume)

    def _resume(self, resume: Resume) -> None:
        self.state = tuple(resume.point.state)
        self.status = "established"
        self.last_hour = resume.point.hour
        if resume.baseline:
            self.learned = parse_baseline(resume.baseline)
            self.baseline_id = resume.baseline.baseline_id

    def run(self, windows: Sequence[WindowMetric]) -> Folded:
        points = [self._step(window) for window in windows]
        return Folded(points, self.baselines)

    def _step(self, window: WindowMetric) -> ChartPoint:
        if window.hour <= self.last_hour:
            raise ValueError(f"{self.chart_id}: hour {window.hour} follows {self.last_hour}")
        self.last_hour = window.hour
        reading = self._reading(window)
        if not reading.has_data and not self.chart.reads_silence:
            return self._point(window, None, "no_data")
        if self.chart.learn and self.learned is None:
            self._learn(reading)
            return self._point(window, None, "waiting")
        self.state, point = self.chart.step(self.learned, self.state, reading)
        status = self.status
        if status == "provisional":
            self._learn(reading)
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
        self.phase_one.append(reading)
        count = len(self.phase_one)
        if self.chart.learn is None or count not in LEARNING_WINDOWS:
            return
        self.learned = self.chart.learn(self.phase_one)
        self.status = "established" if count == ESTABLISHED_WINDOWS else "provisional"
        self.state = self.chart.start(self.learned)
        baseline = self._baseline(self.learned)
        self.baselines.append(baseline)
        self.baseline_id = baseline.baseline_id

    def _baseline(self, learned: AnyBaseline) -> Baseline:
        first, last = hour_at(self.phase_one[0].t), hour_at(self.phase_one[-1].t)
        baseline = Baseline(
            chart_id=self.chart_id,
            baseline_id="",
            status=self.status,
            first_hour=first,
            last_hour=last,
            windows=len(self.phase_one),
            parameters=json.dumps(asdict(learned), sort_keys=True),
            diagnostics=json.dumps(_diagnostics(self.phase_one), sort_keys=True),
        )
        return replace(baseline, baseline_id=_baseline_id(baseline))

    def _point(self, window: WindowMetric, point: Point | None, status: str) -> ChartPoint:
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
            center=point.center if point else None,
            statistic=point.statistic if point else None,
            limit=point.limit if point else None,
            alarm=point.alarm if point else False,
            alarm_started=point.started if point else False,
            direction=point.side if point else None,
            level=point.level if point else None,
            change_hour=hour_at(point.change_t) if point and point.change_t else None,
            baseline_id=self.baseline_id,
            state=list(self.state),
        )


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

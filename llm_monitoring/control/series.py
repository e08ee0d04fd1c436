"""One measured series, and which charts watch it."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from llm_monitoring.control.budget import OUTAGE_SHARE, series_run_length, ticket_margin
from llm_monitoring.metrics import (
    ALL_FEATURES,
    BY_NAME,
    FLEET_FEATURES,
    OTHER_FEATURES,
    Metric,
)
from llm_monitoring.records import Rebaseline, WindowMetric
from llm_monitoring.settings import Settings, Threshold
from llm_monitoring.stats.charts import (
    CHARTS,
    LEARN,
    Chart,
    laney_p,
    missing,
    outage,
    reference_ewma,
    sr_mixture,
    static_threshold,
    variance_cusum,
)


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


def group(windows: Iterable[WindowMetric]) -> dict[Series, list[WindowMetric]]:
    """Window metrics by series, each in order of time."""
    grouped: dict[Series, list[WindowMetric]] = defaultdict(list)
    for window in windows:
        series = Series(window.feature_id, window.model_id, window.epoch, window.metric)
        grouped[series].append(window)
    for rows in grouped.values():
        rows.sort(key=lambda row: row.hour)
    return dict(grouped)


def concerns(entry: Rebaseline, series: Series) -> bool:
    """The decision is about this series."""
    return (
        entry.feature_id == series.feature_id
        and entry.metric in (None, series.metric)
        and entry.model_id in (None, series.model_id)
    )


def charts_of(series: Series, settings: Settings) -> list[Chart]:
    """Charts that watch a series: the configured ones, silence, and lines somebody drew."""
    metric = BY_NAME.get(series.metric)
    if metric is None:
        return []
    # What is counted together is no population that has a usual level: only lines hold for it.
    is_one = series.feature_id != OTHER_FEATURES
    charts = list(_configured_charts(series, metric, settings)) if is_one else []
    if series.metric == "request_count" and series.model_id is None:
        charts += [missing()] if is_one and series.feature_id != ALL_FEATURES else []
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
    """The chart of a line somebody drew, as fits its metric."""
    metric = BY_NAME[line.metric]
    return static_threshold(
        above=line.above,
        below=line.below,
        minimum_n=line.minimum_n,
        for_windows=line.for_windows,
        clears_after=line.clears_after,
        significance=line.significance if metric.is_share else None,
        reads_silence=metric.kind == "count",
    )

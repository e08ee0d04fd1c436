"""One measured series, and which charts watch it."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from llm_monitoring.control.budget import charted_metrics, series_run_length, ticket_margin
from llm_monitoring.metrics import (
    ALL_FEATURES,
    BY_NAME,
    FLEET_FEATURES,
    OTHER_FEATURES,
    Metric,
)
from llm_monitoring.records import Rebaseline, WindowMetric
from llm_monitoring.segments import EVERYTHING, OTHER, attributes_of, segment_key
from llm_monitoring.settings import Settings, Threshold
from llm_monitoring.stats.charts import (
    CHARTS,
    LEARN,
    Chart,
    missing,
    shares_of,
    static_threshold,
)
from llm_monitoring.written import no_such


@dataclass(frozen=True, slots=True)
class Series:
    """One measured series: a metric of a segment."""

    feature_id: str
    segment: str
    epoch: str | None
    metric: str

    def chart_id(self, chart: Chart) -> str:
        """Name of a chart of this series."""
        watched = f"{self.feature_id}/{segment_key(self.segment)}/{self.epoch or '-'}"
        return f"{watched}/{self.metric}/{chart.name}{chart.variant}"


def group(windows: Iterable[WindowMetric]) -> dict[Series, list[WindowMetric]]:
    """Window metrics by series, each in order of time."""
    grouped: dict[Series, list[WindowMetric]] = defaultdict(list)
    for window in windows:
        series = Series(window.feature_id, window.segment, window.epoch, window.metric)
        grouped[series].append(window)
    for rows in grouped.values():
        rows.sort(key=lambda row: row.hour)
    return dict(grouped)


def concerns(entry: Rebaseline, series: Series) -> bool:
    """The decision is about this series."""
    return (
        entry.feature_id == series.feature_id
        and entry.metric in (None, series.metric)
        and entry.segment in (None, series.segment)
    )


def charts_of(series: Series, settings: Settings) -> list[Chart]:
    """Charts that watch a series: the configured ones, silence, and static lines."""
    metric = BY_NAME.get(series.metric)
    if metric is None:
        return []
    # What is counted together is no population that has a usual level: only lines hold for it.
    is_one = series.feature_id != OTHER_FEATURES
    charts = list(_configured_charts(series, metric, settings)) if is_one else []
    if series.segment == EVERYTHING:
        if series.metric == "request_count" and is_one and series.feature_id != ALL_FEATURES:
            charts.append(missing())
        charts += [_line(line) for line in settings.control.thresholds if _applies(line, series)]
    return charts


def _configured_charts(series: Series, metric: Metric, settings: Settings) -> Iterator[Chart]:
    if not metric.bad or not _is_charted(series, settings):
        return
    is_fleet = len(settings.features) >= FLEET_FEATURES
    if metric.name == "request_count" and is_fleet and series.feature_id != ALL_FEATURES:
        return  # its share is charted
    length = series_run_length(settings, series.feature_id) / math.exp(ticket_margin(settings))
    yield from named_charts(settings.control.chart, metric, length)


def _is_charted(series: Series, settings: Settings) -> bool:
    """All of a feature's traffic is; of a breakdown the metrics it names. `other` is a mixture."""
    attributes = attributes_of(series.segment)
    if not attributes:
        return True
    charted = charted_metrics(settings).get(frozenset(attributes), ())
    return series.metric in charted and OTHER not in attributes.values()


def named_charts(name: str, metric: Metric, length: float) -> Iterator[Chart]:
    """Charts of a series that go by a name in the catalogue: it, and what stands beside it.

    Args:
        length: windows in control per false alarm of all of them; charts that keep no budget do
            not ask for it.

    Raises:
        ValueError: there is no such chart to choose.
    """
    mistake = chart_mistake(name)
    if mistake:
        raise ValueError(mistake)
    for each, share in shares_of(name).items():
        build = CHARTS[each].build
        if build is not None:
            yield build(LEARN[metric.kind], metric.bad, length / (share or 1.0))


def chart_mistake(name: str) -> str | None:
    """Why no chart can be chosen by a name, with the one it goes by now or the nearest ones.

    None: it can.
    """
    names = chart_names()
    if name in names:
        return None
    today = next((new for new in names if name in CHARTS[new].formerly), None)
    if today:
        return f"the chart {name!r} is called {today!r} now"
    return no_such("chart", name, names)


def chart_names() -> list[str]:
    """Charts that can be chosen."""
    return [name for name, kind in CHARTS.items() if kind.build]


def _applies(line: Threshold, series: Series) -> bool:
    return line.metric == series.metric and line.feature_id in (None, series.feature_id)


def _line(line: Threshold) -> Chart:
    """The chart of a static line, as fits its metric."""
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

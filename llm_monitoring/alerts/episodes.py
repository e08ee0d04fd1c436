"""Episodes: windows in a row in which one thing was out of control, read off the lake.

An episode is a function of the stored rows alone, whatever the order they were computed in.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Protocol

from llm_monitoring import hours
from llm_monitoring.alerts.sentences import (
    change_text,
    name_text,
    sentence,
    since_text,
    until_text,
    value_text,
)
from llm_monitoring.records import ChartPoint
from llm_monitoring.settings.models import Threshold


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """Windows in a row in which one subject was out of control."""

    layer: str  # infrastructure, cost, quality, satisfaction, inputs, provider or data
    subject: str  # chart_id, provider/<model>/<test> or data/<kind>/<feature or source>
    feature_id: str | None  # None: not about one
    model_id: str | None  # None: not about one
    metric: str  # what is out of control
    severity: str  # page, ticket or info
    first_hour: int  # first window out of control
    last_hour: int  # latest window out of control
    windows: int  # windows out of control
    change_hour: int | None  # estimated first window of the change; None: not estimated
    direction: str | None  # up or down; None: neither
    open: bool  # still out of control
    summary: str  # one sentence


class MetricInfo(Protocol):
    """What a sentence and a severity need to know of a metric."""

    @property
    def layer(self) -> str: ...
    @property
    def unit(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def bad(self) -> Sequence[str]: ...  # directions that are trouble; empty: not known


def point_text(point: ChartPoint, unit: str) -> str:
    """One window of one chart in words; the unit is the metric's."""
    metric = point.metric.replace("_", " ").removesuffix(" ms").removesuffix(" usd")
    if point.chart == "missing":
        return f"no requests of {_place(point)}"
    return f"{metric} of {_place(point)} {_movement(point, unit)}"


def severity_of(layer: str, metric: str) -> str:
    """Severity in the table below; the entry for the metric wins over the one for its layer.

    Raises:
        KeyError: no such layer.
    """
    return SEVERITIES.get((layer, metric)) or SEVERITIES[layer, "*"]


def gravest(severities: Iterable[str]) -> str:
    """The one that wakes most people."""
    return max(severities, key=RANKS.index)


def chart_episodes(
    points: Iterable[ChartPoint],
    metrics: Mapping[str, MetricInfo],
    *,
    newest_hour: int,
    judges: Mapping[str, str] | None = None,
    thresholds: Sequence[Threshold] = (),
    simulated: bool = False,
    ended_after_hours: int = 48,
) -> list[Episode]:
    """Episodes of control charts, oldest first.

    Args:
        points: rows of control_charts, any order. Enough are, of each chart: every row with an
            alarm, the next row with data after each, and the newest row. Those of the chart
            `missing` are left to `find_missing_windows`.
        metrics: the catalogue of metrics, by name.
        newest_hour: newest window in the lake.
        judges: epoch -> name of its judge, so that the heuristic one can be named.
        thresholds: as in monitoring.yaml; a line somebody drew has the severity they gave it.
        simulated: the data are make-believe, and the sentence says so.
        ended_after_hours: a chart without rows for longer than this has ended (its feature is
            gone, its judge was replaced), and so has its episode.

    Raises:
        ValueError: a chart with an alarm is of a metric that is not in the catalogue.
    """
    episodes = []
    charted = sorted((p for p in points if p.chart != "missing"), key=_chart_order)
    for _, group in groupby(charted, key=lambda point: point.chart_id):
        rows = list(group)
        ended = hours.hours_between(rows[-1].hour, newest_hour) > ended_after_hours
        for run, is_open in _chart_runs(rows):
            info = _info(metrics, run[0])
            judge = (judges or {}).get(run[0].epoch or "")
            episode = _chart_episode(run, info, is_open and not ended, judge, simulated)
            drawn = _drawn_severity(run[0], thresholds)
            episodes.append(replace(episode, severity=drawn) if drawn else episode)
    return sorted(episodes, key=lambda episode: (episode.first_hour, episode.subject))


def _chart_order(point: ChartPoint) -> tuple[str, int]:
    return point.chart_id, point.hour


def _info(metrics: Mapping[str, MetricInfo], point: ChartPoint) -> MetricInfo:
    if point.metric not in metrics:
        raise ValueError(f"{point.chart_id}: {point.metric} is not in the catalogue of metrics")
    return metrics[point.metric]


def _chart_runs(rows: Iterable[ChartPoint]) -> Iterator[tuple[list[ChartPoint], bool]]:
    """Rows with an alarm, one list an episode, and whether it is open after the last row."""
    run: list[ChartPoint] = []
    for row in rows:
        back_in_control = not row.alarm and row.status != "no_data"
        if run and (row.alarm_started or back_in_control):
            yield run, False
            run = []
        if row.alarm:
            run.append(row)
    if run:
        yield run, True


def _chart_episode(
    run: Sequence[ChartPoint],
    info: MetricInfo,
    is_open: bool,
    judge: str | None,
    simulated: bool,
) -> Episode:
    first, last = run[0], run[-1]
    worst = max(run, key=_departure)
    # The estimate at the alarm: later ones wander, and people and incidents hold on to it.
    change_hour = next((row.change_hour for row in run if row.change_hour is not None), None)
    what = f"{info.title}{_remarks(info, judge)} of {_place(first)}"
    parts = [f"{what} {_movement(worst, info.unit)}"]
    parts.append(since_text(change_hour, first.hour))
    parts.extend([] if is_open else [until_text(last.hour)])
    return Episode(
        layer=info.layer,
        subject=first.chart_id,
        feature_id=first.feature_id,
        model_id=first.model_id,
        metric=first.metric,
        severity=_chart_severity(info, first.metric, worst.direction),
        first_hour=first.hour,
        last_hour=last.hour,
        windows=len(run),
        change_hour=change_hour,
        direction=worst.direction,
        open=is_open,
        summary=sentence(parts, simulated),
    )


def _chart_severity(info: MetricInfo, metric: str, direction: str | None) -> str:
    """A change for the better is news, not an emergency: one step milder."""
    severity = severity_of(info.layer, metric)
    better = bool(info.bad) and direction is not None and direction not in info.bad
    return RANKS[max(0, RANKS.index(severity) - 1)] if better else severity


def _drawn_severity(point: ChartPoint, thresholds: Sequence[Threshold]) -> str | None:
    """Severity of the line a static threshold stands for; None: another chart, or it is gone."""
    if point.chart != "static_threshold":
        return None
    lines = (
        line
        for line in thresholds
        if line.metric == point.metric and line.feature_id in (None, point.feature_id)
        if point.limit in (line.above, line.below)
    )
    return next((line.severity for line in lines), None)


def _level(row: ChartPoint) -> float | None:
    return row.value if row.level is None else row.level


def _expected(row: ChartPoint) -> float | None:
    """What the level is held against: the center, or the line somebody drew."""
    return row.limit if row.chart == "static_threshold" else row.center


def _departure(row: ChartPoint) -> float:
    level, expected = _level(row), _expected(row)
    return -1.0 if level is None or expected is None else abs(level - expected)


def _movement(row: ChartPoint, unit: str) -> str:
    level, expected = _level(row), _expected(row)
    side = row.direction or "out of control"
    if level is None:
        return side
    if expected is None:
        return f"{side} at {value_text(level, unit)}"
    if row.chart == "static_threshold":
        return f"at {value_text(level, unit)}, beyond the line at {value_text(expected, unit)}"
    # The numbers decide the word, so that a sentence never contradicts itself.
    return f"{'up' if level > expected else 'down'} {change_text(expected, level, unit)}"


def _place(row: ChartPoint) -> str:
    model = f" on {name_text(row.model_id)}" if row.model_id else ""
    return name_text(row.feature_id) + model


def _remarks(info: MetricInfo, judge: str | None) -> str:
    remarks = ["1-5"] if info.unit == "score" else []
    if judge == "heuristic":
        remarks.append("heuristic judge")
    return f" ({', '.join(remarks)})" if remarks else ""


RANKS = ("info", "ticket", "page")

# Volume informs, cost and quality page: traffic moves by itself, a judge or a bill does not.
SEVERITIES: dict[tuple[str, str], str] = {
    ("infrastructure", "*"): "page",
    ("infrastructure", "request_count"): "info",
    ("cost", "*"): "page",
    ("quality", "*"): "page",
    ("quality", "unscored_rate"): "ticket",  # our judge fails, not the product
    ("satisfaction", "*"): "ticket",
    ("inputs", "*"): "ticket",
    ("data", "*"): "ticket",
    ("data", "missing_windows"): "page",  # an outage that leaves no rows is an outage
    ("provider", "*"): "ticket",
    ("provider", "identity"): "info",
}

"""Episodes of control charts, read off their rows."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from llm_monitoring.alerts.episodes import Episode, severity_of
from llm_monitoring.alerts.points import ACCEPTED, departure, levels, movement, place
from llm_monitoring.alerts.proposals import proposal_of
from llm_monitoring.alerts.runs import Run, chart_runs, joined
from llm_monitoring.alerts.sentences import chance_text, sentence, since_text, until_text
from llm_monitoring.records import ChartPoint
from llm_monitoring.settings.control import Threshold
from llm_monitoring.severity import at_most, milder
from llm_monitoring.stats.charts import LINE, SILENCE


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rules:
    metrics: Mapping[str, MetricInfo]
    judges: Mapping[str, str]
    thresholds: Sequence[Threshold]
    run_length: Callable[[ChartPoint], float | None]
    page_margin: float
    simulated: bool


def chart_episodes(
    points: Iterable[ChartPoint],
    metrics: Mapping[str, MetricInfo],
    *,
    newest_hour: int,
    judges: Mapping[str, str] | None = None,
    thresholds: Sequence[Threshold] = (),
    run_length: Callable[[ChartPoint], float | None] = lambda _: None,
    page_margin: float = 0.0,
    accepted: Mapping[str, int] | None = None,
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
        thresholds: as in monitoring.yaml; a static line has the severity it was given.
        run_length: windows in control per false page of a row's chart; None: it has no budget.
        page_margin: how far above its limit a statistic has to rise for a page, nats; an episode
            in which none did is a ticket at most, of charts that have a budget.
        accepted: baseline_id -> hour in which the policy accepted a shift as that baseline.
        simulated: the data are make-believe, and the sentence says so.
        ended_after_hours: a chart without rows for longer than this has ended (its feature is
            gone, its judge was replaced), and so has its episode.

    Raises:
        ValueError: a chart with an alarm is of a metric that is not in the catalogue.
    """
    runs = chart_runs(
        (point for point in points if point.chart != SILENCE),
        newest_hour=newest_hour,
        ended_after_hours=ended_after_hours,
        accepted=accepted or {},
    )
    rules = _Rules(
        metrics=metrics,
        judges=judges or {},
        thresholds=thresholds,
        run_length=run_length,
        page_margin=page_margin,
        simulated=simulated,
    )
    episodes = [_episode(group, rules) for group in joined(runs)]
    return sorted(episodes, key=lambda episode: (episode.first_hour, episode.subject))


def _episode(runs: Sequence[Run], rules: _Rules) -> Episode:
    """The episode of the leading run and those joined to it."""
    lead, rows = runs[0].first, [row for run in runs for row in run.rows]
    info = _info(rules.metrics, lead)
    worst = max(rows, key=departure)
    severity = _severity(rows, worst, info, rules)
    # The estimate at the alarm: later ones wander, and people and incidents hold on to it.
    changes = (row.change_hour for row in runs[0].rows if row.change_hour is not None)
    change_hour = next(changes, None)
    last_hour = max(row.hour for row in rows)
    chance = _chance_hours(rows, lead, rules)
    before, after = levels(worst)
    is_open, proposal = any(run.is_open for run in runs), proposal_of(runs)
    parts = [
        f"{info.title}{_remarks(info, lead, rules)} of {place(lead)} {movement(worst, info.unit)}",
        since_text(change_hour, lead.hour),
        *([] if is_open else [until_text(last_hour)]),
        *([chance_text(chance)] if chance is not None else []),
        *([ACCEPTED] if any(run.accepted for run in runs) else []),
    ]
    return Episode(
        layer=info.layer,
        subject=lead.chart_id,
        feature_id=lead.feature_id,
        segment=lead.segment,
        metric=lead.metric,
        severity=severity,
        first_hour=lead.hour,
        last_hour=last_hour,
        windows=len({row.hour for row in rows}),
        change_hour=change_hour,
        direction=worst.direction,
        open=is_open,
        summary=sentence(parts, rules.simulated),
        proposal=proposal,
        n=sum({row.hour: row.n for row in rows}.values()),
        value_before=before,
        value_after=after,
        chance_hours=chance,
    )


def _info(metrics: Mapping[str, MetricInfo], point: ChartPoint) -> MetricInfo:
    if point.metric not in metrics:
        raise ValueError(f"{point.chart_id}: {point.metric} is not in the catalogue of metrics")
    return metrics[point.metric]


def _severity(
    rows: Sequence[ChartPoint], worst: ChartPoint, info: MetricInfo, rules: _Rules
) -> str:
    """A change for the better is news, not an emergency: one step milder.

    A chart that takes a budget pages only once it is as sure as that budget asks for.
    """
    drawn = _drawn_severity(worst, rules.thresholds)
    if drawn:
        return drawn
    severity = severity_of(info.layer, worst.metric)
    if info.bad and worst.direction is not None and worst.direction not in info.bad:
        severity = milder(severity)
    return severity if _is_sure(rows, rules) else at_most(severity, "ticket")


def _is_sure(rows: Iterable[ChartPoint], rules: _Rules) -> bool:
    """It has a page's certainty, or no budget that asks for one."""
    return rules.page_margin <= 0 or any(
        rules.run_length(row) is None
        or row.statistic is None
        or row.limit is None
        or row.statistic > row.limit + rules.page_margin
        for row in rows
    )


def _drawn_severity(point: ChartPoint, thresholds: Sequence[Threshold]) -> str | None:
    """Severity of the line a static threshold stands for; None: another chart, or it is gone."""
    if point.chart != LINE:
        return None
    lines = (
        line
        for line in thresholds
        if line.metric == point.metric and line.feature_id in (None, point.feature_id)
        if point.limit in (line.above, line.below)
    )
    return next((line.severity for line in lines), None)


def _chance_hours(rows: Iterable[ChartPoint], lead: ChartPoint, rules: _Rules) -> float | None:
    """Windows in which the leading chart raises one such alarm in control; None: no budget."""
    length = rules.run_length(lead)
    if length is None:
        return None
    return length / (1.0 if _is_sure(rows, rules) else math.exp(rules.page_margin))


def _remarks(info: MetricInfo, point: ChartPoint, rules: _Rules) -> str:
    remarks = ["1-5"] if info.unit == "score" else []
    if rules.judges.get(point.epoch or "") == "heuristic":
        remarks.append("heuristic judge")
    return f" ({', '.join(remarks)})" if remarks else ""

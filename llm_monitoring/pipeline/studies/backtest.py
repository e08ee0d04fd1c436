"""Backtests: rules side by side over stored windows. The lake is only read."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from llm_monitoring.backtesting import (
    CONFIGURED,
    LabelledIncident,
    Rule,
    RuleResult,
    Watched,
    check_metric,
    parse_rule,
    watch_series,
)
from llm_monitoring.control import group
from llm_monitoring.lake import Lake
from llm_monitoring.metrics import ALL_FEATURES
from llm_monitoring.pipeline.studies.labels import read_incidents
from llm_monitoring.records import Rebaseline, WindowMetric
from llm_monitoring.settings import Settings

Progress = Callable[[Sequence[str]], Iterable[str]]  # shows how far a walk over metrics is


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked.

    Args:
        rules: as written; empty: what monitoring.yaml says.
        first, last: hours asked about.
        metric, feature_id: None: all.
        incidents: file of labelled incidents; None: none is known.
        budgets: false alarms a week to try each rule at; empty: as monitoring.yaml says.
    """

    rules: Sequence[str]
    first: int
    last: int
    metric: str | None
    feature_id: str | None
    incidents: Path | None
    budgets: Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of it.

    Args:
        results: one a rule.
        incidents: labelled ones of what was asked about; None: none is known.
    """

    results: list[RuleResult]
    incidents: list[LabelledIncident] | None


def answer(lake: Lake, settings: Settings, question: Question, progress: Progress = iter) -> Answer:
    """Rules side by side over stored windows.

    Raises:
        ValueError: a rule, a name, the range or the file of incidents is mistaken.
    """
    rules = _rules(settings, question)
    hours = _stored_hours(lake, question)
    features = _features(lake, settings, question)
    incidents = read_incidents(question.incidents, features) if question.incidents else None
    results = backtest(lake, rules, hours, question.feature_id, question.metric, progress=progress)
    if not any(result.watched for result in results):
        raise ValueError("no rule watches any series that was asked about")
    return Answer(results=results, incidents=_asked_about(incidents, question))


def backtest(
    lake: Lake,
    rules: Sequence[Rule],
    hours: tuple[int, int],
    feature_id: str | None = None,
    metric: str | None = None,
    *,
    progress: Progress = iter,
) -> list[RuleResult]:
    """Every rule over the stored windows up to the last hour; metric by metric, to save memory."""
    rebaselines = lake.rows("rebaselines")
    metrics = sorted({name for rule in rules for name in rule.metrics if metric in (None, name)})
    watched: dict[str, list[Watched]] = {rule.name: [] for rule in rules}
    for name in progress(metrics):
        windows = _windows(lake, name, feature_id, hours[1])
        for rule in rules:
            if name in rule.metrics:
                watched[rule.name] += _watch(rule, windows, hours, rebaselines)
    return [
        RuleResult(
            rule=rule, first_hour=hours[0], last_hour=hours[1], watched=tuple(watched[rule.name])
        )
        for rule in rules
    ]


def _watch(
    rule: Rule,
    windows: Sequence[WindowMetric],
    hours: tuple[int, int],
    rebaselines: Sequence[Rebaseline],
) -> list[Watched]:
    found = [
        watch_series(rule, series, rows, hours=hours, rebaselines=rebaselines)
        for series, rows in group(windows).items()
    ]
    return [watched for watched in found if watched is not None]


def _windows(lake: Lake, metric: str, feature_id: str | None, last: int) -> list[WindowMetric]:
    """From the first window on: Phase I is part of the replay."""
    own = {} if feature_id is None else {"feature_id": feature_id}
    windows: list[WindowMetric] = lake.rows("window_metrics", hours=(0, last), metric=metric, **own)
    return windows


def _rules(settings: Settings, question: Question) -> list[Rule]:
    """Every rule at every budget; one that keeps none is tried once."""
    if question.metric is not None:
        check_metric(question.metric)
    budgets: list[float | None] = [*question.budgets] or [None]
    asked = product(question.rules or [CONFIGURED], budgets)
    rules = {rule.name: rule for rule in (parse_rule(text, settings, b) for text, b in asked)}
    for rule in rules.values():
        if question.metric not in (None, *rule.metrics):
            raise ValueError(f"rule {rule.name} does not watch {question.metric}")
    return list(rules.values())


def _stored_hours(lake: Lake, question: Question) -> tuple[int, int]:
    """The hours asked about that have windows."""
    span = lake.span("window_metrics")
    if span is None:
        raise ValueError("the lake has no windows yet: `llm-monitoring backfill` makes them")
    first, last = span
    if question.first > question.last:
        raise ValueError(f"--from {question.first} lies after --to {question.last}")
    if question.first > last or question.last < first:
        asked = f"{question.first} to {question.last}"
        raise ValueError(f"no windows from {asked}: those stored are {first} to {last}")
    return max(question.first, first), min(question.last, last)


def _features(lake: Lake, settings: Settings, question: Question) -> set[str]:
    stored: set[str] = lake.distinct("window_metrics", "feature_id")
    features = stored | {feature.feature_id for feature in settings.features}
    if question.feature_id not in (None, *features):
        known = ", ".join(sorted(features))
        raise ValueError(f"no windows of {question.feature_id!r}; there are those of {known}")
    return features


def _asked_about(
    incidents: list[LabelledIncident] | None, question: Question
) -> list[LabelledIncident] | None:
    """Incidents of the feature and the metric asked about; those of all features are of each."""
    if incidents is None:
        return None
    return [
        incident
        for incident in incidents
        if question.feature_id is None or incident.feature_id in (ALL_FEATURES, question.feature_id)
        if question.metric is None or incident.metric in (None, question.metric)
    ]

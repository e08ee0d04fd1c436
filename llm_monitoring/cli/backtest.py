"""`llm-monitoring backtest`: rules side by side over stored windows. The lake is only read."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pyarrow as pa
from rich.progress import track

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
from llm_monitoring.cli.backtest_report import (
    EPISODE_COLUMNS,
    episode_rows,
    print_report,
    result_document,
)
from llm_monitoring.cli.console import PlainConsole
from llm_monitoring.cli.labels import read_incidents
from llm_monitoring.cli.query import open_lake, print_json, print_table
from llm_monitoring.control import group
from llm_monitoring.lake import Lake
from llm_monitoring.metrics import ALL_FEATURES
from llm_monitoring.records import Rebaseline, WindowMetric
from llm_monitoring.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked; the command's options.

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


def run_backtest(settings: Settings, question: Question, style: str) -> None:
    """Backtest the rules and print what came of it.

    Raises:
        ValueError: a rule, a name, the range or the file of incidents is mistaken.
    """
    rules = _rules(settings, question)
    lake = open_lake(settings)
    first, last = _stored_hours(lake, question)
    features = _features(lake, settings, question)
    incidents = read_incidents(question.incidents, features) if question.incidents else None
    incidents = _asked_about(incidents, question)
    results = backtest(lake, rules, (first, last), question.feature_id, question.metric)
    if not any(result.watched for result in results):
        raise ValueError("no rule watches any series that was asked about")
    if style == "json":
        document = [result_document(result, incidents) for result in results]
        print_json(document)
    elif style == "csv":
        rows = [row for result in results for row in episode_rows(result, incidents)]
        columns = {name: [row[name] for row in rows] for name in EPISODE_COLUMNS}
        print_table(pa.table(columns), "csv")
    else:
        print_report(results, incidents)


def backtest(
    lake: Lake,
    rules: Sequence[Rule],
    hours: tuple[int, int],
    feature_id: str | None = None,
    metric: str | None = None,
) -> list[RuleResult]:
    """Every rule over the stored windows up to the last hour; metric by metric, to save memory."""
    rebaselines = lake.rows("rebaselines")
    metrics = sorted({name for rule in rules for name in rule.metrics if metric in (None, name)})
    watched: dict[str, list[Watched]] = {rule.name: [] for rule in rules}
    console = PlainConsole(stderr=True)
    for name in track(metrics, description="metrics", console=console, transient=True):
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
    where = "metric = $metric" + ("" if feature_id is None else " and feature_id = $feature_id")
    windows: list[WindowMetric] = lake.rows(
        "window_metrics", where, hours=(0, last), metric=metric, feature_id=feature_id
    )
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
    row = lake.run("select min(hour) as first, max(hour) as last from window_metrics")
    first, last = row["first"][0].as_py(), row["last"][0].as_py()
    if first is None:
        raise ValueError("the lake has no windows yet: `llm-monitoring backfill` makes them")
    if question.first > question.last:
        raise ValueError(f"--from {question.first} lies after --to {question.last}")
    if question.first > last or question.last < first:
        asked = f"{question.first} to {question.last}"
        raise ValueError(f"no windows from {asked}: those stored are {first} to {last}")
    return max(question.first, first), min(question.last, last)


def _features(lake: Lake, settings: Settings, question: Question) -> set[str]:
    rows = lake.run("select distinct feature_id from window_metrics")
    features = {*rows["feature_id"].to_pylist(), *(f.feature_id for f in settings.features)}
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

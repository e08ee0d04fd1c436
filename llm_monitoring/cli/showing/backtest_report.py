"""What a backtest says: tables for people, rows and a document for programs."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.table import Column, Table

from llm_monitoring.alerts.sentences import change_text, name_text, value_text
from llm_monitoring.backtesting import (
    FoundEpisode,
    LabelledIncident,
    Outcome,
    RuleResult,
    median_delay,
)
from llm_monitoring.cli.console import PlainConsole
from llm_monitoring.control import Series
from llm_monitoring.hours import hour_start, hours_between
from llm_monitoring.metrics import ALL_FEATURES, BY_NAME
from llm_monitoring.segments import segment_text
from llm_monitoring.stats.charts import LINE

EPISODE_COLUMNS = (
    "rule", "feature_id", "segment", "epoch", "metric", "chart", "first_hour", "last_hour",
    "is_open", "began_before", "direction", "before", "level", "change_hour", "is_false_alarm",
)  # fmt: skip
SHOWN = 25  # episodes of a rule that a table shows
Incidents = Sequence[LabelledIncident] | None


def result_document(result: RuleResult, incidents: Incidents) -> dict[str, Any]:
    """One rule with its totals, its episodes and, where incidents are known, their outcomes."""
    document: dict[str, Any] = {
        "rule": result.rule.name,
        "first_hour": result.first_hour,
        "last_hour": result.last_hour,
        **_totals(result, incidents),
        "episodes": _without_rule(episode_rows(result, incidents)),
    }
    if incidents is not None:
        document["incidents"] = [_outcome_row(outcome) for outcome in result.outcomes(incidents)]
    return document


def episode_rows(result: RuleResult, incidents: Incidents) -> list[dict[str, Any]]:
    """A row for each episode, also for those that were open already when the time began."""
    false = [] if incidents is None else result.false_alarms(incidents)
    rows = []
    for episode in result.listed:
        began_before = episode.first_hour < result.first_hour
        row = {
            "rule": result.rule.name,
            **asdict(episode.series),
            **asdict(episode),
            "began_before": began_before,
            # Nobody can say without incidents, or of what began before.
            "is_false_alarm": None if incidents is None or began_before else episode in false,
        }
        rows.append({name: row[name] for name in EPISODE_COLUMNS})
    return rows


def print_report(results: Sequence[RuleResult], incidents: Incidents) -> None:
    """Rules side by side, then incidents, then episodes."""
    console = PlainConsole()
    first, last = results[0].first_hour, results[0].last_hour
    start, end = (f"{hour_start(hour):%Y-%m-%d %H:%M}" for hour in (first, last))
    console.print(f"Windows from {start} to {end} UTC")
    console.print(_totals_table(results, incidents))
    if incidents is not None:
        console.print(_incidents_table(results, incidents))
    for result in results:
        if result.listed:
            console.print(_episodes_table(result, incidents))


def _totals(result: RuleResult, incidents: Incidents) -> dict[str, Any]:
    totals: dict[str, Any] = {
        "series": len(result.watched),
        "charts": sum(watched.charts for watched in result.watched),
        "chart_windows": sum(watched.chart_windows for watched in result.watched),
        "waiting_windows": sum(watched.waiting_windows for watched in result.watched),
        "weeks": result.weeks,
        "episodes_begun": len(result.episodes),
        "episodes_per_week": len(result.episodes) / result.weeks,
        "expected_per_week": None if result.expected is None else result.expected / result.weeks,
    }
    if incidents is None:
        return totals
    outcomes = result.outcomes(incidents)
    false = len(result.false_alarms(incidents))
    return totals | {
        "incidents_scored": len(outcomes),
        "incidents_found": sum(outcome.outcome == "found" for outcome in outcomes),
        "median_delay_hours": median_delay(outcomes),
        "false_alarms": false,
        "false_alarms_per_week": false / result.weeks,
    }


def _totals_table(results: Sequence[RuleResult], incidents: Incidents) -> Table:
    """A column for each rule."""
    table = _table("", *(result.rule.name for result in results), title="Rules")
    totals = [_totals(result, incidents) for result in results]
    for key in totals[0]:
        if key != "weeks":
            table.add_row(key.replace("_", " "), *(_number(each[key]) for each in totals))
    return table


def _incidents_table(results: Sequence[RuleResult], incidents: Sequence[LabelledIncident]) -> Table:
    names = [result.rule.name for result in results]
    table = _table("incident", "from", *names, title="Incidents")
    by_rule = [result.outcomes(incidents) for result in results]
    for outcomes in zip(*by_rule, strict=True):
        incident = outcomes[0].incident
        table.add_row(incident.name, _hour(incident.first_hour), *map(_outcome_text, outcomes))
    scored = len(by_rule[0])
    if scored < len(incidents):
        table.caption = f"{len(incidents) - scored} began outside these windows: not scored"
    return table


def _outcome_text(outcome: Outcome) -> str:
    if outcome.found_by is None:
        return outcome.outcome
    return f"{outcome.delay_hours} h: {BY_NAME[outcome.found_by.series.metric].title}"


def _outcome_row(outcome: Outcome) -> dict[str, Any]:
    found = outcome.found_by
    return {
        **asdict(outcome.incident),
        "outcome": outcome.outcome,
        "delay_hours": outcome.delay_hours,
        "found_by": None if found is None else f"{found.series.metric}, {found.chart}",
    }


def _episodes_table(result: RuleResult, incidents: Incidents) -> Table:
    table = _table("alarm", "hours", "series", "change", title=result.rule.name)
    false = [] if incidents is None else result.false_alarms(incidents)
    for episode in result.listed[:SHOWN]:
        remark = " (false)" if episode in false else ""
        table.add_row(
            _hour(episode.first_hour),
            _length_text(episode),
            f"{_series_text(episode.series)}: {_chart_text(episode)}{remark}",
            _change_text(episode),
        )
    hidden = len(result.listed) - SHOWN
    if hidden > 0:
        table.caption = f"and {hidden} more: --format csv has all of them"
    return table


def _length_text(episode: FoundEpisode) -> str:
    hours = hours_between(episode.first_hour, episode.last_hour) + 1
    return f"{hours}, open" if episode.is_open else str(hours)


def _chart_text(episode: FoundEpisode) -> str:
    return "line" if episode.chart == LINE else episode.chart


def _series_text(series: Series) -> str:
    feature = "all" if series.feature_id == ALL_FEATURES else name_text(series.feature_id)
    return f"{BY_NAME[series.metric].title} of {feature}{segment_text(series.segment, name_text)}"


def _change_text(episode: FoundEpisode) -> str:
    unit = BY_NAME[episode.series.metric].unit
    if episode.level is None:
        return episode.direction or ""
    if episode.before is None:
        return f"{episode.direction} at {value_text(episode.level, unit)}"
    change = change_text(episode.before, episode.level, unit)
    return change if episode.change_hour is None else f"{change} since {_hour(episode.change_hour)}"


def _table(*columns: str, title: str) -> Table:
    """Long names are broken, never cut off."""
    return Table(*(Column(name, overflow="fold") for name in columns), title=title)


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:.2f}"


def _hour(key: int) -> str:
    return f"{hour_start(key):%m-%d %H:%M}"


def _without_rule(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name != "rule"} for row in rows]

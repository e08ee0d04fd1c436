"""`llm-monitoring power`: what it takes for a change to be noticed. The lake is only read."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import pyarrow as pa
from rich.table import Column, Table

from llm_monitoring.alerts.sentences import name_text
from llm_monitoring.cli.console import PlainConsole
from llm_monitoring.cli.query import open_lake, print_json, print_table
from llm_monitoring.hours import hour_start
from llm_monitoring.metrics import ALL_FEATURES, CHARTED
from llm_monitoring.pipeline.studies.power import asked_powers
from llm_monitoring.power import CHART, Change, Power, movement_text, verdict_text
from llm_monitoring.settings import EndpointJudgeSettings, Settings


def run_power(
    settings: Settings, change: Change, *, feature_id: str | None, metric: str | None, style: str
) -> None:
    """Tell the power of every charted series, or of some.

    Raises:
        ValueError: the lake has no windows, or none of that feature or metric.
    """
    told, newest = asked_powers(
        open_lake(settings), settings, change, feature_id=feature_id, metric=metric
    )
    if style == "table":
        _print_report(settings, change, told, newest)
        return
    rows = [_row(power) for power in told]
    if style == "json":
        print_json(rows)
    else:
        print_table(pa.Table.from_pylist(rows), "csv")


def _row(power: Power) -> dict[str, Any]:
    row = {**asdict(power), "metric": power.metric.name, "unit": power.metric.unit}
    return row | {"told": verdict_text(power)}


def _print_report(settings: Settings, change: Change, told: Sequence[Power], newest: int) -> None:
    console = PlainConsole()
    for line in _introduction(settings, change, newest):
        console.print(line)
    order = [metric.name for metric in CHARTED]
    for feature_id in sorted({power.feature_id for power in told}):
        mine = [power for power in told if power.feature_id == feature_id]
        mine.sort(key=lambda power: order.index(power.metric.name))
        title = "all features" if feature_id == ALL_FEATURES else name_text(feature_id)
        console.print(_table(title, mine, change))


def _table(title: str, told: Sequence[Power], change: Change) -> Table:
    table = Table(
        "metric",
        "change",
        Column("rows an hour", justify="right"),
        Column("hours", justify="right"),
        f"within {change.hours:g} h",
        title=title,
    )
    for power in told:
        status = "" if power.status == "established" else f" ({power.status})"
        table.add_row(
            power.metric.title + status,
            movement_text(power),
            f"{power.rows_per_hour:,.0f}",
            "" if power.hours is None else f"{power.hours:,.0f}",
            verdict_text(power),
        )
    return table


def _introduction(settings: Settings, change: Change, newest: int) -> Iterator[str]:
    yield (
        f"Hours until {CHART} tells that scores fell by {change.drop:g} points, or that anything "
        f"else went wrong by {100 * change.relative_rise:g} %: half of such changes sooner."
    )
    yield (
        f"False alarms a week, over all charts: {settings.control.false_alarms_per_week:g}. Rows: "
        f"of the two weeks up to {hour_start(newest):%Y-%m-%d %H:%M} UTC."
    )
    if settings.control.chart != CHART:
        yield f"monitoring.yaml has the chart {settings.control.chart}, which is not covered here."
    if not isinstance(settings.judge, EndpointJudgeSettings):
        yield "The judge is heuristic: free, and its scores are of breakage, not of quality."

"""`llm-monitoring power`: what it takes for a change to be noticed. The lake is only read."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from statistics import fmean
from typing import Any

import pyarrow as pa
from rich.table import Column, Table

from llm_monitoring.adapters.prices import Prices, TokenCounts
from llm_monitoring.alerts.sentences import name_text
from llm_monitoring.backtesting import check_metric
from llm_monitoring.cli.console import PlainConsole
from llm_monitoring.cli.query import open_lake, print_json, print_table
from llm_monitoring.control import (
    OUTAGE_SHARE,
    Series,
    charts_of,
    group,
    parse_baseline,
    replay,
    series_run_length,
)
from llm_monitoring.hours import hour_start, shift
from llm_monitoring.lake import Lake
from llm_monitoring.metrics import ALL_FEATURES, CHARTED
from llm_monitoring.power import (
    Change,
    Power,
    Sampling,
    by_series,
    in_force,
    movement_text,
    power_of,
    rows_of,
    verdict_text,
    waiting,
)
from llm_monitoring.records import Baseline, WindowMetric
from llm_monitoring.settings import EndpointJudgeSettings, Settings
from llm_monitoring.stats.baselines import AnyBaseline, SilenceBaseline
from llm_monitoring.stats.charts import Chart

RECENT_HOURS = 14 * 24
CHART = "sr_mixture"  # that the arithmetic was calibrated for


def run_power(
    settings: Settings, change: Change, *, feature_id: str | None, metric: str | None, style: str
) -> None:
    """Tell the power of every charted series, or of some.

    Raises:
        ValueError: the lake has no windows, or none of that feature or metric.
    """
    if metric is not None:
        check_metric(metric)
    lake = open_lake(settings)
    newest = lake.run("select max(hour) as hour from window_metrics")["hour"][0].as_py()
    if newest is None:
        raise ValueError("the lake has no windows yet: `llm-monitoring backfill` makes them")
    told = [
        power
        for power in powers(lake, settings, change, newest)
        if feature_id in (None, power.feature_id) and metric in (None, power.metric.name)
    ]
    if not told:
        asked = " and ".join(filter(None, (feature_id, metric)))
        raise ValueError(f"no charted windows of {asked} in the two weeks up to {newest}")
    if style == "table":
        _print_report(settings, change, told, newest)
        return
    rows = [_row(power) for power in told]
    if style == "json":
        print_json(rows)
    else:
        print_table(pa.Table.from_pylist(rows), "csv")


def powers(lake: Lake, settings: Settings, change: Change, newest: int) -> Iterator[Power]:
    """Power of every charted series but those of single models, by metric and feature."""
    hours = (shift(newest, 1 - RECENT_HOURS), newest)
    stored = by_series(lake.rows("baselines"))
    sampling = _samplings(lake, settings, hours)
    for metric in CHARTED:
        windows = _windows(lake, metric.name, hours)
        for series, recent in sorted(_newest_epochs(windows).items(), key=lambda i: str(i[0])):
            charted = _charted(series, settings)
            if charted is None:
                continue
            status, baseline = _in_force(series, charted, stored, recent)
            if baseline is None or isinstance(baseline, SilenceBaseline):
                yield waiting(metric, series.feature_id)
                continue
            yield power_of(
                metric,
                series.feature_id,
                baseline,
                status=status,
                rows=rows_of(metric, recent),
                change=change,
                run_length=_run_length(settings, series.feature_id),
                sampling=sampling.get(series.feature_id),
            )


def _windows(lake: Lake, metric: str, hours: tuple[int, int]) -> list[WindowMetric]:
    where = "metric = $metric and model_id is null"
    windows: list[WindowMetric] = lake.rows("window_metrics", where, hours=hours, metric=metric)
    return windows


def _newest_epochs(windows: Sequence[WindowMetric]) -> dict[Series, list[WindowMetric]]:
    """Series with their windows; of a feature judged anew, only those of its newest epoch."""
    newest: dict[str, tuple[Series, list[WindowMetric]]] = {}
    for series, rows in group(windows).items():
        known = newest.get(series.feature_id)
        if known is None or known[1][-1].hour < rows[-1].hour:
            newest[series.feature_id] = series, rows
    return dict(newest.values())


def _charted(series: Series, settings: Settings) -> Chart | None:
    """The chart that power is given for, whichever is configured; None: the series has none."""
    control = settings.control.model_copy(update={"chart": CHART})
    charts = charts_of(series, settings.model_copy(update={"control": control}))
    return next((chart for chart in charts if chart.name == CHART), None)


def _in_force(
    series: Series,
    chart: Chart,
    stored: Mapping[str, Sequence[Baseline]],
    recent: Sequence[WindowMetric],
) -> tuple[str, AnyBaseline | None]:
    """Status and baseline: the stored one, else what the last two weeks would teach."""
    name, _, _ = series.chart_id(chart).rpartition("/")
    known = in_force(stored.get(name) or replay(series, chart, recent).baselines)
    return ("waiting", None) if known is None else (known.status, parse_baseline(known))


def _run_length(settings: Settings, feature_id: str) -> float:
    return series_run_length(settings, feature_id) / (1 - OUTAGE_SHARE)


def _samplings(lake: Lake, settings: Settings, hours: tuple[int, int]) -> dict[str, Sampling]:
    """How each feature was judged."""
    prices = _judgement_prices(lake, settings, hours)
    requests = _newest_epochs(_windows(lake, "request_count", hours))
    judged = _newest_epochs(_windows(lake, "unscored_rate", hours))
    asked = {series.feature_id: fmean(row.n for row in rows) for series, rows in requests.items()}
    free = not isinstance(settings.judge, EndpointJudgeSettings)
    return {
        series.feature_id: Sampling(
            requests_per_hour=asked.get(series.feature_id, 0.0),
            sampled_per_hour=fmean(row.n for row in rows),
            usd_per_judgement=0.0 if free else prices.get(series.feature_id),
        )
        for series, rows in judged.items()
    }


def _judgement_prices(
    lake: Lake, settings: Settings, hours: tuple[int, int]
) -> dict[str, float | None]:
    """US dollars of a judgement of each feature: as they cost, else what their tokens would."""
    judge = settings.judge
    if not isinstance(judge, EndpointJudgeSettings):
        return {}
    costs = lake.query(
        "judge_costs", hours=hours, first=hours[0], last=hours[1], judge=judge.model
    ).to_pylist()
    prices = Prices(settings.prices)
    return {
        row["feature_id"]: prices.cost(
            model_id=judge.model,
            requested_model=None,
            provider=None,
            timestamp=hour_start(hours[1]),
            tokens=TokenCounts(_whole(row["input_tokens"]), _whole(row["output_tokens"])),
            logged_usd=row["cost_usd"],
        )[0]
        for row in costs
    }


def _whole(mean: float | None) -> int | None:
    return None if mean is None else round(mean)


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

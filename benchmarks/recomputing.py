"""One tick of the charts on the fourteenth day, while every chart of every feature still learns.

python -m benchmarks.recomputing
"""

import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import click
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Console
from rich.table import Table

from benchmarks.measuring import Cost, machine, today
from benchmarks.page import RESULTS, write_page
from llm_monitoring.control import charts_of, group, replay
from llm_monitoring.control.stored import baseline_id_of
from llm_monitoring.hours import hour_range, shift
from llm_monitoring.lake import TABLES, Lake
from llm_monitoring.metrics import BY_NAME, CHARTED
from llm_monitoring.pipeline.windows.chart import recompute
from llm_monitoring.records import Baseline, WindowMetric
from llm_monitoring.segments import segment_of_model
from llm_monitoring.settings import Settings

FIRST = 2026080300
CHUNK = 24  # hours to a commit of the lake's past
PAST = 333  # hours that are charted already
# Hours counted from the first: Phase I goes on, it ends, it is over.
TICKS = {"learning": 333, "learned": 335, "established": 336}
Ids = tuple[list[str], list[list[str]]]
PACKAGES = ("duckdb", "deltalake", "pyarrow", "numpy", "scipy")


@click.command()
@click.option("--features", default=300, show_default=True)
@click.option(
    "--anew", default=4, show_default=True, help="Features replayed from their beginning."
)
@click.option("--seed", default=7, show_default=True)
@click.option("--date", default=today, help="Day of the measurement; default: today, UTC.")
def main(features: int, anew: int, seed: int, date: str) -> None:
    """Measure, print a table, write results and page."""
    console = Console()
    series = _windows(np.random.default_rng(seed), max(TICKS.values()) + 1)
    few, all_ = _ticks(series, anew), _ticks(series, features)
    measured = {
        name: {
            "few": few[name],
            "few_from_start": (start := _from_start(series, anew, hour)),
            "ratio": round(start["cpu_seconds"] / few[name]["cpu_seconds"], 1),
            "all": all_[name],
        }
        for name, hour in TICKS.items()
    }
    result = {
        "date": date,
        "seed": seed,
        "load": round(os.getloadavg()[0], 2),
        "machine": machine(PACKAGES),
        "features": features,
        "few": anew,
        "charts": features * sum(len(charts_of(s, _settings(features))) for s in group(series)),
        "measured": measured,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "recomputing.json").write_text(json.dumps(result, indent=2) + "\n")
    write_page()
    table = Table("", "from the first window", "now", "ratio", f"{features} features")
    for name, row in measured.items():
        seconds = [f"{row[key]['cpu_seconds']:.2f}" for key in ("few_from_start", "few", "all")]
        table.add_row(name, *seconds[:2], f"{row['ratio']:g}", seconds[2])
    console.print(table)


def _settings(features: int) -> Settings:
    return Settings.model_validate(
        {
            "product": "Shop",
            "start": datetime(2026, 8, 3, tzinfo=UTC),
            "features": [{"feature_id": _name(i)} for i in range(features)],
        }
    )


def _name(feature: int) -> str:
    return f"feature_{feature}"


def _windows(random: np.random.Generator, hours: int) -> list[WindowMetric]:
    """Windows of one feature and its one model: a series of each charted metric."""
    return [
        _window(random, metric.name, model, hour)
        for hour in hour_range(FIRST, shift(FIRST, hours - 1))
        for metric in CHARTED
        for model in ((None, "model") if metric.name == "avg_cost_per_request_usd" else (None,))
    ]


def _window(random: np.random.Generator, metric: str, model: str | None, hour: int) -> WindowMetric:
    kind, n = BY_NAME[metric].kind, int(random.poisson(200))
    value = {
        "count": lambda: float(n),
        "proportion": lambda: float(random.binomial(n, 0.05)) / n,
        "mean": lambda: float(random.normal(4, 0.05)),
    }.get(kind, lambda: float(random.lognormal(0, 0.1)))()
    return WindowMetric(
        hour=hour,
        feature_id=_name(0),
        segment=segment_of_model(model),
        epoch=None,
        metric=metric,
        value=value,
        n=n,
        stddev=None if kind == "count" else 0.2,
    )


def _ticks(windows: Sequence[WindowMetric], features: int) -> dict[str, dict[str, float]]:
    """Cost of charting single hours of a lake that knows the hours before them."""
    folder, costs = Path(tempfile.mkdtemp(prefix="recomputing-")), {}
    try:
        lake, settings = Lake(str(folder / "lake")), _settings(features)
        _write_past(lake, [row for row in windows if row.hour < shift(FIRST, PAST)], features)
        for hour in range(PAST, max(TICKS.values()) + 1):
            now, cost = shift(FIRST, hour), Cost()
            new = TABLES["window_metrics"].to_arrow(row for row in windows if row.hour == now)
            lake.replace_hours("window_metrics", _copies(new, features), now, now)
            with cost.measured():
                recompute(lake, settings, now, now)
            costs[hour] = cost.as_dict()
    finally:
        shutil.rmtree(folder)
    return {name: costs[hour] for name, hour in TICKS.items()}


def _from_start(windows: Sequence[WindowMetric], features: int, hour: int) -> dict[str, float]:
    """Cost of replaying the same charts from their first window, without reading or writing."""
    settings, known = _settings(features), [r for r in windows if r.hour <= shift(FIRST, hour)]
    cost = Cost()
    with cost.measured():
        for _ in range(features):
            for series, rows in group(known).items():
                for chart in charts_of(series, settings):
                    replay(series, chart, rows)
    return cost.as_dict()


def _write_past(lake: Lake, windows: Sequence[WindowMetric], features: int) -> None:
    """The windows of one feature, its points and baselines, once for each feature."""
    points, baselines = [], []
    for series, rows in group(windows).items():
        for chart in charts_of(series, _settings(features)):
            replayed = replay(series, chart, rows)
            points += replayed.points
            baselines += replayed.baselines
    copies = [[_copy(baseline, i) for baseline in baselines] for i in range(features)]
    lake.replace_all("baselines", [baseline for copy in copies for baseline in copy])
    own = [b.baseline_id for b in baselines], [[b.baseline_id for b in copy] for copy in copies]
    for name, records in (("window_metrics", windows), ("control_charts", points)):
        table = TABLES[name].to_arrow(records)
        for first in list(hour_range(FIRST, windows[-1].hour))[::CHUNK]:
            last = min(shift(first, CHUNK - 1), windows[-1].hour)
            inside = pc.and_(
                pc.greater_equal(table["hour"], first), pc.less_equal(table["hour"], last)
            )
            lake.replace_hours(name, _copies(table.filter(inside), features, own), first, last)


def _copy(baseline: Baseline, feature: int) -> Baseline:
    chart_id = baseline.chart_id.replace(f"{_name(0)}/", f"{_name(feature)}/")
    copy = replace(baseline, chart_id=chart_id)
    return replace(copy, baseline_id=baseline_id_of(copy))


def _copies(table: pa.Table, features: int, baselines: Ids = ([], [])) -> pa.Table:
    """The rows of the first feature for each of them.

    Args:
        baselines: ids of the first feature's baselines, and for each feature those of its own.
    """
    mine, own = baselines
    return pa.concat_tables(
        _renamed(table, feature, mine, own[feature] if own else []) for feature in range(features)
    )


def _renamed(table: pa.Table, feature: int, mine: list[str], own: list[str]) -> pa.Table:
    columns = dict(zip(table.column_names, table.columns, strict=True))
    columns["feature_id"] = pa.repeat(_name(feature), len(table))
    if "chart_id" in columns:
        columns["chart_id"] = pc.replace_substring(
            columns["chart_id"], f"{_name(0)}/", f"{_name(feature)}/"
        )
        at = pc.index_in(columns["baseline_id"], value_set=pa.array(mine, pa.string()))
        columns["baseline_id"] = pa.array(own, pa.string()).take(at)
    return pa.table(columns, schema=table.schema)


if __name__ == "__main__":
    main()

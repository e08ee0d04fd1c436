"""What 300 segments cost: measuring an hour with and without them, and charting it.

python -m benchmarks.segments
"""

import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import pyarrow as pa
from rich.console import Console
from rich.table import Table

from benchmarks.measuring import Cost, machine, today
from benchmarks.page import RESULTS, write_page
from llm_monitoring.hours import hour_range, hour_start, shift
from llm_monitoring.lake import TABLES, Lake
from llm_monitoring.pipeline.windows.chart import recompute
from llm_monitoring.pipeline.windows.measure import measure_rows
from llm_monitoring.settings import Settings
from llm_monitoring.settings.control import Breakdown

FIRST = 2026080300
PACKAGES = ("duckdb", "deltalake", "pyarrow", "numpy", "scipy")
METRICS = ["error_rate", "avg_cost_per_request_usd", "avg_output_tokens"]


@click.command()
@click.option("--segments", default=300, show_default=True)
@click.option("--requests", default=60_000, show_default=True, help="In an hour.")
@click.option("--hours", default=52, show_default=True, help="The last one is charted.")
@click.option("--seed", default=7, show_default=True)
@click.option("--date", default=today, help="Day of the measurement; default: today, UTC.")
def main(segments: int, requests: int, hours: int, seed: int, date: str) -> None:
    """Measure, print a table, write results and page."""
    measured = {}
    folder = Path(tempfile.mkdtemp(prefix="segments-"))
    try:
        lake = Lake(str(folder / "lake"))
        random = np.random.default_rng(seed)
        for hour in _hours(hours):
            lake.replace_hours("raw_requests", _rows(random, hour, requests, segments), hour, hour)
        for name, breakdowns in _cases(segments).items():
            measured[name] = _costs(lake, Lake(str(folder / name)), breakdowns, hours)
    finally:
        shutil.rmtree(folder)
    result = {
        "date": date,
        "seed": seed,
        "load": round(os.getloadavg()[0], 2),
        "machine": machine(PACKAGES),
        "segments": segments,
        "requests": requests,
        "metrics": len(METRICS),
        "measured": measured,
    }
    (RESULTS / "segments.json").write_text(json.dumps(result, indent=2) + "\n")
    write_page()
    table = Table("", "measured, CPU s", "charted, CPU s", "charts")
    for name, row in measured.items():
        table.add_row(name, f"{row['measure']:.2f}", f"{row['chart']:.2f}", f"{row['charts']:,}")
    Console().print(table)


def _cases(segments: int) -> dict[str, list[Breakdown]]:
    return {
        "no segments": [],
        "models": [Breakdown(attributes=["model"], top=4, metrics=METRICS[1:2])],
        "tenants": [Breakdown(attributes=["tenant"], top=segments, metrics=METRICS)],
    }


def _hours(count: int) -> list[int]:
    return list(hour_range(FIRST, shift(FIRST, count - 1)))


def _costs(lake: Lake, own: Lake, breakdowns: Sequence[Breakdown], hours: int) -> dict[str, Any]:
    """CPU seconds of the last hour: its windows of requests, and its charts."""
    settings = Settings.model_validate(
        {
            "product": "Shop",
            "start": hour_start(FIRST),
            "features": [{"feature_id": "search"}],
            "breakdowns": [each.model_dump() for each in breakdowns],
        }
    )
    *past, last = _hours(hours)
    earlier = measure_rows(lake, "requests", breakdowns, (past[0], past[-1]), settle_hours=1)
    own.replace_hours("window_metrics", earlier, past[0], past[-1])
    recompute(own, settings, past[0], past[-1])
    measuring, charting = Cost(), Cost()
    with measuring.measured():
        windows = measure_rows(lake, "requests", breakdowns, (last, last), settle_hours=1)
    own.replace_hours("window_metrics", windows, last, last)
    with charting.measured():
        charted = recompute(own, settings, last, last)
    return {
        "measure": measuring.as_dict()["cpu_seconds"],
        "chart": charting.as_dict()["cpu_seconds"],
        "charts": charted.charts,
        "windows": windows.num_rows,
    }


def _rows(random: np.random.Generator, hour: int, requests: int, segments: int) -> pa.Table:
    schema = TABLES["raw_requests"].schema
    tenants = random.integers(0, segments, requests)
    known: dict[str, Any] = {
        "hour": np.full(requests, hour),
        "request_id": [f"{hour}-{i}" for i in range(requests)],
        "timestamp": [hour_start(hour)] * requests,
        "feature_id": ["search"] * requests,
        "model_id": ["gpt-4o"] * requests,
        "latency_ms": random.lognormal(7, 0.5, requests),
        "input_tokens": random.integers(50, 500, requests),
        "output_tokens": random.integers(50, 500, requests),
        "cost_usd": random.lognormal(-6, 0.4, requests),
        "error": np.where(random.random(requests) < 0.02, "timeout", None),
        "source": ["benchmark"] * requests,
        "attributes": [[("tenant", f"tenant-{i}")] for i in tenants.tolist()],
    }
    columns = {
        field.name: pa.array(known.get(field.name, [None] * requests), field.type)
        for field in schema
    }
    return pa.table(columns, schema=schema)


if __name__ == "__main__":
    main()

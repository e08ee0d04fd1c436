"""Reading one chart's year, and replacing one hour, in lakes as large as a year makes them.

python -m benchmarks.lake
"""

import json
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import pyarrow as pa
from rich.console import Console
from rich.table import Table

from benchmarks.measuring import machine, today
from benchmarks.page import RESULTS, write_page
from benchmarks.requests_table import write_requests
from llm_monitoring.hours import hour_range, shift
from llm_monitoring.lake import TABLES, Lake

CHARTS = 60
YEAR = 8760
FIRST = 2026010100
CHUNK = 48  # hours to a commit, as a backfill makes them
HOUR = 2026091512  # of the generated requests, replaced again and again
REPEATS = 7
PACKAGES = ("duckdb", "deltalake", "pyarrow")
WANTED = {"chart_year": 0.2}
SCHEMA = TABLES["control_charts"].schema


@click.command()
@click.option("--requests", default=2_000_000, show_default=True)
@click.option("--seed", default=7, show_default=True)
@click.option("--date", default=today, help="Day of the measurement; default: today, UTC.")
def main(requests: int, seed: int, date: str) -> None:
    """Measure, print a table, write results and page."""
    console, folder = Console(), Path(tempfile.mkdtemp(prefix="lake-"))
    lake = Lake(str(folder / "lake"))
    try:
        console.print(f"writing a year of {CHARTS} charts and {requests:,} requests ...")
        _write_charts(lake, seed)
        write_requests(lake, requests, seed)
        reads = {"chart_year": _read_picture, "chart_year_with_state": _read_chart}
        measured = {
            f"{name}_before_maintenance": _measure(lambda read=read: read(lake))
            for name, read in reads.items()
        }
        measured["maintenance"] = _measure(lake.maintain, repeats=1)
        for name, read in reads.items():
            measured[name] = _measure(lambda read=read: read(lake))
        middle = shift(FIRST, YEAR // 2)
        measured["chart_hour_replaced"] = _measure(_replacing(lake, "control_charts", middle))
        measured["request_hour_replaced"] = _measure(_replacing(lake, "raw_requests", HOUR))
    finally:
        shutil.rmtree(folder)
    result = {
        "date": date,
        "seed": seed,
        "load": round(os.getloadavg()[0], 2),
        "machine": machine(PACKAGES),
        "charts": CHARTS,
        "hours": YEAR,
        "requests": requests,
        "wanted_seconds": WANTED,
        "measured": measured,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "lake.json").write_text(json.dumps(result, indent=2) + "\n")
    write_page()
    table = Table("", "wall s", "CPU s")
    for name, cost in measured.items():
        table.add_row(name, f"{cost['wall_seconds']:.3f}", f"{cost['cpu_seconds']:.3f}")
    console.print(table)


def _measure(work: Callable[[], object], repeats: int = REPEATS) -> dict[str, float]:
    """Median of some repeats."""
    costs = []
    for _ in range(repeats):
        cpu, wall = time.process_time(), time.monotonic()
        work()
        costs.append((time.process_time() - cpu, time.monotonic() - wall))
    cpu, wall = (statistics.median(column) for column in zip(*costs, strict=True))
    return {"cpu_seconds": round(cpu, 4), "wall_seconds": round(wall, 4)}


def _read_chart(lake: Lake) -> None:
    """All of a chart's points, with the state that the next window replays from."""
    _check(len(lake.rows("control_charts", chart_id=_chart_id(7))))


def _read_picture(lake: Lake) -> None:
    """What a picture shows of a chart: everything but the state."""
    rows = lake.run(
        "select * exclude (state) from control_charts where chart_id = $id order by hour",
        id=_chart_id(7),
    )
    _check(len(rows.to_pylist()))


def _check(points: int) -> None:
    if points != YEAR:
        raise ValueError(f"{points} points are not a year")


def _replacing(lake: Lake, name: str, hour: int) -> Callable[[], int]:
    rows = lake.run(f"select * from {name} where hour = $hour", hours=(hour, hour), hour=hour)
    return lambda: lake.replace_hours(name, rows, hour, hour)


def _write_charts(lake: Lake, seed: int) -> None:
    random = np.random.default_rng(seed)
    for offset in range(0, YEAR, CHUNK):
        first = shift(FIRST, offset)
        last = shift(first, min(CHUNK, YEAR - offset) - 1)
        lake.replace_hours("control_charts", _points(random, first, last), first, last)


def _points(random: np.random.Generator, first: int, last: int) -> pa.Table:
    hours = np.repeat(np.array(list(hour_range(first, last))), CHARTS)
    count = len(hours)
    chart = [_chart_id(number) for number in range(CHARTS)] * (count // CHARTS)
    columns: dict[str, Any] = {
        "hour": pa.array(hours),
        "chart_id": pa.array(chart),
        "feature_id": pa.array([name.split("/")[0] for name in chart]),
        "metric": pa.array([name.split("/")[3] for name in chart]),
        "chart": pa.repeat(pa.scalar("sr_mixture"), count),
        "status": pa.repeat(pa.scalar("established"), count),
        "n": pa.array(random.integers(1, 500, count)),
        "alarm": pa.array(random.random(count) < 0.001),
        "alarm_started": pa.repeat(pa.scalar(False), count),
        "baseline_id": pa.repeat(pa.scalar("0123456789abcdef"), count),
        # Six hypotheses: as much as an hourly chart has to remember.
        "state": pa.array(list(random.random((count, 34))), pa.list_(pa.float64())),
        **{
            name: pa.array(random.random(count))
            for name in ("value", "center", "statistic", "limit")
        },
    }
    return pa.table(
        [columns.get(field.name, pa.nulls(count, field.type)) for field in SCHEMA], schema=SCHEMA
    )


def _chart_id(number: int) -> str:
    return f"feature_{number // 20}/*/-/metric_{number % 20}/sr_mixture"


if __name__ == "__main__":
    main()

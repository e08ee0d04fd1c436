"""Sparklines of the hours that Dagster shows inline: each must take well under 50 ms.

python -m benchmarks.sparkline
"""

import json
import os
import statistics
import time

import click
from rich.console import Console

from benchmarks.measuring import machine, today
from benchmarks.page import RESULTS, write_page
from llm_monitoring.hours import shift
from llm_monitoring.records import ChartPoint
from llm_monitoring.reports.sparklines import sparkline

WANTED_MS = 50
WINDOWS = 24 * 60
REPEATS = 50
FIRST = 2026010100


@click.command()
@click.option("--date", default=today, help="Day of the measurement; default: today, UTC.")
def main(date: str) -> None:
    """Measure, print, write results and page."""
    points = [_point(i) for i in range(WINDOWS)]
    took = [_milliseconds(points) for _ in range(REPEATS)]
    result = {
        "date": date,
        "seed": 0,
        "load": round(os.getloadavg()[0], 2),
        "machine": machine(("numpy",)),
        "windows": WINDOWS,
        "wanted_ms": WANTED_MS,
        "median_ms": round(statistics.median(took), 3),
        "worst_ms": round(max(took), 3),
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "sparkline.json").write_text(json.dumps(result, indent=2) + "\n")
    write_page()
    Console().print(f"median {result['median_ms']} ms, worst {result['worst_ms']} ms")


def _milliseconds(points: list[ChartPoint]) -> float:
    start = time.perf_counter()
    sparkline(points)
    return 1000 * (time.perf_counter() - start)


def _point(i: int) -> ChartPoint:
    fields = dict.fromkeys(ChartPoint.__dataclass_fields__)
    known = {"hour": shift(FIRST, i), "value": float(i % 24), "n": 30, "alarm": False}
    return ChartPoint(**fields | known)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()

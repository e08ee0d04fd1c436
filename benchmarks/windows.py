"""window_metrics over millions of requests, beside pandas and polars.

    python -m benchmarks.windows

Every contender reads the same files in a process of its own; results are compared row by row.
"""

import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import click
import duckdb
from rich.console import Console
from rich.table import Table

from benchmarks.contenders import CONTENDERS
from benchmarks.measuring import machine, today
from benchmarks.page import RESULTS, write_page
from benchmarks.requests_table import FEATURES, HOURS, feature_ids, write_requests
from llm_monitoring.lake import Lake

OURS = "llm-monitoring"
PACKAGES = ("duckdb", "deltalake", "pyarrow", "pandas", "polars", "numpy")
TARGETS = {"pandas": 1 / 3, "polars": 0.65}
TARGET_MEGABYTES = 500
CONFIGURATION = Path(__file__).parents[1] / "monitoring.yaml"
# Relative difference that sums in another order may have; percentiles must be equal.
COMPARISON = """
    select
        count(*) as rows,
        count(*) filter (ours.metric is null or theirs.metric is null) as unmatched,
        count(*) filter (ours.n is distinct from theirs.n) as different_n,
        count(*) filter (
            ours.metric like 'latency_p%' and ours.value is distinct from theirs.value
        ) as different_percentiles,
        count(*) filter ((ours.value is null) <> (theirs.value is null)
            or (ours.stddev is null) <> (theirs.stddev is null)) as different_nulls,
        max(abs(ours.value - theirs.value) / greatest(abs(ours.value), 1e-300))
            filter (ours.value <> theirs.value) as value_difference,
        max(abs(ours.stddev - theirs.stddev) / greatest(ours.stddev, 1e-300))
            filter (abs(ours.stddev - theirs.stddev) > 1e-12) as stddev_difference
    from read_parquet($ours) as ours
    full join read_parquet($theirs) as theirs
        on ours.hour = theirs.hour and ours.feature_id = theirs.feature_id
        and json_extract_string(ours.segment, '$.model') is not distinct from theirs.model_id
        and ours.metric = theirs.metric
"""


@click.command()
@click.option("--rows", default=10_000_000, show_default=True)
@click.option("--runs", default=3, show_default=True)
@click.option("--seed", default=7, show_default=True)
@click.option("--date", default=today, help="Day of the measurement; default: today, UTC.")
def main(rows: int, runs: int, seed: int, date: str) -> None:
    """Measure, compare, print a table, write results and page."""
    console = Console()
    folder = Path(tempfile.mkdtemp(prefix="windows-"))
    try:
        console.print(f"writing {rows:,} generated requests ...")
        _write_configuration(folder / "monitoring.yaml")
        write_requests(Lake(str(folder / "lake")), rows, seed)
        measured = []
        for run in range(runs):
            console.print(f"run {run + 1} of {runs} ...")
            measured.append(_run(folder))
        differences = {peer: _compare(folder, peer) for peer in TARGETS}
    finally:
        shutil.rmtree(folder)
    result = {
        "date": date,
        "seed": seed,
        "rows": rows,
        "windows": FEATURES * HOURS,
        "machine": machine(PACKAGES),
        **_summary(measured),
        "differences": differences,
        "runs": measured,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "windows.json").write_text(json.dumps(result, indent=2) + "\n")
    write_page()
    _print(console, result)


def _write_configuration(path: Path) -> None:
    features = "".join(f"  - feature_id: {name}\n" for name in feature_ids())
    path.write_text(f"extends: {CONFIGURATION}\nstart: 2026-09-01T00:00:00Z\nfeatures:\n{features}")


def _run(folder: Path) -> dict[str, Any]:
    """One run of every contender, one after the other."""
    return {
        "load": round(os.getloadavg()[0], 2),
        **{name: _contend(name, folder) for name in CONTENDERS},
    }


def _contend(name: str, folder: Path) -> dict[str, float]:
    environment = {**os.environ, "LLM_MONITORING_CONFIG": str(folder / "monitoring.yaml")}
    command = [sys.executable, "-m", "benchmarks.contenders", name]
    output = subprocess.run(
        [*command, str(folder / "lake"), str(_output(folder, name))],
        check=True, stdout=subprocess.PIPE, text=True, env=environment,
    ).stdout  # fmt: skip
    measured: dict[str, float] = json.loads(output.splitlines()[-1])
    return measured


def _output(folder: Path, name: str) -> Path:
    return folder / f"{name}.parquet"


def _compare(folder: Path, peer: str) -> dict[str, Any]:
    with duckdb.connect() as connection:
        files = {"ours": str(_output(folder, OURS)), "theirs": str(_output(folder, peer))}
        found: dict[str, Any] = connection.sql(COMPARISON, params=files).df().iloc[0].to_dict()
    return {name: None if math.isnan(value) else value for name, value in found.items()}


def _summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    def median(name: str, key: str) -> float:
        return round(statistics.median(run[name][key] for run in runs), 2)

    def ratio(peer: str, key: str) -> float:
        ratios = [run[OURS]["cpu_seconds"] / run[peer][key] for run in runs]
        return round(statistics.median(ratios), 3)

    keys = ("cpu_seconds", "wall_seconds", "peak_megabytes")
    return {
        "medians": {name: {key: median(name, key) for key in keys} for name in CONTENDERS},
        "cpu_ratio": {peer: ratio(peer, "cpu_seconds") for peer in TARGETS},
        "cpu_ratio_before_layout": {
            peer: ratio(peer, "cpu_seconds_before_layout") for peer in TARGETS
        },
        "targets": {"cpu_ratio": TARGETS, "peak_megabytes": TARGET_MEGABYTES},
    }


def _print(console: Console, result: dict[str, Any]) -> None:
    table = Table("", "CPU s", "wall s", "peak MB", "CPU of ours / theirs", "wanted")
    for name, medians in result["medians"].items():
        ratio, wanted = result["cpu_ratio"].get(name), TARGETS.get(name)
        table.add_row(
            name,
            *(f"{value:g}" for value in medians.values()),
            f"{ratio:.2f}" if ratio else "",
            f"{wanted:.2f}" if wanted else f"< {TARGET_MEGABYTES} MB",
        )
    console.print(table)
    console.print(result["differences"])


if __name__ == "__main__":
    main()

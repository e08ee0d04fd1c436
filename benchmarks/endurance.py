"""A quarter of a year in minutes: what the product's storage grows to, and what an idle hour costs.

    python -m benchmarks.endurance

The days between the marks are backfilled in ranges. At each mark the hourly job runs hour by hour,
as the schedule asks for it, and every sensor is evaluated as the daemon does; bytes and CPU seconds
are those of these real ticks. Processes are not started for each: what a start costs is measured
once and counted.
"""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import fmean, median
from typing import Any
from unittest.mock import patch

import click
from rich.console import Console
from rich.table import Table

from benchmarks.measuring import Cost, machine, today
from benchmarks.page import RESULTS, write_page
from llm_monitoring.hours import HOUR, hour_start, pieces, shift

DEMO = Path(__file__).parents[1] / "demo" / "monitoring.yaml"
FIRST = 2026060100  # a Monday; a year's third ends before anybody measures
DAY, YEAR = 24, 8760
PACKAGES = ("dagster", "duckdb", "deltalake", "pyarrow")


@click.command()
@click.option("--marks", default="1,30,90", show_default=True, help="Days to measure at.")
@click.option("--ticks", default=4, show_default=True, help="Hours run one by one at each mark.")
@click.option("--seed", default=7, show_default=True)
@click.option("--date", default=today, help="Day of the measurement; default: today, UTC.")
@click.option("--dry", is_flag=True, help="Print only; nothing is written.")
def main(marks: str, ticks: int, seed: int, date: str, dry: bool) -> None:
    """Simulate, run, print a table, write results and page."""
    console = Console()
    days = [int(day) for day in marks.split(",")]
    folder = Path(tempfile.mkdtemp(prefix="endurance-"))
    try:
        config = _write_configuration(folder)
        os.environ["LLM_MONITORING_CONFIG"] = str(config)
        os.environ["DAGSTER_HOME"] = str(folder / "home")
        _simulate(console, folder, days[-1], seed)
        measured = _measure(console, config, days, ticks)
    finally:
        shutil.rmtree(folder)
    result = {
        "date": date, "seed": seed, "ticks": ticks, "features": 3,
        "load": round(os.getloadavg()[0], 2), "machine": machine(PACKAGES), **measured,
    }  # fmt: skip
    if not dry:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "endurance.json").write_text(json.dumps(result, indent=2) + "\n")
        write_page()
    _print(console, result)


def _write_configuration(folder: Path) -> Path:
    """The demo's features, and signals that may come a day late, as shipped."""
    (folder / "home").mkdir()
    path = folder / "monitoring.yaml"
    path.write_text(
        f"extends: {DEMO}\nstart: {hour_start(FIRST):%Y-%m-%dT%H:%M:%SZ}\nend: null\n"
        "reports: reports\nlake: {uri: lake}\nsources:\n"
        "  requests: [{name: requests, path: 'logs/requests-{date}-{hour}.jsonl*'}]\n"
        "  signals:\n"
        "    - {name: signals, path: 'logs/signals-{date}-{hour}.jsonl*', late_hours: 24}\n"
        "  changes: [logs/changes.yaml]\n"
    )
    return path


def _simulate(console: Console, folder: Path, days: int, seed: int) -> None:
    from llm_monitoring.simulation import choose_faults, write_logs

    console.print(f"writing {days} days of simulated logs ...")
    write_logs(folder / "logs", FIRST, days * DAY, seed, choose_faults(start=FIRST))


def _measure(console: Console, config: Path, days: list[int], ticks: int) -> dict[str, Any]:
    from llm_monitoring.cli.running.instance import open_instance

    marks, start = [], FIRST
    with open_instance(config) as instance:
        for day in days:
            console.print(f"to day {day} ...")
            end = shift(FIRST, day * DAY - ticks - 1)
            _backfill(instance, start, end)
            marks.append({"day": day, **_mark(instance, config.parent, end, ticks)})
            start = shift(end, ticks + 1)
        kept = _after_retention(instance, config.parent)
    started = _process_start()
    return {
        "process_start_cpu_seconds": started,
        "marks": marks,
        "home_bytes_after_retention": kept,
        "idle_hour_cpu_seconds": _idle_hour(marks[-1], started),
    }


def _backfill(instance: Any, first: int, last: int) -> None:
    from llm_monitoring.cli.running.backfill import run_job
    from llm_monitoring.defs.partitions import range_tags

    with _clock(last):
        for one, other in pieces(first, last):
            run_job(instance, "hours", tags=range_tags(one, other))
        run_job(instance, "reconcile_alerts")
        run_job(instance, "maintenance")


def _mark(instance: Any, folder: Path, before: int, ticks: int) -> dict[str, Any]:
    from llm_monitoring.cli.running.backfill import run_job

    tick_cpu, alert_cpu = [], []
    sizes = _bytes(folder / "lake"), _bytes(folder / "home")
    for hour in (shift(before, 1 + i) for i in range(ticks)):
        with _clock(hour):
            tick, alerts = Cost(), Cost()
            with tick.measured():
                run_job(instance, "hours", tags=_tags_of_tick(instance, hour))
            with alerts.measured():
                run_job(instance, "reconcile_alerts")
        tick_cpu.append(tick.cpu_seconds)
        alert_cpu.append(alerts.cpu_seconds)
    with _clock(shift(before, ticks)):
        sensors = _sensors(instance)
    return {
        "lake_bytes": _bytes(folder / "lake"),
        "home_bytes": _bytes(folder / "home"),
        "lake_bytes_per_tick": round((_bytes(folder / "lake") - sizes[0]) / ticks),
        "home_bytes_per_tick": round((_bytes(folder / "home") - sizes[1]) / ticks),
        "tick_cpu_seconds": round(median(tick_cpu), 2),
        "alerts_cpu_seconds": round(median(alert_cpu), 2),
        "sensor_cpu_seconds": sensors,
    }


def _tags_of_tick(instance: Any, hour: int) -> dict[str, str]:
    import dagster as dg

    from llm_monitoring.defs import schedules

    moment = hour_start(hour) + HOUR + timedelta(minutes=5)
    needed = schedules.closed_hour.required_resource_keys
    resources = {name: value for name, value in _resources().items() if name in needed}
    with dg.build_schedule_context(
        instance=instance, scheduled_execution_time=moment, resources=resources
    ) as context:
        (request,) = schedules.closed_hour.evaluate_tick(context).run_requests or ()
    return dict(request.tags)


def _sensors(instance: Any) -> dict[str, float]:
    """CPU seconds of an evaluation with nothing new: the second of two."""
    import dagster as dg

    from llm_monitoring.defs.sensors import SENSORS

    seconds = {}
    for sensor in SENSORS:
        cursor, costs = None, []
        for _ in range(3):
            cost = Cost()
            with (
                dg.build_sensor_context(
                    instance=instance, cursor=cursor, resources=_resources(), definitions=_defs()
                ) as context,
                cost.measured(),
            ):
                data = sensor.evaluate_tick(context)
            cursor = data.cursor
            costs.append(cost.cpu_seconds)
        seconds[sensor.name] = round(fmean(costs[1:]), 3)
    return seconds


def _resources() -> dict[str, Any]:
    from llm_monitoring.defs.partitions import configuration_path
    from llm_monitoring.defs.resources import monitoring_resource

    return {"monitoring": monitoring_resource(configuration_path())}


def _defs() -> Any:
    from llm_monitoring.definitions import defs

    return defs


@contextmanager
def _clock(hour: int) -> Iterator[None]:
    """Ten minutes after an hour has closed, for everything that asks for the time."""
    from llm_monitoring.defs import schedules
    from llm_monitoring.defs.resources import Monitoring

    moment = hour_start(hour) + HOUR + timedelta(minutes=10)
    with (
        patch.object(Monitoring, "now", lambda _: moment),
        patch.object(schedules, "wall_clock", lambda: moment, create=True),
    ):
        yield


def _after_retention(instance: Any, folder: Path) -> int:
    """Bytes of DAGSTER_HOME when every run is past its retention."""
    from llm_monitoring.defs.runs.run_retention import delete_old_runs

    delete_old_runs(instance, datetime.now(UTC) + timedelta(days=1))
    return _bytes(folder / "home")


def _process_start() -> float:
    """CPU seconds of a process that loads the definitions; the best of three."""
    code = "import llm_monitoring.definitions, time; print(time.process_time())"
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        for _ in range(3)
    ]
    return round(min(float(run.stdout) for run in runs), 2)


def _idle_hour(mark: dict[str, Any], started: float) -> dict[str, float]:
    """One tick and one run of the alerts, each a process, and the sensors' evaluations."""
    from llm_monitoring.defs.sensors import SENSORS

    sensors = sum(
        mark["sensor_cpu_seconds"][sensor.name] * 3600 / (sensor.minimum_interval_seconds or 30)
        for sensor in SENSORS
    )
    parts = {
        "tick": mark["tick_cpu_seconds"] + started,
        "alerts": mark["alerts_cpu_seconds"] + started,
        "sensors": sensors,
    }
    return {name: round(value, 1) for name, value in {**parts, "all": sum(parts.values())}.items()}


def _bytes(folder: Path) -> int:
    for file in (folder / "history").rglob("*.db"):
        # What this process has not yet moved from the log of writes into the file.
        with closing(sqlite3.connect(file, timeout=60)) as database:
            database.execute("pragma wal_checkpoint(truncate)")
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _print(console: Console, result: dict[str, Any]) -> None:
    table = Table("day", "lake MB", "home MB", "lake KB/tick", "home KB/tick", "tick", "alerts",
                  *result["marks"][0]["sensor_cpu_seconds"])  # fmt: skip
    for mark in result["marks"]:
        table.add_row(
            str(mark["day"]),
            *(f"{mark[name] / 1e6:.1f}" for name in ("lake_bytes", "home_bytes")),
            *(f"{mark[name] / 1e3:.0f}" for name in ("lake_bytes_per_tick", "home_bytes_per_tick")),
            f"{mark['tick_cpu_seconds']}", f"{mark['alerts_cpu_seconds']}",
            *(str(value) for value in mark["sensor_cpu_seconds"].values()),
        )  # fmt: skip
    console.print(table)
    console.print({k: v for k, v in result.items() if k not in ("marks", "machine")})


if __name__ == "__main__":
    main()

"""The demo: three weeks of a simulated product, the whole pipeline over it, and what was caught."""

import json
import shutil
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import dagster as dg
from rich.console import Console
from rich.table import Table

from llm_monitoring.cli.backfill import chunks, materialize, progress_bar
from llm_monitoring.cli.instance import open_instance
from llm_monitoring.defs.assets import provider, requests, response
from llm_monitoring.defs.jobs import HOURLY_ASSETS
from llm_monitoring.defs.lake_state import models_of_feature
from llm_monitoring.defs.partitions import INCIDENTS, range_tags
from llm_monitoring.defs.resources import Monitoring, monitoring_resource
from llm_monitoring.hours import hour_key, hour_start, shift
from llm_monitoring.lake import Lake
from llm_monitoring.records import Incident
from llm_monitoring.simulation import choose_faults, write_logs
from llm_monitoring.simulation.scorecard import Scorecard, score

MADE = ("logs", "lake", "reports", ".dagster")  # folders of an earlier demo
DAY = 24


def run_demo(config: Path, *, days: int, seed: int) -> None:
    """Simulate, run the pipeline a day at a time as it would have run live, print, and write
    `summary.json`."""
    began = time.monotonic()
    console, folder = Console(), config.parent
    monitoring = monitoring_resource(config)
    settings = monitoring.settings
    start = hour_key(settings.start)
    faults = [f for f in choose_faults(start=start) if f.start_offset < days * DAY]
    for name in MADE:
        shutil.rmtree(folder / name, ignore_errors=True)
    console.print(f"[bold]{settings.product}[/bold]: writing {days} days of simulated logs ...")
    simulated = write_logs(folder / "logs", start, days * DAY, seed, faults)
    console.print(f"{simulated.requests:,} requests, {simulated.signals:,} user signals")
    with open_instance(config) as instance:
        _run(instance, monitoring, start, shift(start, days * DAY - 1))
        incidents = _investigate(instance, monitoring)
    lake = monitoring.lake
    card = score(lake.rows("alerts"), faults, models_of_feature(lake))
    summary = summarise(lake, card, time.monotonic() - began)
    (folder / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    _print(console, card, summary, incidents)


def _run(instance: dg.DagsterInstance, monitoring: Monitoring, first: int, last: int) -> None:
    """Day by day: the hours, the week's probes when they are due, the alerts."""
    with progress_bar() as bar:
        days = list(chunks(first, last))
        task = bar.add_task("days", total=len(days))
        materialize(instance, monitoring, [requests.changes])
        for start, end in days:
            bar.update(task, description=f"{hour_start(start):%a %d %b} (simulated)")
            materialize(instance, monitoring, HOURLY_ASSETS, range_tags(start, end))
            if hour_start(start).weekday() == 0:
                _probe(instance, monitoring, start)
            materialize(instance, monitoring, [response.alerts])
            bar.advance(task)


def _probe(instance: dg.DagsterInstance, monitoring: Monitoring, hour: int) -> None:
    week = hour_start(hour).strftime("%Y-%m-%d")
    assets = [provider.probe_results, provider.provider_drift]
    materialize(instance, monitoring, assets, partition_key=week)


def _investigate(instance: dg.DagsterInstance, monitoring: Monitoring) -> list[Incident]:
    incidents: list[Incident] = monitoring.lake.rows("incidents")
    names = [incident.incident_id for incident in incidents]
    instance.add_dynamic_partitions(INCIDENTS.name or "", names)
    for name in names:
        materialize(instance, monitoring, [response.incidents], partition_key=name)
    if names:
        materialize(instance, monitoring, [response.regression_cases])
    return monitoring.lake.rows("incidents")


def summarise(lake: Lake, card: Scorecard, wall_seconds: float) -> dict[str, Any]:
    """What `summary.json` holds."""
    counts = lake.run(
        "select (select count(*) from raw_requests) as requests, count(*) as judged,"
        " count(unscored_reason) as unscored from judgements"
    ).to_pylist()[0]
    return {
        "simulated": True,
        "faults": [
            {
                "fault": catch.fault,
                "series": catch.series,
                "injected_at": catch.injected_at.isoformat(),
                "alarm_at": catch.alarm_at.isoformat() if catch.alarm_at else None,
                "delay_hours": catch.delay_hours,
                "detected": catch.alarm_at is not None,
            }
            for catch in card.catches
        ],
        "false_alarms": len(card.false_alarms),
        **counts,
        "wall_seconds": round(wall_seconds, 1),
    }


def _print(
    console: Console, card: Scorecard, summary: dict[str, Any], incidents: Iterable[Incident]
) -> None:
    table = Table("fault (simulated)", "what caught it", "after", title="What was caught")
    for catch in card.catches:
        delay = "not caught" if catch.delay_hours is None else f"{catch.delay_hours:g} h"
        table.add_row(catch.fault, catch.series or "-", delay)
    console.print(table)
    console.print(
        f"{summary['requests']:,} requests, {summary['judged']:,} judged (heuristic judge), "
        f"{summary['unscored']:,} unscored, {summary['wall_seconds']:.0f} s"
    )
    console.print(f"False alarms: [bold]{len(card.false_alarms)}[/bold]")
    for alert in card.false_alarms:
        console.print(f"  {alert.summary}", markup=False)
    for incident in incidents:
        console.print(f"Incident {incident.status}: {incident.title}", markup=False)
        console.print(f"  {_short(incident.report_path)}", markup=False)
    console.print("Next: [bold]make dev[/bold] opens all of it in Dagster")


def _short(path: str | None) -> str:
    if path is None:
        return "no report yet"
    report = Path(path)
    return str(report.relative_to(Path.cwd())) if report.is_relative_to(Path.cwd()) else path

"""The demo: three weeks of a simulated product, the whole pipeline over it, and what was caught."""

import json
import logging
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click
import dagster as dg
from rich.table import Table

from llm_monitoring.cli.console import PlainConsole
from llm_monitoring.cli.running.backfill import my_turn, progress_bar, run_job, working_instance
from llm_monitoring.cli.running.home import TURN
from llm_monitoring.defs.partitions import INCIDENTS, range_tags
from llm_monitoring.hours import (
    HOUR,
    hour_key,
    hour_range,
    hour_start,
    hours_between,
    pieces,
    shift,
    week_key,
    week_start,
)
from llm_monitoring.lake import Lake
from llm_monitoring.pipeline.windows.stored import models_of_feature
from llm_monitoring.records import Incident
from llm_monitoring.settings import Settings
from llm_monitoring.simulation import choose_faults, write_logs
from llm_monitoring.simulation.definitions import CLOCK, defs, simulated_monitoring
from llm_monitoring.simulation.scorecard import Scorecard, score

MADE = ("logs", "lake", "reports", ".dagster")  # folders of an earlier demo
DAY = 24
SOON = timedelta(minutes=5)  # after the end of their last hour two days are measured


def run_demo(config: Path, *, days: int, seed: int) -> None:
    """Simulate, run the pipeline two days at a time as it would have run live, print, and write
    `summary.json`."""
    console = PlainConsole()
    with my_turn(config, console.print):
        _demo(console, config, days, seed)


def _demo(console: PlainConsole, config: Path, days: int, seed: int) -> None:
    began, folder = time.monotonic(), config.parent
    monitoring = simulated_monitoring(config)
    settings, lake = monitoring.settings, monitoring.lake
    if not settings.simulated:
        raise click.ClickException(
            f"{config} does not say `simulated: true`: the demo empties logs, lake and reports"
        )
    start = hour_key(settings.start)
    faults = [f for f in choose_faults(start=start) if f.start_offset < days * DAY]
    for name in MADE:
        _empty(folder / name)
    console.print(f"{settings.product}: writing {days} days of simulated logs ...")
    simulated = write_logs(folder / "logs", start, days * DAY, seed, faults)
    console.print(f"{simulated.requests:,} requests, {simulated.signals:,} user signals")
    files = _files_of_channels(settings)
    with working_instance(config, console.print) as instance:
        last = shift(start, days * DAY - 1)
        _run(instance, lake, start, last)
    incidents = lake.rows("incidents")
    card = score(lake.rows("alerts"), faults, models_of_feature(lake, last))
    summary = summarise(lake, card, time.monotonic() - began)
    (folder / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    _print(console, card, summary, incidents)
    for file in files:
        console.print(f"Messages of the log channel: {_short(str(file))}")
    console.print("Next: make dev opens all of it in Dagster")


def _empty(folder: Path) -> None:
    """Delete what is in it, but not the mark that it is our turn to work there."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name != TURN:
            path.unlink()


def _files_of_channels(settings: Settings) -> list[Path]:
    """Files that channels append to, emptied; their messages are kept out of the progress bar."""
    logger = logging.getLogger("llm_monitoring.alerts")
    logger.addHandler(logging.NullHandler())  # without any, Python would print them
    logger.propagate = False
    files = [channel.file for channel in settings.channels if channel.file is not None]
    for file in files:
        file.unlink(missing_ok=True)
    return files


def _run(instance: dg.DagsterInstance, lake: Lake, first: int, last: int) -> None:
    """Two days at a time: the hours, the week's probes, what people would have heard by then."""
    with progress_bar() as bar:
        task = bar.add_task("", total=hours_between(first, last) + 1)
        for start, end in pieces(first, last):
            bar.update(task, description=f"{hour_start(start):%a %d %b} (simulated)")
            with _time(hour_start(end) + HOUR + SOON):
                _run_job(instance, "hours", tags=range_tags(start, end))
                for week in _weeks_due(start, end):
                    _run_job(instance, "weeks", partition_key=week)
                _run_job(instance, "reconcile_alerts")
                if _investigate(instance, lake):
                    _run_job(instance, "reconcile_alerts")  # messages wait for their page
            bar.advance(task, hours_between(start, end) + 1)


def _run_job(instance: dg.DagsterInstance, name: str, **how: Any) -> None:
    run_job(instance, name, definitions=defs, **how)


@contextmanager
def _time(moment: datetime) -> Iterator[None]:
    """Within it, that is the time of the simulated product."""
    os.environ[CLOCK] = moment.isoformat()
    try:
        yield
    finally:
        del os.environ[CLOCK]


def _weeks_due(start: int, end: int) -> list[str]:
    """Weeks whose probes the schedule asks between two hours: Wednesday at noon."""
    moments = (hour_start(hour) for hour in hour_range(start, end))
    asked = (m for m in moments if m.weekday() == 2 and m.hour == 12)
    return [f"{week_start(week_key(m)):%Y-%m-%d}" for m in asked]


def _investigate(instance: dg.DagsterInstance, lake: Lake) -> list[str]:
    """Work the incidents that are new or have grown, as the sensor would; returns which."""
    names = [row.incident_id for row in lake.rows("incidents", report_path=None)]
    instance.add_dynamic_partitions(INCIDENTS.name or "", names)
    for name in names:
        _run_job(instance, "investigate_incident", partition_key=name)
    return names


def summarise(lake: Lake, card: Scorecard, wall_seconds: float) -> dict[str, Any]:
    """What `summary.json` holds."""
    judged = lake.count("judgements")
    counts = {
        "requests": lake.count("raw_requests"),
        "judged": judged,
        "unscored": judged - lake.count("judgements", unscored_reason=None),
    }
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
    console: PlainConsole, card: Scorecard, summary: dict[str, Any], incidents: Iterable[Incident]
) -> None:
    table = Table("fault (simulated)", "what caught it", "after", title="What was caught")
    for catch in card.catches:
        delay = "not caught" if catch.delay_hours is None else f"{catch.delay_hours:g} h"
        table.add_row(catch.fault, catch.words, delay)
    console.print(table)
    console.print(
        f"{summary['requests']:,} requests, {summary['judged']:,} judged (heuristic judge), "
        f"{summary['unscored']:,} unscored, {summary['wall_seconds']:.0f} s"
    )
    console.print(f"False alarms: {len(card.false_alarms)}")
    for alert in card.false_alarms:
        console.print(f"  {alert.summary}")
    for incident in incidents:
        console.print(f"Incident {incident.status}: {incident.title}")
        console.print(f"  {_short(incident.report_path)}")


def _short(path: str | None) -> str:
    if path is None:
        return "no report yet"
    report = Path(path)
    return str(report.relative_to(Path.cwd())) if report.is_relative_to(Path.cwd()) else path

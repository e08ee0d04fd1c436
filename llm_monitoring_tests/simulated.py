"""A small simulated product in a folder of its own: its logs, and the stages of its hours.

Two and a half days: 48 quiet hours for provisional baselines, then two faults. Few requests are
sampled, because embedding them is what takes the time. `product.py` runs it through Dagster.
"""

import asyncio
import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from llm_monitoring.adapters.redaction import Redactor
from llm_monitoring.configuration import load_settings
from llm_monitoring.hours import HOUR, hour_start, shift
from llm_monitoring.lake import TABLES, Lake
from llm_monitoring.pipeline.alerts.reconcile import reconcile_alerts
from llm_monitoring.pipeline.incidents.assign import assign_incidents
from llm_monitoring.pipeline.judging.judge import judge_hours
from llm_monitoring.pipeline.judging.judges import current_epoch, open_judge
from llm_monitoring.pipeline.judging.sample import draw_sample
from llm_monitoring.pipeline.requests.changes import read_ledger
from llm_monitoring.pipeline.requests.ingest import ingest_requests, ingest_signals
from llm_monitoring.pipeline.windows.chart import recompute
from llm_monitoring.pipeline.windows.describe_inputs import describe_inputs
from llm_monitoring.pipeline.windows.late import recompute_late
from llm_monitoring.pipeline.windows.measure import measure_hours
from llm_monitoring.settings import Settings
from llm_monitoring.simulation import choose_faults, write_logs

DEMO = Path(__file__).resolve().parents[1] / "demo" / "monitoring.yaml"
START = 2026100500  # the demo's
HOURS = 60
OUTAGE, BLOAT = 52, 54  # hours from the start in which the faults begin
SETTINGS: dict[str, Any] = {
    "extends": str(DEMO),
    "lake": {"uri": "lake"},
    "reports": "reports",
    "features": [
        {"feature_id": name, "sample_rate": 0.015, "budget_usd_per_day": 5}
        for name in ("support_chat", "product_search", "order_summary")
    ],
    "sources": {
        "requests": [{"name": "requests", "path": "logs/requests-{date}-{hour}.jsonl*"}],
        "signals": [{"name": "signals", "path": "logs/signals-{date}-{hour}.jsonl*"}],
        "changes": ["logs/changes.yaml"],
    },
}


class Letters:
    """Vectors that follow from the text alone, and mean nothing: in no time."""

    name = "letters-1"

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        seeds = [int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) for text in texts]
        vectors = [np.random.default_rng(seed).normal(size=8) for seed in seeds]
        array = np.array(vectors, dtype=np.float32).reshape(-1, 8)
        return array / np.linalg.norm(array, axis=1, keepdims=True)


@dataclass(frozen=True)
class Simulated:
    """A folder with logs, lake and reports; hours are counted from the start."""

    folder: Path

    @property
    def settings(self) -> Settings:
        return load_settings(self.folder / "monitoring.yaml")

    @property
    def lake(self) -> Lake:
        return Lake(str(self.folder / "lake"))

    @property
    def now(self) -> datetime:
        """When the last hour has just closed."""
        return hour_start(shift(START, HOURS - 1)) + HOUR

    def run(self, first: int, last: int, settings: Settings | None = None) -> None:
        """Every stage of a range of hours."""
        settings, lake, hours = (
            settings or self.settings, self.lake, (shift(START, first), shift(START, last)),
        )  # fmt: skip
        embedder = Letters()
        ingest_requests(lake, settings, *hours, self.now)
        ingest_signals(lake, settings, *hours, self.now)
        draw_sample(lake, settings, *hours)
        asyncio.run(self._judge(settings, hours))
        describe_inputs(lake, settings, embedder, *hours)
        measure_hours(lake, settings, embedder, current_epoch(settings, embedder), hours=hours)
        recompute_late(lake, settings, hours[0])
        recompute(lake, settings, *hours)

    async def _judge(self, settings: Settings, hours: tuple[int, int]) -> None:
        async with open_judge(settings, Letters(), lambda: self.now) as judge:
            await judge_hours(self.lake, judge, Redactor(settings.redaction), *hours)

    def raise_alerts(self) -> None:
        """Alerts and incidents brought up to date."""
        reconcile_alerts(self.lake, self.settings, self.now)
        assign_incidents(self.lake, self.settings, self.now)

    def table(self, name: str) -> list[dict[str, Any]]:
        """All rows of a table, in the order of its key."""
        return self.lake.columns(name, TABLES[name].schema.names).to_pylist()


def monitor(folder: Path) -> Simulated:
    """Every hour, then the alerts."""
    new_product(folder)
    simulated = Simulated(folder)
    read_ledger(simulated.lake, simulated.settings)
    simulated.run(0, HOURS - 1)
    simulated.raise_alerts()
    return simulated


def new_product(folder: Path) -> None:
    """Write logs and monitoring.yaml."""
    write_logs(folder / "logs", START, HOURS, seed=7, faults=faults())
    (folder / "monitoring.yaml").write_text(yaml.safe_dump(SETTINGS))


def faults() -> list[Any]:
    """An outage of support_chat, and a prompt that makes product_search dear."""
    outage, bloat = choose_faults("outage", "prompt_bloat", start=START)
    return [
        replace(outage, start_offset=OUTAGE, end_offset=OUTAGE + 3),
        replace(bloat, start_offset=BLOAT, end_offset=HOURS),
    ]


def copy_simulated(source: Simulated, folder: Path) -> Simulated:
    """One of its own with the same contents."""
    for name in ("logs", "lake"):
        shutil.copytree(source.folder / name, folder / name)
    shutil.copy(source.folder / "monitoring.yaml", folder)
    return Simulated(folder)

"""A small product without Dagster: its logs, its lake, and the stages of an hour one by one."""

import asyncio
import gzip
import json
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llm_monitoring.adapters.redaction import Redactor
from llm_monitoring.hours import hour_start, shift
from llm_monitoring.judging import JudgeItem, Scores
from llm_monitoring.judging.items import judgement_of
from llm_monitoring.lake import TABLES, Lake
from llm_monitoring.pipeline.judging.judge import judge_hours
from llm_monitoring.pipeline.judging.sample import draw_sample
from llm_monitoring.pipeline.requests.ingest import ingest_requests, ingest_signals
from llm_monitoring.pipeline.windows.chart import recompute
from llm_monitoring.pipeline.windows.describe_inputs import describe_inputs
from llm_monitoring.pipeline.windows.late import recompute_late
from llm_monitoring.pipeline.windows.measure import measure_hours
from llm_monitoring.records import Judgement
from llm_monitoring.settings import Settings
from llm_monitoring_tests.simulated import Letters

START = 2026100500
NOW = datetime(2026, 10, 9, tzinfo=UTC)
WALL_CLOCK = {"judged_at", "read_at", "modified_ns", "dropped_at", "file", "path"}


class Embedder(Letters):
    """Remembers what it embedded."""

    def __init__(self) -> None:
        self.embedded: list[str] = []

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.embedded += texts
        return super().embed(texts)


class Judge:
    """Scores that follow from the id alone."""

    name, epoch = "fixed", "epoch-1"

    async def judge(
        self,
        items: Sequence[JudgeItem],
        chunk: int = 50,
    ) -> AsyncGenerator[list[Judgement], None]:
        for start in range(0, len(items), chunk):
            yield [_judged(item) for item in items[start : start + chunk]]


def _judged(item: JudgeItem) -> Judgement:
    score = 1 + len(item.sampled.request_id) % 5
    verdict = Scores(correctness=score, completeness=score, tone=score, reason="so")
    return judgement_of(item, verdict, judge="fixed", epoch="epoch-1", judged_at=NOW)


@dataclass
class SmallProduct:
    """Logs and lake under one folder. Hours are counted from the start."""

    folder: Path
    path: str = "requests-{date}-{hour}.jsonl*"

    def __post_init__(self) -> None:
        self.logs, self.embedder = self.folder / "logs", Embedder()
        self.logs.mkdir(parents=True, exist_ok=True)
        self.lake = Lake(str(self.folder / "lake"))
        self.settings = Settings.model_validate(
            {
                "product": "Shop",
                "start": "2026-10-05T00:00Z",
                "features": [{"feature_id": name} for name in ("search", "chat")],
                "sources": {
                    "requests": [{"name": "requests", "path": str(self.logs / self.path)}],
                    "signals": [
                        {
                            "name": "signals",
                            "path": str(self.logs / "signals-{date}-{hour}.jsonl*"),
                            "late_hours": 24,
                        }
                    ],
                },
                "sampling": {"rate": 0.5},
                "inputs": {"reference_queries": 50, "calibration_queries": 50},
            }
        )

    def file(self, table: str, hour: int) -> Path:
        return self.logs / f"{table}-{hour_start(shift(START, hour)):%Y-%m-%d-%H}.jsonl"

    def write(self, table: str, hour: int, lines: Sequence[dict[str, Any]]) -> Path:
        path = self.file(table, hour)
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return path

    def pack(self, path: Path) -> Path:
        """As log rotation does it."""
        packed = path.with_name(path.name + ".gz")
        packed.write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
        return packed

    def ingest(self, first: int, last: int | None = None) -> None:
        hours = self.hours(first, last)
        ingest_requests(self.lake, self.settings, *hours, NOW)
        ingest_signals(self.lake, self.settings, *hours, NOW)

    def hours(self, first: int, last: int | None = None) -> tuple[int, int]:
        return shift(START, first), shift(START, first if last is None else last)

    def stages(self, first: int, last: int) -> Iterator[Callable[[], object]]:
        """What one run does for a range of hours, stage by stage."""
        lake, settings, hours = self.lake, self.settings, self.hours(first, last)
        yield lambda: ingest_requests(lake, settings, *hours, NOW)
        yield lambda: ingest_signals(lake, settings, *hours, NOW)
        yield lambda: draw_sample(lake, settings, *hours)
        yield lambda: asyncio.run(judge_hours(lake, Judge(), Redactor(()), *hours))
        yield lambda: describe_inputs(lake, settings, self.embedder, *hours)
        yield lambda: measure_hours(lake, settings, self.embedder, "epoch-1", hours=hours)
        yield lambda: (recompute_late(lake, settings, hours[0]), recompute(lake, settings, *hours))

    def run(self, first: int, last: int) -> None:
        for stage in self.stages(first, last):
            stage()

    def table(self, name: str) -> list[dict[str, Any]]:
        key = ", ".join(f'"{column}"' for column in TABLES[name].key)
        rows = self.lake.run(f"select * from {name} order by {key}").to_pylist()
        return [{k: v for k, v in row.items() if k not in WALL_CLOCK} for row in rows]

    def ids(self, hour: int | None = None) -> list[str]:
        rows = self.lake.rows("raw_requests", hours=self.hours(hour) if hour is not None else None)
        return [row.request_id for row in rows]


def request(request_id: str, hour: int, minute: int = 0, **known: Any) -> dict[str, Any]:
    at = hour_start(shift(START, hour)) + timedelta(minutes=minute)
    return {
        "request_id": request_id,
        "timestamp": at.isoformat(),
        "feature_id": "search",
        "model_id": "gpt-4o",
        "input_text": f"How do I find {request_id}?",
        "output_text": "Like this.",
    } | known


def signal(request_id: str, hour: int, minute: int = 30) -> dict[str, Any]:
    at = hour_start(shift(START, hour)) + timedelta(minutes=minute)
    return {"request_id": request_id, "timestamp": at.isoformat(), "signal_type": "thumbs_up"}

"""CPU of log lines on their way to Arrow, beside a pydantic model and a dict for each row.

python -m benchmarks.ingest
"""

import gc
import json
import os
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from benchmarks.measuring import machine, today
from benchmarks.page import RESULTS, write_page
from llm_monitoring.adapters.prices import Prices, TokenCounts
from llm_monitoring.adapters.sources import read_requests
from llm_monitoring.adapters.sources.files import read_lines
from llm_monitoring.adapters.sources.jsonl import Good, parse_requests
from llm_monitoring.lake import TABLES
from llm_monitoring.settings import Settings

ROWS, REPEATS, SEED = 5_000, 25, 7
HOUR = 2026100510
REQUESTS = TABLES["raw_requests"]
# The same lines before they became columns at once: a model, a record and a tuple for each row.
# Measured by this file a minute before the first result; attributes were not read.
EARLIER = {"parse": 5.08, "price": 2.38, "arrow": 15.32, "all": 22.78}
EARLIER_PEER = {"parse": 4.77, "arrow": 5.78, "all": 10.55}
Steps = dict[str, float]  # step -> CPU seconds


class Model(BaseModel):
    """A line as the peer reads it: the same fields, types and bounds."""

    model_config = ConfigDict(strict=True, extra="ignore")

    request_id: str = Field(min_length=1)
    timestamp: AwareDatetime = Field(strict=False)
    feature_id: str = Field(min_length=1)
    model_id: str = Field(min_length=1)
    requested_model: str | None = None
    provider: str | None = None
    latency_ms: float | None = Field(None, ge=0)
    input_tokens: int | None = Field(None, ge=0)
    output_tokens: int | None = Field(None, ge=0)
    cache_read_tokens: int | None = Field(None, ge=0)
    cache_write_tokens: int | None = Field(None, ge=0)
    reasoning_tokens: int | None = Field(None, ge=0)
    cost_usd: float | None = Field(None, ge=0)
    finish_reason: str | None = None
    error: str | None = None
    session_id: str | None = None
    user_id: str | None = None
    prompt_version: str | None = None
    system_fingerprint: str | None = None
    input_text: str | None = None
    output_text: str | None = None
    attributes: dict[str, str] | None = None


def write_log(path: Path, rows: int, seed: int) -> None:
    """Requests of one hour as JSON lines, with texts of some hundred characters."""
    random = np.random.default_rng(seed)
    with path.open("w") as file:
        for number in range(rows):
            second, tokens_in, tokens_out = (int(random.integers(n)) for n in (3600, 4000, 800))
            line = {
                "request_id": f"req-{number:07d}",
                "timestamp": f"2026-10-05T10:{second // 60:02d}:{second % 60:02d}.250Z",
                "feature_id": f"feature_{number % 7}",
                "model_id": "gpt-4o-2024-08-06",
                "requested_model": "gpt-4o",
                "provider": "openai",
                "latency_ms": round(float(random.lognormal(7, 0.5)), 1),
                "input_tokens": tokens_in,
                "output_tokens": tokens_out,
                "finish_reason": "stop",
                "error": None,
                "session_id": f"s-{number // 3}",
                "user_id": f"u-{number // 9}",
                "prompt_version": "v7",
                "input_text": f"Where is my order number {number}, it should have come by now?",
                "output_text": "It left our store yesterday and is on its way to you. " * 5,
                "attributes": {"category": "delivery", "tenant": f"tenant-{number % 40}"},
            }
            file.write(json.dumps(line) + "\n")


def ours(path: Path, settings: Settings) -> Steps:
    """Two steps by themselves, and all that `read_requests` and `from_columns` do."""
    prices = Prices(settings.prices)
    parse = _cpu(lambda: _consume(parse_requests(read_lines(path), {})))
    lines = parse_requests(read_lines(path), {})
    asked = [_asked(line.row) for line in lines if isinstance(line, Good)]
    price = _cpu(lambda: _consume(prices.cost(**known) for known in asked))
    whole = _cpu(lambda: REQUESTS.from_columns(read_requests(settings, HOUR, HOUR).columns))
    return {"parse": parse, "price": price, "all": whole}


def peer(path: Path) -> Steps:
    """A model for each row, and a table from their dicts; no price, hour, redaction or replay."""

    def models() -> Iterator[Model]:
        for _, line in read_lines(path):
            yield Model.model_validate_json(line)  # type: ignore[arg-type]

    parse = _cpu(lambda: _consume(models()))
    names = [name for name in REQUESTS.schema.names if name in Model.model_fields]
    schema = pa.schema([REQUESTS.schema.field(name) for name in names])
    whole = _cpu(lambda: pa.Table.from_pylist([one.model_dump() for one in models()], schema))
    return {"parse": parse, "all": whole}


def _asked(row: Any) -> dict[str, Any]:
    return {
        "model_id": row["model_id"],
        "requested_model": row["requested_model"],
        "provider": row["provider"],
        "timestamp": row["timestamp"],
        "tokens": TokenCounts(*(row[f"{kind}_tokens"] for kind in TokenCounts._fields)),
        "logged_usd": row["cost_usd"],
    }


def _consume(rows: Iterable[Any]) -> None:
    deque(rows, maxlen=0)


def _cpu(work: Callable[[], object]) -> float:
    gc.collect()
    began = time.process_time()
    work()
    return time.process_time() - began


def _least(runs: Sequence[Steps]) -> Steps:
    """CPU microseconds a row, the least of all runs: whatever else runs only adds to them."""
    least = {step: min(run[step] for run in runs) / ROWS * 1e6 for step in runs[0]}
    least["arrow"] = 2 * least["all"] - sum(least.values())  # what no step before accounts for
    return {step: round(value, 2) for step, value in least.items()}


def _settings(path: Path) -> Settings:
    source = {"name": "app", "path": str(path)}
    tree = {
        "product": "benchmark", "start": "2026-10-01T00:00Z", "end": "2026-11-01T00:00Z",
        "features": [{"feature_id": "feature_0"}], "sources": {"requests": [source]},
    }  # fmt: skip
    return Settings.model_validate(tree)


def main() -> None:
    """Measure, write the result and the page."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "log.jsonl")
        write_log(path, ROWS, SEED)
        settings = _settings(path)
        pa.array([""])  # imports pandas, once a process
        runs = [(ours(path, settings), peer(path)) for _ in range(REPEATS)]
    least = [_least([run[who] for run in runs]) for who in (0, 1)]
    result = {
        "date": today(),
        "seed": SEED,
        "machine": machine(["pyarrow", "pydantic"]),
        "load": round(os.getloadavg()[0], 2),
        "rows": ROWS,
        "repeats": REPEATS,
        "microseconds": {
            "ours": least[0],
            "peer": least[1],
            "earlier": EARLIER,
            "earlier_peer": EARLIER_PEER,
        },
    }
    print(json.dumps(result["microseconds"], indent=1))
    (RESULTS / "ingest.json").write_text(json.dumps(result, indent=1) + "\n")
    write_page()


if __name__ == "__main__":
    main()

"""Settings and log files for tests of the sources."""

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from llm_monitoring.settings import Settings

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
HOUR = 2026100510


def shared(name: str) -> Path:
    """A file of the shared data; the test is skipped where there is none."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"needs shared/data/{name} beside the repository")
    return path


def settings(path: Path | str, *, table: str = "requests", **more: Any) -> Settings:
    """One source called app; keywords of a source or of the settings."""
    source = {"name": "app", "path": str(path)}
    for name in ("kind", "late_hours", "feature_id", "feature_attribute", "attributes"):
        if name in more:
            source[name] = more.pop(name)
    return Settings.model_validate(
        {
            "product": "test",
            "start": "2026-10-01T00:00Z",
            "end": "2026-11-01T00:00Z",
            "features": [{"feature_id": "search"}],
            "sources": {table: [source]},
        }
        | more
    )


def request(
    request_id: str = "r1", at: str = "2026-10-05T10:00:00Z", **more: Any
) -> dict[str, Any]:
    """A line that loads."""
    line = {"request_id": request_id, "timestamp": at, "feature_id": "search", "model_id": "gpt-4o"}
    return line | more


def signal(request_id: str = "r1", at: str = "2026-10-05T10:00:00Z", **more: Any) -> dict[str, Any]:
    """A line that loads."""
    return {"request_id": request_id, "timestamp": at, "signal_type": "thumbs_up"} | more


def write(path: Path, lines: Iterable[dict[str, Any] | bytes], *, packed: bool = False) -> Path:
    """Lines, as JSON or as they are."""
    rows = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    content = b"".join(row + b"\n" for row in rows)
    path.write_bytes(gzip.compress(content) if packed else content)
    return path

"""Decisions about baselines."""

from datetime import UTC, datetime
from typing import Any

from llm_monitoring.records import Rebaseline
from llm_monitoring_tests.pipeline.replays import hour


def decision(
    name: str, start: int | None = None, skip: tuple[int, int] | None = None, **changes: Any
) -> Rebaseline:
    """A decision about hours counted from the first."""
    fields: dict[str, Any] = {
        "rebaseline_id": name,
        "feature_id": "search",
        "metric": None,
        "segment": None,
        "from_hour": None if start is None else hour(start),
        "skip_from": hour(skip[0]) if skip else None,
        "skip_to": hour(skip[1]) if skip else None,
        "reason": "planned",
        "author": "Ada",
        "decided_at": datetime(2026, 12, 1, tzinfo=UTC),
    }
    return Rebaseline(**(fields | changes))

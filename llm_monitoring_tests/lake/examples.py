"""Rows to fill a lake with; only what a test is about has to be said."""

from datetime import timedelta
from typing import Any

from llm_monitoring.hours import hour_start
from llm_monitoring.records import Judgement, Request, UserSignal, WindowMetric
from llm_monitoring.segments import EVERYTHING

FIRST = 2026100500


def request(request_id: str, hour: int = FIRST, **known: Any) -> Request:
    """A request a minute into its hour."""
    fields: dict[str, Any] = {
        "hour": hour,
        "request_id": request_id,
        "timestamp": hour_start(hour) + timedelta(minutes=1),
        "feature_id": "search",
        "model_id": "model-a",
        "requested_model": None,
        "provider": None,
        "latency_ms": 100.0,
        "input_tokens": 10,
        "output_tokens": 20,
        "cache_read_tokens": None,
        "cache_write_tokens": None,
        "reasoning_tokens": None,
        "cost_usd": 0.001,
        "price_version": None,
        "finish_reason": "end_turn",
        "error": None,
        "session_id": None,
        "user_id": None,
        "prompt_version": None,
        "system_fingerprint": None,
        "input_text": None,
        "output_text": None,
        "source": "requests",
    }
    return Request(**(fields | known))


def signal(request_id: str, signal_type: str, hour: int = FIRST, minutes: float = 2) -> UserSignal:
    """A reaction some minutes after the start of the hour."""
    return UserSignal(
        hour=hour,
        request_id=request_id,
        session_id=None,
        signal_type=signal_type,
        timestamp=hour_start(hour) + timedelta(minutes=minutes),
        metadata="{}",
        source="signals",
    )


def judgement(request_id: str, score: float | None, hour: int = FIRST, **known: Any) -> Judgement:
    """A judgement; None: unscored."""
    fields: dict[str, Any] = {
        "hour": hour,
        "request_id": request_id,
        "feature_id": "search",
        "model_id": "model-a",
        "epoch": "e1",
        "judge": "heuristic",
        "inclusion_probability": 1.0,
        "quality_score": None if score is None else round(score),
        "quality_mean": score,
        "correctness": score,
        "completeness": score,
        "tone": score,
        "flagged": None if score is None else score <= 2,
        "reason": None,
        "unscored_reason": "timeout" if score is None else None,
        "input_tokens": None,
        "output_tokens": None,
        "cost_usd": None,
        "judged_at": hour_start(hour),
    }
    return Judgement(**(fields | known))


def window(
    hour: int,
    value: float | None,
    *,
    metric: str = "error_rate",
    n: int = 100,
    stddev: float | None = None,
    feature_id: str = "search",
    segment: str = EVERYTHING,
    epoch: str | None = None,
) -> WindowMetric:
    """A measurement of one window."""
    return WindowMetric(
        hour=hour,
        feature_id=feature_id,
        segment=segment,
        epoch=epoch,
        metric=metric,
        value=value,
        n=n,
        stddev=stddev,
    )

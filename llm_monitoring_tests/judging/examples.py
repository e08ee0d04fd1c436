"""Items to judge, for every test of judging."""

from datetime import UTC, datetime
from typing import Any

from llm_monitoring.judging import JudgeItem
from llm_monitoring.records import SampledRequest

NOON = datetime(2026, 10, 5, 12, tzinfo=UTC)


def sampled(request_id: str, **fields: Any) -> SampledRequest:
    row: dict[str, Any] = {
        "hour": 2026100511,
        "request_id": request_id,
        "feature_id": "support_chat",
        "model_id": "m-1",
        "inclusion_probability": 0.05,
        "salt": "",
    }
    return SampledRequest(**(row | fields))


def item(request_id: str = "r-1", **fields: Any) -> JudgeItem:
    values: dict[str, Any] = {
        "sampled": sampled(request_id),
        "input_text": "How long does delivery to Norway take?",
        "output_text": f"Delivery to Norway takes five working days. ({request_id})",
        "finish_reason": "end_turn",
        "error": None,
    }
    return JudgeItem(**(values | fields))

"""Records with the fields a test does not care about filled in."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from llm_monitoring.hours import hour_key
from llm_monitoring.records import Alert, Change, InputFeature, Judgement, Request

CHANGE = datetime(2026, 10, 20, 10, tzinfo=UTC)
CHANGE_HOUR = hour_key(CHANGE)
NOW = datetime(2026, 10, 20, 15, tzinfo=UTC)


def alert(fingerprint: str, **fields: Any) -> Alert:
    plain = Alert(
        fingerprint=fingerprint, layer="quality", subject="support_chat/*/e1/quality_mean/sr",
        feature_id="support_chat", segment="{}", metric="quality_mean", severity="page",
        status="firing", first_hour=2026102014, last_hour=2026102018, windows=5,
        change_hour=CHANGE_HOUR, direction="down", summary="quality fell", incident_id=None,
        created_at=NOW, updated_at=NOW,
    )  # fmt: skip
    return replace(plain, **fields)


def request(request_id: str, at: datetime, **fields: Any) -> Request:
    plain = Request(
        hour=hour_key(at), request_id=request_id, timestamp=at, feature_id="support_chat",
        model_id="lark-2", requested_model="lark", provider="lark", latency_ms=800.0,
        input_tokens=500, output_tokens=100, cache_read_tokens=None, cache_write_tokens=None,
        reasoning_tokens=None, cost_usd=0.001, price_version="v1", finish_reason="end_turn",
        error=None, session_id=None, user_id=None, prompt_version="p1", system_fingerprint="fp_a",
        input_text=f"question {request_id}", output_text=f"answer {request_id}", source="app",
    )  # fmt: skip
    return replace(plain, **fields)


def judgement(of: Request, quality: float, **fields: Any) -> Judgement:
    plain = Judgement(
        hour=of.hour, request_id=of.request_id, feature_id=of.feature_id, model_id=of.model_id,
        epoch="e1", judge="heuristic", inclusion_probability=1.0, quality_score=round(quality),
        quality_mean=quality, correctness=quality, completeness=quality, tone=4.0,
        flagged=quality <= 2, reason="refusal" if quality <= 2 else "nothing broken found",
        unscored_reason=None, input_tokens=None, output_tokens=None, cost_usd=None,
        judged_at=of.timestamp + timedelta(minutes=1),
    )  # fmt: skip
    return replace(plain, **fields)


def inputs(of: Request, language: str | None = "en", **fields: Any) -> InputFeature:
    plain = InputFeature(
        hour=of.hour, request_id=of.request_id, feature_id=of.feature_id, model_id=of.model_id,
        embedder="e", length_characters=40, language=language, language_expected=language == "en",
        novelty_distance=0.2, novel=language != "en", nearest_reference=None,
        centroid_similarity=None,
    )  # fmt: skip
    return replace(plain, **fields)


def change(change_id: str, at: datetime, **fields: Any) -> Change:
    plain = Change(
        change_id=change_id, changed_at=at, kind="deployment", feature_id="support_chat",
        model_id=None, description=f"deployed {change_id}", author="ada",
    )  # fmt: skip
    return replace(plain, **fields)


def stream(start: datetime, hours: int, per_hour: int, **fields: Any) -> list[Request]:
    return [
        request(f"{start:%d%H}-{h}-{i}", start + timedelta(hours=h, minutes=i), **fields)
        for h in range(hours)
        for i in range(per_hour)
    ]

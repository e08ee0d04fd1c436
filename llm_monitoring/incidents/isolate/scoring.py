"""How suspicious a change is: nearness x scope x fit, each in (0, 1].

A score orders suspects; it is no probability.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

from llm_monitoring.hours import HOUR, hour_start
from llm_monitoring.incidents.evidence import Suspect
from llm_monitoring.records import Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What the suspects are measured against."""

    change_hour: int
    first_hour: int
    metrics: frozenset[str]
    features: frozenset[str]
    models: frozenset[str]
    suspect_hours: int


def listed_suspect(question: Question, change: Change) -> Suspect:
    """A ledger entry as a suspect."""
    hours = (hour_start(question.change_hour) - change.changed_at) / HOUR
    place, where = _place(question, change.feature_id, change.model_id)
    return Suspect(
        kind=change.kind if change.kind in LEDGER_KINDS else "other",
        description=change.description,
        at=change.changed_at,
        not_before=None,
        in_ledger=True,
        change_id=change.change_id,
        feature_id=change.feature_id,
        model_id=change.model_id,
        hours_before=hours,
        score=_nearness(hours) * place * _fit(change.kind, question.metrics),
        reasons=(_when(hours), where, _fit_words(change.kind, question.metrics)),
    )


def _nearness(hours_before: float) -> float:
    """1 within the error of the estimate; fading slowly before it, quickly after it."""
    beyond = max(0.0, abs(hours_before) - TOLERANCE_HOURS)
    return math.exp(-beyond / (FADE_BEFORE_HOURS if hours_before > 0 else FADE_AFTER_HOURS))


def _place(question: Question, feature_id: str | None, model_id: str | None) -> tuple[float, str]:
    if model_id is not None and model_id in question.models:
        return 1.0, f"it touched {model_id}, which is concerned"
    if feature_id is not None:
        match = feature_id in question.features
        return (
            (1.0, f"it touched {feature_id}") if match else (0.1, f"it touched {feature_id} only")
        )
    if model_id is not None:
        return 0.1, f"it touched {model_id}, which is not concerned"
    return 0.8, "it touched every feature"


def _fit(kind: str, metrics: Collection[str]) -> float:
    """How well the kind explains what moved: all of it, not only what it explains best."""
    table = FITS.get(kind)
    if table is None:
        return UNKNOWN_FIT
    return sum(table.get(metric, LEAST_FIT) for metric in metrics) / max(len(metrics), 1)


def _fit_words(kind: str, metrics: Collection[str]) -> str:
    if kind not in FITS:
        return "what such a change can move is not known"
    table = FITS[kind]
    fitting = sorted((m for m in metrics if m in table), key=lambda m: (-table[m], m))
    if not fitting:
        return f"a change of kind {kind} seldom moves what moved"
    return f"a change of kind {kind} can move {', '.join(fitting[:3])}"


def _when(hours: float) -> str:
    if abs(hours) < 1:
        return "at the estimated change"
    return f"{abs(hours):.0f} h {'before' if hours > 0 else 'after'} the estimated change"


def seen_suspect(
    question: Question,
    *,
    kind: str,
    description: str,
    at: datetime,
    feature_id: str,
    model_id: str | None = None,
    not_before: datetime | None = None,
    segment: tuple[str, str] | None = None,
) -> Suspect:
    """What the records show, as a suspect; half as suspicious where its time is vague."""
    hours = (hour_start(question.change_hour) - at) / HOUR
    place, _ = _place(question, feature_id, model_id)
    suspect = Suspect(
        kind=kind,
        description=description,
        at=at,
        not_before=not_before,
        in_ledger=False,
        change_id=None,
        feature_id=feature_id,
        model_id=model_id,
        hours_before=hours,
        score=_nearness(hours) * place * _fit(kind, question.metrics),
        reasons=(
            _when(hours),
            "seen in the records, not in the ledger",
            _fit_words(kind, question.metrics),
        ),
        segment=segment,
    )
    if not is_vague(suspect):
        return suspect
    reasons = ("at the estimated change or before it, after the baseline", *suspect.reasons[1:])
    return replace(suspect, score=suspect.score / 2, reasons=reasons)


def is_vague(suspect: Suspect) -> bool:
    """Nobody looked for so long that it may have happened well before it was first seen."""
    return suspect.not_before is not None and suspect.at - suspect.not_before > VAGUE


TOLERANCE_HOURS = 3.0  # the charts' estimate of a sharp change is seldom further off
FADE_BEFORE_HOURS, FADE_AFTER_HOURS = 12.0, 3.0
LEAST_FIT, UNKNOWN_FIT = 0.2, 0.4
VAGUE = 6 * HOUR
LEDGER_KINDS = ("deployment", "prompt", "model", "index", "price", "baseline")
_QUALITY = ("quality_mean", "correctness_mean", "completeness_mean", "tone_mean", "flag_rate")
_USERS = (
    "explicit_positive_rate", "correction_rate", "follow_up_rate", "abandonment_rate",
    "survivorship_bias_risk",
)  # fmt: skip
_LATENCY = ("latency_p50_ms", "latency_p95_ms", "latency_p99_ms")
_COST = ("total_cost_usd", "avg_cost_per_request_usd", "budget")
_INPUTS = ("novelty_rate", "unexpected_language_rate", "query_length_mean")
_PROBES = ("pass_rate", "length", "identity")
_SILENT = ("missing_windows", "source_gap")
_VOLUME = ("request_count", "request_share", "total_cost_usd", "budget", *_SILENT)
_ERRORS = ("error_rate", "refusal_rate")
_UNJUDGED = ("unscored_rate", "judge_coverage")  # by the judge's fault, or for want of an answer


def _fits(*weights: tuple[tuple[str, ...], float]) -> dict[str, float]:
    return {metric: weight for metrics, weight in weights for metric in metrics}


_MODEL_FITS = _fits(
    (_QUALITY, 1), (_PROBES, 1), (("avg_output_tokens", "refusal_rate"), 1), (_LATENCY, 0.9),
    (_COST, 0.9), (_USERS, 0.8), (("error_rate",), 0.6), (("avg_input_tokens",), 0.3),
)  # fmt: skip
FITS: dict[str, dict[str, float]] = {
    "deployment": _fits(
        (_QUALITY, 0.8), (_USERS, 0.8), (_LATENCY, 0.9), (_COST, 0.8), (_ERRORS, 1),
        ((*_SILENT, "reject_ratio", "rows_dropped"), 1),
        (("avg_input_tokens", "avg_output_tokens"), 0.8),
        (("request_count", "request_share"), 0.8),
        (_INPUTS, 0.6), (_UNJUDGED, 0.8),
    ),
    "prompt": _fits(
        (("avg_input_tokens",), 1), (_COST, 1), (_QUALITY, 0.9), (("avg_output_tokens",), 0.9),
        (("refusal_rate",), 0.9), (_USERS, 0.8), (_LATENCY, 0.7),
    ),
    "model": _MODEL_FITS,
    "provider": _MODEL_FITS,
    "index": _fits(
        (_QUALITY, 1), (_USERS, 0.8), (("avg_input_tokens",), 0.8), (_COST, 0.6), (_LATENCY, 0.5),
    ),
    "price": _fits((_COST, 1)),
    "baseline": _fits((_QUALITY, 0.4), (_COST, 0.4), (_INPUTS, 0.4), (_ERRORS, 0.4)),
    "users": _fits(
        (_INPUTS, 1), (_QUALITY, 0.8), (_USERS, 0.8), (("refusal_rate", "request_count"), 0.7),
        (("avg_input_tokens", "avg_output_tokens"), 0.5), (_COST, 0.4),
    ),
    "traffic": _fits(
        (_VOLUME, 1), (_LATENCY, 0.7),
        (("error_rate",), 0.6), (_INPUTS, 0.5),
    ),
    "silence": _fits(
        (_VOLUME, 1), (("error_rate",), 0.6),
    ),
    "judge": _fits((_QUALITY, 0.9), (_UNJUDGED, 1)),
    "limits": _fits(
        (("error_rate",), 1), (_UNJUDGED, 0.9), (_LATENCY, 0.8), (("request_count",), 0.5),
        (_USERS, 0.5),
    ),
    "errors": _fits(
        (("error_rate",), 0.9), (_UNJUDGED, 0.9), (_LATENCY, 0.7),
        (("request_count", *_SILENT), 0.6), (_USERS, 0.5),
    ),
}  # fmt: skip

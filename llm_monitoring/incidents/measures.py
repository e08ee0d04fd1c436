"""What an incident's scope takes of one request: its metric, or what stands nearest to it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from llm_monitoring.incidents.evidence import Observation

Kind = Literal["rate", "mean", "amount"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A metric of windows, taken of one request."""

    kind: Kind
    unit: str
    of: Callable[[Observation], float | None]  # None: this request does not count


def _judged(name: str) -> Callable[[Observation], float | None]:
    return lambda o: getattr(o.judgement, name) if o.judgement else None


def _flagged(o: Observation) -> float | None:
    known = o.judgement is not None and o.judgement.flagged is not None
    return float(bool(o.judgement and o.judgement.flagged)) if known else None


def _unscored(o: Observation) -> float | None:
    return None if o.judgement is None else float(o.judgement.quality_score is None)


def _logged(name: str) -> Callable[[Observation], float | None]:
    return lambda o: getattr(o.request, name)


def _novel(o: Observation) -> float | None:
    return None if o.inputs is None or o.inputs.novel is None else float(o.inputs.novel)


def _unexpected(o: Observation) -> float | None:
    known = o.inputs is not None and o.inputs.language_expected is not None
    return float(not (o.inputs and o.inputs.language_expected)) if known else None


def _length(o: Observation) -> float | None:
    return None if o.inputs is None else float(o.inputs.length_characters)


def _signalled(signal: str) -> Callable[[Observation], float | None]:
    return lambda o: float(signal in o.signals)


def _thumbs_up(o: Observation) -> float | None:
    rated = o.signals & {"thumbs_up", "thumbs_down"}
    return float("thumbs_up" in rated) if rated else None


def _rated(o: Observation) -> float | None:
    return float(bool(o.signals & {"thumbs_up", "thumbs_down"}))


MEASURES: dict[str, Measure] = {
    "quality_mean": Measure(kind="mean", unit="1-5", of=_judged("quality_mean")),
    "correctness_mean": Measure(kind="mean", unit="1-5", of=_judged("correctness")),
    "completeness_mean": Measure(kind="mean", unit="1-5", of=_judged("completeness")),
    "tone_mean": Measure(kind="mean", unit="1-5", of=_judged("tone")),
    "flag_rate": Measure(kind="rate", unit="ratio", of=_flagged),
    "unscored_rate": Measure(kind="rate", unit="ratio", of=_unscored),
    "error_rate": Measure(
        kind="rate", unit="ratio", of=lambda o: float(o.request.error is not None)
    ),
    "refusal_rate": Measure(
        kind="rate", unit="ratio", of=lambda o: float(o.request.finish_reason == "refusal")
    ),
    "latency_ms": Measure(kind="mean", unit="ms", of=_logged("latency_ms")),
    "avg_cost_per_request_usd": Measure(kind="mean", unit="usd", of=_logged("cost_usd")),
    "avg_input_tokens": Measure(kind="mean", unit="tokens", of=_logged("input_tokens")),
    "avg_output_tokens": Measure(kind="mean", unit="tokens", of=_logged("output_tokens")),
    "total_cost_usd": Measure(kind="amount", unit="usd per hour", of=_logged("cost_usd")),
    "request_count": Measure(kind="amount", unit="requests per hour", of=lambda _: 1.0),
    "novelty_rate": Measure(kind="rate", unit="ratio", of=_novel),
    "unexpected_language_rate": Measure(kind="rate", unit="ratio", of=_unexpected),
    "query_length_mean": Measure(kind="mean", unit="characters", of=_length),
    "explicit_positive_rate": Measure(kind="rate", unit="ratio", of=_thumbs_up),
    "explicit_feedback_coverage": Measure(kind="rate", unit="ratio", of=_rated),
    "correction_rate": Measure(kind="rate", unit="ratio", of=_signalled("correction")),
    "follow_up_rate": Measure(kind="rate", unit="ratio", of=_signalled("follow_up")),
    "abandonment_rate": Measure(kind="rate", unit="ratio", of=_signalled("abandoned")),
}
NEAREST = {
    "latency_p50_ms": "latency_ms", "latency_p95_ms": "latency_ms", "latency_p99_ms": "latency_ms",
    "survivorship_bias_risk": "abandonment_rate", "missing_windows": "request_count",
    "source_gap": "request_count", "request_share": "request_count",
    "reject_ratio": "request_count", "chart_failed": "request_count",
    "rows_dropped": "request_count", "budget": "total_cost_usd", "unpriced": "request_count",
    "judge_coverage": "unscored_rate",
    "pass_rate": "quality_mean", "length": "avg_output_tokens", "identity": "quality_mean",
    "unmeasured": "quality_mean",
}  # fmt: skip

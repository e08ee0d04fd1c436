"""Step 2, scope: is it everyone, or a segment?

The change of a mean or a rate between baseline and incident windows is divided among the segments
of a dimension so that the parts sum to the change exactly. With w a segment's share of the rows, m
its value and M the overall value before:

    contribution = w_after (m_after - M) - w_before (m_before - M)

A new segment that is worse than M therefore carries the harm of its arrival, and a segment that
only grew carries the effect of the changed mix. Amounts (requests, dollars) are per hour and divide
by themselves. Source: the decomposition is the shift-share identity with M as reference.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import scipy
from numpy.typing import NDArray

from llm_monitoring.incidents.evidence import Material, Observation, Scope, Segment
from llm_monitoring.stats.multiplicity import holm

Kind = Literal["rate", "mean", "amount"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A metric of windows, taken of one request."""

    kind: Kind
    unit: str
    of: Callable[[Observation], float | None]  # None: this request does not count


@dataclass(frozen=True, slots=True)
class _Side:
    """The rows of one side: values [n], and each dimension's segment per row."""

    values: NDArray[np.float64]
    names: dict[str, list[str]]
    windows: int

    def of(self, dimension: str, name: str) -> NDArray[np.float64]:
        chosen = np.array([n == name for n in self.names[dimension]], dtype=bool)
        values: NDArray[np.float64] = self.values[chosen]
        return values


def scope(metric: str, before: Material, after: Material) -> Scope:
    """Compare every segment of every dimension with its own baseline.

    Args:
        metric: the incident's leading metric; one that cannot be taken of a request (see MEASURES)
            is scoped by what stands nearest to it in NEAREST.
        before: records of baseline windows.
        after: records of the incident's windows.

    Returns:
        The comparison. Segments with fewer than MINIMUM_ROWS rows on both sides, and those past
        the MOST_SEGMENTS largest, are gathered in a segment called `other`.

    Error:
        Judged rows count once each, whatever their inclusion probability: exact within a feature
        (it has one rate), approximate across features of different rates. Tests take requests as
        independent; where they come in sessions the p-values are somewhat too small.
    """
    metric = metric if metric in MEASURES else NEAREST.get(metric, "quality_mean")
    measure = MEASURES[metric]
    sides = _side(before, measure), _side(after, measure)
    segments = [s for dimension in DIMENSIONS for s in _compare(dimension, measure, *sides)]
    segments = _adjusted(segments)
    values = [_value(side.values, measure.kind, side.windows) for side in sides]
    confined = _confined_to(segments, values)
    return Scope(
        metric=metric,
        unit=measure.unit,
        before=values[0],
        after=values[1],
        n_before=len(sides[0].values),
        n_after=len(sides[1].values),
        segments=tuple(sorted(segments, key=_by_contribution(values))),
        reading=_reading(segments, values, confined),
        confined_to=(confined.dimension, confined.name) if confined else None,
    )


def _side(material: Material, measure: Measure) -> _Side:
    rows = [(o, value) for o in material.observations() if (value := measure.of(o)) is not None]
    names = {dimension: [of(o) for o, _ in rows] for dimension, of in DIMENSIONS.items()}
    return _Side(np.array([v for _, v in rows], dtype=np.float64), names, material.windows)


def _value(values: NDArray[np.float64], kind: Kind, windows: int) -> float | None:
    if kind == "amount":
        return float(values.sum()) / windows
    return float(values.mean()) if len(values) else None


def _compare(dimension: str, measure: Measure, before: _Side, after: _Side) -> list[Segment]:
    shown = _shown_names(before.names[dimension], after.names[dimension])
    sides = [_gathered(side, dimension, shown) for side in (before, after)]
    names = sorted({*sides[0].names[dimension], *sides[1].names[dimension]})
    return [_segment(dimension, name, measure, *sides) for name in names]


def _shown_names(before: Sequence[str], after: Sequence[str]) -> set[str]:
    counts = Counter(before) | Counter(after)  # the larger of the two counts
    known = [(name, n) for name, n in counts.items() if n >= MINIMUM_ROWS and name != OTHER]
    return {name for name, _ in sorted(known, key=lambda p: (-p[1], p[0]))[:MOST_SEGMENTS]}


def _gathered(side: _Side, dimension: str, shown: set[str]) -> _Side:
    names = [name if name in shown else OTHER for name in side.names[dimension]]
    return replace(side, names={dimension: names})


def _segment(dimension: str, name: str, measure: Measure, before: _Side, after: _Side) -> Segment:
    x, y = before.of(dimension, name), after.of(dimension, name)
    share_x, share_y = _share(x, before), _share(y, after)
    test, p_value = _test(measure.kind, x, y, before, after)
    is_amount = measure.kind == "amount"
    return Segment(
        dimension=dimension,
        name=name,
        before=_value(x, measure.kind, before.windows),
        after=_value(y, measure.kind, after.windows),
        n_before=len(x),
        n_after=len(y),
        share_before=share_x,
        share_after=share_y,
        contribution=(
            float(y.sum()) / after.windows - float(x.sum()) / before.windows
            if is_amount
            else _contribution(x, y, share_x, share_y, before)
        ),
        test=test,
        p_value=p_value,
        p_adjusted=None,
    )


def _share(values: NDArray[np.float64], side: _Side) -> float:
    return len(values) / len(side.values) if len(side.values) else 0.0


def _contribution(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    share_x: float,
    share_y: float,
    before: _Side,
) -> float:
    overall = float(before.values.mean()) if len(before.values) else 0.0
    gained = share_y * (float(y.mean()) - overall) if len(y) else 0.0
    had = share_x * (float(x.mean()) - overall) if len(x) else 0.0
    return gained - had


def _test(
    kind: Kind,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    before: _Side,
    after: _Side,
) -> tuple[str | None, float | None]:
    if kind == "amount":
        return _test_counts(len(x), len(y), before.windows, after.windows)
    if min(len(x), len(y)) < MINIMUM_ROWS:
        return _test_share(len(x), len(y), len(before.values), len(after.values))
    if kind == "rate":
        table = [[x.sum(), len(x) - x.sum()], [y.sum(), len(y) - y.sum()]]
        return "Fisher", float(scipy.stats.fisher_exact(np.array(table, dtype=np.int64)).pvalue)
    if np.ptp(np.concatenate([x, y])) == 0:
        return "Mann-Whitney", 1.0
    return "Mann-Whitney", float(scipy.stats.mannwhitneyu(x, y).pvalue)


def _test_counts(x: int, y: int, windows_x: int, windows_y: int) -> tuple[str | None, float | None]:
    if x + y == 0:
        return None, None
    expected = windows_y / (windows_x + windows_y)
    return "binomial", float(scipy.stats.binomtest(y, x + y, expected).pvalue)


def _test_share(x: int, y: int, all_x: int, all_y: int) -> tuple[str | None, float | None]:
    """Where a segment is new or gone its values have nothing to be compared with."""
    if min(all_x, all_y) < MINIMUM_ROWS:
        return None, None
    table = np.array([[x, all_x - x], [y, all_y - y]], dtype=np.int64)
    return "Fisher on share", float(scipy.stats.fisher_exact(table).pvalue)


def _adjusted(segments: Sequence[Segment]) -> list[Segment]:
    tested = [s.p_value for s in segments if s.p_value is not None]
    adjusted = iter(holm(tested))
    return [
        s if s.p_value is None else replace(s, p_adjusted=float(next(adjusted))) for s in segments
    ]


def _change(values: Sequence[float | None]) -> float:
    before, after = values
    return 0.0 if before is None or after is None else after - before


def _confined_to(segments: Sequence[Segment], values: Sequence[float | None]) -> Segment | None:
    """The segment that explains the change: most of it, and more than its share of the traffic."""
    change = _change(values)
    if change == 0:
        return None
    telling = [
        s
        for s in segments
        if s.name != OTHER
        and s.contribution / change >= MOST
        and s.share_after < EVERYTHING
        and s.p_adjusted is not None
        and s.p_adjusted < SIGNIFICANCE
        and s.contribution / change > s.share_after + 0.1
    ]
    # The narrowest segment says most; dimensions are in order of what a person can act on.
    order = list(DIMENSIONS)
    return min(
        telling,
        key=lambda s: (round(s.share_after, 2), order.index(s.dimension)),
        default=None,
    )


def _reading(
    segments: Sequence[Segment], values: Sequence[float | None], confined: Segment | None
) -> str:
    change = _change(values)
    if None in values:
        return "One of the two periods has no rows, so there is nothing to compare."
    if change == 0:
        return "This metric is the same in both periods."
    if confined is not None:
        part = confined.contribution / change
        much = "All" if part >= ALL else f"{part:.0%}"
        share = f"{confined.share_after:.0%} of the rows, {confined.share_before:.0%} before"
        return f"{much} of it is in {confined.dimension} {confined.name} ({share})."
    new = [s for s in segments if s.share_after >= EVERYTHING and s.share_before < 1 - EVERYTHING]
    even = "No segment stands out: it is spread over what is shown."
    if not new:
        return even
    names = ", ".join(f"{s.dimension} {s.name}" for s in new)
    return f"{even} It coincides with {names}, which is new."


def _by_contribution(
    values: Sequence[float | None],
) -> Callable[[Segment], tuple[float, float, float, int, str]]:
    """Largest first; of equal ones the narrower, which says more."""
    sign = -1.0 if _change(values) >= 0 else 1.0
    order = list(DIMENSIONS)
    return lambda s: (
        round(sign * s.contribution, 9),
        s.share_after,
        s.share_before,
        order.index(s.dimension),
        s.name,
    )


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


MINIMUM_ROWS = 5  # below it a segment tells nothing of its own
MOST_SEGMENTS = 12  # per dimension; the rest are one row
SIGNIFICANCE = 0.05
MOST, ALL, EVERYTHING = 0.8, 0.95, 0.95
OTHER, UNKNOWN = "other", "unknown"
DIMENSIONS: dict[str, Callable[[Observation], str]] = {
    "feature": lambda o: o.request.feature_id,
    "language": lambda o: (o.inputs.language if o.inputs else None) or UNKNOWN,
    "model": lambda o: o.request.model_id,
    "prompt_version": lambda o: o.request.prompt_version or UNKNOWN,
    "system_fingerprint": lambda o: o.request.system_fingerprint or UNKNOWN,
}
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

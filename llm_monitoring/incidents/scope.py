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
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import scipy
from numpy.typing import NDArray

from llm_monitoring.incidents.evidence import Material, Observation, Scope, Segment
from llm_monitoring.incidents.measures import MEASURES, NEAREST, Kind, Measure
from llm_monitoring.stats.multiplicity import holm

Dimensions = Mapping[str, Callable[[Observation], str]]


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


def scope(metric: str, before: Material, after: Material, attributes: Iterable[str] = ()) -> Scope:
    """Compare every segment of every dimension with its own baseline.

    Args:
        metric: the incident's leading metric; one that cannot be taken of a request (see MEASURES)
            is scoped by what stands nearest to it in NEAREST.
        before: records of baseline windows.
        after: records of the incident's windows.
        attributes: of requests, such as category, that are dimensions too.

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
    dimensions = _dimensions(attributes)
    sides = _side(before, measure, dimensions), _side(after, measure, dimensions)
    segments = [s for dimension in dimensions for s in _compare(dimension, measure, *sides)]
    segments = _adjusted(segments)
    values = [_value(side.values, measure.kind, side.windows) for side in sides]
    order = list(dimensions)
    confined = _confined_to(segments, values, order)
    return Scope(
        metric=metric,
        unit=measure.unit,
        before=values[0],
        after=values[1],
        n_before=len(sides[0].values),
        n_after=len(sides[1].values),
        segments=tuple(sorted(segments, key=_by_contribution(values, order))),
        reading=_reading(segments, values, confined),
        confined_to=(confined.dimension, confined.name) if confined else None,
    )


def _dimensions(attributes: Iterable[str]) -> Dimensions:
    named = (name for name in attributes if name not in DIMENSIONS)
    return {**DIMENSIONS, **{name: partial(_attribute, name) for name in named}}


def _attribute(name: str, observation: Observation) -> str:
    return observation.attribute(name) or UNKNOWN


def _side(material: Material, measure: Measure, dimensions: Dimensions) -> _Side:
    rows = [(o, value) for o in material.observations() if (value := measure.of(o)) is not None]
    names = {dimension: [of(o) for o, _ in rows] for dimension, of in dimensions.items()}
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


def _confined_to(
    segments: Sequence[Segment], values: Sequence[float | None], order: Sequence[str]
) -> Segment | None:
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
    values: Sequence[float | None], order: Sequence[str]
) -> Callable[[Segment], tuple[float, float, float, int, str]]:
    """Largest first; of equal ones the narrower, which says more."""
    sign = -1.0 if _change(values) >= 0 else 1.0
    return lambda s: (
        round(sign * s.contribution, 9),
        s.share_after,
        s.share_before,
        order.index(s.dimension),
        s.name,
    )


MINIMUM_ROWS = 5  # below it a segment tells nothing of its own
MOST_SEGMENTS = 12  # per dimension; the rest are one row
SIGNIFICANCE = 0.05
MOST, ALL, EVERYTHING = 0.8, 0.95, 0.95
OTHER, UNKNOWN = "other", "unknown"
DIMENSIONS: Dimensions = {
    "feature": lambda o: o.request.feature_id,
    "language": partial(_attribute, "language"),
    "model": partial(_attribute, "model"),
    "prompt_version": partial(_attribute, "prompt_version"),
    "system_fingerprint": lambda o: o.request.system_fingerprint or UNKNOWN,
}

"""The catalogue of metrics: what is measured in every window, and how a metric goes wrong.

A metric's SQL is its definition, so it stands here; `lake/` runs it in one pass per table.
Adding a metric is one entry in METRICS: its rows, chart, check and documentation follow.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from llm_monitoring.records import WindowMetric
from llm_monitoring.segments import EVERYTHING

Layer = Literal["infrastructure", "cost", "quality", "satisfaction", "inputs"]
Kind = Literal["proportion", "mean", "positive", "count", "flag"]
Family = Literal["requests", "fleet", "signals", "judgements", "inputs"]
Direction = Literal["up", "down"]
# Of latency: percentile -> the quantiles around it whose distance tells its error.
PERCENTILES = {50: (0.5, 0.75), 95: (0.9, 0.975), 99: (0.98, 0.995)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric.

    Args:
        name: as in window_metrics.
        layer: who looks at it.
        unit: ratio, ms, usd, tokens, score, requests or characters.
        kind: how a chart treats it. proportion: events of n; mean: mean of bounded scores;
            positive: positive and skewed, charted as its logarithm; count: like positive, of the
            window itself; flag: 0 or 1, not charted.
        family: table it is computed from.
        value: SQL aggregate over the rows of a window; NULL where there is nothing to measure.
        n: SQL count of the rows behind the value.
        stddev: SQL standard deviation of those rows.
        bad: directions that are trouble; empty: not charted.
        minimum_n: rows below which a window says too little to be charted.
        is_volume: it moves in steps by itself: a shift that stays a day is taken as normal.
        is_share: so many of n rows, each counted once at most: chance is the binomial's.
    """

    name: str
    layer: Layer
    unit: str
    kind: Kind
    family: Family
    value: str
    n: str
    stddev: str
    bad: tuple[Direction, ...] = ()
    minimum_n: int = 1
    is_volume: bool = False
    is_share: bool = False

    @property
    def title(self) -> str:
        """The name as a person says it."""
        return self.name.replace("_", " ").removesuffix(" ms").removesuffix(" usd")


def _rate(name: str, layer: Layer, family: Family, event: str, *bad: Direction) -> Metric:
    """A share of rows; rows where the event is unknown (NULL) do not count.

    Of noughts and ones the standard deviation follows from the mean: no further pass is needed.
    """
    share, n = f"avg(({event})::int)", f"count({event})"
    return Metric(
        name=name,
        layer=layer,
        unit="ratio",
        kind="proportion",
        family=family,
        value=share,
        n=n,
        stddev=f"sqrt({share} * (1 - {share}) * {n} / nullif({n} - 1, 0))",
        bad=bad,
        is_share=True,
    )


def _per_request(name: str, events: str, *bad: Direction) -> Metric:
    """User signals of a kind for each request of the window."""
    return Metric(
        name=name,
        layer="satisfaction",
        unit="ratio",
        kind="proportion",
        family="signals",
        value=f"sum({events}) / count(*)",
        n="count(*)",
        stddev=f"stddev_samp({events})",
        bad=bad,
    )


def _average(
    name: str,
    layer: Layer,
    unit: str,
    family: Family,
    column: str,
    *bad: Direction,
    kind: Kind = "positive",
) -> Metric:
    return Metric(
        name=name,
        layer=layer,
        unit=unit,
        kind=kind,
        family=family,
        value=f"avg({column})",
        n=f"count({column})",
        stddev=f"stddev_samp({column})",
        bad=bad,
    )


_FRACTIONS = sorted({f for p, beside in PERCENTILES.items() for f in (p / 100, *beside)})


def _percentile(name: str, percent: int, *bad: Direction) -> Metric:
    """The value at index int(n * percent / 100) of the sorted latencies, the reference's rule.

    DuckDB's discrete quantile takes index ceil(n * q) - 1. That is the same index unless n * q is
    whole, and 1e-12 makes sure that it never is. Every percentile takes its place in one list of
    quantiles, the same expression each time: DuckDB then gathers and sorts the latencies once.

    Its standard error is stddev / sqrt(n), as that of a mean: stddev is sqrt(q (1 - q)) over the
    density, which the distance of its neighbours tells (Siddiqui 1960, J. Res. NBS 64B).
    """
    q, (below, above) = percent / 100, PERCENTILES[percent]
    listed = ", ".join(f"{fraction:g} + 1e-12" for fraction in _FRACTIONS)
    place = {f: f"quantile_disc(latency_ms, [{listed}])[{i + 1}]" for i, f in enumerate(_FRACTIONS)}
    # Of the logarithm: tails are more even there, and the estimate less biased.
    apart = f"ln({place[above]} / nullif({place[below]}, 0))"
    error = f"{math.sqrt(q * (1 - q)) / (above - below)} * {apart} * {place[q]}"
    return Metric(
        name=name,
        layer="infrastructure",
        unit="ms",
        kind="positive",
        family="requests",
        value=place[q],
        n="count(latency_ms)",
        stddev=f"case when count(latency_ms) > 1 then {error} end",
        bad=bad,
        minimum_n=math.ceil(1 / (1 - q)),
    )


def _score(name: str, column: str, *bad: Direction) -> Metric:
    """Mean score weighted by 1 / inclusion probability: of all requests, not of the sample."""
    weight = f"case when {column} is not null then 1 / inclusion_probability end"
    return Metric(
        name=name,
        layer="quality",
        unit="score",
        kind="mean",
        family="judgements",
        value=f"sum({column} / inclusion_probability) / sum({weight})",
        n=f"count({column})",
        stddev=f"stddev_samp({column})",
        bad=bad,
    )


_ABANDONMENT = "sum(abandoned) / count(*)"
_RATINGS = "(sum(thumbs_up) + sum(thumbs_down))"

METRICS: tuple[Metric, ...] = (
    Metric(
        name="request_count",
        layer="infrastructure",
        unit="requests",
        kind="count",
        family="requests",
        value="count(*)::double",
        n="count(*)",
        stddev="null::double",
        bad=("up", "down"),
        is_volume=True,
    ),
    Metric(
        name="request_share",
        layer="infrastructure",
        unit="ratio",
        kind="proportion",
        family="fleet",
        value="requests / total",
        n="total",
        stddev="null::double",
        bad=("up", "down"),
        is_volume=True,
        is_share=True,
    ),
    _rate("error_rate", "infrastructure", "requests", "error is not null", "up"),
    _rate(
        "refusal_rate",
        "infrastructure",
        "requests",
        "coalesce(finish_reason, '') = 'refusal'",
        "up",
    ),
    _percentile("latency_p50_ms", 50),
    _percentile("latency_p95_ms", 95, "up"),
    _percentile("latency_p99_ms", 99),
    Metric(
        name="total_cost_usd",
        layer="cost",
        unit="usd",
        kind="positive",
        family="requests",
        value="sum(cost_usd)",
        n="count(cost_usd)",
        stddev="stddev_samp(cost_usd)",
        bad=("up",),
    ),
    _average("avg_cost_per_request_usd", "cost", "usd", "requests", "cost_usd", "up"),
    _average("avg_input_tokens", "cost", "tokens", "requests", "input_tokens", "up", "down"),
    _average("avg_output_tokens", "cost", "tokens", "requests", "output_tokens", "up", "down"),
    Metric(
        name="explicit_positive_rate",
        layer="satisfaction",
        unit="ratio",
        kind="proportion",
        family="signals",
        value=f"sum(thumbs_up) / nullif({_RATINGS}, 0)",
        n=f"{_RATINGS}::bigint",
        stddev="null::double",
        bad=("down",),
        is_share=True,
    ),
    _per_request("explicit_feedback_coverage", "thumbs_up + thumbs_down"),
    _per_request("correction_rate", "corrections", "up"),
    _per_request("follow_up_rate", "follow_ups", "up"),
    _per_request("abandonment_rate", "abandoned", "up"),
    Metric(
        name="survivorship_bias_risk",
        layer="satisfaction",
        unit="flag",
        kind="flag",
        family="signals",
        # The reference raises it when the ratings look good (> 80 % positive) although users
        # leave (> 30 %). Ratings that hardly anyone gives (< 1 %) hide it just as well.
        value=(
            f"({_ABANDONMENT} > 0.3 and (sum(thumbs_up) > 0.8 * {_RATINGS}"
            f" or {_RATINGS} < 0.01 * count(*)))::int::double"
        ),
        n="count(*)",
        stddev="null::double",
    ),
    _score("quality_mean", "quality_mean", "down"),
    _score("correctness_mean", "correctness"),
    _score("completeness_mean", "completeness"),
    _score("tone_mean", "tone"),
    _rate("flag_rate", "quality", "judgements", "flagged", "up"),
    _rate("unscored_rate", "quality", "judgements", "unscored_reason is not null", "up"),
    _rate("novelty_rate", "inputs", "inputs", "novel", "up"),
    _rate("unexpected_language_rate", "inputs", "inputs", "not language_expected", "up"),
    _average(
        "query_length_mean", "inputs", "characters", "inputs", "length_characters", "up", "down"
    ),
)
BY_NAME: dict[str, Metric] = {metric.name: metric for metric in METRICS}
CHARTED: tuple[Metric, ...] = tuple(metric for metric in METRICS if metric.bad)
# Charted of a segment too. How many requests a segment has is no matter of its own: an hour without
# any has no window of it.
OF_SEGMENTS: tuple[str, ...] = tuple(metric.name for metric in CHARTED if not metric.is_volume)


# Traffic moves in steps by itself, and mostly all features together. From this many features on a
# feature's volume is charted as its share of all requests, beside one chart of the total.
FLEET_FEATURES = 3
ALL_FEATURES = "*"  # feature_id of what is measured over all of them
OTHER_FEATURES = "*other"  # of what is counted together: too many features that nobody listed


def measurements_sql(family: Family) -> str:
    """SQL list of (metric, value, n, stddev), one for each metric of a family."""
    return ",\n        ".join(
        f"{{metric: '{m.name}', value: ({m.value})::double, n: ({m.n})::bigint, "
        f"stddev: ({m.stddev})::double}}"
        for m in METRICS
        if m.family == family
    )


def silent_windows(
    family: Family,
    hours: Iterable[int],
    feature_ids: Iterable[str],
    present: set[tuple[int, str]],
    epoch: str | None,
) -> list[WindowMetric]:
    """Rows with n = 0 for every (hour, feature) that nothing was measured in.

    Args:
        present: (hour, feature) pairs that have rows of this family.
        epoch: the judge's, for the judged family; None for the others.
    """
    feature_ids = list(feature_ids)
    return [
        WindowMetric(
            hour=hour,
            feature_id=feature_id,
            segment=EVERYTHING,
            epoch=epoch,
            metric=metric.name,
            value=0.0 if metric.name == "request_count" else None,
            n=0,
            stddev=None,
        )
        for hour in hours
        for feature_id in feature_ids
        if (hour, feature_id) not in present
        for metric in METRICS
        if metric.family == family
    ]

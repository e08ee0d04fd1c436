"""The field's charts and rules, replayed over all streams at once, and the catalogue TEXTBOOK.

Each looks only in the bad directions. A baseline is estimated from Phase I and frozen, except for
the reference document's chart, which learns for ever.
"""

from collections.abc import Callable

import numpy as np

from benchmarks.detection.detector import Detector, Statistic
from benchmarks.detection.standardised import (
    base_rate,
    floored,
    laney,
    moving_range_z,
    plain_z,
    seasonal_z,
    sided,
    z,
)
from benchmarks.detection.streams import Floats, Kind, Streams

RATE: tuple[Kind, ...] = ("proportion",)
VALUES: tuple[Kind, ...] = ("mean", "positive")
RATE_LINE = 0.05


def reference_ewma(streams: Streams, alpha: float = 0.1, warm_up: int = 30) -> Floats:
    """The reference document's chart: distance from an average that contains the value.

    In deviations that contain it too, so it never exceeds sqrt((1 - alpha) / alpha) = 3, which
    is its limit.
    """
    x = streams.x
    average, spread = x[:, 0].copy(), np.zeros(streams.count)
    path = np.full(x.shape, np.nan)
    for t in range(1, x.shape[1]):
        before = average
        average = alpha * x[:, t] + (1 - alpha) * before
        spread = (1 - alpha) * (spread + alpha * (x[:, t] - before) ** 2)
        if t + 1 >= warm_up:
            deviation = np.sqrt(np.where(spread > 0, spread, np.inf))
            path[:, t] = np.abs(x[:, t] - average) / deviation
    # Rounding lifts 3 by an ulp now and then, which the original's own arithmetic does not.
    return np.round(path[:, streams.phase_one :], 12)


def tabular_cusum(values: Floats, streams: Streams, k: float) -> Floats:
    """CUSUM with allowance k, one arm for each bad direction.

    Args:
        values: [streams, windows after Phase I], standardised.
        streams: whose bad directions count.
        k: in deviations.
    """
    return sided(streams, lambda sign: cumulative(sign * values - k))


def cumulative(increments: Floats) -> Floats:
    """[streams, windows], sums that never fall below 0."""
    # max over starts of the sum since then: the same as the recursion, without a loop.
    sums = np.cumsum(increments, axis=1)
    return sums - np.minimum(np.minimum.accumulate(sums, axis=1), 0)


def ewma(values: Floats, streams: Streams, weight: float, *, exact: bool = True) -> Floats:
    """EWMA of standardised values, in its own deviations.

    Args:
        values: [streams, windows after Phase I], standardised.
        streams: whose bad directions count.
        weight: of the newest window.
        exact: in the deviation it has by then; False: in the one it has in the end.
    """
    windows = np.arange(1, values.shape[1] + 1)
    share = 1 - (1 - weight) ** (2 * windows) if exact else np.ones(windows.size)
    averages, average = np.empty_like(values), np.zeros(streams.count)
    for t in range(values.shape[1]):
        average = average + weight * (values[:, t] - average)
        averages[:, t] = average
    path = averages / np.sqrt(weight / (2 - weight) * share)
    return sided(streams, lambda sign: sign * path)


def moving_mean(hours: int) -> Callable[[Streams], Floats]:
    """Mean of the last hours, in the deviations independent hours would give it."""

    def path(streams: Streams) -> Floats:
        values = plain_z(streams)[:, streams.phase_one - hours :]
        means = _trailing_sum(values, hours) * (1 / np.sqrt(hours))
        return sided(streams, lambda sign: sign * means)

    return path


def pooled_rate(hours: int) -> Callable[[Streams], Floats]:
    """Rate of all rows of the last hours, in binomial deviations."""

    def path(streams: Streams) -> Floats:
        begin = streams.phase_one - hours
        n = streams.n[:, begin:].astype(np.float64)
        rows = _trailing_sum(n, hours)
        rate = _trailing_sum(streams.x[:, begin:] * n, hours) / rows
        base = base_rate(streams)
        pooled_z = (rate - base) / np.sqrt(base * (1 - base) / rows)
        return sided(streams, lambda sign: sign * pooled_z)

    return path


def binomial_cusum(streams: Streams, ratio: float = 1.5) -> Floats:
    """CUSUM of the log likelihood ratio of a rate, or its complement, that has grown."""
    base = base_rate(streams)
    monitored = slice(streams.phase_one, None)
    n, x = streams.n[:, monitored], streams.x[:, monitored]

    def arm(sign: float) -> Floats:
        # Odds, not rates: they may double wherever the rate stands.
        odds = base / (1 - base) * ratio**sign
        moved = odds / (1 + odds)
        gain, loss = np.log(moved / base), np.log((1 - moved) / (1 - base))
        return cumulative(n * (x * gain + (1 - x) * loss))

    return sided(streams, arm)


def nannyml(streams: Streams) -> Floats:
    """Distance from the mean of the reference period, in its standard deviations."""
    x = streams.x
    quiet = x[:, : streams.phase_one]
    deviation = floored(quiet, quiet.std(axis=1, ddof=0, keepdims=True))
    distances = (x[:, streams.phase_one :] - quiet.mean(axis=1, keepdims=True)) / deviation
    return sided(streams, lambda sign: sign * distances)


def _line(streams: Streams) -> Floats:
    return streams.x[:, streams.phase_one :]


def _shewhart(streams: Streams) -> Floats:
    values = z(streams) if streams.kind == "proportion" else moving_range_z(streams)
    return sided(streams, lambda sign: sign * values)


def _seasonal(streams: Streams) -> Floats:
    values = seasonal_z(streams)
    return sided(streams, lambda sign: sign * values)


def _trailing_sum(values: Floats, hours: int) -> Floats:
    """[streams, windows] to [streams, windows - hours], each the sum of the last `hours`."""
    totals = np.cumsum(values, axis=1)
    return totals[:, hours:] - totals[:, :-hours]


REFERENCE = Statistic(
    name="reference_ewma",
    path=reference_ewma,
    default_limit=3.0,
    source="the reference document's QualityControlChart, alpha .1, k 3, warm-up 30",
)
TEXTBOOK: tuple[Detector, ...] = (
    REFERENCE,
    Statistic(
        name="Shewhart 3 s",
        path=_shewhart,
        default_limit=3.0,
        source="individuals chart on the moving range; of a rate the p-chart",
    ),
    Statistic(
        name="mean ± 3 std",
        path=nannyml,
        default_limit=3.0,
        source="NannyML's default threshold, on the raw value",
    ),
    Statistic(
        name="CUSUM .25",
        path=lambda streams: tabular_cusum(z(streams), streams, 0.25),
        default_limit=8.0,
        source="tabular CUSUM, k .25, h 8",
    ),
    Statistic(
        name="CUSUM .5",
        path=lambda streams: tabular_cusum(z(streams), streams, 0.5),
        default_limit=5.0,
        source="tabular CUSUM, k .5, h 5",
    ),
    Statistic(
        name="EWMA .1",
        path=lambda streams: ewma(z(streams), streams, 0.1),
        default_limit=3.0,
        source="EWMA, exact limits, weight .1, L 3",
    ),
    Statistic(
        name="EWMA .05",
        path=lambda streams: ewma(z(streams), streams, 0.05),
        default_limit=3.0,
        source="EWMA, exact limits, weight .05, L 3",
    ),
    Statistic(
        name="24 h mean",
        path=moving_mean(24),
        default_limit=3.0,
        source="mean of 24 windows, 3 of its deviations",
    ),
    Statistic(
        name="72 h mean",
        path=moving_mean(72),
        default_limit=3.0,
        source="mean of 72 windows, 3 of its deviations",
    ),
    Statistic(
        name="seasonal z",
        path=_seasonal,
        default_limit=3.0,
        source="against the mean of the same hour of day on weekdays or weekends, 3 deviations",
    ),
    Statistic(
        name="5 % line",
        path=_line,
        kinds=RATE,
        default_limit=RATE_LINE,
        matched=False,
        source="a static threshold on the hourly rate",
    ),
    Statistic(
        name="Laney p'",
        path=lambda streams: sided(streams, lambda sign: sign * laney(streams)),
        kinds=RATE,
        default_limit=3.0,
        source="Laney (2002), 3 deviations",
    ),
    Statistic(
        name="EWMA .05 on Laney z",
        path=lambda streams: ewma(laney(streams), streams, 0.05),
        kinds=RATE,
        default_limit=3.0,
        source="EWMA, exact limits, weight .05, L 3, of Laney's z",
    ),
    Statistic(
        name="binomial CUSUM",
        path=binomial_cusum,
        kinds=RATE,
        source="log likelihood ratio of odds that are 1.5 times as high",
    ),
    Statistic(
        name="24 h pooled rate",
        path=pooled_rate(24),
        kinds=RATE,
        default_limit=3.0,
        source="all rows of 24 windows, 3 binomial deviations",
    ),
)

"""Baseline of a rate: events of n, never a standard score, so that small windows count as due."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from llm_monitoring.stats.baselines.reading import (
    SLOTS,
    Array,
    Reading,
    Row,
    check_phase_one,
    slot,
    slots,
)
from llm_monitoring.stats.baselines.residuals import SEASONAL_WINDOWS

SEASON_EVIDENCE = 8.0  # nats by which a daily cycle must foretell other days better than none
RAREST = 1e-12  # rate: nearer to 0 or 1, odds are no numbers any more
MOST_INFORMATION = 400.0  # of a window: a log odds ratio under .05 is nobody's incident


@dataclass(frozen=True, slots=True, kw_only=True)
class ProportionBaseline:
    """A rate. Every number may be an array [charts], `offsets` [48, charts].

    Args:
        rate: events / rows, never 0: at least half an event.
        rows: rows it was learned from, as many as independent ones would be worth.
        correlation: between two rows of a window (rho); 0: binomial.
        season: none or hour (of day).
        offsets: [48] log odds of each hour of the week relative to the rate; 0: no season.
        typical_n: independent rows a typical window is worth.
        windows: windows it was learned from.
    """

    kind: Literal["proportion"] = "proportion"
    rate: float
    rows: float
    correlation: float
    season: str
    offsets: tuple[float, ...]
    typical_n: float
    windows: int

    def expected(self, t: int) -> float:
        """Expected rate of window `t`."""
        odds = self.rate / (1 - self.rate) * np.exp(self.offsets[slot(t)])
        expected: float = odds / (1 + odds)
        return expected

    def effective(self, n: Array | np.float64) -> Array | np.float64:
        """Independent rows that n correlated ones are worth."""
        return n / (1 + (n - 1) * self.correlation)


def learn_proportion(readings: Sequence[Reading]) -> ProportionBaseline:
    """Pooled rate, correlation of the rows of a window, and a daily cycle where there is one.

    Args:
        readings: windows with data; value is a ratio in [0, 1].

    Raises:
        ValueError: a value is not a ratio.
    """
    check_phase_one(readings)
    t = np.array([r.t for r in readings])
    n = np.array([r.n for r in readings], float)
    p = np.array([r.measured for r in readings])
    if np.any((p < 0) | (p > 1)):
        raise ValueError("a proportion lies outside 0 to 1")
    events = n * p
    total = float(n.sum())
    plain = within_bounds(float(events.sum()) / total, total)
    season, offsets = _season(t, events, n, plain)
    odds = plain / (1 - plain) * np.exp(np.array(offsets)[slots(t, "hour_weekend")])
    correlation = _correlation(events, n, odds / (1 + odds))
    effective = n / (1 + (n - 1) * correlation)
    rows = float(effective.sum())
    rate = within_bounds(float(effective @ p) / rows, rows)
    return ProportionBaseline(
        rate=rate,
        rows=rows,
        correlation=correlation,
        season=season,
        offsets=offsets,
        typical_n=float(np.median(effective)),
        windows=len(readings),
    )


def relevel_rate(baseline: ProportionBaseline, readings: Sequence[Reading]) -> ProportionBaseline:
    """The baseline at a new rate, its daily cycle and the correlation of its rows kept."""
    n = np.array([baseline.effective(np.float64(r.n)) for r in readings])
    sums = [
        without_season(baseline, r.t, m * r.measured, m, np.float64(baseline.rate))
        for r, m in zip(readings, n, strict=True)
    ]
    total, weight = np.sum(sums, axis=0)
    rows = float(n.sum())
    rate = within_bounds(float(total / weight), rows)
    return replace(baseline, rate=rate, rows=rows, windows=len(readings))


def without_season(
    baseline: ProportionBaseline,
    t: int,
    events: Array | np.float64,
    n: Array | np.float64,
    rate: Array | np.float64,
) -> tuple[Array | np.float64, Array | np.float64]:
    """Sums (total, weight) whose quotient is a rate whatever the hours they were counted in.

    Events are held against those due in their hour; of a rate above one half, the other outcome.

    Args:
        rate: the current one, that `baseline.offsets` are relative to.
    """
    odds = rate / (1 - rate) * np.exp(baseline.offsets[slot(t)])
    due = odds / (1 + odds)
    weight = n * np.where(rate > 0.5, (1 - due) / (1 - rate), due / rate)
    return np.where(rate > 0.5, weight - (n - events), events), weight


def within_bounds(rate: float, rows: float) -> float:
    """At least half an event, and half a row without one."""
    least = max(0.5 / max(rows, 2), RAREST)
    return float(np.clip(rate, least, 1 - least))


def _correlation(events: Array, n: Array, rate: Array) -> float:
    """Moment estimate of rho: the variance of a window is 1 + (n - 1) rho times the binomial's.

    Source: Williams (1982), Applied Statistics 31, 144-148.
    """
    pairs = float((n * (n - 1)).sum())
    if not pairs:
        return 0.0
    square = float(((events - n * rate) ** 2 / (rate * (1 - rate))).sum())
    square *= len(n) / max(len(n) - 1, 1)
    return float(np.clip((square - n.sum()) / pairs, 0.0, 0.9))


def _season(
    t: NDArray[np.int64], events: Array, n: Array, rate: float
) -> tuple[str, tuple[float, ...]]:
    """A daily cycle, if each day is foretold better by the other days' cycle than by their rate.

    Hours of few events are drawn to the common rate, by as much as hours differ beyond chance.
    """
    flat = "none", (0.0,) * SLOTS
    days = np.unique(t // 24)
    if len(t) < SEASONAL_WINDOWS or len(days) < 3:
        return flat
    gain = 0.0
    for day in days:
        other = t // 24 != day
        x, m = events[~other], n[~other]
        p0 = within_bounds(float(events[other].sum() / n[other].sum()), float(n[other].sum()))
        p1 = _hourly(t[other], events[other], n[other], p0)[t[~other] % 24]
        gain += float(x @ np.log(p1 / p0) + (m - x) @ np.log((1 - p1) / (1 - p0)))
    # Overdispersed windows say less than their counts.
    dispersion = max(1.0, float(np.mean((events - n * rate) ** 2 / (n * rate * (1 - rate)))))
    if gain / dispersion < SEASON_EVIDENCE:
        return flat
    hourly = _hourly(t, events, n, rate)
    offsets = np.log(hourly / (1 - hourly)) - math.log(rate / (1 - rate))
    return "hour", (*offsets.tolist(), *offsets.tolist())


def _hourly(t: NDArray[np.int64], events: Array, n: Array, rate: float) -> Array:
    """[24] rate of each hour of the day, shrunk to the common one."""
    x = np.bincount(t % 24, events, 24)
    m = np.bincount(t % 24, n, 24)
    seen = m > 0
    chance = float((rate * (1 - rate) / m[seen]).mean())
    differ = float(((x[seen] / m[seen] - rate) ** 2).mean())
    variance = max(differ - chance, 1e-3 * chance)
    prior = rate * (1 - rate) / variance  # rows the common rate counts for
    hourly: Array = (x + prior * rate) / (m + prior)
    return np.clip(hourly, 1e-9, 1 - 1e-9)


def check_proportions(row: Row) -> None:
    """Raises:
    ValueError: a rate is not between 0 and 1.
    """
    value = np.asarray(row.value)
    if np.any((value < 0) | (value > 1)):
        wrong = value[(value < 0) | (value > 1)].flat[0]
        raise ValueError(f"window {row.t} has the rate {wrong}, not between 0 and 1")

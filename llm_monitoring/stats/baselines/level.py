"""Baseline of a level: a mean of scores, or a positive, skewed series judged by its logarithm."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from llm_monitoring.stats.baselines.reading import (
    Array,
    Reading,
    Row,
    check_phase_one,
    slot,
    slots,
)
from llm_monitoring.stats.baselines.residuals import (
    autocorrelation,
    between_variance,
    choose_season,
    memory,
    slot_centers,
    tail_degrees,
)
from llm_monitoring.stats.baselines.tempering import temper

SCALE_FLOOR = 0.05  # of a logarithm: changes under about 5 % are nobody's incident
SCORE_FLOOR = 0.05  # of a score: a twentieth of a point is the finest that counts
CLIP = 3.5  # a single wild window must not decide
SMALLEST = 1e-12  # a zero (a free request) counts as far below everything

Transform = Literal["identity", "log"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelBaseline:
    """What is normal for a level. Every number may be an array [charts], `centers` [48, charts].

    Args:
        transform: log for positive and skewed series, identity for scores.
        season: none, hour (of day) or hour_weekend (hour of day, weekend apart).
        centers: [48] expected value of each hour of the week on the transformed scale.
        within: standard deviation of one row on that scale; 0: unknown, or it does not matter.
        between: standard deviation between windows beyond what `within` explains.
        inflation: factor on both, so that clipped, whitened windows scatter by 1 and stay quiet.
        phi: lag-1 autocorrelation of the scores; 0 where it is not significant.
        tail_degrees: of the t-distribution the scores follow; 1000: as good as normal.
        typical_n: rows of a typical window.
        windows: windows it was learned from.
        counted: the value counts the rows, so that chance is that of the rows expected: of those
            that came it would look the larger, the fewer they are.
    """

    kind: Literal["level"] = "level"
    transform: Transform
    season: str
    centers: tuple[float, ...]
    within: float
    between: float
    inflation: float
    phi: float
    tail_degrees: float
    typical_n: float
    windows: int
    counted: bool = False

    def transformed(self, value: Array | np.float64) -> Array | np.float64:
        """A value on the scale it is charted on."""
        return np.log(np.maximum(value, SMALLEST)) if self.transform == "log" else value

    def restored(self, value: Array | np.float64 | float) -> Array | np.float64 | float:
        """A charted value in the series' own unit."""
        return np.exp(value) if self.transform == "log" else value

    def center(self, t: int) -> float:
        """Expected value of window `t`, as charted."""
        return self.centers[slot(t)]

    def expected(self, t: int) -> Array | np.float64 | float:
        """Expected value of window `t`, in the series' own unit."""
        return self.restored(self.center(t))

    def spread(self, n: Array | np.float64 | float) -> Array | np.float64:
        """In-control standard deviation of a window of n rows, as charted."""
        variance = self.between**2 + self.within**2 / n
        spread: Array | np.float64 = self.inflation * np.sqrt(variance)
        return spread

    def residual(self, row: Row) -> Array | np.float64:
        """Distance of a window from what is expected of it, as charted."""
        return self.transformed(row.value) - self.center(row.t)

    def scores(self, row: Row) -> tuple[Array | np.float64, Array | np.float64]:
        """Standard score of a window, unclipped, and its weight: how many typical windows a shift
        of one typical standard deviation moves it by."""
        due = np.where(self.counted, self.restored(self.center(row.t)), row.n)
        spread = self.spread(due)
        return self.residual(row) / spread, self.spread(self.typical_n) / spread


def learn_mean(readings: Sequence[Reading]) -> LevelBaseline:
    """Phase I of a mean of scores: windows differ by chance (sigma / sqrt n) and by more.

    Args:
        readings: windows with data in order of time; those of fewer than two rows have no stddev.
    """
    check_phase_one(readings)
    n, stddev = _counts(readings), _stddevs(readings)
    known = ~np.isnan(stddev) & (n > 1)
    freedom = np.where(known, n - 1, 0)
    pooled = float(freedom[known] @ stddev[known] ** 2 / freedom.sum()) if known.any() else 0.0
    within = max(math.sqrt(pooled), SCORE_FLOOR)
    return _learn(readings, "identity", within, smallest_between=0.0)


def learn_positive(readings: Sequence[Reading]) -> LevelBaseline:
    """Phase I of a positive, skewed series: cost, tokens, latency.

    Raises:
        ValueError: a value is negative.
    """
    check_phase_one(readings)
    n, stddev = _counts(readings), _stddevs(readings)
    value = np.array([r.measured for r in readings])
    known = ~np.isnan(stddev) & (n > 1) & (value > SMALLEST)
    relative = (stddev[known] / value[known]) ** 2
    within = math.sqrt(float(np.median(relative))) if known.any() else 0.0
    return _learn(readings, "log", within, smallest_between=SCALE_FLOOR)


def learn_count(readings: Sequence[Reading]) -> LevelBaseline:
    """Phase I of the number of requests in a window: at least as uncertain as a Poisson count."""
    check_phase_one(readings)
    return _learn(readings, "log", 1.0, smallest_between=SCALE_FLOOR, counted=True)


def relevel_level(baseline: LevelBaseline, readings: Sequence[Reading]) -> LevelBaseline:
    """The baseline moved to a new level, its season, scatter and memory kept.

    Args:
        readings: windows of the new level, with data, not empty.
    """
    rows = [reading.as_row() for reading in readings]
    scores = np.array([baseline.scores(row) for row in rows])
    clipped = scores[:, 0] - np.median(scores[:, 0])
    moved = float(np.median(scores[:, 0]) + np.clip(clipped, -2, 2).mean())
    move = moved * float(baseline.spread(baseline.typical_n))
    return replace(
        baseline, centers=tuple(c + move for c in baseline.centers), windows=len(readings)
    )


def _learn(
    readings: Sequence[Reading],
    transform: Transform,
    within: float,
    *,
    smallest_between: float,
    counted: bool = False,
) -> LevelBaseline:
    """Season, centers, scatter, memory and tail, each judged by what the steps before left.

    Residuals are against other days, so that a slot's own windows do not flatter its scatter.
    """
    t = np.array([r.t for r in readings])
    value = np.array([r.measured for r in readings])
    if transform == "log" and (value < 0).any():
        raise ValueError(f"window {t[value < 0][0]} has {value.min()}, which cannot be negative")
    y = np.log(np.maximum(value, SMALLEST)) if transform == "log" else value
    season, residuals = choose_season(t, y)
    residuals = residuals - np.median(residuals)
    n = np.exp(y - residuals) if counted else _counts(readings)
    between = math.sqrt(between_variance(residuals, within**2 / n))
    between = max(between, smallest_between)
    spread = np.sqrt(between**2 + within**2 / n)
    scores = residuals / spread
    clipped = np.clip(scores, -CLIP, CLIP)
    phi = autocorrelation(clipped, t.tolist())
    white = whitened(clipped, t, phi)
    inflation = _excess_scatter(white)
    inflation *= temper(white / inflation)
    return LevelBaseline(
        transform=transform,
        season=season,
        centers=_balanced(slot_centers(t, y, season, spread), t, y, inflation * spread),
        within=within,
        between=between,
        inflation=inflation,
        phi=phi,
        tail_degrees=tail_degrees(scores - clipped + white),
        typical_n=float(np.median(n)),
        windows=len(readings),
        counted=counted,
    )


def _balanced(
    centers: Sequence[float], t: NDArray[np.int64], y: Array, spread: Array
) -> tuple[float, ...]:
    """Centers moved so that clipped scores, which are what is charted, are 0 on average.

    Of a skewed series the middle is not where clipped scores balance, and a chart would drift.
    """
    residuals, weights = y - np.array(centers)[slots(t, "hour_weekend")], 1 / spread
    move = 0.0
    for _ in range(3):
        clipped = np.clip((residuals - move) * weights, -CLIP, CLIP)
        move += float(weights @ clipped / (weights @ weights))
    return tuple(float(center + move) for center in centers)


def _excess_scatter(white: Array) -> float:
    """Heavy tails scatter more than the bulk says, also when they are clipped; so does one of two.

    Two standard errors are left to chance: what is only chance would cost delay for nothing.
    """
    # Of a normal score the square has variance 2, twice the square of one side has 5.
    squares = (
        (white**2, 2.0),
        (2 * np.maximum(white, 0) ** 2, 5.0),
        (2 * np.minimum(white, 0) ** 2, 5.0),
    )
    scatters = [
        float(square.mean())
        for square, variance in squares
        if square.mean() > 1 + 2 * math.sqrt(variance / len(white))
    ]
    return math.sqrt(max(scatters, default=1.0))


def whitened(scores: Array, t: Array, phi: float) -> Array:
    """[windows] what each score adds to what the one before it foretold."""
    if not phi:
        return scores
    remembered = memory(np.float64(phi), np.diff(t))
    white = scores.copy()
    white[1:] = (scores[1:] - remembered * scores[:-1]) / np.sqrt(1 - remembered**2)
    return white


def _counts(readings: Sequence[Reading]) -> Array:
    return np.array([r.n for r in readings], float)


def _stddevs(readings: Sequence[Reading]) -> Array:
    return np.array([math.nan if r.stddev is None else r.stddev for r in readings])

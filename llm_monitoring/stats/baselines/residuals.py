"""What is left of Phase I when its season is taken out, and how that scatters.

A window is always held against *other* days, so that a slot of few windows cannot explain itself.
"""

import math
from collections.abc import Sequence

import numpy as np
import scipy
from numpy.typing import NDArray

from llm_monitoring.stats.baselines.reading import SEASONS, SLOTS, Array, slots

SEASON_GAIN = {"none": 0.0, "hour": 0.07, "hour_weekend": 0.10}
SEASONAL_WINDOWS = 150  # fewer cannot tell a season from noise
WINSOR = 2.0  # robust scale: one window in six may be wild
TAIL_EVIDENCE = 0.25  # nats
DEGREES = (2.5, 3.0, 4.0, 5.0, 7.0, 10.0, 15.0, 25.0, 50.0, 1000.0)  # of a t-distribution


def choose_season(t: NDArray[np.int64], y: Array) -> tuple[str, Array]:
    """Season of a series, and its residuals against the same slot on other days.

    A season is used only where it lowers the mean absolute residual by SEASON_GAIN.

    Args:
        t: [windows] hours since 1970, increasing.
        y: [windows] values on the scale they are charted on.
    """
    best, residuals = "none", other_days_residuals(t, y, "none")
    plain = lowest = float(np.abs(residuals).mean())
    for season in SEASONS[1:] if len(y) >= SEASONAL_WINDOWS and plain else ():
        candidate = other_days_residuals(t, y, season)
        mean = float(np.abs(candidate).mean())
        if 1 - mean / plain >= SEASON_GAIN[season] and mean < lowest:
            best, residuals, lowest = season, candidate, mean
    return best, residuals


def other_days_residuals(t: NDArray[np.int64], y: Array, season: str) -> Array:
    """Distance of each window from the median of its slot on other days: [windows]."""
    index = slots(t, season)
    days = t // 24
    residuals = np.empty_like(y)
    for s in np.unique(index):
        members = np.flatnonzero(index == s)
        values = y[members]
        if len(members) == 1:
            residuals[members] = values - np.median(y)
        elif len(members) == len(np.unique(days[members])):
            residuals[members] = values - _medians_without_each(values)
        else:
            for day in np.unique(days[members]):
                same = days[members] == day
                others = values[~same] if not same.all() else y
                residuals[members[same]] = values[same] - np.median(others)
    return residuals


def _medians_without_each(values: Array) -> Array:
    """[n] median of the others, for each of n >= 2 values."""
    order = np.argsort(values, kind="stable")
    ordered, n = values[order], len(values)
    rank = np.empty(n, int)
    rank[order] = np.arange(n)
    low, high = (n - 2) // 2, (n - 1) // 2  # of the n - 1 others
    # Ranks at or above the one left out move down by one.
    at = [ordered[np.where(rank <= k, k + 1, k)] for k in (low, high)]
    medians: Array = (at[0] + at[1]) / 2
    return medians


def slot_centers(t: NDArray[np.int64], y: Array, season: str, spread: Array) -> tuple[float, ...]:
    """[48] center of each slot: its median, then one step to the mean of the clipped windows.

    The median alone would need half as many windows again for the same error. An empty slot takes
    the center of its hour of the day, else of the series.

    Args:
        spread: [windows] standard deviation of each window.
    """
    index = slots(t, season)
    every = _clipped_mean(y, spread)
    by_slot = [
        _clipped_mean(y[index == s], spread[index == s]) if (index == s).any() else None
        for s in range({"none": 1, "hour": 24, "hour_weekend": 48}[season])
    ]
    centers = []
    for s in range(SLOTS):
        own = by_slot[s] if season == "hour_weekend" else by_slot[0 if season == "none" else s % 24]
        other = by_slot[(s + 24) % 48] if season == "hour_weekend" else None
        centers.append(next((c for c in (own, other, every) if c is not None), every))
    return tuple(centers)


def _clipped_mean(y: Array, spread: Array) -> float:
    center = float(np.median(y))
    weight = 1 / spread**2
    for _ in range(2):
        away = np.clip((y - center) / spread, -WINSOR, WINSOR) * spread
        center += float(weight @ away / weight.sum())
    return center


def between_variance(residuals: Array, within: Array) -> float:
    """Variance between windows beyond `within`, not moved by a few wild windows.

    The equation whose first step DerSimonian and Laird take, solved, for residuals clipped at
    WINSOR standard deviations.

    Args:
        residuals: [windows] about their center.
        within: [windows] variance each window has by chance; 0 where unknown.

    Source: Paule and Mandel (1982), J. Res. NBS 87, 377-385; DerSimonian and Laird (1986).
    """
    square = residuals**2
    # Expectation of the clipped square of a standard normal.
    tail = scipy.special.ndtr(-WINSOR)
    density = math.exp(-(WINSOR**2) / 2) / math.sqrt(2 * math.pi)
    due = 1 - 2 * tail - 2 * WINSOR * density + 2 * WINSOR**2 * tail

    def excess(variance: float) -> float:
        total = np.maximum(variance + within, 1e-300)
        return float(np.minimum(square / total, WINSOR**2).mean()) - due

    high = float(square.max())
    if high <= 0 or excess(0.0) <= 0:
        return 0.0
    return float(scipy.optimize.brentq(excess, 0.0, high / due * 2, xtol=1e-14, rtol=1e-10))


def autocorrelation(scores: Array, t: Sequence[int]) -> float:
    """Lag-1 autocorrelation over neighbouring windows; 0 where it is not significant.

    Below SEASONAL_WINDOWS it is shrunk by its standard error instead: an estimate from few
    windows whitens noise into more noise. Corrected for its bias, (1 + 3 phi) / windows.
    """
    times = np.asarray(t)
    neighbours = np.flatnonzero(np.diff(times) == 1)
    centered = scores - scores.mean()
    variance = float(centered @ centered) / len(scores)
    if len(neighbours) < 2 or variance == 0:
        return 0.0
    phi = float(np.mean(centered[neighbours] * centered[neighbours + 1]) / variance)
    error = 1 / math.sqrt(len(scores))
    if len(scores) < SEASONAL_WINDOWS:
        return math.copysign(max(0.0, min(abs(phi), 0.95) - error), phi)
    if abs(phi) <= 2 * error:
        return 0.0
    return float(np.clip(phi + (1 + 3 * phi) / len(scores), -0.95, 0.95))


def memory(phi: Array | np.float64, gap: Array) -> Array:
    """What a window remembers of one `gap` windows before it; of a negative phi only the next."""
    remembered: Array = np.where((gap == 1) | (phi > 0), np.sign(phi) * np.abs(phi) ** gap, 0.0)
    return remembered


def tail_degrees(scores: Array) -> float:
    """Degrees of freedom of the t-distribution that the heavier tail may well have; 1000: normal.

    Few windows say little of a tail, and what they do not say is not assumed to be thin: the
    heaviest tail that fits within TAIL_EVIDENCE of the best, and at most half as many degrees as
    windows.

    Args:
        scores: [windows] standardised residuals, unclipped.

    Source: Lange, Little and Taylor (1989), JASA 84, 881-896.
    """
    sides = (scores[scores > 0], -scores[scores < 0])
    return min(len(scores) / 2, *(_degrees_of(side) for side in sides))


def _degrees_of(side: Array) -> float:
    """Of one tail; [windows] > 0."""
    if len(side) < 2:
        return DEGREES[-1]
    fits = [_t_fit(side, degrees) for degrees in DEGREES]
    enough = max(fits) - TAIL_EVIDENCE
    return next(degrees for degrees, fit in zip(DEGREES, fits, strict=True) if fit >= enough)


def _t_fit(scores: Array, degrees: float) -> float:
    """Log likelihood at the best scale."""
    square = scores**2
    scale2 = max(float(np.median(square)), 1e-12)
    for _ in range(20):
        scale2 = max(float(np.mean((degrees + 1) * square / (degrees + square / scale2))), 1e-12)
    constant = scipy.special.gammaln((degrees + 1) / 2) - scipy.special.gammaln(degrees / 2)
    constant -= math.log(degrees * math.pi * scale2) / 2
    return float(np.sum(constant - (degrees + 1) / 2 * np.log1p(square / (degrees * scale2))))

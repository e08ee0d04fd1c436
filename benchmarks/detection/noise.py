"""Streams of the three kinds around a given level: what the suites are made of."""

from collections.abc import Callable

import numpy as np

from benchmarks.detection.streams import PHASE_ONE, Direction, Floats, Ints, Streams

Rng = np.random.Generator
Level = Callable[[Rng, tuple[int, int]], Floats]
BOTH: tuple[Direction, ...] = ("up", "down")
ROWS = 30  # behind each window of a mean
SIGMA = 1 / np.sqrt(ROWS)  # of a window's mean, the rows' being 1
LOG_SIGMA = 0.1  # of the logarithm of a positive metric


def gaussian(
    level: Floats, *, streams: int, change: int | None, seed: int, spread: Floats | None = None
) -> Streams:
    """Level and spread are [windows after Phase I], in sigma."""
    rng = np.random.default_rng(seed)
    spread = np.ones(level.size) if spread is None else spread
    level = np.concatenate([np.zeros(PHASE_ONE), level])
    spread = np.concatenate([np.ones(PHASE_ONE), spread])
    shape = (streams, level.size)
    return Streams(
        x=SIGMA * (level + spread * rng.standard_normal(shape)),
        n=np.full(shape, ROWS),
        stddev=spread * row_deviation(rng, np.full(shape, ROWS)),
        kind="mean",
        bad=BOTH,
        change=change,
    )


def proportion(
    rates: Floats,
    *,
    rho: float,
    n: tuple[int, int],
    streams: int,
    seed: int,
    change: int | None = None,
    bad: tuple[Direction, ...] = ("up",),
) -> Streams:
    """Rates are [windows], n is uniform from the first to the last, counts are beta-binomial."""
    rng = np.random.default_rng(seed)
    shape = (streams, rates.size)
    counts = rng.integers(n[0], n[1] + 1, shape)
    chance = np.broadcast_to(rates, shape)
    if rho:
        successes, failures = rates * (1 - rho) / rho, (1 - rates) * (1 - rho) / rho
        chance = rng.beta(successes, failures, shape)
    return Streams(
        x=rng.binomial(counts, chance) / counts,
        n=counts,
        stddev=None,
        kind="proportion",
        bad=bad,
        change=change,
    )


def positive(
    level: Level,
    streams: int,
    windows: int,
    seed: int,
    *,
    change: int | None = None,
) -> Streams:
    """exp of a level in sigma of the logarithm."""
    rng = np.random.default_rng(seed)
    shape = (streams, PHASE_ONE + windows)
    x = np.exp(LOG_SIGMA * level(rng, shape))
    n = np.full(shape, ROWS)
    deviation = x * LOG_SIGMA * np.sqrt(ROWS) * row_deviation(rng, n)
    return Streams(x=x, n=n, stddev=deviation, kind="positive", bad=BOTH, change=change)


def row_deviation(rng: Rng, n: Ints) -> Floats:
    """Standard deviation found among n Gaussian rows of deviation 1; NaN: one row has none."""
    freedom = n - 1.0
    with np.errstate(invalid="ignore"):
        return np.where(n > 1, np.sqrt(rng.chisquare(np.maximum(freedom, 1)) / freedom), np.nan)

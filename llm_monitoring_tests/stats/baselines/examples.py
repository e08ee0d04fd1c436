"""Series to learn a baseline from."""

import math
from collections.abc import Sequence

import numpy as np

from llm_monitoring.stats.baselines import Array, Reading

MONDAY = 24 * 4  # 1970-01-05T00:00Z
SATURDAY = MONDAY + 5 * 24


def readings(
    values: Sequence[float], n: int = 100, stddev: float | None = None, start: int = MONDAY
) -> list[Reading]:
    return [Reading(start + i, float(v), n, stddev) for i, v in enumerate(values)]


def rates(rng: np.random.Generator, p: Array | float, n: int, windows: int = 336) -> list[Reading]:
    """Binomial windows of n rows."""
    return readings((rng.binomial(n, p, windows) / n).tolist(), n=n)


def daily_cycle(rng: np.random.Generator, windows: int, noise: float) -> list[Reading]:
    """A log-normal series about exp(5) that is e times as high at its peak as at its trough."""
    logs = 0.5 * np.sin(2 * np.pi * np.arange(windows) / 24) + rng.normal(0, noise, windows)
    return readings(np.exp(5 + logs).tolist())


def autoregressive(phi: float, windows: int, seed: int) -> Array:
    """Standard normal windows of which neighbours correlate by phi."""
    rng = np.random.default_rng(seed)
    z = np.empty(windows)
    z[0] = rng.normal()
    for i in range(1, windows):
        z[i] = phi * z[i - 1] + math.sqrt(1 - phi**2) * rng.normal()
    return z

"""Seeded streams whose truth is known: steps, ramps, creeps, and quiet ones that misbehave.

sigma is the in-control standard deviation of the window's value. The same seed gives the same
noise at every size of change, so differences between sizes are the change's alone.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.detection.noise import BOTH, Rng, gaussian, positive, proportion, row_deviation
from benchmarks.detection.streams import (
    HOURS_A_DAY,
    PHASE_ONE,
    Direction,
    Floats,
    Streams,
    hour_of_day,
    is_weekend,
)

RAMP_HOURS = 336
CREEP_HOURS = 1440
CREEP = (0.005, 0.048)
JUDGED = 27  # an hour
SCORE = (4.0, 1.03, 0.05)  # level, deviation of the rows, deviation between windows
SHIFTED_AT = 7 * HOURS_A_DAY


def in_control(streams: int, windows: int, seed: int) -> Streams:
    """Means of 30 rows, nothing happens."""
    return gaussian(np.zeros(windows), streams=streams, change=None, seed=seed)


def step(size: float, streams: int, windows: int, seed: int, *, change: int = 100) -> Streams:
    """The mean moves up by `size` sigma and stays."""
    level = np.where(np.arange(windows) >= change, size, 0.0)
    return gaussian(level, streams=streams, change=change, seed=seed)


def ramp(streams: int, windows: int, seed: int, *, change: int = 100) -> Streams:
    """The mean climbs 2 sigma within two weeks and stays."""
    level = 2 * np.clip((np.arange(windows) - change + 1) / RAMP_HOURS, 0, 1)
    return gaussian(level, streams=streams, change=change, seed=seed)


def spike(streams: int, windows: int, seed: int, *, change: int = 100) -> Streams:
    """One window is 4 sigma too high."""
    level = np.where(np.arange(windows) == change, 4.0, 0.0)
    return gaussian(level, streams=streams, change=change, seed=seed)


def variance(streams: int, windows: int, seed: int, *, change: int = 100) -> Streams:
    """The rows scatter 1.5 times as widely around the same mean."""
    spread = np.where(np.arange(windows) >= change, 1.5, 1.0)
    return gaussian(np.zeros(windows), streams=streams, change=change, seed=seed, spread=spread)


def creep(rho: float, streams: int, seed: int) -> Streams:
    """A rate climbs from .5 % to 4.8 % within two months of unequal hours.

    Args:
        rho: correlation of two rows of the same window.
        streams: how many.
        seed: of the noise.
    """
    rising = np.linspace(*CREEP, CREEP_HOURS)
    rates = np.concatenate([np.full(PHASE_ONE, CREEP[0]), rising])
    return proportion(rates, rho=rho, n=(50, 500), streams=streams, seed=seed, change=0)


def creep_in_control(rho: float, streams: int, windows: int, seed: int) -> Streams:
    """The same rate, which stays."""
    rates = np.full(PHASE_ONE + windows, CREEP[0])
    return proportion(rates, rho=rho, n=(50, 500), streams=streams, seed=seed)


def share(
    before: float, after: float, streams: int, windows: int, seed: int, *, change: int | None = 100
) -> Streams:
    """A share of 200 rows an hour moves; its bad direction is the one it moves in."""
    hours = np.arange(-PHASE_ONE, windows)
    rates = (
        np.full(hours.size, before) if change is None else np.where(hours >= change, after, before)
    )
    bad: tuple[Direction, ...] = ("up",) if after > before else ("down",)
    return proportion(
        rates, rho=0.0, n=(200, 200), streams=streams, seed=seed, change=change, bad=bad
    )


def score(
    drop: float, streams: int, windows: int, seed: int, *, change: int | None = 100
) -> Streams:
    """The mean of about 27 judged answers an hour falls by `drop`; n differs from hour to hour."""
    level, rows_scatter, between = SCORE
    rng = np.random.default_rng(seed)
    hours = np.arange(-PHASE_ONE, windows)
    mean = np.full(hours.size, level)
    if change is not None:
        mean = np.where(hours >= change, level - drop, level)
    n = np.maximum(rng.poisson(JUDGED, (streams, hours.size)), 1)
    noise = np.sqrt(between**2 + rows_scatter**2 / n) * rng.standard_normal(n.shape)
    return Streams(
        x=mean + noise,
        n=n,
        stddev=rows_scatter * row_deviation(rng, n),
        kind="mean",
        bad=("down",),
        change=change,
    )


def daily_cycle(streams: int, windows: int, seed: int) -> Streams:
    """Two sigma up at three in the afternoon, two down at three in the morning."""
    return positive(
        lambda rng, shape: _cycle(shape[1]) + rng.standard_normal(shape), streams, windows, seed
    )


def other_weekend(streams: int, windows: int, seed: int) -> Streams:
    """A daily cycle; the weekend is lower by 1.5 sigma and half as lively."""

    def level(rng: Rng, shape: tuple[int, int]) -> Floats:
        weekend = is_weekend(shape[1])
        cycle = np.where(weekend, 0.5 * _cycle(shape[1]) - 1.5, _cycle(shape[1]))
        return cycle + rng.standard_normal(shape)

    return positive(level, streams, windows, seed)


def daily_cycle_step(size: float, streams: int, windows: int, seed: int, *, change: int) -> Streams:
    """A daily cycle that moves up by `size` sigma and stays."""

    def level(rng: Rng, shape: tuple[int, int]) -> Floats:
        moved = size * (np.arange(shape[1]) >= PHASE_ONE + change)
        return _cycle(shape[1]) + moved + rng.standard_normal(shape)

    return positive(level, streams, windows, seed, change=change)


def autocorrelated(phi: float, streams: int, windows: int, seed: int) -> Streams:
    """Each hour resembles the one before: AR(1), of deviation 1 sigma."""

    def level(rng: Rng, shape: tuple[int, int]) -> Floats:
        noise = rng.standard_normal(shape)
        noise[:, 1:] *= np.sqrt(1 - phi**2)
        for hour in range(1, shape[1]):
            noise[:, hour] += phi * noise[:, hour - 1]
        return noise

    return positive(level, streams, windows, seed)


def heavy_tails(streams: int, windows: int, seed: int) -> Streams:
    """Student's t with three degrees of freedom, of deviation 1 sigma."""
    return positive(
        lambda rng, shape: rng.standard_t(3, shape) / np.sqrt(3), streams, windows, seed
    )


def lognormal_cost(streams: int, windows: int, seed: int) -> Streams:
    """Mean cost of 60 requests whose logarithm has deviation 1.5: few dear ones decide."""
    rng = np.random.default_rng(seed)
    shape = (streams, PHASE_ONE + windows)
    mean, deviation = np.empty(shape), np.empty(shape)
    # One stream at a time: all the rows at once would not fit.
    for one in range(streams):
        rows = np.exp(1.5 * rng.standard_normal((shape[1], 60), dtype=np.float32))
        mean[one], deviation[one] = rows.mean(axis=1), rows.std(axis=1, ddof=1)
    return Streams(x=mean, n=np.full(shape, 60), stddev=deviation, kind="positive", bad=BOTH)


def overdispersed(streams: int, windows: int, seed: int) -> Streams:
    """A rate of 2 % whose rows resemble each other within the hour (rho .003); n is 50 to 500."""
    rates = np.full(PHASE_ONE + windows, 0.02)
    return proportion(rates, rho=0.003, n=(50, 500), streams=streams, seed=seed)


def thin_counts(streams: int, windows: int, seed: int) -> Streams:
    """A rate of .5 % of 20 to 60 requests: most hours count nothing."""
    rates = np.full(PHASE_ONE + windows, 0.005)
    return proportion(rates, rho=0.0, n=(20, 60), streams=streams, seed=seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """Charts of one product over the same weeks, by kind.

    Args:
        quiet: charts that nothing happens to.
        shifted: charts that move by one sigma on day 7.
    """

    quiet: tuple[Streams, ...]
    shifted: tuple[Streams, ...]


def fleet(charts: int, shifted: int, windows: int, seed: int, *, only_means: bool) -> Fleet:
    """Charts of all kinds in equal parts, or of Gaussian means only."""
    makers = (_fleet_mean,) if only_means else (_fleet_mean, _fleet_positive, _fleet_proportion)
    quiet, moved = (charts - shifted) // len(makers), shifted // len(makers)
    seeds = [seed + 10 * place for place in range(len(makers))]
    return Fleet(
        quiet=tuple(
            make(quiet, windows, own, None) for make, own in zip(makers, seeds, strict=True)
        ),
        shifted=tuple(
            make(moved, windows, own + 1, SHIFTED_AT)
            for make, own in zip(makers, seeds, strict=True)
        ),
    )


def _fleet_mean(streams: int, windows: int, seed: int, change: int | None) -> Streams:
    if change is None:
        return in_control(streams, windows, seed)
    return step(1.0, streams, windows, seed, change=change)


def _fleet_positive(streams: int, windows: int, seed: int, change: int | None) -> Streams:
    def level(rng: Rng, shape: tuple[int, int]) -> Floats:
        moved = 0.0 if change is None else np.arange(shape[1]) >= PHASE_ONE + change
        return moved + rng.standard_normal(shape)

    return positive(level, streams, windows, seed, change=change)


def _fleet_proportion(streams: int, windows: int, seed: int, change: int | None) -> Streams:
    rate, rows = 0.05, 275  # of n = 50 to 500 on average
    hours = np.arange(-PHASE_ONE, windows)
    moved = rate + np.sqrt(rate * (1 - rate) / rows)
    rates = np.full(hours.size, rate) if change is None else np.where(hours >= change, moved, rate)
    return proportion(rates, rho=0.0, n=(50, 500), streams=streams, seed=seed, change=change)


def _cycle(windows: int) -> Floats:
    return 2 * np.sin(2 * np.pi * (hour_of_day(windows) - 9) / HOURS_A_DAY)


MISBEHAVING: tuple[tuple[str, Callable[[int, int, int], Streams]], ...] = (
    ("daily cycle", daily_cycle),
    ("daily cycle, other weekend", other_weekend),
    ("AR(1) .3", lambda streams, windows, seed: autocorrelated(0.3, streams, windows, seed)),
    ("AR(1) .6", lambda streams, windows, seed: autocorrelated(0.6, streams, windows, seed)),
    ("t(3) noise", heavy_tails),
    ("lognormal cost", lognormal_cost),
    ("overdispersed rate", overdispersed),
    ("thin counts", thin_counts),
)

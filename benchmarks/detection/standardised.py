"""The scales peers work on: against a baseline estimated from Phase I, then frozen."""

from collections.abc import Callable

import numpy as np

from benchmarks.detection.streams import Floats, Streams, hour_of_day, is_weekend

# A moving range of two Gaussian values is on average this many deviations.
OVERLAP = 2 / np.sqrt(np.pi)
SIGNS = {"up": 1.0, "down": -1.0}


def level(streams: Streams) -> Floats:
    """[streams, windows], the value, or the logarithm of a positive metric."""
    return np.asarray(np.log(streams.x)) if streams.kind == "positive" else streams.x


def sided(streams: Streams, arm: Callable[[float], Floats]) -> Floats:
    """The larger of the arms of the directions that are bad; an arm is given its sign."""
    arms = [arm(SIGNS[direction]) for direction in streams.bad]
    return arms[0] if len(arms) == 1 else np.maximum(*arms)


def z(streams: Streams) -> Floats:
    """[streams, windows after Phase I], in deviations of Phase I; a proportion's follow its n."""
    if streams.kind == "proportion":
        return pearson(streams)[:, streams.phase_one :]
    x = level(streams)
    quiet = x[:, : streams.phase_one]
    return (x[:, streams.phase_one :] - _mean(quiet)) / floored(quiet, _deviation(quiet))


def plain_z(streams: Streams) -> Floats:
    """[streams, all windows], in deviations of Phase I, whatever n is."""
    x = level(streams)
    quiet = x[:, : streams.phase_one]
    return np.asarray((x - _mean(quiet)) / floored(quiet, _deviation(quiet)))


def moving_range_z(streams: Streams) -> Floats:
    """[streams, windows after Phase I], the deviation from Phase I's mean moving range."""
    x = level(streams)
    quiet = x[:, : streams.phase_one]
    deviation = floored(quiet, _moving_range(quiet))
    return np.asarray((x[:, streams.phase_one :] - _mean(quiet)) / deviation)


def seasonal_z(streams: Streams) -> Floats:
    """[streams, windows after Phase I], against the mean of the same hour of day, x weekend."""
    x = level(streams)
    slots = hour_of_day(x.shape[1]) + 24 * is_weekend(x.shape[1])
    quiet = x[:, : streams.phase_one]
    means = np.stack(
        [quiet[:, slots[: streams.phase_one] == slot].mean(axis=1) for slot in range(48)], axis=1
    )
    residuals = x - means[:, slots]
    deviation = floored(quiet, _deviation(residuals[:, : streams.phase_one]))
    return np.asarray(residuals[:, streams.phase_one :] / deviation)


def base_rate(streams: Streams) -> Floats:
    """[streams, 1], Phase I's pooled rate, half a row away from 0 and 1 at least."""
    n = streams.n[:, : streams.phase_one]
    rows = n.sum(axis=1, keepdims=True)
    rate = (streams.x[:, : streams.phase_one] * n).sum(axis=1, keepdims=True) / rows
    return np.asarray(np.clip(rate, 0.5 / rows, 1 - 0.5 / rows))


def pearson(streams: Streams) -> Floats:
    """[streams, all windows], a rate's binomial z."""
    rate = base_rate(streams)
    return np.asarray((streams.x - rate) / np.sqrt(rate * (1 - rate) / streams.n))


def laney(streams: Streams) -> Floats:
    """[streams, windows after Phase I], the binomial z over its own moving-range deviation.

    Source: Laney (2002), Quality Engineering 14, 531-537.
    """
    values = pearson(streams)
    quiet = values[:, : streams.phase_one]
    return values[:, streams.phase_one :] / floored(quiet, _moving_range(quiet))


def floored(quiet: Floats, deviation: Floats) -> Floats:
    """A deviation that is never 0: a constant Phase I gets a millionth of its size."""
    size = np.abs(quiet).max(axis=1, keepdims=True)
    return np.asarray(np.maximum(deviation, 1e-6 * size + 1e-12))


def _mean(quiet: Floats) -> Floats:
    return np.asarray(quiet.mean(axis=1, keepdims=True))


def _deviation(quiet: Floats) -> Floats:
    return np.asarray(quiet.std(axis=1, ddof=1, keepdims=True))


def _moving_range(quiet: Floats) -> Floats:
    return np.asarray(np.abs(np.diff(quiet, axis=1)).mean(axis=1, keepdims=True) / OVERLAP)

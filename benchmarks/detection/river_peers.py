"""river's drift detectors. Its released version has no CUSUM and no EWMA.

Before its first alarm the state of PageHinkley and KSWIN does not depend on the threshold, so
they are replayed over all streams at once and their limit can be matched; `originals.py` compares
them with river's own objects. ADWIN is river's own object, stream by stream.

ADWIN's and PageHinkley's parameters are in the units of the series, so each is there twice: on
the value as it is, at its defaults, and tuned, on deviations of Phase I.
"""

import math
import random
from functools import cache

import numpy as np

from benchmarks.detection.detector import Detector, Procedure, Statistic
from benchmarks.detection.standardised import level, plain_z, sided
from benchmarks.detection.streams import Flags, Floats, Streams

DELTAS = tuple(float(delta) for delta in np.geomspace(10, 1e-5, 200))
TUNED_SCALE, TUNED_WINDOW, TUNED_BUCKETS = 3.0, 7, 20
KSWIN_WINDOW, KSWIN_RECENT = 100, 30  # its defaults
KSWIN_SEED = 20261101
FORGETTING, DRIFT = 1 - 0.0001, 0.005  # PageHinkley's defaults


def adwin(values: Floats, phase_one: int, delta: float, **parameters: int) -> Flags:
    """[streams, windows after Phase I], of values [streams, all windows]."""
    from river.drift import ADWIN

    alarms = np.zeros(values.shape, dtype=bool)
    for row, stream in zip(alarms, values.tolist(), strict=True):
        detector = ADWIN(delta=delta, **parameters)  # type: ignore[no-untyped-call]
        for t, value in enumerate(stream):
            detector.update(value)  # type: ignore[no-untyped-call]
            row[t] = detector.drift_detected
    return alarms[:, phase_one:]


def adwin_tuned(streams: Streams, delta: float) -> Flags:
    """Checked every window. The scale weakens the part of its bound that is for values in [0, 1].

    Scale, shortest part and buckets are the best of a handful tried at a run length of 1,000.
    """
    return adwin(
        TUNED_SCALE * plain_z(streams),
        streams.phase_one,
        delta,
        clock=1,
        min_window_length=TUNED_WINDOW,
        max_buckets=TUNED_BUCKETS,
    )


def page_hinkley(values: Floats, streams: Streams) -> Floats:
    """The larger of its two sums, of values [streams, all windows]."""
    means = np.cumsum(values, axis=1) / np.arange(1, values.shape[1] + 1)

    def arm(sign: float) -> Floats:
        path = np.empty_like(values)
        total, lowest = np.zeros(streams.count), np.full(streams.count, np.inf)
        if sign < 0:
            # river starts the maximum of the decreasing sum at -1.
            lowest = np.ones(streams.count)
        for t in range(values.shape[1]):
            total = FORGETTING * total + sign * (values[:, t] - means[:, t]) - DRIFT
            lowest = np.minimum(lowest, total)
            path[:, t] = total - lowest
        return path[:, streams.phase_one :]

    return sided(streams, arm)


def kswin(streams: Streams) -> Floats:
    """-ln p of its test of the newest 30 windows against 30 of the 70 before them."""
    begin = streams.phase_one - KSWIN_WINDOW + 1
    values = level(streams)
    draws = random.Random(KSWIN_SEED)
    path = np.empty((streams.count, streams.monitored))
    for t in range(streams.monitored):
        window = values[:, begin + t : begin + t + KSWIN_WINDOW]
        old = draws.sample(range(KSWIN_WINDOW - KSWIN_RECENT), KSWIN_RECENT)
        path[:, t] = _surprise(window[:, old], window[:, -KSWIN_RECENT:])
    return path


def _surprise(old: Floats, recent: Floats) -> Floats:
    """[streams], -ln p of Kolmogorov and Smirnov's test, both [streams, 30]."""
    pooled = np.concatenate([old, recent], axis=1)
    order = np.argsort(pooled, axis=1, kind="stable")
    ordered = np.take_along_axis(pooled, order, axis=1)
    steps = np.cumsum(np.where(order < old.shape[1], 1, -1), axis=1)
    # Of equal values only the last is a step of the distribution functions.
    ends = np.ones(ordered.shape, dtype=bool)
    ends[:, :-1] = np.diff(ordered, axis=1) > 0
    return np.asarray(_surprises()[np.abs(steps * ends).max(axis=1)])


@cache
def _surprises() -> Floats:
    """[31], -ln p for the 31 distances two samples of 30 can have, by the reflection principle."""
    size = KSWIN_RECENT
    p = [1.0] + [
        2
        * sum(
            (-1) ** (turn - 1) * math.comb(2 * size, size - turn * steps)
            for turn in range(1, size // steps + 1)
        )
        / math.comb(2 * size, size)
        for steps in range(1, size + 1)
    ]
    # river asks for a distance above .1 besides.
    return np.where(np.arange(size + 1) > 0.1 * size, -np.log(p), 0.0)


RIVER: tuple[Detector, ...] = (
    Procedure(
        name="ADWIN",
        alarms=lambda streams, delta: adwin(level(streams), streams.phase_one, delta),
        default=0.002,
        most_streams=400,
        source="river ADWIN at its defaults, on the value as it is",
    ),
    Procedure(
        name="ADWIN tuned",
        alarms=adwin_tuned,
        settings=DELTAS,
        most_streams=1000,
        source="river ADWIN, clock 1, min_window_length 7, max_buckets 20, on 3 x deviations",
    ),
    Statistic(
        name="PageHinkley",
        path=lambda streams: page_hinkley(level(streams), streams),
        default_limit=50.0,
        matched=False,
        source="river PageHinkley at its defaults, on the value as it is",
    ),
    Statistic(
        name="PageHinkley tuned",
        path=lambda streams: page_hinkley(plain_z(streams), streams),
        source="river PageHinkley, on deviations of Phase I, threshold matched",
    ),
    Statistic(
        name="KSWIN",
        path=kswin,
        default_limit=-np.log(0.005),
        most_streams=100,
        source="river KSWIN, windows 100 and 30, alpha .005",
    ),
)

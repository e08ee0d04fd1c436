"""What every detector is given: many independent series of the same kind, window by window."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Kind = Literal["mean", "proportion", "positive"]
Direction = Literal["up", "down"]

PHASE_ONE = 336  # two weeks of hours
HOURS_A_DAY = 24
HOURS_A_WEEK = 168


@dataclass(frozen=True, slots=True, kw_only=True)
class Streams:
    """Independent series. Window i is hour i; hour 0 is the first of a Monday.

    Args:
        x: [streams, windows], the measured value; a proportion's is the ratio.
        n: [streams, windows], rows behind it, > 0.
        stddev: [streams, windows], of the rows within the window; None: a proportion.
        kind: of metric.
        bad: directions that are trouble.
        phase_one: windows at the start that are known to be quiet.
        change: first changed window, counted from the end of Phase I; None: in control.
    """

    x: Floats
    n: Ints
    stddev: Floats | None
    kind: Kind
    bad: tuple[Direction, ...]
    phase_one: int = PHASE_ONE
    change: int | None = None

    @property
    def count(self) -> int:
        """Series in it."""
        return int(self.x.shape[0])

    @property
    def monitored(self) -> int:
        """Windows after Phase I."""
        return int(self.x.shape[1]) - self.phase_one


def first_of(streams: Streams, count: int | None) -> Streams:
    """The first `count` of the series; None: all of them."""
    if count is None or count >= streams.count:
        return streams
    return Streams(
        x=streams.x[:count],
        n=streams.n[:count],
        stddev=None if streams.stddev is None else streams.stddev[:count],
        kind=streams.kind,
        bad=streams.bad,
        phase_one=streams.phase_one,
        change=streams.change,
    )


def hour_of_day(windows: int) -> Ints:
    """[windows], 0 to 23."""
    return np.arange(windows) % HOURS_A_DAY


def is_weekend(windows: int) -> Flags:
    """[windows], Saturday or Sunday."""
    return np.arange(windows) % HOURS_A_WEEK >= 5 * HOURS_A_DAY

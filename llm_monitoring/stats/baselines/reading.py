"""One window of one series, and the hours of the week it can fall into."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SEASONS = ("none", "hour", "hour_weekend")
SLOTS = 48  # hour of the day on weekdays, then on weekends


@dataclass(frozen=True, slots=True)
class Reading:
    """One window of one series.

    Args:
        t: hours since 1970-01-01T00:00Z, so that t % 24 is the hour of the day.
        value: the measurement; None: nothing was measured.
        n: rows behind the value.
        stddev: standard deviation of those rows; None: fewer than two.
    """

    t: int
    value: float | None
    n: int
    stddev: float | None = None

    def __post_init__(self) -> None:
        if self.n < 0:
            raise ValueError(f"window {self.t} has n = {self.n}")
        if self.value is not None and not math.isfinite(self.value):
            raise ValueError(f"window {self.t} has the value {self.value}")
        if self.stddev is not None and not (math.isfinite(self.stddev) and self.stddev >= 0):
            raise ValueError(f"window {self.t} has the standard deviation {self.stddev}")

    @property
    def has_data(self) -> bool:
        """A window nobody measured leaves every chart as it was."""
        return self.value is not None and self.n > 0

    @property
    def measured(self) -> float:
        """The value of a window that has data.

        Raises:
            ValueError: it has none; a chart was asked to step on silence.
        """
        if self.value is None:
            raise ValueError(f"window {self.t} has no value")
        return self.value

    def as_row(self) -> "Row":
        """The window as charts step on it."""
        stddev = math.nan if self.stddev is None else self.stddev
        value = math.nan if self.value is None else self.value
        return Row(self.t, np.float64(value), np.float64(self.n), np.float64(stddev))


@dataclass(frozen=True, slots=True)
class Row:
    """One window of one chart, or of many charts at once.

    Args:
        t: hours since 1970, the same for all.
        value: [] or [charts] measurements.
        n: [] or [charts] rows behind them.
        stddev: [] or [charts] standard deviation of those rows; nan: unknown.
    """

    t: int
    value: Array | np.float64
    n: Array | np.float64
    stddev: Array | np.float64


def check_phase_one(readings: Sequence[Reading]) -> None:
    """Raises:
    ValueError: there are no windows, one has no data, or they are not in order of time.
    """
    if not readings:
        raise ValueError("Phase I has no windows")
    last_t = readings[0].t - 1
    for reading in readings:
        if not reading.has_data:
            raise ValueError(f"window {reading.t} of Phase I has no value or no rows")
        if reading.t <= last_t:
            raise ValueError(f"window {reading.t} of Phase I follows {last_t}")
        last_t = reading.t


def slot(t: int, season: str = "hour_weekend") -> int:
    """Slot of the season a window falls into; 1970-01-01 was a Thursday."""
    if season == "none":
        return 0
    weekend = (t // 24 + 3) % 7 >= 5
    return t % 24 + (24 if season == "hour_weekend" and weekend else 0)


def slots(t: NDArray[np.int64], season: str) -> NDArray[np.int64]:
    """`slot` of many windows."""
    if season == "none":
        return np.zeros_like(t)
    weekend = ((t // 24 + 3) % 7 >= 5) & (season == "hour_weekend")
    return t % 24 + 24 * weekend

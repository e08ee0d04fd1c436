"""Run length, delay and false alarms of many streams; everything censored is counted.

A first alarm is an index into the windows after Phase I, or -1. The arrays are [streams].
"""

from dataclasses import dataclass

import numpy as np

from benchmarks.detection.streams import Flags, Floats, Ints

Limit = float | Floats
NEVER = -1
BISECTIONS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLength:
    """How long streams in control run without an alarm.

    Args:
        arl0: windows per first false alarm, as if run lengths were exponential; NaN: no alarm.
        alarms: streams that alarmed.
        windows: at risk, the windows of the alarms included.
        censored: streams that never alarmed while they were watched.
    """

    arl0: float
    alarms: int
    windows: int
    censored: int

    @property
    def per_thousand(self) -> float:
        """False alarms per 1,000 windows."""
        return 1000 * self.alarms / self.windows


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay:
    """How long after the change streams alarm.

    Args:
        median: windows, 1 being the first changed one; NaN: see the reason.
        found: share of the streams that were still quiet at the change and alarmed later.
        streams: still quiet at the change.
        early: streams left out because they had alarmed before the change.
        reason: why there is no median.
    """

    median: float
    found: float
    streams: int
    early: int
    reason: str | None = None


def first_alarms(path: Floats, limit: Limit) -> Ints:
    """First window in which the statistic is above the limit.

    Args:
        path: [streams, windows]; NaN is no alarm.
        limit: one for all, or [streams].

    Returns:
        [streams], -1 where it never is.
    """
    return first_true(path > np.reshape(limit, (-1, 1)))


def first_true(flags: Flags) -> Ints:
    """First window that is true in each stream; -1: none."""
    return np.where(flags.any(axis=1), flags.argmax(axis=1), NEVER)


def run_length(first: Ints, windows: int) -> RunLength:
    """Censored exponential estimate: windows at risk over first alarms.

    Args:
        first: [streams], first false alarms or -1.
        windows: each stream was watched for.

    Error:
        Relative 1 / sqrt(alarms). With an estimated baseline the streams differ, and those that
        alarm soon weigh more the shorter the watch is.
    """
    alarms = int((first != NEVER).sum())
    at_risk = int(np.where(first == NEVER, windows, first + 1).sum())
    return RunLength(
        arl0=at_risk / alarms if alarms else float("nan"),
        alarms=alarms,
        windows=at_risk,
        censored=int(first.size) - alarms,
    )


def matched_limit(path: Floats, arl0: float) -> float:
    """The limit at which streams in control reach a run length, by bisection.

    Args:
        path: [streams, windows] of the statistic, in control; NaN is no alarm.
        arl0: wanted windows per first false alarm.

    Returns:
        The lowest limit that keeps the promise on these streams.

    Error:
        That of the run length at the limit: relative 1 / sqrt(alarms).
    """
    highest = np.maximum.accumulate(np.where(np.isnan(path), -np.inf, path), axis=1)
    last = highest[:, -1]
    # The median is bracketed even where a statistic jumps to infinity.
    low, high = float(np.min(last)) - 1, float(np.max(last[np.isfinite(last)]))
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        alarms = np.count_nonzero(last > middle)
        at_risk = np.count_nonzero(highest <= middle) + alarms
        low, high = (low, middle) if at_risk >= arl0 * alarms else (middle, high)
    return high


def delay(first: Ints, change: int, windows: int) -> Delay:
    """Median delay over the streams that were quiet until the change.

    Args:
        first: [streams], first alarms or -1.
        change: first changed window.
        windows: each stream was watched for.
    """
    early = (first != NEVER) & (first < change)
    waits = np.where(first == NEVER, np.inf, first - change + 1.0)[~early]
    found = float(np.isfinite(waits).mean()) if waits.size else float("nan")
    median, reason = float(np.median(waits)) if waits.size else float("inf"), None
    if not np.isfinite(median):
        reason = f"fewer than half alarmed within {windows - change} windows"
        reason = reason if waits.size else "all alarmed before the change"
        median = float("nan")
    return Delay(
        median=median, found=found, streams=int(waits.size), early=int(early.sum()), reason=reason
    )


def share_at(first: Ints, window: int) -> float:
    """Share of the streams quiet until a window that alarm in it; NaN: none was quiet."""
    quiet = (first == NEVER) | (first >= window)
    return float((first[quiet] == window).mean()) if quiet.any() else float("nan")


def episodes(alarms: Flags, join: int) -> tuple[tuple[int, int], ...]:
    """First and last window of each episode of one series.

    Args:
        alarms: [windows].
        join: alarms at most this many windows apart are one episode.
    """
    at = np.flatnonzero(alarms)
    if not at.size:
        return ()
    splits = np.flatnonzero(np.diff(at) > join)
    firsts, lasts = at[np.r_[0, splits + 1]], at[np.r_[splits, at.size - 1]]
    return tuple((int(first), int(last)) for first, last in zip(firsts, lasts, strict=True))

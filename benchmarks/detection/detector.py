"""What a contender is: a number with a limit, or a procedure with a setting."""

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from benchmarks.detection.scoring import Limit, first_alarms, first_true, matched_limit, run_length
from benchmarks.detection.streams import Flags, Floats, Ints, Kind, Streams, first_of

ALL_KINDS: tuple[Kind, ...] = ("mean", "proportion", "positive")


def _always() -> str | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistic:
    """A detector that alarms when a number is above a limit.

    Args:
        name: in the tables.
        path: the number, [streams, windows after Phase I]; NaN: no opinion yet.
        kinds: of metrics it is meant for.
        default_limit: where the field, or the package, has one.
        promise: the limit that is to give a run length (ARL0) on these streams, one for all or
            [streams]; None as its answer: not offered at that length. None: it promises nothing.
        most_streams: for one that is slow.
        matched: worth matching; False: it stands for its default only.
        unavailable: why it cannot run here; None as its answer: it can.
        source: package, paper or textbook, and its parameters.
    """

    name: str
    path: Callable[[Streams], Floats]
    source: str
    kinds: tuple[Kind, ...] = ALL_KINDS
    default_limit: float | None = None
    promise: Callable[[Streams, float], Limit | None] | None = None
    most_streams: int | None = None
    matched: bool = True
    unavailable: Callable[[], str | None] = _always


@dataclass(frozen=True, slots=True, kw_only=True)
class Procedure:
    """A detector whose statistic cannot be seen: it says yes or no at a setting.

    Args:
        name: in the tables.
        alarms: [streams, windows after Phase I] at a setting, restarted after each alarm.
        settings: from the one with most to the one with fewest alarms; empty: not matched.
        default: the package's setting; None: it has none.
    """

    name: str
    alarms: Callable[[Streams, float], Flags]
    source: str
    settings: tuple[float, ...] = ()
    kinds: tuple[Kind, ...] = ALL_KINDS
    default: float | None = None
    most_streams: int | None = None
    unavailable: Callable[[], str | None] = _always


Detector = Statistic | Procedure


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A limit, or a procedure's setting, under the name of how it was come by.

    Args:
        name: "default", "asked 1000", "matched 1000".
        limit: on these streams, one for all or [streams].
    """

    name: str
    limit: Callable[[Streams], Limit]


def fixed(name: str, limit: Limit) -> Setting:
    """The same limit on all streams."""
    return Setting(name=name, limit=lambda _: limit)


def default_of(detector: Detector) -> Setting | None:
    """As it comes; None: it does not come with one."""
    limit = detector.default_limit if isinstance(detector, Statistic) else detector.default
    return None if limit is None else fixed("default", limit)


def asked(detector: Detector, arl0: float, streams: Streams) -> Setting | None:
    """Untuned, given only the wanted run length; None: it takes none."""
    if isinstance(detector, Procedure) or detector.promise is None:
        return None
    promise = detector.promise
    if promise(first_of(streams, 1), arl0) is None:
        return None

    def limit(given: Streams) -> Limit:
        promised = promise(given, arl0)
        return np.inf if promised is None else promised

    return Setting(name=f"asked {arl0:g}", limit=limit)


class Trial:
    """One contender on some streams; of a slow one, on the first of them.

    A statistic is computed once, however many limits are tried.
    """

    def __init__(self, detector: Detector, streams: Streams) -> None:
        self.detector = detector
        self.streams = first_of(streams, detector.most_streams)

    def first_alarms(self, setting: Setting) -> Ints:
        """[streams], at one setting; -1: none."""
        limit = setting.limit(self.streams)
        if isinstance(self.detector, Statistic):
            return first_alarms(self._path, limit)
        return first_true(self.detector.alarms(self.streams, float(np.max(limit))))

    def matched(self, arl0: float) -> Setting | None:
        """The setting at which these streams reach a run length; None: not to be matched."""
        if isinstance(self.detector, Statistic):
            wanted = self.detector.matched
            return fixed(f"matched {arl0:g}", matched_limit(self._path, arl0)) if wanted else None
        settings = self.detector.settings
        if not settings:
            return None
        # More alarms first: the first setting that keeps the promise, by bisection.
        place = bisect_left(settings, True, key=lambda one: self._arl0(one) >= arl0)
        return fixed(f"matched {arl0:g}", settings[min(place, len(settings) - 1)])

    @cached_property
    def _path(self) -> Floats:
        if not isinstance(self.detector, Statistic):
            raise TypeError(f"{self.detector.name} is no statistic")
        return self.detector.path(self.streams)

    def _arl0(self, limit: float) -> float:
        first = self.first_alarms(fixed("tried", limit))
        found = run_length(first, self.streams.monitored)
        return found.arl0 if found.alarms else np.inf

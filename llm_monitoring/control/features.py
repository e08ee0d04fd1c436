"""Which features have windows of their own: those that are named, and those that were seen."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llm_monitoring.control.budget import UNLISTED_FEATURES
from llm_monitoring.hours import hour_index

# A feature that monitoring.yaml does not name is watched for so long after its last request: then
# it is taken as gone. A week, so that one that rests at weekends is not taken for new on Monday.
KEPT_HOURS = 168


@dataclass(frozen=True, slots=True)
class Watched:
    """Features of each hour that have windows of their own.

    Args:
        features: hour -> the listed ones, and of the others those that had requests in it or in the
            KEPT_HOURS before: all of them, or the UNLISTED_FEATURES with the most requests.
        crowded: hours in which there were more: what is not watched is counted together.
    """

    features: Mapping[int, frozenset[str]]
    crowded: frozenset[int]


def watched_features(
    hours: Sequence[int],
    listed: Collection[str],
    names: Sequence[str],
    counts: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]],
) -> Watched:
    """Features that have windows of their own in some hours.

    It follows from the requests of each hour and of the KEPT_HOURS before it alone, so it is the
    same in whatever order hours come. Of features with as many requests the first by name count as
    busier.

    Args:
        hours: the hours that are asked about.
        listed: features that monitoring.yaml names.
        names: of features, in order.
        counts: three arrays [n], in order of time: the hour as a number of hours, a place in
            `names`, and the requests of that feature in that hour.
    """
    times, places, requests = counts
    always, others = frozenset(listed), np.array([name not in listed for name in names], bool)
    features: dict[int, frozenset[str]] = {}
    crowded: set[int] = set()
    for hour in hours:
        now = hour_index(hour)
        first, last = np.searchsorted(times, (now - KEPT_HOURS, now + 1))
        totals = np.bincount(places[first:last], requests[first:last], len(names)) * others
        busiest = _busiest(totals)
        features[hour] = always | {names[place] for place in busiest}
        if np.count_nonzero(totals) > len(busiest):
            crowded.add(hour)
    return Watched(features, frozenset(crowded))


def _busiest(totals: NDArray[np.float64]) -> Sequence[int]:
    """Places of those with requests, at most UNLISTED_FEATURES of them."""
    (seen,) = totals.nonzero()
    if len(seen) > UNLISTED_FEATURES:
        seen = seen[np.argsort(-totals[seen], kind="stable")[:UNLISTED_FEATURES]]
    places: list[int] = seen.tolist()
    return places

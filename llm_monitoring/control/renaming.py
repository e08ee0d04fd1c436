"""A feature falls silent and another one begins: is it the same under a new name?"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher

from llm_monitoring.hours import hour_range, hours_between, shift

SEEN_HOURS = 672  # a feature is new that had no request in the four weeks before
NEAR_HOURS = 6  # so far apart may the last request under one name and the first under another be
COMPARED_HOURS = 3  # of the new name's requests, from the silence on
USUAL_DAYS = 7  # that tell how many requests are usual at an hour of the day
SIMILAR_NAME = 0.7  # of difflib's ratio, 1 being equal
SIMILAR_VOLUME = 0.5  # the smaller of two volumes, as a share of the larger
LEAST_VOLUME = 0.1  # a name alone says nothing if hardly a request follows it


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Requests of one feature.

    Args:
        counts: hour -> requests, of hours that have some; from SEEN_HOURS before the silence on.
        models: that answered them.
    """

    counts: Mapping[int, int]
    models: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewName:
    """What a silent feature is probably called now.

    Args:
        feature_id: the name.
        first_hour: of its first request.
        per_hour: requests an hour.
    """

    feature_id: str
    first_hour: int
    per_hour: float


def probable_name(
    feature_id: str, silent_since: int, traffic: Mapping[str, Traffic]
) -> NewName | None:
    """The feature that began when this one fell silent, and is like it.

    It has a similar name, or about as many requests as were usual of the silent one at these hours
    of the day, from a model that answered it too.

    Args:
        feature_id: the silent feature.
        silent_since: first hour in which requests of it are lacking.
        traffic: of every feature.

    Returns:
        The likest; None: none began then, or none is like it.
    """
    old = traffic.get(feature_id)
    if old is None:
        return None
    alike = [
        (likeness, name)
        for name, new in traffic.items()
        if name != feature_id and _begins_then(new, silent_since)
        if (likeness := _likeness((feature_id, old), (name, new), silent_since)) is not None
    ]
    if not alike:
        return None
    name = min(alike, key=lambda pair: (-pair[0], pair[1]))[1]
    new = traffic[name]
    hours = _compared(new, silent_since)
    requests = sum(new.counts.get(hour, 0) for hour in hours)
    return NewName(
        feature_id=name, first_hour=min(new.counts), per_hour=requests / max(1, len(hours))
    )


def _begins_then(new: Traffic, silent_since: int) -> bool:
    first = min(new.counts, default=None)
    return first is not None and abs(hours_between(silent_since, first)) <= NEAR_HOURS


def _likeness(old: tuple[str, Traffic], new: tuple[str, Traffic], since: int) -> float | None:
    """How alike a new feature is, 0 to 2; None: not enough."""
    name = SequenceMatcher(None, old[0], new[0], autojunk=False).ratio()
    volume = _volume_ratio(old[1], new[1], since)
    has_its_model = bool(old[1].models & new[1].models)
    if (name >= SIMILAR_NAME and volume >= LEAST_VOLUME) or (
        has_its_model and volume >= SIMILAR_VOLUME
    ):
        return name + volume
    return None


def _volume_ratio(old: Traffic, new: Traffic, since: int) -> float:
    hours = _compared(new, since)
    usual = sum(
        old.counts.get(shift(hour, -24 * day), 0)
        for hour in hours
        for day in range(1, USUAL_DAYS + 1)
        if shift(hour, -24 * day) < since
    )
    days = min(USUAL_DAYS, max(1, hours_between(min(old.counts), since) // 24))
    pair = usual / days, sum(new.counts.get(hour, 0) for hour in hours)
    return min(pair) / max(pair) if max(pair) else 0.0


def _compared(new: Traffic, since: int) -> list[int]:
    """First hours of the new name within the silence, as far as they are there.

    The hour of its first request is a part of one, unless there is no other.
    """
    last, first = max(new.counts), min(new.counts)
    start = max(since, first if first == last else shift(first, 1))
    return list(hour_range(start, min(last, shift(start, COMPARED_HOURS - 1))))


def new_names(
    silences: Iterable[tuple[str, int]], traffic: Mapping[str, Traffic]
) -> dict[tuple[str, int], NewName]:
    """Probable new names of features, by feature and first hour of the silence."""
    found = {(name, since): probable_name(name, since, traffic) for name, since in silences}
    return {silence: new for silence, new in found.items() if new is not None}

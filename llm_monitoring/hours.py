"""Windows are half-open UTC hours, named by an integer key yyyymmddhh; weeks by their Monday."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
LAST_HOUR = 9999123123  # later than any
LONGEST_RUN = 48  # hours: memory stays small, and one that is killed has lost two days at most


def hour_key(moment: datetime) -> int:
    """Key of the hour that contains a timezone-aware moment.

    Raises:
        ValueError: the moment has no timezone; guessing one would move requests between windows.
    """
    return int(_in_utc(moment).strftime("%Y%m%d%H"))


def hour_start(key: int) -> datetime:
    """First instant of an hour."""
    return datetime.strptime(str(key), "%Y%m%d%H").replace(tzinfo=UTC)


@lru_cache(maxsize=100_000)
def hour_index(key: int) -> int:
    """Hours since 1970-01-01T00:00Z, the time axis of charts."""
    return round((hour_start(key) - EPOCH) / HOUR)


@lru_cache(maxsize=100_000)
def hour_at(index: int) -> int:
    """Key of the hour with this index."""
    return hour_key(EPOCH + index * HOUR)


def shift(key: int, hours: int) -> int:
    """The hour `hours` later (earlier when negative)."""
    return hour_key(hour_start(key) + hours * HOUR)


def hours_between(first: int, last: int) -> int:
    """How many hours `last` lies after `first`."""
    return round((hour_start(last) - hour_start(first)) / HOUR)


def hour_range(first: int, last: int) -> Iterator[int]:
    """Every hour from first to last, both included."""
    start = hour_start(first)
    return (hour_key(start + i * HOUR) for i in range(hours_between(first, last) + 1))


def ranges(hours: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Neighbouring hours as (first, last), in order of time."""
    ordered = sorted(set(hours))
    indexes = [hour_index(hour) for hour in ordered]
    start = 0
    for i in range(1, len(ordered) + 1):
        if i == len(ordered) or indexes[i] != indexes[i - 1] + 1:
            yield ordered[start], ordered[i - 1]
            start = i


def pieces(first: int, last: int, longest: int = LONGEST_RUN) -> Iterator[tuple[int, int]]:
    """The hours from first to last in pieces of at most `longest`, in order of time."""
    while first <= last:
        yield first, min(shift(first, longest - 1), last)
        first = shift(first, longest)


def week_key(moment: datetime) -> int:
    """Key of the week that contains a timezone-aware moment: its Monday, yyyymmdd.

    Raises:
        ValueError: the moment has no timezone.
    """
    day = _in_utc(moment).date()
    return int((day - timedelta(days=day.weekday())).strftime("%Y%m%d"))


def week_start(key: int) -> datetime:
    """First instant of a week."""
    return datetime.strptime(str(key), "%Y%m%d").replace(tzinfo=UTC)


def _in_utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no timezone")
    return moment.astimezone(UTC)

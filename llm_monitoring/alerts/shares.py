"""Too many of some rows: whether it is more than chance, of few rows as of many."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import groupby

from llm_monitoring import hours
from llm_monitoring.stats.proportions import chance_of_at_least

POOLED_HOURS = 24  # that are counted together: two rows an hour say enough in a day
# So rarely would an allowed share come to so many: once in six weeks of hours, of one place.
SIGNIFICANCE = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Rows of one place in one hour, or in several up to it, and how many of them are bad."""

    hour: int
    place: str
    bad: int
    rows: int


def too_many(counted: Iterable[Counted], limit: float) -> list[Counted]:
    """Hours in which more rows are bad than the allowed share, by more than chance.

    The hour by itself is more than its share; and it, or the day up to it, is so by more than
    chance. One bad row of two is chance, two of two are not where a hundredth is allowed.

    Args:
        counted: of every hour once, any order; of each place also the day before the first hour
            that is asked about.
        limit: the share that is allowed; 0: no bad row is.

    Returns:
        Of each such hour the counts that say so.
    """
    found = []
    ordered = sorted(counted, key=lambda count: (count.place, count.hour))
    for _, group in groupby(ordered, key=lambda count: count.place):
        days: list[Counted] = []
        for count in group:
            first = hours.shift(count.hour, 1 - POOLED_HOURS)
            days = [*(day for day in days if day.hour >= first), count]
            telling = next((one for one in (count, _sum(days)) if _is_beyond(one, limit)), None)
            if telling and count.bad > limit * count.rows:
                found.append(telling)
    return found


def _sum(counts: list[Counted]) -> Counted:
    bad, rows = sum(count.bad for count in counts), sum(count.rows for count in counts)
    return replace(counts[-1], bad=bad, rows=rows)


def _is_beyond(count: Counted, limit: float) -> bool:
    return count.bad > limit * count.rows and (
        float(chance_of_at_least(count.bad, count.rows, limit)) <= SIGNIFICANCE
    )

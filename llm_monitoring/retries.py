"""When work whose run failed is started again: by itself, and less and less often."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, takewhile
from typing import Literal

LONGEST_WAIT = timedelta(minutes=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One run of some work."""

    run_id: str
    work: str  # what it was to do: a job, and its partition where that matters
    began_at: datetime  # when it was asked for
    ended_at: datetime | None  # None: it has not ended
    state: Literal["failed", "succeeded", "unfinished", "cancelled"]


def due_again(attempts: Iterable[Attempt], now: datetime) -> list[Attempt]:
    """Newest attempts of each work that failed long enough ago to be made again."""
    return [
        tries[0]
        for tries in _by_work(attempts)
        if (failures := _failures_in_a_row(tries))
        and now >= (tries[0].ended_at or now) + wait_after(failures)
    ]


def wait_after(failures: int) -> timedelta:
    """How long to wait after so many failures in a row: a minute, doubling up to LONGEST_WAIT."""
    return min(timedelta(minutes=2 ** min(failures - 1, 10)), LONGEST_WAIT)


def _by_work(attempts: Iterable[Attempt]) -> list[Sequence[Attempt]]:
    """Attempts of each work, the newest first."""
    newest_first = sorted(attempts, key=lambda a: a.began_at, reverse=True)
    ordered = sorted(newest_first, key=lambda a: a.work)
    return [list(group) for _, group in groupby(ordered, key=lambda a: a.work)]


def _failures_in_a_row(tries: Sequence[Attempt]) -> int:
    return sum(1 for _ in takewhile(lambda a: a.state == "failed", tries))

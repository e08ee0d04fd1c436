"""What fails in the monitor itself: runs, sensors, schedules, channels, and hours not measured.

Facts come from Dagster and from the lake; the decisions here depend on nothing else. Something is a
failure once nothing is under way any more that would make it good, and until something has.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from llm_monitoring import hours
from llm_monitoring.alerts.deliveries import FailingChannel
from llm_monitoring.records import Failure

HOURS_JOB = "hours"
# A sensor looks again within the minute, so that a passing trouble is no failure; a schedule does
# not.
LONGEST_WAIT = timedelta(hours=2)
PATIENCE = {"sensor": timedelta(minutes=5), "schedule": timedelta(0)}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFact:
    """A run that ended, or is to be retried, or is on its way."""

    run_id: str
    name: str  # its job; the assets, where somebody materialised those
    partition: str | None  # week or incident; None: hours, or none
    hours: tuple[int, int] | None  # first and last hour; None: not about hours
    status: str  # failed, succeeded or under_way
    at: datetime  # when it ended, or was asked for
    reason: str = ""  # of one that failed


@dataclass(frozen=True, slots=True, kw_only=True)
class TickFact:
    """How a sensor or schedule fares that is switched on."""

    kind: str  # sensor or schedule
    name: str
    failing_since: datetime | None  # first of its last ticks, if those failed; None: it works
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What was seen of the monitor."""

    runs: Sequence[RunFact] = ()
    ticks: Sequence[TickFact] = ()
    deleted: Collection[str] = ()  # ids of runs that failed and that somebody has deleted since
    channels: Collection[FailingChannel] | None = None  # that nothing reaches; None: not looked at
    missing: Collection[int] | None = None  # late hours without charts; None: not looked at
    just_back: bool = False  # after a break: what is missing may be about to be made good


def update_failures(known: Iterable[Failure], seen: Seen, now: datetime) -> list[Failure]:
    """Rows that are new or made good.

    Args:
        known: rows so far: all that are open, and all of runs that are seen.
        seen: failed runs; runs since then that may have made something good; every sensor and
            schedule that runs; hours that are late.
        now: stamped on what changes.
    """
    known = list(known)
    is_open = [row for row in known if row.mended_at is None]
    mended = [replace(row, mended_at=now) for row in is_open if _is_mended(row, seen)]
    still = [row for row in is_open if not _is_mended(row, seen)]
    failed = [
        *_failed_runs({row.failure_id for row in known}, seen.runs),
        *_failing_ticks({(row.kind, row.name) for row in still}, seen.ticks, now),
        *_failing_channels({row.name for row in still if row.kind == "channel"}, seen.channels),
    ]
    return [*mended, *failed, *_missing([*still, *failed], seen, now)]


def uncharted_hours(charted: Collection[int], last: int, otherwise: int | None) -> list[int]:
    """Hours without charts, in order, from the first that has some to the last that should have.

    Args:
        charted: hours that have charts.
        last: newest hour that should have some.
        otherwise: first hour that should have some, where none has; None: nobody expects any.
    """
    first = min(charted, default=otherwise)
    if first is None or last < first:
        return []
    return [hour for hour in hours.hour_range(first, last) if hour not in charted]


def last_due(now: datetime, late_hours: int, end: datetime | None) -> int:
    """Newest hour that should have charts by now; later ones are not late yet.

    Args:
        now: wall clock.
        late_hours: from its end on, until an hour is late.
        end: first hour that is not monitored; None: for ever.
    """
    due = now - late_hours * hours.HOUR
    return hours.hour_key((min(due, end) if end else due) - hours.HOUR)


def _is_mended(row: Failure, seen: Seen) -> bool:
    if row.kind == "run":
        fact = RunFact(
            run_id=row.failure_id, name=row.name, partition=row.partition, hours=_hours(row),
            status="failed", at=row.failed_at,
        )  # fmt: skip
        # Who deletes a run has done with it; hours it leaves without charts are missing.
        return row.failure_id in seen.deleted or any(_makes_good(run, fact) for run in seen.runs)
    if row.kind == "missing":
        first, last = _hours(row) or (0, 0)
        return seen.missing is not None and not any(first <= h <= last for h in seen.missing)
    if row.kind == "channel":
        names = [channel.channel for channel in seen.channels or ()]
        return seen.channels is not None and row.name not in names
    failing = {(tick.kind, tick.name) for tick in seen.ticks if tick.failing_since is not None}
    return (row.kind, row.name) not in failing


def _makes_good(run: RunFact, failed: RunFact) -> bool:
    """A later run of the same thing succeeded; of hours: one that covers the newest of them."""
    if run.status != "succeeded" or run.at <= failed.at:
        return False
    if failed.hours and run.hours:
        covers = run.hours[0] <= failed.hours[1] <= run.hours[1]
        return covers and run.name in (failed.name, HOURS_JOB)
    return (run.name, run.partition) == (failed.name, failed.partition)


def _failed_runs(known: Collection[str], runs: Sequence[RunFact]) -> Iterator[Failure]:
    for run in runs:
        if run.status != "failed" or run.run_id in known:
            continue
        if not any(_makes_good(other, run) for other in runs):
            first, last = run.hours or (None, None)
            yield Failure(
                failure_id=run.run_id, kind="run", name=run.name, partition=run.partition,
                first_hour=first, last_hour=last, reason=run.reason, failed_at=run.at,
                mended_at=None,
            )  # fmt: skip


def _failing_ticks(
    known: Collection[tuple[str, str]], ticks: Iterable[TickFact], now: datetime
) -> Iterator[Failure]:
    for tick in ticks:
        since = tick.failing_since
        if since is None or (tick.kind, tick.name) in known or now - since < PATIENCE[tick.kind]:
            continue
        yield _row(tick.kind, tick.name, None, tick.reason, since)


def _failing_channels(
    known: Collection[str], channels: Iterable[FailingChannel] | None
) -> Iterator[Failure]:
    for channel in channels or ():
        if channel.channel not in known:
            yield _row("channel", channel.channel, None, channel.error, channel.since)


def _missing(is_open: Sequence[Failure], seen: Seen, now: datetime) -> Iterator[Failure]:
    """Late hours that no failure names yet and no run is about to measure."""
    if seen.missing is None or seen.just_back:
        return
    named = [about for row in is_open if (about := _hours(row))]
    named += [run.hours for run in seen.runs if run.hours and _is_in_hand(run, now)]
    new = [h for h in seen.missing if not any(first <= h <= last for first, last in named)]
    for first, last in hours.ranges(new):
        yield _row("missing", HOURS_JOB, (first, last), "no run measured and charted them", now)


def _is_in_hand(run: RunFact, now: datetime) -> bool:
    """On its way, and not for so long that it may be stuck."""
    return run.status == "under_way" and now - run.at < LONGEST_WAIT


def _row(
    kind: str, name: str, about: tuple[int, int] | None, reason: str, since: datetime
) -> Failure:
    first, last = about or (None, None)
    parts = f"{kind} {name} {first} {since.isoformat()}"
    return Failure(
        failure_id=hashlib.sha256(parts.encode()).hexdigest()[:16],
        kind=kind, name=name, partition=None, first_hour=first, last_hour=last, reason=reason,
        failed_at=since, mended_at=None,
    )  # fmt: skip


def _hours(row: Failure) -> tuple[int, int] | None:
    if row.first_hour is None or row.last_hour is None:
        return None
    return row.first_hour, row.last_hour

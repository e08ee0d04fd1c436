"""Which hours have to be run: never measured, not made good, or not as their log files are now."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from llm_monitoring.adapters.redaction import Redactor
from llm_monitoring.adapters.sources import source_files, stored_name
from llm_monitoring.hours import (
    HOUR,
    LONGEST_RUN,
    hour_key,
    hour_range,
    hours_between,
    ranges,
    shift,
)
from llm_monitoring.lake import Lake
from llm_monitoring.pipeline.requests.ingest import hours_to_take_up
from llm_monitoring.records import LogFile
from llm_monitoring.retries import wait_after
from llm_monitoring.settings import EndpointJudgeSettings, Settings, Source

WATCHED_DAYS = 7  # how far back files are looked at for changes, and runs for failures


@dataclass(frozen=True, slots=True)
class Due:
    """Hours to be run.

    Args:
        missing: never measured.
        changed: measured, but their files say something else now.
        unfinished: a run of them failed and none made it good since, or they have no charts.
        waiting: never measured and older than the first that the clock ran: a judge that is paid
            starts on these only when it is told to.
    """

    missing: frozenset[int] = frozenset()
    changed: frozenset[int] = frozenset()
    unfinished: frozenset[int] = frozenset()
    waiting: frozenset[int] = frozenset()

    @property
    def now(self) -> frozenset[int]:
        """All that wait for no word."""
        return self.missing | self.changed | self.unfinished


@dataclass(frozen=True, slots=True, kw_only=True)
class HoursRun:
    """A run of hours that ended."""

    hours: tuple[int, int]  # first and last
    began_at: datetime
    ended_at: datetime
    succeeded: bool

    @property
    def length(self) -> int:
        """How many hours it ran."""
        return hours_between(*self.hours) + 1


def due_hours(
    lake: Lake,
    settings: Settings,
    now: datetime,
    *,
    failed: Collection[int] = (),
    began: int | None = None,
) -> Due:
    """Closed hours to be run; the newest, which is the schedule's, only once its run failed.

    Args:
        failed: hours that a run left undone.
        began: first hour that the clock ran; None: it has run none yet.
    """
    closed = monitored_hours(settings, now)
    if closed is None:
        return Due()
    first, last = closed
    measured = lake.distinct("window_metrics", "hour")
    monitored = set(hour_range(first, last))
    missing = monitored - measured
    # Before the clock has run any, the hour that closes is the first that a paid judge may see.
    is_paid = isinstance(settings.judge, EndpointJudgeSettings)
    border = shift(last, 1) if began is None else began
    waiting = {hour for hour in missing if is_paid and hour < border}
    undone = {hour for hour in failed if first <= hour <= shift(last, 1)}
    watched = max(first, shift(last, 1 - 24 * WATCHED_DAYS)), last
    uncharted = measured & set(hour_range(*watched)) - lake.distinct(
        "control_charts", "hour", hours=watched
    )
    return Due(
        missing=frozenset(missing - waiting),
        changed=frozenset(_changed(lake, settings, watched) & measured),
        unfinished=frozenset((undone | uncharted) - waiting),
        waiting=frozenset(waiting),
    )


def monitored_hours(settings: Settings, now: datetime) -> tuple[int, int] | None:
    """First and last monitored hour that closed, without the newest; None: there is none."""
    last = now.replace(minute=0, second=0, microsecond=0) - 2 * HOUR
    if settings.end is not None:
        last = min(last, settings.end - HOUR)
    return (hour_key(settings.start), hour_key(last)) if settings.start <= last else None


def pieces_newest_first(
    hours: Iterable[int], longest_at: Callable[[int], int] = lambda _: LONGEST_RUN
) -> Iterator[tuple[int, int]]:
    """Neighbouring hours as (first, last), the newest first.

    Args:
        longest_at: how many hours a piece that ends with this one may have.
    """
    for first, last in reversed(list(ranges(hours))):
        while last >= first:
            start = max(first, shift(last, 1 - longest_at(last)))
            yield start, last
            last = shift(start, -1)  # noqa: PLW2901


def failures_by_hour(runs: Iterable[HoursRun]) -> dict[int, list[HoursRun]]:
    """Hours that runs left undone -> those runs: none that began later has succeeded in them."""
    runs = list(runs)
    good: dict[int, datetime] = {}
    for run in (run for run in runs if run.succeeded):
        for hour in hour_range(*run.hours):
            good[hour] = max(run.began_at, good.get(hour, run.began_at))
    failures: dict[int, list[HoursRun]] = defaultdict(list)
    for run in (run for run in runs if not run.succeeded):
        for hour in hour_range(*run.hours):
            # One that was under way together with it may have missed what it stored.
            if hour not in good or good[hour] < run.ended_at:
                failures[hour].append(run)
    return dict(failures)


def resting_hours(failures: Mapping[int, Sequence[HoursRun]], now: datetime) -> set[int]:
    """Hours whose run failed so lately that they are not tried again yet."""
    return {
        hour
        for hour, runs in failures.items()
        if now < max(run.ended_at for run in runs) + wait_after(len(runs))
    }


def shorter_where_failed(failures: Mapping[int, Sequence[HoursRun]]) -> Callable[[int], int]:
    """Pieces a quarter as long as runs that failed: one hour that cannot be run is left alone."""
    quarters = {hour: min(run.length for run in runs) // 4 for hour, runs in failures.items()}
    return lambda hour: min(LONGEST_RUN, max(1, quarters.get(hour, LONGEST_RUN)))


def _changed(lake: Lake, settings: Settings, hours: tuple[int, int]) -> set[int]:
    """Hours for which files that are there hold other rows than were stored of them."""
    redactor = Redactor(settings.redaction, settings.privacy)
    return {
        hour
        for table, sources in (
            ("raw_requests", settings.sources.requests),
            ("user_signals", settings.sources.signals),
        )
        for known in [_known_files(lake, table, sources, hours)]
        for source in sources
        for hour in _changed_of(source, known, redactor, *hours)
    }


def _known_files(
    lake: Lake, table: str, sources: list[Source], hours: tuple[int, int]
) -> dict[tuple[str, str], LogFile]:
    spans = [(hours[0] // 100 * 100, hours[1])]
    if any("{date}" not in source.path for source in sources):
        spans.append((0, 0))
    return {
        (row.source, row.path): row
        for span in spans
        for row in lake.rows("log_files", hours=span, table=table)
    }


def _changed_of(
    source: Source,
    known: dict[tuple[str, str], LogFile],
    redactor: Redactor,
    first: int,
    last: int,
) -> Iterator[int]:
    for file in source_files(source, first, shift(last, -source.late_hours)):
        row = known.get((source.name, stored_name(file, redactor)))
        if row is not None:
            yield from (hour for hour in hours_to_take_up(row) if file.may_hold(hour))
        if file.hour is None or file.latest is None or file.latest > last:
            continue  # without a date, or still open: it changes with every request
        stat = file.path.stat()
        if row is None or (row.size_bytes, row.modified_ns) != (stat.st_size, stat.st_mtime_ns):
            yield from hour_range(file.hour, file.latest)

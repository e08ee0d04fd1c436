"""Which hours have to be run: never measured, or not as their log files are now."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from llm_monitoring.adapters.redaction import Redactor
from llm_monitoring.adapters.sources import source_files, stored_name
from llm_monitoring.hours import HOUR, hour_key, hour_range, ranges, shift
from llm_monitoring.lake import Lake
from llm_monitoring.pipeline.ingest import hours_to_take_up
from llm_monitoring.records import LogFile
from llm_monitoring.retries import wait_after
from llm_monitoring.settings import EndpointJudgeSettings, Settings, Source

WATCHED_DAYS = 7  # how far back files are looked at for changes
LONGEST = 48  # hours to a run: memory stays small, and one that fails has lost two days at most


@dataclass(frozen=True, slots=True)
class Due:
    """Hours to be run.

    Args:
        missing: never measured.
        changed: measured, but their files say something else now.
        waiting: never measured and older than the first that was: a judge that is paid starts on
            these only when it is told to.
    """

    missing: frozenset[int]
    changed: frozenset[int]
    waiting: frozenset[int]


def due_hours(lake: Lake, settings: Settings, now: datetime) -> Due:
    """Closed hours to be run, but for the newest, which is the schedule's."""
    closed = closed_hours(settings, now)
    if closed is None:
        return Due(frozenset(), frozenset(), frozenset())
    first, last = closed
    measured = set(lake.run("select distinct hour from window_metrics")["hour"].to_pylist())
    missing = set(hour_range(first, last)) - measured
    # On an empty lake the hour that closes is the first one that a paid judge may see by itself.
    oldest = min(measured, default=shift(last, 1))
    is_paid = isinstance(settings.judge, EndpointJudgeSettings)
    waiting = {hour for hour in missing if is_paid and hour < oldest}
    return Due(
        missing=frozenset(missing - waiting),
        changed=frozenset(_changed(lake, settings, last) & measured),
        waiting=frozenset(waiting),
    )


def closed_hours(settings: Settings, now: datetime) -> tuple[int, int] | None:
    """First and last monitored hour that closed, without the newest; None: there is none."""
    last = now.replace(minute=0, second=0, microsecond=0) - 2 * HOUR
    if settings.end is not None:
        last = min(last, settings.end - HOUR)
    return (hour_key(settings.start), hour_key(last)) if settings.start <= last else None


def pieces_newest_first(
    hours: Iterable[int], longest_at: Callable[[int], int] = lambda _: LONGEST
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


def resting_hours(failed: Iterable[tuple[tuple[int, int], datetime]], now: datetime) -> set[int]:
    """Hours whose run failed so lately that they are not tried again yet.

    Args:
        failed: first and last hour of runs that failed, and when each ended.
    """
    ends: dict[int, list[datetime]] = defaultdict(list)
    for (first, last), ended_at in failed:
        for hour in hour_range(first, last):
            ends[hour].append(ended_at)
    return {hour for hour, at in ends.items() if now < max(at) + wait_after(len(at))}


def shorter_where_failed(failed: Iterable[tuple[int, int]]) -> Callable[[int], int]:
    """Pieces a quarter as long as the runs that failed: one hour that cannot be run is left alone.

    Args:
        failed: first and last hour of runs that failed.
    """
    shortest: dict[int, int] = {}
    for first, last in failed:
        hours = list(hour_range(first, last))
        shortest |= {hour: min(shortest.get(hour, len(hours)), len(hours)) for hour in hours}
    return lambda hour: max(1, shortest[hour] // 4) if hour in shortest else LONGEST


def _changed(lake: Lake, settings: Settings, last: int) -> set[int]:
    """Hours for which files that are there hold other rows than were stored of them."""
    first = max(hour_key(settings.start), shift(last, 1 - 24 * WATCHED_DAYS))
    redactor = Redactor(settings.redaction, settings.privacy)
    return {
        hour
        for table, sources in (
            ("raw_requests", settings.sources.requests),
            ("user_signals", settings.sources.signals),
        )
        for known in [_known_files(lake, table, sources, (first, last))]
        for source in sources
        for hour in _changed_of(source, known, redactor, first, last)
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
        for row in lake.rows("log_files", '"table" = $table', hours=span, table=table)
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

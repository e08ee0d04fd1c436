"""Sensors: failed checks start alerts, open alerts start incidents, late files start the hours.

The truth is in the lake, so a sensor only says when to look: losing its cursor, or a daemon that
restarts, neither loses an alert nor makes it twice.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

import dagster as dg

from llm_monitoring.adapters.sources import source_files
from llm_monitoring.alerts import due
from llm_monitoring.defs.assets import response
from llm_monitoring.defs.jobs import alerts_job, hours_job
from llm_monitoring.defs.lake_state import measured_hours
from llm_monitoring.defs.partitions import INCIDENTS, range_of_tags, range_tags
from llm_monitoring.defs.resources import Monitoring
from llm_monitoring.defs.watching import self_check
from llm_monitoring.hours import HOUR, hour_index, hour_key, hour_range
from llm_monitoring.settings import Settings, Source

TERMINAL = (
    dg.DagsterEventType.RUN_SUCCESS,
    dg.DagsterEventType.RUN_FAILURE,
    dg.DagsterEventType.RUN_CANCELED,
)
UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]
PAGE = 200  # runs or events read at a time
SWEPT_DAYS = 7  # how far back missing hours and late files are looked for
RUNNING = dg.DefaultSensorStatus.RUNNING
# Assets that answer a failed check: their own results must not start them again.
ANSWERS = (response.alerts.key, response.incidents.key)


@dg.sensor(
    job=alerts_job,
    minimum_interval_seconds=30,
    default_status=RUNNING,
    description="Failed checks, and messages that are due, start the run of the alerts.",
)
def failed_checks(context: dg.SensorEvaluationContext, monitoring: Monitoring) -> dg.SensorResult:
    """New check results, or a message that is due, start the run that reconciles the alerts."""
    seen, cursor = read_evaluations(context.instance, context.cursor)
    failed = sorted(name for name, passed in seen.items() if not passed)
    firing = bool(monitoring.lake.rows("alerts", "status = 'firing'")) if seen else False
    waiting = due(monitoring.lake.rows("deliveries"), monitoring.now())
    if not failed and not (seen and firing) and not waiting:
        return dg.SensorResult(cursor=cursor, skip_reason=dg.SkipReason("nothing to tell"))
    reason = ", ".join(failed) or ("results while alerts fire" if seen else "messages are due")
    request = dg.RunRequest(tags={"llm_monitoring/because": reason[:200]})
    return dg.SensorResult(run_requests=[request], cursor=cursor)


def read_evaluations(
    instance: dg.DagsterInstance, cursor: str | None
) -> tuple[dict[str, bool], str]:
    """Check results since a cursor: name -> every result passed; and the next cursor.

    Results have no feed of their own. Those of runs are read from each run that ended; those
    reported outside a run stand under the empty run id.
    """
    position: dict[str, str] = json.loads(cursor) if cursor else {}
    seen: dict[str, bool] = {}
    for kind in TERMINAL:
        page = instance.fetch_run_status_changes(
            kind, limit=PAGE, cursor=position.get(kind.value), ascending=True
        )
        for record in page.records:
            _read_run(instance, record.event_log_entry.run_id, None, seen)
        if page.records:
            position[kind.value] = page.cursor
    outside = _read_run(instance, "", position.get("outside_runs"), seen)
    if outside is not None:
        position["outside_runs"] = outside
    return seen, json.dumps(position, sort_keys=True)


def _read_run(
    instance: dg.DagsterInstance, run_id: str, cursor: str | None, seen: dict[str, bool]
) -> str | None:
    while True:
        page = instance.get_records_for_run(
            run_id,
            cursor=cursor,
            of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION,
            limit=PAGE,
            ascending=True,
        )
        for record in page.records:
            event = record.event_log_entry.dagster_event
            result = event.asset_check_evaluation_data if event else None
            if result is None or result.asset_key in ANSWERS:
                continue
            seen[result.check_name] = seen.get(result.check_name, True) and result.passed
        if page.records:
            cursor = page.cursor
        if not page.has_more:
            return cursor


@dg.sensor(
    asset_selection=dg.AssetSelection.assets(response.incidents, response.regression_cases),
    minimum_interval_seconds=30,
    default_status=RUNNING,
    description="Incidents that are new, or that alerts have joined, are investigated.",
)
def open_alerts(context: dg.SensorEvaluationContext, monitoring: Monitoring) -> dg.SensorResult:
    """Each incident, and each that alerts have joined since, is investigated: its asset is run."""
    incidents = monitoring.lake.rows("incidents")
    known = set(context.instance.get_dynamic_partitions(INCIDENTS.name or ""))
    new = [row.incident_id for row in incidents if row.incident_id not in known]
    requests = [
        # A key is run once: the same incident again only when its alerts are others.
        dg.RunRequest(
            run_key=f"{row.incident_id}:{_short_hash(','.join(row.alerts))}",
            partition_key=row.incident_id,
            asset_selection=[response.incidents.key, response.regression_cases.key],
        )
        for row in incidents
        if row.report_path is None
    ]
    return dg.SensorResult(
        run_requests=requests,
        dynamic_partitions_requests=[INCIDENTS.build_add_request(new)] if new else [],
    )


@dg.sensor(
    job=hours_job,
    minimum_interval_seconds=300,
    default_status=RUNNING,
    description="Hours that were never measured, or whose files changed since, are run again.",
)
def missing_hours_and_late_files(
    context: dg.SensorEvaluationContext, monitoring: Monitoring
) -> dg.SensorResult:
    """Closed hours that were never measured, or whose files changed since, are run again."""
    settings, now = monitoring.settings, monitoring.now()
    hours = list(swept_hours(settings, now))
    if not hours:
        return dg.SensorResult(skip_reason=dg.SkipReason("no hour has closed yet"))
    before: Mapping[str, str] = json.loads(context.cursor) if context.cursor else {}
    stamps = {str(hour): file_stamp(settings, hour) for hour in hours}
    measured, running = measured_hours(monitoring.lake), running_hours(context.instance)
    seen = {hour: before.get(hour, stamp) for hour, stamp in stamps.items()}
    wanted = [
        hour for hour in hours
        if hour not in running
        and (hour not in measured or seen[str(hour)] != stamps[str(hour)])
    ]  # fmt: skip
    requests = [
        # A key is run once: an hour whose run failed is asked for again with the next hour.
        dg.RunRequest(
            run_key=f"{first}..{last}:{_stamped(stamps, first, last)}:{hour_key(now)}",
            tags=range_tags(first, last),
        )
        for first, last in _ranges(wanted)
    ]
    # A file that changes while its hour runs may have been read before: it is looked at again.
    stamps |= {str(hour): seen[str(hour)] for hour in hours if hour in running}
    return dg.SensorResult(run_requests=requests, cursor=json.dumps(stamps))


def swept_hours(settings: Settings, now: datetime) -> Iterator[int]:
    """Closed hours of the last days, but for the newest, which is the schedule's."""
    last = now.replace(minute=0, second=0, microsecond=0) - 2 * HOUR
    if settings.end is not None:
        last = min(last, settings.end - HOUR)
    first = max(settings.start, last - SWEPT_DAYS * 24 * HOUR)
    return hour_range(hour_key(first), hour_key(last)) if first <= last else iter(())


def running_hours(instance: dg.DagsterInstance) -> set[int]:
    """Hours that a run is on, or will be."""
    runs = instance.get_runs(dg.RunsFilter(job_name=hours_job.name, statuses=UNFINISHED))
    ranges = (range_of_tags(run.tags) for run in runs)
    return {hour for known in ranges if known for hour in hour_range(*known)}


def file_stamp(settings: Settings, hour: int) -> str:
    """Sizes and times of the files whose names bear this hour; '' for none.

    Files without a date in their name are left out: they change with every request.
    """
    stamps = []
    for source in (*settings.sources.requests, *settings.sources.signals):
        for file in _stamped_files(source, hour):
            stat = file.stat()
            stamps.append(f"{file.name}:{stat.st_size}:{stat.st_mtime_ns}")
    return ";".join(stamps)


def _stamped_files(source: Source, hour: int) -> Iterator[Path]:
    if "{hour}" not in source.path:
        return
    for file in source_files(source, hour, hour):
        if file.hour == hour:
            yield file.path


def _stamped(stamps: Mapping[str, str], first: int, last: int) -> str:
    return _short_hash(";".join(stamps[str(hour)] for hour in hour_range(first, last)))


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _ranges(hours: list[int]) -> Iterator[tuple[int, int]]:
    """Neighbouring hours as (first, last)."""
    start = previous = None
    for hour in hours:
        if previous is not None and hour_index(hour) != hour_index(previous) + 1:
            yield start or previous, previous
            start = hour
        start = start or hour
        previous = hour
    if previous is not None:
        yield start or previous, previous


SENSORS = (failed_checks, open_alerts, missing_hours_and_late_files, self_check)

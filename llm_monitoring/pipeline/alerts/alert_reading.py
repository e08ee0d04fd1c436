"""From which hour on the alerts read the lake: a year of history is not read again every time."""

from collections.abc import Iterable

from llm_monitoring.alerts.horizon import first_hour_needed
from llm_monitoring.lake import Lake
from llm_monitoring.records import Alert, AlertReading

READ = ("control_charts", "window_metrics", "source_reads")  # by the month


def start_reading(
    lake: Lake, known: Iterable[Alert], newest: int
) -> tuple[int, list[AlertReading]]:
    """First hour to read, and what to remember once the alerts that follow are stored."""
    before = {row.table: row.version for row in lake.rows("alert_readings")}
    now = {name: version for name in READ if (version := lake.version(name)) is not None}
    changes = [lake.changed_since(name, before.get(name)) for name in now]
    changed = min((hour for hour in changes if hour is not None), default=None)
    readings = [AlertReading(table=name, version=version) for name, version in now.items()]
    fresh = [row for row in readings if before.get(row.table) != row.version]
    return first_hour_needed(known, changed, newest), fresh


def has_unread_charts(lake: Lake) -> bool:
    """Charts were computed, or computed again, since the alerts read them."""
    read = {row.table: row.version for row in lake.rows("alert_readings")}
    return lake.version("control_charts") != read.get("control_charts")

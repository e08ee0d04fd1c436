"""A simulated product in a folder of its own, watched by the product's own code.

Dagster is left out, for speed: what its assets call is called here. `test_demo.py` runs the whole.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

import llm_monitoring.definitions  # noqa: F401 - loads the assets without Dagster's warnings
from llm_monitoring.defs.resources import Monitoring
from llm_monitoring.hours import hours_between, shift
from llm_monitoring.metrics import Family
from llm_monitoring.pipeline.alerts.reconcile import reconcile_alerts
from llm_monitoring.pipeline.incidents.assign import assign_incidents
from llm_monitoring.pipeline.windows.chart import recompute
from llm_monitoring.pipeline.windows.features import read_watched
from llm_monitoring.pipeline.windows.measure import measure
from llm_monitoring.records import Alert, ChartPoint, WindowMetric
from llm_monitoring.simulation.definitions import simulated_monitoring

DEMO = Path(__file__).resolve().parents[2] / "demo" / "monitoring.yaml"
START = 2026100500  # Monday
DAY, WEEK = 24, 168
PHASE_ONE = 2 * WEEK  # quiet windows an established baseline is learned from


def new_monitoring(folder: Path, **settings: Any) -> Monitoring:
    """The demo's settings but for those given, and a lake of its own."""
    file = folder / "monitoring.yaml"
    own = {"extends": str(DEMO), "lake": {"uri": "lake"}, "reports": "reports", **settings}
    file.write_text(yaml.safe_dump(own))
    return simulated_monitoring(file)


def watch(
    monitoring: Monitoring, hours: tuple[int, int], families: Iterable[Family], epoch: str = "e1"
) -> None:
    """Window metrics of the families, then every control chart."""
    lake, settings = monitoring.lake, monitoring.settings
    watched = read_watched(lake, settings, *hours)
    tables = [measure(lake, settings, family, watched, epoch) for family in families]
    lake.replace_hours("window_metrics", pa.concat_tables(tables), *hours)
    recompute(lake, settings, *hours)


def watch_windows(monitoring: Monitoring, windows: Sequence[WindowMetric]) -> None:
    """Control charts over windows that are measured already."""
    hours = min(row.hour for row in windows), max(row.hour for row in windows)
    monitoring.lake.replace_hours("window_metrics", windows, *hours)
    recompute(monitoring.lake, monitoring.settings, *hours)


def window(hour: int, feature_id: str, errors: int, n: int) -> WindowMetric:
    """An error rate."""
    return WindowMetric(
        hour=hour, feature_id=feature_id, segment="{}", epoch=None, metric="error_rate",
        value=errors / n if n else None, n=n, stddev=None,
    )  # fmt: skip


def raise_alerts(monitoring: Monitoring) -> list[Alert]:
    """Alerts and incidents brought up to date."""
    lake, settings, now = monitoring.lake, monitoring.settings, monitoring.now()
    reconcile_alerts(lake, settings, now)
    assign_incidents(lake, settings, now)
    alerts: list[Alert] = monitoring.lake.rows("alerts")
    return alerts


def alarms(monitoring: Monitoring, **wanted: Any) -> list[ChartPoint]:
    """Chart points that open an episode, oldest first."""
    points: list[ChartPoint] = monitoring.lake.rows("control_charts", alarm_started=True, **wanted)
    return points


def hour_of(offset: int) -> int:
    """Key of an hour, counted from the start."""
    return shift(START, offset)


def delay_hours(change: int, alarm: int) -> int:
    """From a change's first instant to the end of the window that alarmed."""
    return hours_between(change, alarm) + 1

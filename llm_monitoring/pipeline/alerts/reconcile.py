"""A round of the alerts: failures are noted, alerts brought up to date, messages sent.

Each alert is created exactly once, whatever starts a round and however often.
"""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime

from llm_monitoring import alerts as alerting
from llm_monitoring.alerts.failures import Seen
from llm_monitoring.alerts.horizon import is_settled
from llm_monitoring.hours import HOUR, hour_key
from llm_monitoring.lake import Lake
from llm_monitoring.pipeline.alerts.alert_reading import start_reading
from llm_monitoring.pipeline.alerts.episodes import read_episodes
from llm_monitoring.pipeline.alerts.notify import Told, notify
from llm_monitoring.pipeline.alerts.watch import (
    Memory,
    failure_heard,
    note_failures,
    recall,
    vouch,
)
from llm_monitoring.pipeline.incidents.assign import assign_incidents
from llm_monitoring.pipeline.windows.stored import newest_hour
from llm_monitoring.rebaselines import accepted_by
from llm_monitoring.records import Alert, Heartbeat
from llm_monitoring.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What a round came to.

    Args:
        found: alerts that are new or changed, and baselines to propose.
        incidents: ids of those that were opened or joined.
        told: messages.
        heartbeat: None: the round was not on duty.
    """

    found: alerting.Reconciliation
    incidents: list[str]
    told: Told
    heartbeat: Heartbeat | None


def alert_round(
    lake: Lake,
    settings: Settings,
    clock: Callable[[], datetime],
    look: Callable[[Memory], Seen],
    *,
    on_duty: bool,
) -> Round:
    """Reconcile all alerts with what the lake says, and deliver what is due.

    Args:
        look: runs, sensors and schedules as they are now, beside what is known of them.
        on_duty: nobody started it by hand: it ends with the heartbeat.
    """
    with failure_heard(settings) if on_duty else nullcontext():
        memory = recall(lake, clock())
        note_failures(lake, settings, clock(), memory, look(memory), on_duty=on_duty)
        found = reconcile_alerts(lake, settings, clock())
        changed = assign_incidents(lake, settings, clock())
        told = notify(lake, settings, clock())
        failing = len(told.failing)
        heartbeat = (
            vouch(lake, settings, clock(), memory.last, keep_failing=failing) if on_duty else None
        )
    return Round(found=found, incidents=changed, told=told, heartbeat=heartbeat)


def reconcile_alerts(lake: Lake, settings: Settings, now: datetime) -> alerting.Reconciliation:
    """Bring the alerts up to what the lake says now."""
    # Before the first window there may be failures to report, and the wall clock is all there is.
    clock_hour = hour_key(now - HOUR)
    newest = newest_hour(lake) or clock_hour
    alerts_so_far: list[Alert] = lake.rows("alerts")
    since, readings = start_reading(lake, alerts_so_far, newest)
    found = alerting.reconcile(
        read_episodes(lake, settings, newest, since, clock_hour),
        [alert for alert in alerts_so_far if not is_settled(alert, since)],
        now,
        newest_hour=newest,
        accepted_by=accepted_by(alerts_so_far, lake.rows("rebaselines")),
    )
    if found.alerts:
        lake.upsert("alerts", found.alerts)
    # Last: a run that dies before reads the same changes again.
    if readings:
        lake.upsert("alert_readings", readings)
    return found

"""A world of alerts, and channels that hear of them: the rules of notifying, played in memory."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from llm_monitoring.alerts import deliveries as outbox
from llm_monitoring.alerts.news import Situation
from llm_monitoring.alerts.notifying import Plan, plan_channel
from llm_monitoring.alerts.topics import topics_of
from llm_monitoring.hours import HOUR, hour_key, hour_start
from llm_monitoring.records import Alert, Delivery, Incident, Silence
from llm_monitoring.settings import Settings

MONDAY = datetime(2026, 10, 19, 12, tzinfo=UTC)
BASE: dict[str, Any] = {
    "product": "Acme shop",
    "start": "2026-10-01T00:00:00Z",
    "features": [{"feature_id": "chat", "owner": "ada"}, {"feature_id": "search"}],
    "channels": [{"name": "hook", "kind": "webhook", "url_env": "HOOK"}],
    "notifications": {"digest": None},
}


def settings_of(**changes: Any) -> Settings:
    return Settings.model_validate({**BASE, **changes})


def alert_of(name: str, began: datetime, **changes: Any) -> Alert:
    """One that fires since the window that begins at `began`, recorded when that had ended."""
    hour = hour_key(began)
    alert = Alert(
        fingerprint=name,
        layer="quality",
        subject=f"chat/*/-/{name}/sr_mixture",
        feature_id="chat",
        segment="{}",
        metric="flag_rate",
        severity="page",
        status="firing",
        first_hour=hour,
        last_hour=hour,
        windows=1,
        change_hour=hour,
        direction="up",
        summary=f"flag rate of chat up from 1.0 % to 8.0 % ({name})",
        incident_id="i-1",
        created_at=hour_start(hour) + HOUR,
        updated_at=hour_start(hour) + HOUR,
        found_hour=hour,
        severity_at=hour_start(hour) + HOUR,
        n=100,
    )
    return replace(alert, **changes)


def incident_of(name: str = "i-1", **changes: Any) -> Incident:
    incident = Incident(
        incident_id=name,
        title="Flagged responses of chat rose: 1.0% -> 8.0% since Mon 19 Oct 11:00 UTC",
        severity="page",
        status="open",
        step="triage",
        feature_id="chat",
        segment="{}",
        change_hour=2026101911,
        first_hour=2026101911,
        last_hour=2026101911,
        alerts=[],
        opened_at=MONDAY,
        triage_due_at=MONDAY + timedelta(minutes=30),
        scope_due_at=MONDAY + timedelta(hours=1),
        isolate_due_at=MONDAY + timedelta(hours=2),
        acknowledged_at=None,
        acknowledged_by=None,
        verdict=None,
        verdict_by=None,
        verdict_note=None,
        resolved_at=None,
        resolved_by=None,
        evidence="{}",
        report_path="reports/i-1.html",
    )
    return replace(incident, **changes)


@dataclass
class World:
    """What there is, and what a channel has heard of it."""

    settings: Settings = field(default_factory=settings_of)
    now: datetime = MONDAY
    alerts: dict[str, Alert] = field(default_factory=dict)
    incidents: dict[str, Incident] = field(default_factory=lambda: {"i-1": incident_of()})
    silences: list[Silence] = field(default_factory=list)
    deliveries: dict[str, Delivery] = field(default_factory=dict)
    is_down: bool = False
    refuses: set[str] = field(default_factory=set)  # topics at which it fails, and at no other
    heard: list[tuple[datetime, str, tuple[str, ...]]] = field(default_factory=list)

    def fire(self, name: str, **changes: Any) -> None:
        """An alert of the window that has just ended; one that fires already goes on."""
        known = self.alerts.get(name)
        hour = hour_key(self.now - HOUR)
        if known is None:
            self.alerts[name] = alert_of(name, self.now - HOUR, created_at=self.now,
                                         severity_at=self.now, **changes)  # fmt: skip
        else:
            self.alerts[name] = replace(known, status="firing", last_hour=hour, **changes)

    def end(self, name: str) -> None:
        self.alerts[name] = replace(self.alerts[name], status="resolved")

    def plan(self) -> Plan:
        situation = Situation(
            topics=topics_of(self.alerts.values(), self.incidents.values()),
            silences=self.silences,
            deliveries=list(self.deliveries.values()),
            newest_hour_end=self.now,
            now=self.now,
        )
        return plan_channel(self.settings.channels[0], self.settings, situation)

    def tick(self) -> list[str]:
        """One run of the alerts; returns the kinds that were heard in it."""
        plan, before = self.plan(), len(self.heard)
        for row in plan.superseded:
            self._store(outbox.dropped(row, "newer", self.now))
        for planned in plan.messages:
            row = planned.delivery
            if row.status == "dropped":
                self._store(row)
            elif self.is_down or self.refuses & set(row.topics):
                self._store(outbox.refused(row, "down", self.now))
                break
            else:
                self._store(outbox.delivered(row, self.now))
                names = tuple(topic.topic_id for topic in planned.topics)
                self.heard.append((self.now, row.kind, names))
        return [kind for _, kind, _ in self.heard[before:]]

    def wait(self, **duration: float) -> list[str]:
        """Time goes by, and then there is a tick."""
        self.now += timedelta(**duration)
        return self.tick()

    @property
    def kinds(self) -> list[str]:
        return [kind for _, kind, _ in self.heard]

    def _store(self, row: Delivery) -> None:
        self.deliveries[row.delivery_id] = row

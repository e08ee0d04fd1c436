"""Silences and the names they are about: people decide them, the lake holds them."""

from datetime import datetime
from typing import Any

from llm_monitoring.alerts.data import KINDS
from llm_monitoring.alerts.provider import TESTS
from llm_monitoring.alerts.silences import Known, decide_silence, end_silence, holds_back
from llm_monitoring.lake import Lake
from llm_monitoring.metrics import ALL_FEATURES, BY_NAME
from llm_monitoring.pipeline.incidents.casework import standing_incidents
from llm_monitoring.records import Alert, Silence
from llm_monitoring.settings import Settings
from llm_monitoring.written import one_id


def known_names(lake: Lake, settings: Settings) -> Known:
    """Names a silence may be about: what alerts can be about, and what they were about so far."""
    alerts: list[Alert] = lake.rows("alerts")
    configured = {feature.feature_id for feature in settings.features}
    return Known(
        features=configured | {ALL_FEATURES} | {a.feature_id for a in alerts if a.feature_id},
        metrics={*BY_NAME, *KINDS, *TESTS} | {a.metric for a in alerts},
        incidents=lake.distinct("incidents", "incident_id"),
    )


def find_silence(lake: Lake, asked: str) -> Silence:
    """The silence whose id is this, or is the only one that begins so.

    Raises:
        MistakeError: there is none, or there are several.
    """
    rows: list[Silence] = lake.rows("silences")
    found = {row.silence_id: row for row in rows}
    return found[one_id(asked, list(found), "silence")]


def add_silence(lake: Lake, settings: Settings, now: datetime, **asked: Any) -> Silence:
    """Store a silence.

    Args:
        asked: as `decide_silence` takes it.
    """
    entry = decide_silence(known_names(lake, settings), now, **asked)
    lake.upsert("silences", [entry])
    return entry


def end_early(lake: Lake, now: datetime, silence_id: str, who: str) -> Silence:
    """End a silence now; returns it as it was."""
    entry = find_silence(lake, silence_id)
    lake.update("silences", [end_silence(entry, who, now)], ["until", "why"])
    return entry


def silenced_incidents(lake: Lake, entry: Silence) -> list[str]:
    """Incidents that are not resolved and have a report, of whose alerts it holds some back."""
    silenced = {a.incident_id for a in lake.rows("alerts") if holds_back(entry, a)}
    return [
        row.incident_id
        for row in standing_incidents(lake)
        if row.incident_id in silenced and row.report_path is not None
    ]

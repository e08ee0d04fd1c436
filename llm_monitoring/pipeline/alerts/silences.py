"""Silences and the names they are about, as the lake holds them."""

from llm_monitoring.alerts.data import KINDS
from llm_monitoring.alerts.provider import TESTS
from llm_monitoring.alerts.silences import Known
from llm_monitoring.lake import Lake
from llm_monitoring.metrics import ALL_FEATURES, BY_NAME
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
        incidents={row.incident_id for row in lake.rows("incidents")},
    )


def find_silence(lake: Lake, asked: str) -> Silence:
    """The silence whose id is this, or is the only one that begins so.

    Raises:
        MistakeError: there is none, or there are several.
    """
    rows: list[Silence] = lake.rows("silences")
    found = {row.silence_id: row for row in rows}
    return found[one_id(asked, list(found), "silence")]

"""What users ask since an incident's change: topics of novel queries, and the mix of languages."""

from collections.abc import Iterable

from llm_monitoring.adapters.embedders import EMBEDDERS
from llm_monitoring.inputs.description import InputsChange, Query, describe_novel, inputs_change
from llm_monitoring.lake import Lake
from llm_monitoring.records import Alert, InputFeature
from llm_monitoring.settings import Settings

ABOUT_INPUTS = ("novelty_rate", "unexpected_language_rate")

Hours = tuple[int, int]


def inputs_of_incident(
    lake: Lake, settings: Settings, alerts: Iterable[Alert], *, before: Hours, after: Hours
) -> tuple[InputsChange, ...]:
    """One finding a feature whose novelty or languages moved; nothing where neither did.

    Args:
        alerts: of the incident.
        before: hours that what users ask now is compared with: the week before the change.
        after: hours since the change.
    """
    features = {a.feature_id for a in alerts if a.metric in ABOUT_INPUTS and a.feature_id}
    return tuple(_change(lake, settings, name, before, after) for name in sorted(features))


def _change(
    lake: Lake, settings: Settings, feature_id: str, before: Hours, after: Hours
) -> InputsChange:
    earlier, now = (_described(lake, feature_id, hours) for hours in (before, after))
    novel = [row.request_id for row in now if row.novel]
    embed = EMBEDDERS[settings.inputs.embedder]().embed if novel else None
    groups = describe_novel(_queries(lake, novel, after), embed) if embed else ()
    return inputs_change(feature_id, earlier, now, groups)


def _described(lake: Lake, feature_id: str, hours: Hours) -> list[InputFeature]:
    rows: list[InputFeature] = lake.rows("input_features", hours=hours, feature_id=feature_id)
    return rows


def _queries(lake: Lake, request_ids: list[str], hours: Hours) -> list[Query]:
    """Those whose text is still stored, in the order they were asked."""
    stored = lake.rows("raw_requests", hours=hours, request_id=request_ids)
    return [
        Query(request_id=row.request_id, text=row.input_text)
        for row in sorted(stored, key=lambda row: (row.timestamp, row.request_id))
        if row.input_text
    ]

"""Faults that people name and the monitor missed."""

from datetime import UTC, datetime
from typing import Any

import pytest

from llm_monitoring.incidents.missed import missed_incident
from llm_monitoring.records import MissedIncident
from llm_monitoring.written import MistakeError

NOW = datetime(2026, 10, 20, 15, tzinfo=UTC)


def missed(**fields: Any) -> MissedIncident:
    plain = {"feature_id": "chat", "since": "2026-10-20T05:40", "what": "rude", "who": "Ada"}
    return missed_incident({"chat", "search"}, NOW, **{**plain, **fields})


def test_it_is_kept_with_its_hour_and_once_however_often_it_is_named() -> None:
    first, again = missed(), missed(since="2026-10-20T07+02:00", who="Bob")
    assert (first.hour, first.feature_id, first.named_at) == (2026102005, "chat", NOW)
    assert first.missed_id == again.missed_id
    assert (
        len({first.missed_id, missed(what="wrong").missed_id, missed(feature_id=None).missed_id})
        == 3
    )


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"feature_id": "chta"}, "no 'chta'; there are: chat, search"),
        ({"since": "2026-10-20T15:01"}, "lies in the future"),
        ({"since": "2026-10-20"}, "since: expected a time"),
        ({"what": " "}, "what: is empty"),
        ({"what": "x" * 100_000}, "5,000 is the most"),
        ({"who": ""}, "who: is empty"),
    ],
)
def test_a_mistake_is_refused(fields: dict[str, Any], complaint: str) -> None:
    with pytest.raises(MistakeError, match=complaint):
        missed(**fields)

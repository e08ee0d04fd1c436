"""Which alert belongs to which incident, read off a lake."""

from dataclasses import replace
from typing import Any

import pytest

from llm_monitoring.pipeline.incidents import assign
from llm_monitoring.pipeline.incidents.decisions import acknowledge
from llm_monitoring_tests.pipeline.incidents.worked import Worked


def test_alerts_of_one_cause_are_one_incident(investigated: Worked) -> None:
    outage, cost = (investigated.incident(word) for word in ("infrastructure", "cost"))
    assert len(investigated.lake.rows("incidents")) == 2
    members = {row.fingerprint: row for row in investigated.lake.rows("alerts")}
    assert {members[f].feature_id for f in outage.alerts} == {"support_chat"}
    assert {members[f].feature_id for f in cost.alerts} == {"product_search"}
    assert len(outage.alerts) > 1
    assert len(cost.alerts) > 1
    # What only informs joins where it fits, and opens nothing.
    assert {*outage.alerts, *cost.alerts} >= {
        f for f, row in members.items() if row.severity != "info"
    }


def test_who_takes_an_incident_while_alerts_join_it_has_taken_it(
    worked: Worked, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, before = worked.lake, worked.incident("cost")
    (member, *_) = lake.rows("alerts", incident_id=before.incident_id)
    lake.upsert("alerts", [replace(member, fingerprint="late", incident_id=None)])
    decide = assign.assign

    def slowly(*args: Any) -> Any:
        worked.decide(acknowledge, "cost", who="Ada")
        return decide(*args)

    monkeypatch.setattr(assign, "assign", slowly)
    changed = assign.assign_incidents(lake, worked.settings, worked.now)
    assert changed == [before.incident_id]
    after = worked.incident("cost")
    assert ("late" in after.alerts, after.report_path) == (True, None)
    assert (after.acknowledged_by, after.status) == ("Ada", "acknowledged")


def test_what_is_assigned_once_changes_no_incident_again(worked: Worked) -> None:
    assert assign.assign_incidents(worked.lake, worked.settings, worked.now) == []

"""Incidents that are investigated: what the page says, and what people did meanwhile."""

from dataclasses import replace
from typing import Any

import pytest

from llm_monitoring.pipeline.incidents import investigate, pages
from llm_monitoring.pipeline.incidents.casework import NoSuchIncidentError
from llm_monitoring.pipeline.incidents.decisions import acknowledge
from llm_monitoring.pipeline.incidents.pages import work_incident
from llm_monitoring_tests.pipeline.incidents.worked import Worked


def test_the_page_is_whole_in_itself_and_says_what_is_simulated(investigated: Worked) -> None:
    for what in ("cost", "infrastructure"):
        page = investigated.page(what)
        assert "<html" in page
        assert "<img" in page or "<svg" in page
        assert "simulated" in page
        assert "http://127.0.0.1:3001" not in page


def test_the_report_of_the_dear_prompt_suspects_the_ledger_entry(investigated: Worked) -> None:
    assert "Prompt search-v13" in investigated.page("cost")
    assert "product_search" in investigated.incident("cost").title


def test_investigating_again_keeps_what_people_recorded(worked: Worked) -> None:
    worked.decide(acknowledge, "cost", who="Ada")
    before = worked.incident("cost")
    worked.decide(work_incident, "cost")
    after = worked.incident("cost")
    assert (after.acknowledged_by, after.opened_at) == ("Ada", before.opened_at)
    assert after.status == "acknowledged"


def test_who_takes_an_incident_while_it_is_investigated_has_taken_it(
    worked: Worked, monkeypatch: pytest.MonkeyPatch
) -> None:
    gather = investigate.investigate

    def slowly(*args: Any, **how: Any) -> Any:
        worked.decide(acknowledge, "cost", who="Ada")
        return gather(*args, **how)

    monkeypatch.setattr(investigate, "investigate", slowly)
    worked.decide(work_incident, "cost")
    after = worked.incident("cost")
    assert (after.acknowledged_by, after.status) == ("Ada", "acknowledged")
    assert after.report_path is not None


@pytest.mark.parametrize("decides", [True, False])
def test_an_incident_that_alerts_join_while_its_page_is_drawn_has_no_report_yet(
    worked: Worked, monkeypatch: pytest.MonkeyPatch, decides: bool
) -> None:
    before = worked.incident("cost")
    grown = sorted([*before.alerts, "one more"])

    def joined(*_: object) -> list[Any]:
        larger = replace(worked.incident("cost"), alerts=grown, report_path=None)
        worked.lake.upsert("incidents", [larger])
        return []

    monkeypatch.setattr(pages, "_pictures", joined)
    if decides:
        worked.decide(acknowledge, "cost", who="Ada")
    else:
        worked.decide(work_incident, "cost")
    after = worked.incident("cost")
    assert (after.alerts, after.report_path) == (grown, None)
    assert after.acknowledged_by == ("Ada" if decides else None)


def test_a_big_incident_keeps_every_judged_request_and_a_share_of_the_others(
    worked: Worked, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    gather = investigate.investigate

    def look(*args: Any, **how: Any) -> Any:
        seen.append(how["after"])
        return gather(*args, **how)

    monkeypatch.setattr(investigate, "investigate", look)
    worked.decide(work_incident, "infrastructure")
    monkeypatch.setattr(investigate, "SAMPLED_REQUESTS", 100)
    worked.decide(work_incident, "infrastructure")
    whole, part = seen
    assert (whole.sampled, part.sampled) == (False, True)
    assert len(part.requests) < len(whole.requests)
    kept = {row.request_id for row in part.requests}
    assert {row.request_id for row in part.judgements} <= kept
    assert part.judgements == whole.judgements


def test_an_unknown_incident_is_named_with_those_there_are(worked: Worked) -> None:
    with pytest.raises(NoSuchIncidentError, match="no incident 'nope'; there are: 2026-10-07T"):
        work_incident(worked.lake, worked.settings, worked.now, "nope")

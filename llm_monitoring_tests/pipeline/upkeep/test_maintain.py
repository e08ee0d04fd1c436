"""The daily upkeep over a whole product: what stays, and what is past its time."""

import html
import json
from datetime import timedelta
from typing import Any

from llm_monitoring.pipeline.incidents.decisions import record_verdict, resolve
from llm_monitoring.pipeline.incidents.pages import work_incident
from llm_monitoring.pipeline.upkeep.maintain import maintain_lake
from llm_monitoring_tests.pipeline.incidents.worked import Worked
from llm_monitoring_tests.simulated import Simulated


def test_upkeep_keeps_every_row_and_compacts_files(simulated: Simulated) -> None:
    tables = ("window_metrics", "control_charts", "alerts", "incidents")
    before = {name: simulated.table(name) for name in tables}
    done = maintain_lake(simulated.lake, simulated.settings, simulated.settings.start)
    assert {name: simulated.table(name) for name in tables} == before
    assert done.failed == {}
    assert simulated.table("raw_requests")


def test_upkeep_deletes_what_is_past_its_retention(simulated: Simulated) -> None:
    later = simulated.settings.start + timedelta(days=91)
    maintain_lake(simulated.lake, simulated.settings, later)
    hours = simulated.lake.distinct("raw_requests", "hour")
    assert min(hours) == 2026100600
    assert simulated.lake.distinct("window_metrics", "hour") > hours


def test_a_closed_incident_loses_its_quotes_in_the_lake_and_in_its_report(
    simulated: Simulated,
) -> None:
    worked = Worked(simulated.folder)
    for what in ("cost", "infrastructure"):
        worked.decide(work_incident, what)
    worked.decide(record_verdict, "cost", who="Ada", verdict="accepted_shift", note="")
    worked.decide(resolve, "cost", who="Ada", no_cases_reason="")
    said = quoted(worked, "cost")[0]["input_text"]
    assert said in html.unescape(worked.page("cost"))
    maintain_lake(worked.lake, worked.settings, worked.now + timedelta(days=91))
    assert {item["input_text"] for item in quoted(worked, "cost")} == {None}
    assert said not in html.unescape(worked.page("cost"))
    assert quoted(worked, "infrastructure")[0]["input_text"] is not None  # it is open


def quoted(worked: Worked, what: str) -> list[dict[str, Any]]:
    triage = json.loads(worked.incident(what).evidence)["triage"]
    items: list[dict[str, Any]] = triage["items"]
    return items

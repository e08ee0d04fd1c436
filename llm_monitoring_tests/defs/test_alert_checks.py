"""Checks of what fires now: red while it does, green again, with a link to each incident."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

from llm_monitoring.alerts import checks
from llm_monitoring.alerts.episodes import USUAL_SEVERITIES
from llm_monitoring.defs.checks import chart_checks
from llm_monitoring.defs.checks.alert_checks import (
    ALERT_CHECKS,
    ON_TIME,
    UNBROKEN,
    alerts_table,
    report_alerts,
)
from llm_monitoring.incidents.evidence import Evidence, Scope, to_json
from llm_monitoring.incidents.steps import complete_step, open_incident, record_verdict
from llm_monitoring.lake import Lake
from llm_monitoring.pipeline.incidents.casework import standing_incidents
from llm_monitoring.records import Alert, Incident
from llm_monitoring.settings import Settings
from llm_monitoring_tests.alerts.examples import chart_point
from llm_monitoring_tests.defs.test_every_check import NOON, context
from llm_monitoring_tests.incidents.examples import NOW, alert

SETTINGS = Settings.model_validate(
    {"product": "p", "start": "2026-10-01T00:00:00Z", "features": [{"feature_id": "support_chat"}]}
)
INCIDENT = replace(open_incident([alert("a")], [], NOW), report_path="/reports/i.html")
NAME = INCIDENT.incident_id
BROKEN = {ord(after): before for before, after in UNBROKEN.items()}
LINK = f"http://127.0.0.1:3001/{NAME}.html"


def results(
    firing: list[Alert], incidents: list[Incident], now: Any = NOW
) -> dict[str, dg.AssetCheckResult]:
    found = list(report_alerts(SETTINGS, firing, incidents, now))
    return {result.check_name or "": result for result in found}


def test_every_layer_has_a_check_and_every_check_has_a_result() -> None:
    assert checks.ALERT_CHECKS.keys() == {layer for layer, _ in USUAL_SEVERITIES}
    found = results([], [])
    assert found.keys() == {spec.name for spec in ALERT_CHECKS}
    assert all(result.passed for result in found.values())


def test_a_layer_fails_while_an_alert_of_it_fires_and_links_its_incident() -> None:
    found = results([alert("a", incident_id=NAME)], [INCIDENT])
    red = found["quality_in_control_now"]
    assert (red.passed, red.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert red.description == "quality fell"
    (line,) = red.metadata.items()
    assert line[0] == "page: support_chat, since Tue 2026-10-20 10:00 UTC"
    assert line[1].value == LINK
    assert [name for name, result in found.items() if not result.passed] == [red.check_name]


def test_a_ticket_warns_and_what_only_informs_fails_nothing() -> None:
    ticket, info = alert("a", severity="ticket"), alert("b", layer="cost", severity="info")
    found = results([ticket, info], [])
    assert found["quality_in_control_now"].severity == dg.AssetCheckSeverity.WARN
    assert found["cost_in_control_now"].passed
    assert found["cost_in_control_now"].description == "quality fell"


def test_of_two_that_fire_since_one_hour_neither_hides_the_other() -> None:
    firing = [
        alert(name, layer="monitor", metric="run", feature_id=None, subject=f"monitor/run/{name}")
        for name in ("weeks", "maintenance")
    ]
    red = results(firing, [])["monitor_well_now"]
    assert len(red.metadata) == 2


def test_the_table_of_all_that_fires_is_short_enough_to_be_shown_at_once() -> None:
    firing = [
        alert(
            f"{i}", incident_id=f"2026-10-20T1{i}-support_chat-quality", first_hour=2026102010 + i
        )
        for i in range(4)
    ]
    incidents = [replace(INCIDENT, incident_id=a.incident_id) for a in firing if a.incident_id]
    text = str(alerts_table(SETTINGS, [*firing, alert("x", feature_id=None)], incidents).value)
    assert len(text.splitlines()) == 2 + 5
    assert len(text) < 1000
    assert "| page | none | all | 10-20 10:00 |" in text.translate(BROKEN)
    assert f"]({LINK}) |" in text
    assert alerts_table(SETTINGS, [], []).value == "nothing fires"


def test_logged_names_stay_text_in_the_table() -> None:
    text = str(alerts_table(SETTINGS, [alert("a", feature_id="x|[a](http://e)")], []).value)
    assert "x??a??http" in text.replace("\\", "")


def test_an_incident_that_waits_for_its_report_is_linked_in_dagster() -> None:
    waiting = replace(INCIDENT, report_path=None)
    text = str(alerts_table(SETTINGS, [alert("a", incident_id=NAME)], [waiting]).value)
    assert f"(http://127.0.0.1:3000/assets/incidents?view=partitions&partition={NAME})" in text


# ------------------------------------------------------------------------ clocks of incidents


def test_a_clock_that_runs_out_after_the_investigation_fails_the_check() -> None:
    assert results([], [INCIDENT], NOW + timedelta(minutes=29))[ON_TIME].passed
    late = results([], [INCIDENT], NOW + timedelta(minutes=61))[ON_TIME]
    assert (late.passed, late.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert late.description == f"{NAME}: triage, scope"
    assert {name: value.value for name, value in late.metadata.items()} == {NAME: LINK}


def test_the_lake_tells_the_steps_that_are_done_without_the_evidence(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    scoped = Scope(
        metric="m", unit="ratio", before=None, after=None, n_before=0, n_after=0, segments=(),
        reading="r", confined_to=None,
    )  # fmt: skip
    known = replace(INCIDENT, evidence=to_json(Evidence(scope=scoped)))
    judged = record_verdict(known, "real_regression", "Ada", "n", NOW)
    working = complete_step(judged, "scope", "Ada", "all of it", NOW)
    untouched = replace(INCIDENT, incident_id="untouched", evidence="")
    closed = replace(INCIDENT, incident_id="closed", status="resolved")
    older = replace(closed, incident_id="older")
    lake.upsert("incidents", [working, untouched, closed, older])
    found = standing_incidents(lake, [alert("a", incident_id="closed")])
    assert [row.incident_id for row in found] == [NAME, "closed", "untouched"]
    assert "reading" not in found[0].evidence
    late = results([], found, NOW + timedelta(hours=3))[ON_TIME]
    assert late.description == f"{NAME}: isolate; untouched: triage, scope, isolate"


# --------------------------------------------------------------------- from the hourly checks


@pytest.mark.parametrize(
    ("known", "address"),
    [(True, LINK), (False, "http://127.0.0.1:3000/assets/alerts")],
)
def test_a_failed_hour_of_a_chart_leads_to_its_incident(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: bool, address: str
) -> None:
    monkeypatch.setattr(chart_checks, "drawn", lambda _: {})
    lake = Lake(str(tmp_path))
    point = chart_point(NOON, alarm=True)
    lake.replace_hours("control_charts", [point], NOON, NOON)
    if known:
        told = alert("a", incident_id=NAME, subject=point.chart_id, first_hour=NOON)
        lake.upsert("alerts", [told])
        lake.upsert("incidents", [INCIDENT])
    monitoring: Any = SimpleNamespace(lake=lake, settings=SETTINGS)
    found = {r.check_name: r for r in chart_checks.report_charts(context("charts"), monitoring)}
    failed = found["infrastructure_in_control"]
    assert not failed.passed
    assert address in {value.value for value in failed.metadata.values()}


def test_where_nobody_says_how_reports_are_reached_a_failed_hour_still_names_its_incident(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chart_checks, "drawn", lambda _: {})
    lake, point = Lake(str(tmp_path)), chart_point(NOON, alarm=True)
    lake.replace_hours("control_charts", [point], NOON, NOON)
    told = alert("a", incident_id=NAME, subject=point.chart_id, first_hour=NOON)
    lake.upsert("alerts", [told])
    lake.upsert("incidents", [INCIDENT])

    def shown(**settings: object) -> object:
        monitoring: Any = SimpleNamespace(lake=lake, settings=SETTINGS.model_copy(update=settings))
        found = {r.check_name: r for r in chart_checks.report_charts(context("charts"), monitoring)}
        return found["infrastructure_in_control"].metadata[f"incident {NAME}"].value

    page = f"http://127.0.0.1:3000/assets/incidents?view=partitions&partition={NAME}"
    assert shown(reports_url=None) == page
    assert shown(reports_url=None, dagster_url=None) == NAME

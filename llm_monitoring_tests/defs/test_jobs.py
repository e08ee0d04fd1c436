"""Incidents through their jobs: investigated, acknowledged, judged, learned from and closed."""

import html
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from click.testing import CliRunner

from llm_monitoring.cli import main
from llm_monitoring.defs.assets import response
from llm_monitoring.defs.assets.response import regression_cases
from llm_monitoring.defs.jobs.jobs import DECISIONS
from llm_monitoring.defs.partitions import INCIDENTS
from llm_monitoring.incidents.steps import IncidentError
from llm_monitoring.lake.scanning import scan
from llm_monitoring.pipeline.incidents import pages
from llm_monitoring.records import Incident
from llm_monitoring.written import MistakeError
from llm_monitoring_tests.product import Product, copy_product, open_product


@pytest.fixture(scope="module")
def investigated(
    monitored: Product, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Product, dict[str, dg.ExecuteInProcessResult]]]:
    """A product whose incidents were investigated, and the run of each."""
    folder = tmp_path_factory.mktemp("incidents") / "product"
    copy_product(monitored.folder, folder)
    with open_product(folder) as product:
        names = [row["incident_id"] for row in product.table("incidents")]
        product.instance.add_dynamic_partitions(INCIDENTS.name or "", names)
        yield (
            product,
            {name: product.run("investigate_incident", partition_key=name) for name in names},
        )


@pytest.fixture
def worked(investigated: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Product]:
    """A copy of it, for people to work in; its reports go without pictures, which take the time."""
    monkeypatch.setattr(pages, "_pictures", lambda *_: [])
    copy_product(investigated[0].folder, tmp_path / "worked")
    with open_product(tmp_path / "worked") as product:
        yield product


def incident(product: Product, what: str) -> Incident:
    """The incident whose name holds a word."""
    rows: list[Incident] = product.monitoring.lake.rows("incidents")
    (found,) = (row for row in rows if row.incident_id.endswith(what))
    return found


def step(product: Product, job: str, op: str, what: str, **config: Any) -> None:
    name = incident(product, what).incident_id
    values = {"incident_id": name, "who": "Ada", **config}
    product.run(job, run_config={"ops": {op: {"config": values}}})


def metadata_of(run: dg.ExecuteInProcessResult) -> Any:
    """What Dagster shows of the investigated incident."""
    (made,) = run.asset_materializations_for_node("incidents")
    return made.metadata


def test_an_investigated_incident_has_a_report_that_dagster_links(investigated: Any) -> None:
    product, runs = investigated
    for name, run in runs.items():
        metadata = metadata_of(run)
        path = Path(str(metadata["report"].value))
        assert metadata["report_link"].value == f"http://127.0.0.1:3001/{name}.html"
        assert path == product.folder / "reports" / f"{name}.html"
        page = path.read_text()
        assert "<html" in page
        assert "<img" in page or "<svg" in page
        assert "simulated" in page
        assert "http://127.0.0.1:3001" not in page  # the page needs nothing but itself


def test_without_an_address_the_path_stands_alone(worked: Product) -> None:
    bare = worked.with_settings("bare", {"reports_url": None})
    name = incident(bare, "cost").incident_id
    run = bare.run("investigate_incident", partition_key=name)
    assert "report_link" not in metadata_of(run)
    assert "report" in metadata_of(run)


def test_decisions_and_investigations_of_incidents_come_one_at_a_time() -> None:
    ops = [op for job in DECISIONS for op in job.nodes_in_topological_order]
    pools = {
        op.name: op.definition.pool for op in ops if isinstance(op.definition, dg.OpDefinition)
    }
    assert pools.pop("rebaseline_charts") == "control_charts"
    # What is stored whole, and holds at once, waits for nobody.
    unpooled = ("record_silence", "record_end", "record_missed")
    assert [pools.pop(name) for name in unpooled] == [None, None, None]
    assert set(pools.values()) == {response.incidents.op.pool} == {"incidents"}


def test_a_real_regression_is_closed_only_with_regression_cases(worked: Product) -> None:
    what = "infrastructure"
    step(worked, "acknowledge_incident", "acknowledge", what)
    with pytest.raises(IncidentError, match="has no verdict"):
        step(worked, "resolve_incident", "resolve", what)
    step(
        worked, "record_incident_verdict", "record_verdict", what,
        verdict="real_regression", note="half an hour of errors",
    )  # fmt: skip
    with pytest.raises(IncidentError, match="closing without regression cases is refused"):
        step(worked, "resolve_incident", "resolve", what, no_cases_reason="no time")
    assert incident(worked, what).status == "acknowledged"
    for name in ("scope", "isolate", "respond"):
        step(worked, "complete_incident_step", "complete_step", what, step=name, note="rolled back")
    assert incident(worked, what).step == "learn"
    for _ in range(2):
        step(worked, "learn_from_incident", "learn", what)
    cases = worked.table("regression_cases")
    assert cases
    assert {case["feature_id"] for case in cases} == {"support_chat"}
    assert len({case["case_id"] for case in cases}) == len(cases)

    step(worked, "resolve_incident", "resolve", what)
    closed = incident(worked, what)
    assert (closed.status, closed.step, closed.resolved_by) == ("resolved", "closed", "Ada")
    assert closed.report_path is not None
    assert "resolved" in Path(closed.report_path).read_text()
    with pytest.raises(IncidentError, match="already resolved"):
        step(worked, "acknowledge_incident", "acknowledge", what)


def test_a_refused_step_is_a_failed_run_that_says_why(worked: Product) -> None:
    name = incident(worked, "infrastructure").incident_id
    config = {"ops": {"resolve": {"config": {"incident_id": name, "who": "Ada"}}}}
    result = worked.run("resolve_incident", run_config=config, raise_on_error=False)
    assert not result.success
    (failure,) = [e for e in result.all_events if e.is_step_failure]
    assert "record one first" in str(failure.step_failure_data.error.cause)


def test_an_unknown_incident_is_named_with_those_there_are(worked: Product) -> None:
    config = {"ops": {"acknowledge": {"config": {"incident_id": "nope", "who": "Ada"}}}}
    with pytest.raises(dg.Failure, match="no incident 'nope'; there are: 2026-10-07T"):
        worked.run("acknowledge_incident", run_config=config)


def test_a_silence_stands_on_the_pages_of_its_incidents_until_it_is_ended(worked: Product) -> None:
    config = {"feature_id": "support_chat", "hours": 2.0, "who": "Ada", "why": "a <b>rollout</b>"}
    worked.run("silence_alerts", run_config={"ops": {"record_silence": {"config": config}}})
    (silence,) = worked.table("silences")
    assert silence["until"] - silence["starts_at"] == timedelta(hours=2)
    assert "Silent until" in page(worked, "infrastructure")
    assert "a <b>rollout</b>" in page(worked, "infrastructure")
    assert not (worked.folder / "reports" / f"{incident(worked, 'cost').incident_id}.html").exists()
    config = {"silence_id": silence["silence_id"], "who": "Bob"}
    worked.run("end_silence", run_config={"ops": {"record_end": {"config": config}}})
    assert "Silent until" not in page(worked, "infrastructure")
    assert len(worked.table("silences")) == 1
    # Ids that one op hands the next do not stay behind.
    storage = worked.folder / "home" / "storage"
    assert not [file for file in storage.rglob("*") if "record" in file.name]


def test_a_silence_that_is_refused_is_a_failed_run_that_says_why(worked: Product) -> None:
    config = {"feature_id": "suport_chat", "hours": 2.0, "who": "Ada", "why": "rollout"}
    run_config = {"ops": {"record_silence": {"config": config}}}
    with pytest.raises(MistakeError, match="no 'suport_chat'; there are: support_chat, "):
        worked.run("silence_alerts", run_config=run_config)
    assert worked.table("silences") == []


def test_upkeep_deletes_what_is_past_its_retention(worked: Product) -> None:
    start = worked.monitoring.settings.start
    worked.at(start + timedelta(days=91)).run("maintenance")
    hours = {row["hour"] for row in worked.table("raw_requests")}
    assert min(hours) == 2026100600
    assert {row["hour"] for row in worked.table("window_metrics")} > hours


def test_regression_cases_are_written_out_as_json_lines(worked: Product) -> None:
    what = "infrastructure"
    step(worked, "record_incident_verdict", "record_verdict", what, verdict="real_regression")
    step(worked, "learn_from_incident", "learn", what)
    dg.materialize(
        [regression_cases], instance=worked.instance, resources={"monitoring": worked.monitoring}
    )
    lines = (worked.folder / "reports" / "regression_cases.jsonl").read_text().splitlines()
    stored = {case["case_id"] for case in worked.table("regression_cases")}
    assert {json.loads(line)["case_id"] for line in lines} == stored


def quoted(product: Product, what: str) -> list[dict[str, Any]]:
    triage = json.loads(incident(product, what).evidence)["triage"]
    items: list[dict[str, Any]] = triage["items"]
    return items


def page(product: Product, what: str) -> str:
    path = incident(product, what).report_path
    assert path is not None
    return html.unescape(Path(path).read_text())


@pytest.mark.slow
def test_a_user_is_forgotten_and_the_bytes_are_proved_gone(worked: Product) -> None:
    step(
        worked,
        "record_incident_verdict",
        "record_verdict",
        "infrastructure",
        verdict="real_regression",
    )
    step(worked, "learn_from_incident", "learn", "infrastructure")
    item = quoted(worked, "infrastructure")[0]
    lake = worked.monitoring.lake
    (row,) = lake.rows("raw_requests", request_id=item["request_id"])
    windows = worked.table("window_metrics")
    ask = ["forget", "--config", str(worked.folder / "monitoring.yaml"), "--user", row.user_id]
    dry = CliRunner().invoke(main, [*ask, "--dry-run"])
    assert dry.exit_code == 0, dry.output
    assert "rows of regression_cases" in dry.output
    assert "Nothing was removed" in dry.output
    done = CliRunner().invoke(main, ask)
    assert done.exit_code == 0, done.output
    assert re.search(r"^0 of \d+ files hold an id or a text of theirs$", done.output, re.MULTILINE)
    assert "log files still name them" in done.output
    assert row.input_text not in page(worked, "infrastructure")
    assert item["request_id"] not in str(worked.table("regression_cases"))
    assert worked.table("window_metrics") == windows
    assert not lake.rows("raw_requests", user_id=row.user_id)


def test_dagster_is_told_no_word_and_no_id_of_a_user(worked: Product) -> None:
    requests = worked.monitoring.lake.rows("raw_requests")
    rows = [row for row in requests if row.input_text is not None][::200]
    home = worked.folder / "home"
    found = scan([home], [row.user_id for row in rows], [row.input_text for row in rows])
    assert found.files > 3
    assert found.holding == ()

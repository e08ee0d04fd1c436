"""The whole demo as a user runs it, Dagster, judge and embedder included: about two minutes."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from llm_monitoring.incidents.evidence import Evidence, from_json
from llm_monitoring.lake import Lake
from llm_monitoring.records import Alert, Incident
from llm_monitoring_tests.stories.promises import PROMISED_HOURS
from llm_monitoring_tests.stories.watching import DEMO

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Demo:
    summary: dict[str, Any]
    lake: Lake

    def incident(self, name: str) -> tuple[Incident, Evidence, set[str]]:
        """The incident, its evidence and the metrics of its alerts."""
        (found,) = self.lake.rows("incidents", incident_id=name)
        alerts: list[Alert] = self.lake.rows("alerts", incident_id=name)
        return found, from_json(found.evidence), {alert.metric for alert in alerts}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    root = tmp_path_factory.mktemp("demo")
    folder = root / "demo"
    folder.mkdir()
    shutil.copy(DEMO, folder)
    shutil.copy(DEMO.parents[1] / "monitoring.yaml", root)
    environment = {**os.environ, "DAGSTER_HOME": str(folder / ".dagster")}
    program = Path(sys.executable).with_name("llm-monitoring")
    command = [str(program), "demo", "--folder", str(folder)]
    done = subprocess.run(
        command, env=environment, cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    summary = json.loads((folder / "summary.json").read_text())
    return Demo(summary, Lake(str(folder / "lake")))


def test_every_fault_is_found_within_its_promised_delay(demo: Demo) -> None:
    delays = {fault["fault"]: fault["delay_hours"] for fault in demo.summary["faults"]}
    assert set(delays) == set(PROMISED_HOURS)
    late = {f: d for f, d in delays.items() if d is None or d > PROMISED_HOURS[f]}
    assert late == {}


def test_false_alarms_stay_in_the_budget_and_the_quiet_feature_is_quiet(demo: Demo) -> None:
    # One a week is allowed, for one monitored week: four or more happen by chance once in fifty.
    assert demo.summary["false_alarms"] <= 3
    assert demo.lake.rows("incidents", feature_id="order_summary", severity="page") == []


def test_the_provider_swap_is_one_incident_that_names_the_provider(demo: Demo) -> None:
    incident, evidence, metrics = demo.incident("2026-10-20T10-support_chat-quality")
    assert {"quality_mean", "pass_rate", "avg_output_tokens"} <= metrics
    assert incident.title.endswith("; the provider changed")
    assert evidence.responses[0].action == "pin the model"
    assert evidence.triage is not None
    assert {item.why for item in evidence.triage.items} == {"flagged by heuristic"}


def test_the_bloated_prompt_is_an_incident_of_cost_that_names_the_prompt(demo: Demo) -> None:
    incident, evidence, metrics = demo.incident("2026-10-20T23-product_search-cost")
    assert {"avg_input_tokens", "avg_cost_per_request_usd"} <= metrics
    assert "unscored_rate" not in metrics
    assert incident.title.endswith("; the prompt changed")
    assert evidence.suspects[0].change_id is not None
    assert evidence.responses[0].action == "roll back the prompt"
    assert evidence.triage is not None
    assert {item.why for item in evidence.triage.items} == {"among the costliest"}


def test_the_failing_judge_is_an_incident_of_its_own(demo: Demo) -> None:
    incident, evidence, metrics = demo.incident("2026-10-21T13-product_search-quality")
    assert metrics == {"unscored_rate", "judge_coverage"}
    assert incident.title.endswith("; the judge changed or failed")
    assert evidence.responses[0].action == "repair the judge"


def test_the_german_users_are_named(demo: Demo) -> None:
    (found,) = (
        incident
        for incident in demo.lake.rows("incidents", feature_id="support_chat")
        if incident.incident_id.startswith("2026-10-23")
    )
    evidence = from_json(found.evidence)
    assert found.title.endswith("; new users arrived (language de)")
    assert evidence.suspects[0].description == "Marketing launch in Germany"
    assert evidence.responses[0].action == "serve the new users"
    assert evidence.triage is not None
    german = [item for item in evidence.triage.items if item.language == "de"]
    assert len(german) >= 0.8 * len(evidence.triage.items)


def test_errors_and_silence_are_not_the_judges_doing(demo: Demo) -> None:
    _, evidence, metrics = demo.incident("2026-10-25T12-support_chat-infrastructure")
    assert {"error_rate", "missing_windows"} <= metrics
    assert [suspect.kind for suspect in evidence.suspects[:2]] == ["errors", "silence"]
    assert evidence.responses[0].action == "route away"
    creeps = [
        from_json(incident.evidence).suspects[0].kind
        for incident in demo.lake.rows("incidents", feature_id="product_search")
        if incident.incident_id.endswith("infrastructure")
    ]
    assert creeps == ["errors"]

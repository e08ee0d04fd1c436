"""A small lake with one incident, and the decisions' jobs over it, for commands that decide."""

from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest
import yaml
from click.testing import CliRunner, Result

from llm_monitoring.cli.main import main
from llm_monitoring.cli.running import backfill
from llm_monitoring.defs.jobs.jobs import DECISIONS
from llm_monitoring.defs.jobs.silencing import IN_MEMORY
from llm_monitoring.defs.resources import monitoring_resource
from llm_monitoring.defs.runs.executor import watched_executor
from llm_monitoring.lake import Lake
from llm_monitoring.pipeline.incidents import pages
from llm_monitoring.records import Incident
from llm_monitoring_tests.reports.examples import sample

SETTINGS = {
    "product": "Shop",
    "start": "2026-10-05T00:00:00Z",
    "features": [{"feature_id": "support_chat"}, {"feature_id": "search"}],
}


class Shop:
    """A folder with monitoring.yaml, and a lake that holds an incident and its alerts."""

    def __init__(self, folder: Path) -> None:
        self.config = folder / "monitoring.yaml"
        self.config.write_text(yaml.safe_dump(SETTINGS))
        self.lake = Lake(str(folder / "lake"))
        incident, alerts = sample()
        self.name = incident.incident_id
        self.lake.upsert("incidents", [incident])
        self.lake.upsert("alerts", [replace(a, incident_id=self.name) for a in alerts])

    @property
    def incident(self) -> Incident:
        """As it is stored now."""
        found: list[Incident] = self.lake.rows("incidents", incident_id=self.name)
        return found[0]

    def call(self, *words: str) -> Result:
        """A command as a shell runs it."""
        return CliRunner().invoke(main, [*words, "--config", str(self.config)])

    def definitions(self, *jobs: dg.JobDefinition) -> dg.Definitions:
        """The decisions' jobs, and others, over this lake."""
        return dg.Definitions(
            jobs=[*DECISIONS, *jobs],
            executor=watched_executor,
            resources={
                "monitoring": monitoring_resource(self.config), IN_MEMORY: dg.mem_io_manager,
            },
        )  # fmt: skip


def open_shop(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A shop whose commands run the jobs in this process, over its own lake."""
    shop = Shop(folder)
    monkeypatch.setenv("LLM_MONITORING_CONFIG", "")  # the commands set both
    monkeypatch.setenv("DAGSTER_HOME", str(folder / "home"))
    monkeypatch.setattr(backfill, "defs", shop.definitions())
    monkeypatch.setattr(pages, "_pictures", lambda *_: [])  # they take the time
    return shop

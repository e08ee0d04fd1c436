"""The incidents of the small simulated product: an outage, and a prompt that costs too much."""

from pathlib import Path

import pytest

from llm_monitoring.pipeline.incidents import pages
from llm_monitoring.pipeline.incidents.pages import work_incident
from llm_monitoring_tests.pipeline.incidents.worked import Worked
from llm_monitoring_tests.simulated import Simulated, copy_simulated


@pytest.fixture(scope="session")
def investigated(watched: Simulated, tmp_path_factory: pytest.TempPathFactory) -> Worked:
    """Both, investigated, with their pages. Read it only; `worked` is yours to change."""
    copied = copy_simulated(watched, tmp_path_factory.mktemp("investigated"))
    for row in copied.lake.rows("incidents"):
        work_incident(copied.lake, copied.settings, copied.now, row.incident_id)
    return Worked(copied.folder)


@pytest.fixture
def worked(investigated: Worked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Worked:
    """A copy of it, for people to work in; its pages go without pictures, which take the time."""
    monkeypatch.setattr(pages, "_pictures", lambda *_: [])
    folder = tmp_path / "worked"
    folder.mkdir()
    return Worked(copy_simulated(investigated, folder).folder)

"""The small simulated product, monitored without Dagster."""

from pathlib import Path

import pytest

from llm_monitoring_tests.simulated import Simulated, copy_simulated, monitor


@pytest.fixture(scope="session")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    """Every hour, then the alerts. Read it only; `simulated` is yours to change."""
    return monitor(tmp_path_factory.mktemp("simulated"))


@pytest.fixture
def simulated(watched: Simulated, tmp_path: Path) -> Simulated:
    """A copy of it."""
    folder = tmp_path / "simulated"
    folder.mkdir()
    return copy_simulated(watched, folder)

"""The demo's configuration for whoever imports the definitions, and a small monitored product."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from llm_monitoring_tests.product import Product

REPOSITORY = Path(__file__).resolve().parents[1]
# Partitions are read from it when `llm_monitoring.definitions` is imported. That takes seconds, so
# only the fixtures that need it do.
os.environ["LLM_MONITORING_CONFIG"] = str(REPOSITORY / "demo" / "monitoring.yaml")


def pytest_configure(config: pytest.Config) -> None:
    for ignored in (
        # Dagster calls its own deprecated property when a resource holds another one.
        "ignore:InitResourceContext.dagster_run is deprecated:DeprecationWarning",
        # As in definitions.py, for tests that import an asset before the definitions.
        "ignore:Parameter `backfill_policy`",
        "ignore:Specifying a partitions_def",
        "ignore:Parameter `owners` of initializer `SensorDefinition",
    ):
        config.addinivalue_line("filterwarnings", ignored)


@pytest.fixture(scope="session")
def monitored(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Product"]:
    """Every hour in one run, then the alerts. Read it only; `product` is yours to change."""
    from llm_monitoring.alerts.news import REPORT_WAIT
    from llm_monitoring.simulation.definitions import CLOCK
    from llm_monitoring_tests.product import open_product
    from llm_monitoring_tests.simulated import HOURS, new_product

    folder = tmp_path_factory.mktemp("product")
    new_product(folder)
    with open_product(folder) as product:
        product.run("ledger")
        product.run_hours(0, HOURS - 1)
        product.run("reconcile_alerts")
        with pytest.MonkeyPatch.context() as clock:
            # No message waits for the page of its incident any more: copies of any age are alike.
            clock.setenv(CLOCK, (datetime.now(UTC) + 1.1 * REPORT_WAIT).isoformat())
            product.run("reconcile_alerts")
        yield product


@pytest.fixture
def product(monitored: "Product", tmp_path: Path) -> Iterator["Product"]:
    """A copy of the monitored product, with its Dagster instance."""
    from llm_monitoring_tests.product import copy_product, open_product

    copy_product(monitored.folder, tmp_path / "product")
    with open_product(tmp_path / "product") as product:
        yield product


@pytest.fixture
def fresh(monitored: "Product", tmp_path: Path) -> Iterator["Product"]:
    """The same logs, and nothing run yet."""
    from llm_monitoring_tests.product import copy_product, open_product

    copy_product(monitored.folder, tmp_path / "fresh", only_logs=True)
    with open_product(tmp_path / "fresh") as product:
        yield product

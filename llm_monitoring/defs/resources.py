"""What assets are handed: settings, lake, models."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_duckdb import DuckDBResource

from llm_monitoring.adapters.embedders import EMBEDDERS, Embedder
from llm_monitoring.configuration import load_settings
from llm_monitoring.hours import hour_key
from llm_monitoring.judging import Judge
from llm_monitoring.lake import Lake
from llm_monitoring.pipeline.judging.judges import current_epoch, open_judge
from llm_monitoring.settings import EndpointJudgeSettings, ModelSettings, Settings
from llm_monitoring.simulation import choose_faults, failing_judge
from llm_monitoring.simulation.provider import reachable

CLOCK = "LLM_MONITORING_SIMULATED_TIME"  # ISO time with its zone


class Monitoring(dg.ConfigurableResource[Any]):
    """monitoring.yaml and the lake it names.

    Args:
        config_path: the monitoring.yaml.
        duckdb: in-memory DuckDB; the lake opens one connection per use.
    """

    config_path: str
    duckdb: dg.ResourceDependency[DuckDBResource]

    @property
    def settings(self) -> Settings:
        """Settings of the file."""
        return _settings(self.config_path)

    @property
    def lake(self) -> Lake:
        """The tables."""
        lake = self.settings.lake
        return Lake(lake.uri, lake.all_options(), self._connect)

    @property
    def embedder(self) -> Embedder:
        """The configured embedder; its weights are loaded once per process."""
        return _embedder(self.settings.inputs.embedder)

    @property
    def epoch(self) -> str:
        """Epoch of the configured judge."""
        return current_epoch(self.settings, self.embedder)

    @asynccontextmanager
    async def open_judge(self) -> AsyncIterator[Judge]:
        """The configured judge; a simulated product's fails when its faults say so."""
        settings = self.settings
        async with open_judge(settings, self.embedder, self.now) as judge:
            is_real = isinstance(settings.judge, EndpointJudgeSettings) or not settings.simulated
            faults = () if is_real else choose_faults(start=hour_key(settings.start))
            yield failing_judge(judge, faults)

    def reach(self, model: ModelSettings, week: int) -> AbstractContextManager[ModelSettings]:
        """A model under probe with an address that answers while the block runs."""
        return reachable(self.settings, model, week)

    def now(self) -> datetime:
        """Wall clock; assets stamp rows with it, decisions never read it themselves.

        Of a simulated product it is what the demo says, which lives through its weeks in minutes.
        """
        told = os.environ.get(CLOCK) if self.settings.simulated else None
        return datetime.fromisoformat(told) if told else datetime.now(UTC)

    @contextmanager
    def _connect(self) -> Iterator[Any]:
        with self.duckdb.get_connection() as connection:
            try:
                yield connection
            finally:
                # get_connection itself closes only when no exception passes through it.
                connection.close()


def monitoring_resource(config_path: Path) -> Monitoring:
    """The resource for a monitoring.yaml."""
    limit = load_settings(config_path).lake.memory_limit
    duckdb = DuckDBResource(
        database=":memory:", connection_config={"memory_limit": limit} if limit else {}
    )
    return Monitoring(config_path=str(config_path), duckdb=duckdb)


@lru_cache(maxsize=8)
def _settings(config_path: str) -> Settings:
    return load_settings(config_path)


@lru_cache(maxsize=2)
def _embedder(name: str) -> Embedder:
    return EMBEDDERS[name]()

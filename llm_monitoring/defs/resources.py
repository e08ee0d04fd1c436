"""What assets are handed: settings, lake, models."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_duckdb import DuckDBResource

from llm_monitoring.adapters.embedders import EMBEDDERS, Embedder
from llm_monitoring.configuration import load_settings
from llm_monitoring.judging import Judge
from llm_monitoring.lake import Lake
from llm_monitoring.pipeline.judging.judges import current_epoch, open_judge
from llm_monitoring.settings import ModelSettings, Settings


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
        """The judge that is asked."""
        async with open_judge(self.settings, self.embedder, self.now) as judge:
            yield self.asked_judge(judge)

    def now(self) -> datetime:
        """Wall clock; assets stamp rows with it, decisions never read it themselves."""
        return datetime.now(UTC)

    def asked_judge(self, judge: Judge) -> Judge:
        """Which judge is asked where this one is configured: itself.

        This, `reached` and `now` are what a code location of one's own may do differently.
        """
        return judge

    @contextmanager
    def reached(self, model: ModelSettings, week: int) -> Iterator[ModelSettings]:
        """A model under probe with the address that answers while the block runs.

        Args:
            week: the partition that is probed, yyyymmdd of its Monday.
        """
        del week
        yield model

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
    return Monitoring(config_path=str(config_path), duckdb=in_memory_duckdb(config_path))


def in_memory_duckdb(config_path: Path) -> DuckDBResource:
    """DuckDB within the memory that a monitoring.yaml allows it."""
    limit = load_settings(config_path).lake.memory_limit
    return DuckDBResource(
        database=":memory:", connection_config={"memory_limit": limit} if limit else {}
    )


@lru_cache(maxsize=8)
def _settings(config_path: str) -> Settings:
    return load_settings(config_path)


@lru_cache(maxsize=2)
def _embedder(name: str) -> Embedder:
    return EMBEDDERS[name]()

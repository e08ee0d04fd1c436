"""The demo's code location: the product's own, with what is make-believe handed in from here."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from llm_monitoring.definitions import definitions_with
from llm_monitoring.defs.partitions import configuration_path
from llm_monitoring.defs.resources import Monitoring, in_memory_duckdb
from llm_monitoring.hours import hour_key
from llm_monitoring.judging import Judge
from llm_monitoring.settings import ModelSettings
from llm_monitoring.simulation.faults import Fault, choose_faults
from llm_monitoring.simulation.judge import failing_judge
from llm_monitoring.simulation.provider import serve_provider

CLOCK = "LLM_MONITORING_SIMULATED_TIME"  # ISO time with its zone
PROVIDER = "http://simulation.invalid"  # as a base_url: the make-believe provider, on loopback
SEED = 7


class SimulatedMonitoring(Monitoring):
    """Monitoring of Larkspur Outfitters: the demo's clock, a judge that fails, a provider."""

    def now(self) -> datetime:
        """What the demo says, which lives through its weeks in minutes; else the wall clock."""
        moment = os.environ.get(CLOCK)
        return datetime.fromisoformat(moment) if moment else super().now()

    def asked_judge(self, judge: Judge) -> Judge:
        """The judge, but down while a fault of the demo says so."""
        return failing_judge(judge, self._faults())

    @contextmanager
    def reached(self, model: ModelSettings, week: int) -> Iterator[ModelSettings]:
        """The make-believe provider as of that week serves the models that are its own."""
        if model.base_url != PROVIDER:
            yield model
            return
        with serve_provider(SEED, self._faults()) as address:
            yield model.model_copy(update={"base_url": f"{address}/week/{week}"})

    def _faults(self) -> tuple[Fault, ...]:
        return choose_faults(start=hour_key(self.settings.start))


def simulated_monitoring(config_path: Path) -> SimulatedMonitoring:
    """The resource for the monitoring.yaml of a simulated product."""
    return SimulatedMonitoring(config_path=str(config_path), duckdb=in_memory_duckdb(config_path))


defs = definitions_with(simulated_monitoring(configuration_path()))

"""Where a probed model is reached: at its provider, or in the simulation."""

from collections.abc import Iterator
from contextlib import contextmanager

from llm_monitoring.hours import hour_key
from llm_monitoring.settings import ModelSettings, Settings
from llm_monitoring.simulation.faults import choose_faults
from llm_monitoring.simulation.provider import serve_provider

SIMULATION = "simulation"  # as a base_url: the make-believe provider, on loopback


@contextmanager
def reachable(settings: Settings, model: ModelSettings, week: int) -> Iterator[ModelSettings]:
    """The model's settings with an address that answers while the block runs."""
    if model.base_url != SIMULATION:
        yield model
        return
    faults = choose_faults(start=hour_key(settings.start))
    with serve_provider(SEED, faults) as address:
        yield model.model_copy(update={"base_url": f"{address}/week/{week}"})


SEED = 7

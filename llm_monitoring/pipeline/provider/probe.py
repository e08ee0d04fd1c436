"""Probing: the models are asked the same questions again."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

from llm_monitoring.adapters.languages import identify_languages
from llm_monitoring.adapters.models import ChatClient, ModelUnavailable
from llm_monitoring.lake import Lake
from llm_monitoring.probes import (
    frozen_reference,
    needs_confirmation,
    provider_drift,
    run_probes,
)
from llm_monitoring.records import ProbeResult
from llm_monitoring.settings import ModelSettings, Settings
from llm_monitoring.settings.judging import ProbeSettings

Reach = Callable[[ModelSettings, int], AbstractContextManager[ModelSettings]]


@dataclass(frozen=True, slots=True)
class _Asking:
    """How models are asked.

    Args:
        reach: (model, week) -> the model with an address that answers while the block runs.
    """

    settings: ProbeSettings
    clock: Callable[[], datetime]
    reach: Reach
    week: int

    async def ask(self, model: ModelSettings, run: str, repeats: int) -> list[ProbeResult]:
        """Every probe, so many times."""
        with self.reach(model, self.week) as reached:
            async with ChatClient(reached) as client:
                return await run_probes(
                    client.complete,
                    model,
                    self.settings.probes,
                    week=self.week,
                    run=run,
                    repeats=repeats,
                    clock=self.clock,
                    identify_languages=identify_languages,
                    unavailable=ModelUnavailable,
                )


async def probe_week(
    lake: Lake, settings: Settings, clock: Callable[[], datetime], reach: Reach, week: int
) -> int:
    """Ask every configured model, and again where the answers alarm; returns the calls."""
    asking = _Asking(settings.probes, clock, reach, week)
    return sum([await _probe_model(lake, asking, model) for model in settings.probes.models])


async def _probe_model(lake: Lake, asking: _Asking, model: ModelSettings) -> int:
    settings, week = asking.settings, asking.week
    history: list[ProbeResult] = lake.rows("probe_results", requested_model=model.model)
    reference = frozen_reference([row for row in history if row.week < week])
    repeats = settings.repeats if reference else settings.reference_repeats
    rows = await asking.ask(model, "weekly", repeats)
    drift = provider_drift(reference, rows, week=week, significance=settings.significance)
    if needs_confirmation(drift):
        rows += await asking.ask(model, "confirmation", settings.repeats)
    _replace_week(lake, model, week, rows)
    return len(rows)


def _replace_week(lake: Lake, model: ModelSettings, week: int, rows: list[ProbeResult]) -> None:
    """Make the rows all there is of a model and week, in one commit."""
    stored: list[ProbeResult] = lake.rows("probe_results")
    others = [row for row in stored if (row.requested_model, row.week) != (model.model, week)]
    lake.replace_all("probe_results", [*others, *rows])

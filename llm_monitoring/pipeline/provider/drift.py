"""Whether the answers to probes changed against the frozen reference run."""

from collections.abc import Iterable

from llm_monitoring.lake import Lake
from llm_monitoring.probes import (
    confirmed,
    frozen_reference,
    needs_confirmation,
    provider_drift,
)
from llm_monitoring.records import ProbeResult, ProviderDrift
from llm_monitoring.settings import Settings


def compare_weeks(lake: Lake, settings: Settings, weeks: Iterable[int]) -> list[ProviderDrift]:
    """Compare each model's answers of some weeks with its reference, and store what came of it."""
    rows = [row for week in weeks for row in _compare(lake, settings, week)]
    if rows:
        lake.upsert("provider_drift", rows)
    return rows


def _compare(lake: Lake, settings: Settings, week: int) -> list[ProviderDrift]:
    everything: list[ProbeResult] = lake.rows("probe_results")
    history = [row for row in everything if row.week <= week]
    significance = settings.probes.significance
    reference = frozen_reference(history)
    runs = {
        run: [row for row in history if row.week == week and row.run == run]
        for run in ("weekly", "confirmation")
    }
    first = provider_drift(reference, runs["weekly"], week=week, significance=significance)
    if not needs_confirmation(first) or not runs["confirmation"]:
        return first
    again = provider_drift(reference, runs["confirmation"], week=week, significance=significance)
    return confirmed(first, again)

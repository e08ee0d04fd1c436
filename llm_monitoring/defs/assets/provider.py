"""Canaries: the same questions every week, and whether the answers changed."""

import asyncio
from collections.abc import Iterator
from typing import Any

import dagster as dg

from llm_monitoring.adapters.languages import identify_languages
from llm_monitoring.adapters.models import ChatClient, ModelUnavailable
from llm_monitoring.defs.freshness import WEEKLY
from llm_monitoring.defs.partitions import WEEKS, weeks_of
from llm_monitoring.defs.resources import Monitoring
from llm_monitoring.lake import Lake
from llm_monitoring.probes import (
    confirmed,
    frozen_reference,
    needs_confirmation,
    run_probes,
    unpinned_models,
)
from llm_monitoring.probes import (
    provider_drift as compare,
)
from llm_monitoring.records import ProbeResult, ProviderDrift
from llm_monitoring.settings import ModelSettings

UNCHANGED = "provider_unchanged"
MEASURED = "probes_measured"
PINNED = "models_pinned"


@dg.asset(
    group_name="provider",
    partitions_def=WEEKS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    pool="probes",
    kinds={"deltalake"},
    freshness_policy=WEEKLY,
    check_specs=[
        dg.AssetCheckSpec(
            PINNED, asset="probe_results", description="Models are named by a dated version."
        )
    ],
)
def probe_results(
    context: dg.AssetExecutionContext, monitoring: Monitoring
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    """One row is one probe call. A week whose answers alarm is asked a second time at once."""
    counts = {week: asyncio.run(_probe_week(monitoring, week)) for week in weeks_of(context)}
    yield dg.MaterializeResult(
        metadata={
            "models": [model.model for model in monitoring.settings.probes.models],
            "calls": sum(counts.values()),
            "delta_version": monitoring.lake.version("probe_results"),
        }
    )
    unpinned = unpinned_models(monitoring.settings)
    yield dg.AssetCheckResult(
        check_name=PINNED,
        passed=not unpinned,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(unpinned) or "Every model is named by a dated version.",
    )


@dg.asset(
    group_name="provider",
    partitions_def=WEEKS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    deps=[probe_results],
    kinds={"deltalake"},
    check_specs=[
        dg.AssetCheckSpec(
            UNCHANGED, asset="provider_drift", description="Models answer as in their reference."
        ),
        dg.AssetCheckSpec(
            MEASURED, asset="provider_drift", description="Models could be measured at all."
        ),
    ],
)
def provider_drift(
    context: dg.AssetExecutionContext, monitoring: Monitoring
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    """One row is one (week, model, test) against the frozen reference run."""
    lake = monitoring.lake
    rows = [row for week in weeks_of(context) for row in _drift(monitoring, week)]
    version = lake.upsert("provider_drift", rows) if rows else lake.version("provider_drift")
    yield dg.MaterializeResult(metadata={"tests": len(rows), "delta_version": version})
    yield from report_drift(rows)


def report_drift(rows: list[ProviderDrift]) -> Iterator[dg.AssetCheckResult]:
    """Results about models that changed, and about models that could not be measured."""
    changed = [row for row in rows if row.verdict in ("changed", "regressed")]
    unmeasured = [row for row in rows if row.verdict in ("could_not_measure", "too_few_probes")]
    yield _verdict(UNCHANGED, changed, "All models answer as in their reference run.")
    yield _verdict(MEASURED, unmeasured, "All models could be measured.")


def _verdict(name: str, rows: list[ProviderDrift], fine: str) -> dg.AssetCheckResult:
    told = {f"{row.week} {row.requested_model} {row.test}": row.detail for row in rows}
    return dg.AssetCheckResult(
        check_name=name,
        passed=not rows,
        description="; ".join(told.values()) or fine,
        metadata=dict(told),
    )


async def _probe_week(monitoring: Monitoring, week: int) -> int:
    lake, settings = monitoring.lake, monitoring.settings.probes
    made = 0
    for model in settings.models:
        history = lake.rows("probe_results", "requested_model = $model", model=model.model)
        reference = frozen_reference([row for row in history if row.week < week])
        repeats = settings.repeats if reference else settings.reference_repeats
        rows = await _ask(monitoring, model, week, "weekly", repeats)
        drift = compare(reference, rows, week=week, significance=settings.significance)
        if needs_confirmation(drift):
            rows += await _ask(monitoring, model, week, "confirmation", settings.repeats)
        _replace_week(lake, model, week, rows)
        made += len(rows)
    return made


async def _ask(
    monitoring: Monitoring, model: ModelSettings, week: int, run: str, repeats: int
) -> list[ProbeResult]:
    with monitoring.reached(model, week) as reached:
        async with ChatClient(reached) as client:
            return await run_probes(
                client.complete,
                model,
                monitoring.settings.probes.probes,
                week=week,
                run=run,
                repeats=repeats,
                clock=monitoring.now,
                identify_languages=identify_languages,
                unavailable=ModelUnavailable,
            )


def _replace_week(lake: Lake, model: ModelSettings, week: int, rows: list[ProbeResult]) -> None:
    """Make the rows all there is of a model and week, in one commit."""
    others = lake.rows(
        "probe_results", "not (requested_model = $model and week = $week)",
        model=model.model, week=week,
    )  # fmt: skip
    lake.replace_all("probe_results", [*others, *rows])


def _drift(monitoring: Monitoring, week: int) -> list[ProviderDrift]:
    history: list[ProbeResult] = monitoring.lake.rows("probe_results", "week <= $week", week=week)
    significance = monitoring.settings.probes.significance
    reference = frozen_reference(history)
    runs = {
        run: [row for row in history if row.week == week and row.run == run]
        for run in ("weekly", "confirmation")
    }
    first = compare(reference, runs["weekly"], week=week, significance=significance)
    if not needs_confirmation(first) or not runs["confirmation"]:
        return first
    again = compare(reference, runs["confirmation"], week=week, significance=significance)
    return confirmed(first, again)

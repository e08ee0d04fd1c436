"""Canaries: the same questions every week, and whether the answers changed."""

import asyncio
from collections.abc import Iterator
from typing import Any

import dagster as dg

from llm_monitoring.defs.freshness import WEEKLY
from llm_monitoring.defs.partitions import WEEKS, weeks_of
from llm_monitoring.defs.resources import Monitoring
from llm_monitoring.pipeline.provider.drift import compare_weeks
from llm_monitoring.pipeline.provider.probe import probe_week
from llm_monitoring.probes import unpinned_models
from llm_monitoring.records import ProviderDrift

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
            PINNED,
            asset="probe_results",
            description="Models are named by a dated version. Red: an alias is probed, "
            "and what answers may change without its name.",
        )
    ],
)
def probe_results(
    context: dg.AssetExecutionContext, monitoring: Monitoring
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    """One row is one probe call. A week whose answers alarm is asked a second time at once."""
    lake, settings = monitoring.lake, monitoring.settings
    counts = {
        week: asyncio.run(probe_week(lake, settings, monitoring.now, monitoring.reached, week))
        for week in weeks_of(context)
    }
    yield dg.MaterializeResult(
        metadata={
            "models": [model.model for model in settings.probes.models],
            "calls": sum(counts.values()),
            "delta_version": lake.version("probe_results"),
        }
    )
    unpinned = unpinned_models(settings)
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
            UNCHANGED,
            asset="provider_drift",
            description="Models answer as in their reference. Red: the named model does not.",
        ),
        dg.AssetCheckSpec(
            MEASURED,
            asset="provider_drift",
            description="Models could be measured at all. Red: answers of the named ones are "
            "missing.",
        ),
    ],
)
def provider_drift(
    context: dg.AssetExecutionContext, monitoring: Monitoring
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    """One row is one (week, model, test) against the frozen reference run."""
    lake = monitoring.lake
    rows = compare_weeks(lake, monitoring.settings, weeks_of(context))
    version = lake.version("provider_drift")
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

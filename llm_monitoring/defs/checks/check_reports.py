"""Asset checks that are right for a single hour and for a range in one run.

Dagster stores one result of a check per run. A range run therefore logs one evaluation for each
of its partitions, tied to that partition's materialisation, and yields a summary of the run.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData,
)

from llm_monitoring.defs.partitions import HOURS

Metadata = Mapping[str, Any]
SUMMARY = "windows in this run"
# Passing windows of a longer range are left to the run's summary: at 12 ms each a year would take
# a quarter of an hour. Failing windows are always reported.
REPORTED_WINDOWS = 800


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found in one window."""

    passed: bool
    text: str
    metadata: Metadata = field(default_factory=dict)
    links: Metadata = field(default_factory=dict)  # where to go on; a summary has them too

    def told(self) -> dict[str, Any]:
        """What Dagster shows of it, links first."""
        return {**self.links, **self.metadata}


def hourly_check(asset: str, name: str, description: str) -> dg.AssetCheckSpec:
    """A check with a result for every hour."""
    return dg.AssetCheckSpec(name, asset=asset, description=description, partitions_def=HOURS)


def report(
    context: dg.AssetExecutionContext,
    name: str,
    finding_of: Callable[[str], Finding],
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
    also: Sequence[str] = (),
) -> Iterator[dg.AssetCheckResult]:
    """Report a check for every partition of the run, after the materialisation was yielded.

    Args:
        finding_of: partition key -> what was found.
        also: partitions of earlier runs whose results are others now.
    """
    _log_each(context, name, {key: finding_of(key) for key in also}, severity)
    keys = list(context.partition_keys)
    findings = {key: finding_of(key) for key in keys}
    failed = [key for key in keys if not findings[key].passed]
    if len(keys) == 1:
        finding = findings[keys[0]]
        yield dg.AssetCheckResult(
            check_name=name,
            passed=finding.passed,
            severity=severity,
            description=finding.text,
            metadata=finding.told(),
        )
        return
    _log_each(
        context,
        name,
        findings if len(keys) <= REPORTED_WINDOWS else {key: findings[key] for key in failed},
        severity,
    )
    shown = {key: findings[key].text for key in failed[:50]}
    links = {name: link for key in failed for name, link in findings[key].links.items()}
    yield dg.AssetCheckResult(
        check_name=name,
        passed=not failed,
        severity=severity,
        description=f"{len(failed)} of {len(keys)} windows failed",
        metadata={**links, SUMMARY: len(keys), "failed": len(failed), **shown},
    )


def _log_each(
    context: dg.AssetExecutionContext,
    name: str,
    findings: Mapping[str, Finding],
    severity: dg.AssetCheckSeverity,
) -> None:
    storage_ids = context.instance.event_log_storage.get_latest_storage_id_by_partition(
        context.asset_key, dg.DagsterEventType.ASSET_MATERIALIZATION, set(findings)
    )
    for key, finding in findings.items():
        if key not in storage_ids:
            continue  # never materialized here: there is no status to bring up to date
        context.log_event(
            dg.AssetCheckEvaluation(
                asset_key=context.asset_key,
                check_name=name,
                passed=finding.passed,
                partition=key,
                severity=severity,
                description=finding.text,
                metadata=finding.told(),
                blocking=False,
                # Without it the result is in the history, but not the partition's status.
                target_materialization_data=AssetCheckEvaluationTargetMaterializationData(
                    storage_id=storage_ids[key],
                    run_id=context.run.run_id,
                    timestamp=time.time(),
                ),
            )
        )

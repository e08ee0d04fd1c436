"""Judging, off the request path: an asset of its own, an hour at a time or a range."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import dagster as dg

from llm_monitoring.adapters.redaction import Redactor
from llm_monitoring.defs.assets.requests import sampled_requests
from llm_monitoring.defs.checks.check_reports import Finding, hourly_check, report
from llm_monitoring.defs.partitions import HOURS, hour_partition, hours_of
from llm_monitoring.defs.resources import Monitoring
from llm_monitoring.pipeline.judging.coverage import uncovered_hours
from llm_monitoring.pipeline.judging.judge import Judged, judge_hours
from llm_monitoring.records import Judgement

COVERAGE = "judge_coverage_sufficient"


@dg.asset(
    group_name="judging",
    partitions_def=HOURS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    deps=[sampled_requests],
    pool="judge",
    kinds={"deltalake"},
    check_specs=[
        hourly_check(
            "judgements",
            COVERAGE,
            "Most sampled answers got a score. Red: the judge "
            "failed, or its budget is spent; the reasons stand in judgements.unscored_reason.",
        )
    ],
)
def judgements(
    context: dg.AssetExecutionContext, monitoring: Monitoring
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    """One row is one (request, epoch): scores, or unscored with a reason.

    A re-run pays only for what this epoch has not judged yet. Trusts sampled_requests.
    """
    judged, name, epoch = asyncio.run(_judge(monitoring, *hours_of(context)))
    current = judged.rows
    yield dg.MaterializeResult(
        metadata={
            "judge": name,
            "epoch": epoch,
            "dagster/partition_row_count": len(current),
            "judged_in_this_run": judged.made,
            "unscored": sum(row.unscored_reason is not None for row in current),
            "cost_usd": sum(row.cost_usd or 0.0 for row in current),
            "delta_version": monitoring.lake.version("judgements"),
        }
    )
    yield from report_coverage(context, monitoring, current)


def report_coverage(
    context: dg.AssetExecutionContext, monitoring: Monitoring, rows: list[Judgement]
) -> Iterator[dg.AssetCheckResult]:
    """Results about sampled answers without a score."""
    yield from report(context, COVERAGE, _coverage_finding(monitoring, rows))


async def _judge(monitoring: Monitoring, first: int, last: int) -> tuple[Judged, str, str]:
    async with monitoring.open_judge() as judge:
        settings = monitoring.settings
        judged = await judge_hours(
            monitoring.lake, judge, Redactor(settings.redaction), first, last,
            is_paid=settings.judge.kind == "endpoint",
        )  # fmt: skip
        return judged, judge.name, judge.epoch


def _coverage_finding(monitoring: Monitoring, rows: list[Judgement]) -> Callable[[str], Finding]:
    minimum = monitoring.settings.control.minimum_judge_coverage_ratio
    uncovered = uncovered_hours(monitoring.lake, monitoring.settings, rows)
    beyond = {hour_partition(found.hour): found for found in uncovered}
    total = Counter(hour_partition(row.hour) for row in rows)
    scored = Counter(hour_partition(row.hour) for row in rows if row.unscored_reason is None)

    def finding(partition: str) -> Finding:
        judged, of = scored[partition], total[partition]
        found = beyond.get(partition)
        only = f"; only {found.value:.0%} of {found.place}, more than chance" if found else ""
        text = f"{judged} of {of} sampled answers scored (at least {minimum:.0%} wanted){only}"
        return Finding(found is None, text, {"scored": judged, "sampled": of})

    return finding

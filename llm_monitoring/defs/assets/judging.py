"""Judging, off the request path: an asset of its own, an hour at a time or a range."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import dagster as dg

from llm_monitoring.adapters.redaction import Redactor
from llm_monitoring.defs.assets.requests import sampled_requests
from llm_monitoring.defs.check_reports import Finding, hourly_check, report
from llm_monitoring.defs.judges import open_judge
from llm_monitoring.defs.partitions import HOURS, hour_partition, hours_of
from llm_monitoring.defs.resources import Monitoring
from llm_monitoring.judging import JudgeItem, judge_and_commit, settled, to_judge
from llm_monitoring.lake import Lake
from llm_monitoring.records import Judgement, SampledRequest

COVERAGE = "judge_coverage_sufficient"
CHUNK = 2000  # judgements to a commit: few enough to lose, enough to keep commits rare


@dg.asset(
    group_name="judging",
    partitions_def=HOURS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    deps=[sampled_requests],
    pool="judge",
    kinds={"deltalake"},
    check_specs=[hourly_check("judgements", COVERAGE, "Most sampled answers got a score.")],
)
def judgements(
    context: dg.AssetExecutionContext, monitoring: Monitoring
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    """One row is one (request, epoch): scores, or unscored with a reason.

    A re-run pays only for what this epoch has not judged yet. Trusts sampled_requests.
    """
    first, last = hours_of(context)
    lake = monitoring.lake
    sampled = lake.rows("sampled_requests", hours=(first, last))
    existing = lake.rows("judgements", hours=(first, last))
    epoch, name, made = asyncio.run(_judge(monitoring, lake, sampled, existing))
    rows = _replace_stale(lake, sampled, existing, epoch, (first, last))
    current = [row for row in rows if row.epoch == epoch]
    yield dg.MaterializeResult(
        metadata={
            "judge": name,
            "epoch": epoch,
            "dagster/partition_row_count": len(current),
            "judged_in_this_run": made,
            "unscored": sum(row.unscored_reason is not None for row in current),
            "cost_usd": sum(row.cost_usd or 0.0 for row in current),
            "delta_version": lake.version("judgements"),
        }
    )
    yield from report(context, COVERAGE, _coverage_finding(monitoring, current))


async def _judge(
    monitoring: Monitoring,
    lake: Lake,
    sampled: list[SampledRequest],
    existing: list[Judgement],
) -> tuple[str, str, int]:
    async with open_judge(monitoring) as judge:
        wanted = to_judge(sampled, existing, judge.epoch)
        items = _items(lake, wanted)
        redactor = Redactor(monitoring.settings.redaction)
        made = await judge_and_commit(
            judge,
            items,
            lambda rows: lake.append("judgements", [_redacted(row, redactor) for row in rows]),
            CHUNK,
        )
        return judge.epoch, judge.name, made


def _redacted(row: Judgement, redactor: Redactor) -> Judgement:
    """A judge saw the redacted text only; what it makes up may still look like a person."""
    return replace(
        row,
        reason=redactor.optional(row.reason),
        unscored_reason=redactor.optional(row.unscored_reason),
    )


def _items(lake: Lake, wanted: list[SampledRequest]) -> list[JudgeItem]:
    if not wanted:
        return []
    first, last = min(row.hour for row in wanted), max(row.hour for row in wanted)
    texts = lake.query("sampled_texts", hours=(first, last), first=first, last=last).to_pylist()
    by_id = {text.pop("request_id"): text for text in texts}
    return [JudgeItem(sampled=row, **by_id[row.request_id]) for row in wanted]


def _replace_stale(
    lake: Lake,
    sampled: list[SampledRequest],
    existing: list[Judgement],
    epoch: str,
    hours: tuple[int, int],
) -> list[Judgement]:
    """Drop what a newer judgement replaced; other epochs stay. Returns all rows of the hours."""
    rows = lake.rows("judgements", hours=hours)
    latest: dict[tuple[str, str], Judgement] = {}
    for row in sorted(rows, key=lambda row: row.judged_at):
        latest[row.request_id, row.epoch] = row
    made = {row.request_id for row in rows} - {row.request_id for row in existing}
    kept = {row.request_id: row for row in settled(sampled, existing, epoch)}
    wanted_ids = {row.request_id for row in sampled}
    result = [
        kept.get(row.request_id, row) if row.epoch == epoch and row.request_id not in made else row
        for row in latest.values()
        if row.epoch != epoch or row.request_id in wanted_ids
    ]
    if sorted(result, key=_identity) != sorted(rows, key=_identity):
        lake.replace_hours("judgements", result, *hours)
    return result


def _identity(row: Judgement) -> tuple[str, str, str]:
    return row.request_id, row.epoch, row.judged_at.isoformat()


def _coverage_finding(monitoring: Monitoring, rows: list[Judgement]) -> Any:
    minimum = monitoring.settings.control.minimum_judge_coverage_ratio
    total = Counter(hour_partition(row.hour) for row in rows)
    scored = Counter(hour_partition(row.hour) for row in rows if row.unscored_reason is None)

    def finding(partition: str) -> Finding:
        judged, of = scored[partition], total[partition]
        text = f"{judged} of {of} sampled answers scored (at least {minimum:.0%} wanted)"
        return Finding(of == 0 or judged >= minimum * of, text, {"scored": judged, "sampled": of})

    return finding

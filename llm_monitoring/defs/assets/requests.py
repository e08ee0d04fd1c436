"""Ingestion: requests, user signals, the change ledger, and the sample the judge will see."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from llm_monitoring.adapters.sources import Reading, read_changes, read_requests, read_signals
from llm_monitoring.defs.check_reports import Finding, hourly_check, report
from llm_monitoring.defs.partitions import HOURS, hour_partition, hours_of
from llm_monitoring.defs.resources import Monitoring
from llm_monitoring.hours import shift
from llm_monitoring.lake import TABLES
from llm_monitoring.pipeline.forgetting import without_forgotten
from llm_monitoring.rebaselines import ledger_entry
from llm_monitoring.records import SourceRead
from llm_monitoring.sampling import sample

REJECTS = "rejects_within_limit"
PRICES = "costs_known"
Results = Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]


@dg.asset(
    group_name="ingestion",
    partitions_def=HOURS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    kinds={"deltalake"},
    check_specs=[
        hourly_check("raw_requests", REJECTS, "Few input rows had to be rejected."),
        hourly_check("raw_requests", PRICES, "Every request has a cost."),
    ],
)
def raw_requests(context: dg.AssetExecutionContext, monitoring: Monitoring) -> Results:
    """One row is one request to a model; a re-run replaces its hours. Trusts the log files."""
    first, last = hours_of(context)
    reading = read_requests(monitoring.settings, first, last)
    yield _store(context, monitoring, "raw_requests", reading, last)
    yield from _report_rejects(context, monitoring, reading.reads)
    yield from report(context, PRICES, _unpriced_finding(reading.reads), dg.AssetCheckSeverity.WARN)


@dg.asset(
    group_name="ingestion",
    partitions_def=HOURS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    kinds={"deltalake"},
    check_specs=[hourly_check("user_signals", REJECTS, "Few input rows had to be rejected.")],
)
def user_signals(context: dg.AssetExecutionContext, monitoring: Monitoring) -> Results:
    """One row is one reaction of a user to one request; a re-run replaces its hours.

    A run takes up the hours after its last one too, for as long as reactions may come: the windows
    of its hours need them, whichever hours were run before.
    """
    first, last = hours_of(context)
    settings = monitoring.settings
    until = shift(last, max((source.late_hours for source in settings.sources.signals), default=0))
    reading = read_signals(settings, first, until)
    yield _store(context, monitoring, "user_signals", reading, until)
    yield from _report_rejects(context, monitoring, reading.reads)


@dg.asset(group_name="ingestion", kinds={"deltalake"})
def changes(monitoring: Monitoring) -> dg.MaterializeResult[Any]:
    """One row is one entry of the change ledger; a re-run reads the whole ledger again.

    Decisions about baselines are entries too; they are kept in the lake, not in a file.
    """
    settings, lake = monitoring.settings, monitoring.lake
    entries, rejected = read_changes(settings.sources.changes, settings.redaction)
    entries += [ledger_entry(decision) for decision in lake.rows("rebaselines")]
    version = lake.replace_all("changes", entries)
    problems = {f"{row.file}:{row.line}": row.reason for row in rejected}
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": len(entries),
            "delta_version": version,
            "rejected": len(rejected),
            **problems,
        }
    )


@dg.asset(
    group_name="judging",
    partitions_def=HOURS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    deps=[raw_requests],
    kinds={"deltalake"},
)
def sampled_requests(
    context: dg.AssetExecutionContext, monitoring: Monitoring
) -> dg.MaterializeResult[Any]:
    """One row is one request the judge will see; a hash of its id decides, so a re-run agrees."""
    first, last = hours_of(context)
    settings, lake = monitoring.settings, monitoring.lake
    requests = lake.run(
        "select hour, request_id, feature_id, model_id from raw_requests"
        " where hour between $first and $last order by hour, request_id",
        hours=(first, last),
        first=first,
        last=last,
    )
    candidates = requests.to_pandas().itertuples(index=False)
    rows = sample(candidates, settings.sample_rate, settings.sampling.salt)
    version = lake.replace_hours("sampled_requests", rows, first, last)
    return dg.MaterializeResult(
        metadata={
            "dagster/partition_row_count": len(rows),
            "requests": requests.num_rows,
            "delta_version": version,
        }
    )


def _store(
    context: dg.AssetExecutionContext,
    monitoring: Monitoring,
    table: str,
    reading: Reading[Any],
    until: int,
) -> dg.MaterializeResult[Any]:
    """Store rows up to `until`; what is counted is the run's own hours."""
    first, last = hours_of(context)
    lake, only = monitoring.lake, {"table": [table]}
    reading = without_forgotten(lake, monitoring.settings, reading)
    version = lake.replace_hours(table, reading.rows, first, until)
    rejected = [row for row in reading.rejected if row.hour <= last]
    reads = [read for read in reading.reads if read.hour <= last]
    lake.replace_hours("rejected_rows", rejected, first, last, only)
    lake.replace_hours("source_reads", reads, first, last, only)
    return dg.MaterializeResult(
        metadata={
            "dagster/partition_row_count": sum(read.loaded for read in reads),
            "delta_version": version,
            "rejected": len(rejected),
            "duplicates": sum(read.duplicates for read in reads),
            "unpriced": sum(read.unpriced for read in reads),
            "skipped": sum(read.skipped for read in reads),
            "forgotten": sum(read.forgotten or 0 for read in reads),
            "columns": ", ".join(TABLES[table].schema.names),
        }
    )


def _report_rejects(
    context: dg.AssetExecutionContext, monitoring: Monitoring, reads: list[SourceRead]
) -> Iterator[dg.AssetCheckResult]:
    limit = monitoring.settings.control.maximum_reject_ratio
    rejected, loaded = _by_partition(reads, "rejected"), _by_partition(reads, "loaded")

    def finding(partition: str) -> Finding:
        bad, good = rejected.get(partition, 0), loaded.get(partition, 0)
        ratio = bad / (bad + good) if bad else 0.0
        text = f"{bad} of {bad + good} rows rejected (limit {limit:.1%})"
        return Finding(ratio <= limit, text, {"rejected": bad, "loaded": good})

    return report(context, REJECTS, finding)


def _unpriced_finding(reads: list[SourceRead]) -> Any:
    unpriced = _by_partition(reads, "unpriced")

    def finding(partition: str) -> Finding:
        count = unpriced.get(partition, 0)
        return Finding(count == 0, f"{count} requests of unknown price", {"unpriced": count})

    return finding


def _by_partition(reads: list[SourceRead], count: str) -> dict[str, int]:
    counts: dict[str, int] = {}
    for read in reads:
        partition = hour_partition(read.hour)
        counts[partition] = counts.get(partition, 0) + getattr(read, count)
    return counts

"""Ingestion: requests, user signals, the change ledger, and the sample the judge will see."""

from collections.abc import Callable, Iterator
from typing import Any

import dagster as dg

from llm_monitoring.defs.checks.check_reports import Finding, hourly_check, report
from llm_monitoring.defs.partitions import HOURS, hour_partition, hours_of
from llm_monitoring.defs.resources import Monitoring
from llm_monitoring.pipeline.judging.sample import draw_sample
from llm_monitoring.pipeline.requests.changes import read_ledger
from llm_monitoring.pipeline.requests.ingest import Ingested, ingest_requests, ingest_signals
from llm_monitoring.pipeline.requests.rejects import rejected_hours
from llm_monitoring.records import SourceRead

REJECTS = "rejects_within_limit"
PRICES = "costs_known"
KEPT = "no_rows_dropped"
Results = Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]


@dg.asset(
    group_name="ingestion",
    partitions_def=HOURS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    # Of two runs at once, one could overwrite rows that the other just read from a file now gone.
    pool="raw_requests",
    kinds={"deltalake"},
    check_specs=[
        hourly_check(
            "raw_requests",
            REJECTS,
            "Few input rows had to be rejected. Red: more than chance explains; the table "
            "rejected_rows has each with its reason.",
        ),
        hourly_check(
            "raw_requests",
            KEPT,
            "No file that was read again had fewer rows. Red: rows that were stored are gone "
            "from a log file.",
        ),
        hourly_check(
            "raw_requests", PRICES, "Every request has a cost. Red: the named models have no price."
        ),
    ],
)
def raw_requests(context: dg.AssetExecutionContext, monitoring: Monitoring) -> Results:
    """One row is one request to a model. Trusts the log files that are there.

    A re-run replaces what they said of its hours; rows of files that are gone stay.
    """
    ingested = ingest_requests(
        monitoring.lake, monitoring.settings, *hours_of(context), monitoring.now()
    )
    yield _result(ingested)
    yield from report_rows(context, monitoring, ingested.reads)
    yield from report_prices(context, ingested.reads)


@dg.asset(
    group_name="ingestion",
    partitions_def=HOURS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    pool="user_signals",
    kinds={"deltalake"},
    check_specs=[
        hourly_check(
            "user_signals",
            REJECTS,
            "Few input rows had to be rejected. Red: more than chance explains; the table "
            "rejected_rows has each with its reason.",
        ),
        hourly_check(
            "user_signals",
            KEPT,
            "No file that was read again had fewer rows. Red: rows that were stored are gone "
            "from a log file.",
        ),
    ],
)
def user_signals(context: dg.AssetExecutionContext, monitoring: Monitoring) -> Results:
    """One row is one reaction of a user to one request.

    A re-run replaces what the files that are there say of its hours; rows of files that are gone
    stay. Rows of earlier hours that came late are taken up too.
    """
    ingested = ingest_signals(
        monitoring.lake, monitoring.settings, *hours_of(context), monitoring.now()
    )
    yield _result(ingested)
    yield from report_rows(context, monitoring, ingested.reads)


@dg.asset(group_name="ingestion", kinds={"deltalake"})
def changes(monitoring: Monitoring) -> dg.MaterializeResult[Any]:
    """One row is one entry of the change ledger; a re-run reads the whole ledger again.

    Decisions about baselines are entries too; they are kept in the lake, not in a file. While a
    file is missing, what was read of it stays.
    """
    ledger = read_ledger(monitoring.lake, monitoring.settings)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": ledger.entries,
            "delta_version": ledger.version,
            "rejected": len(ledger.rejected),
            **({"missing_files": ledger.missing} if ledger.missing else {}),
            **ledger.rejected,
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
    drawn = draw_sample(monitoring.lake, monitoring.settings, *hours_of(context))
    return dg.MaterializeResult(
        metadata={
            "dagster/partition_row_count": drawn.sampled,
            "requests": drawn.requests,
            "delta_version": drawn.version,
        }
    )


def _result(ingested: Ingested) -> dg.MaterializeResult[Any]:
    counts = (
        "rejected", "duplicates", "unpriced", "skipped", "dropped", "forgotten", "attributes_cut",
    )  # fmt: skip
    return dg.MaterializeResult(
        metadata={
            "dagster/partition_row_count": ingested.count("loaded"),
            "delta_version": ingested.version,
            **{name: ingested.count(name) for name in counts},
        }
    )


def report_rows(
    context: dg.AssetExecutionContext, monitoring: Monitoring, reads: list[SourceRead]
) -> Iterator[dg.AssetCheckResult]:
    """Results about rows that were rejected, and about rows that were dropped."""
    limit = monitoring.settings.control.maximum_reject_ratio
    rejects = rejected_hours(monitoring.lake, monitoring.settings, reads)
    beyond = {hour_partition(found.hour): found for found in rejects}
    rejected, loaded = _by_partition(reads, "rejected"), _by_partition(reads, "loaded")
    dropped = _by_partition(reads, "dropped")

    def few_rejected(partition: str) -> Finding:
        bad, good = rejected.get(partition, 0), loaded.get(partition, 0)
        found = beyond.get(partition)
        of = f"; {found.value:.1%} of {found.place}, more than chance" if found else ""
        text = f"{bad} of {bad + good} rows rejected (limit {limit:.1%}){of}"
        return Finding(found is None, text, {"rejected": bad, "loaded": good})

    def none_dropped(partition: str) -> Finding:
        gone, now = dropped.get(partition, 0), loaded.get(partition, 0)
        text = f"{gone} rows dropped: a file was read again and had fewer; {now} are left"
        return Finding(gone == 0, text if gone else "no row dropped", {"dropped": gone})

    yield from report(context, REJECTS, few_rejected)
    yield from report(context, KEPT, none_dropped)


def report_prices(
    context: dg.AssetExecutionContext, reads: list[SourceRead]
) -> Iterator[dg.AssetCheckResult]:
    """Results about requests of unknown cost."""
    yield from report(context, PRICES, _unpriced_finding(reads), dg.AssetCheckSeverity.WARN)


def _unpriced_finding(reads: list[SourceRead]) -> Callable[[str], Finding]:
    unpriced = _by_partition(reads, "unpriced")

    def finding(partition: str) -> Finding:
        count = unpriced.get(partition, 0)
        return Finding(count == 0, f"{count} requests of unknown price", {"unpriced": count})

    return finding


def _by_partition(reads: list[SourceRead], count: str) -> dict[str, int]:
    counts: dict[str, int] = {}
    for read in reads:
        partition = hour_partition(read.hour)
        counts[partition] = counts.get(partition, 0) + (getattr(read, count) or 0)
    return counts

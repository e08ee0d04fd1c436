"""The hourly assets through a real instance: what a re-run, a range and the order leave behind."""

import gzip
from typing import Any

import dagster as dg
import pytest

from llm_monitoring.defs.assets.requests import KEPT
from llm_monitoring.hours import hour_range, shift
from llm_monitoring.lake import TABLES
from llm_monitoring.segments import EVERYTHING
from llm_monitoring_tests.product import Product, partition
from llm_monitoring_tests.simulated import HOURS, OUTAGE, START

NOON = 12
HOURLY = (
    "raw_requests",
    "user_signals",
    "source_reads",
    "rejected_rows",
    "sampled_requests",
    "judgements",
    "input_features",
    "window_metrics",
    "control_charts",
)


def test_one_hour_fills_every_hourly_table_with_that_hour_alone(fresh: Product) -> None:
    assert fresh.run_hour(NOON).success
    for name in HOURLY:
        hours = {row["hour"] for row in fresh.table(name)}
        # No row of this hour was rejected, and reactions to it came in the next one.
        assert hours <= {shift(START, NOON), shift(START, NOON + 1)}, name
        assert (shift(START, NOON) in hours) == (name != "rejected_rows"), name
        assert (shift(START, NOON + 1) in hours) == (name == "user_signals"), name


def test_a_range_in_one_run_fills_every_hour_of_it(monitored: Product) -> None:
    wanted = set(hour_range(START, shift(START, HOURS - 1)))
    for name in ("raw_requests", "source_reads", "window_metrics", "control_charts"):
        assert {row["hour"] for row in monitored.table(name)} == wanted, name


def test_each_hour_of_a_range_run_is_materialized_in_dagster(monitored: Product) -> None:
    wanted = {partition(hour) for hour in range(HOURS)}
    for name in ("raw_requests", "judgements", "control_charts"):
        assert monitored.instance.get_materialized_partitions(dg.AssetKey(name)) == wanted, name


@pytest.mark.slow
def test_a_rerun_replaces_its_hour_and_changes_nothing(product: Product) -> None:
    before = {name: product.table(name) for name in HOURLY}
    versions = {name: product.monitoring.lake.version(name) for name in HOURLY}
    assert product.run_hour(OUTAGE).success
    for name in HOURLY:
        assert product.table(name) == before[name], name
    written = {name for name in HOURLY if product.monitoring.lake.version(name) != versions[name]}
    # Nothing to judge and to describe, so nothing was written.
    assert written == set(HOURLY) - {"judgements", "input_features"}


@pytest.mark.slow
def test_a_rerun_of_a_range_changes_nothing(product: Product) -> None:
    before = {name: product.table(name) for name in HOURLY}
    assert product.run_hours(OUTAGE - 6, OUTAGE + 2).success
    assert {name: product.table(name) for name in HOURLY} == before


@pytest.mark.slow
def test_any_order_of_runs_gives_the_same_windows_and_charts(
    monitored: Product, fresh: Product
) -> None:
    """Windows need the reactions that come after them; charts past Phase I: see test_chart."""
    for first, last in ((12, 18), (0, 6), (19, 19), (7, 11)):
        assert fresh.run_hours(first, last).success
    for name in ("window_metrics", "control_charts"):
        wanted = [row for row in monitored.table(name) if row["hour"] <= shift(START, 19)]
        assert fresh.table(name) == wanted, name


@pytest.mark.parametrize("name", ["raw_requests", "window_metrics", "control_charts"])
def test_no_key_stands_in_a_table_twice(monitored: Product, name: str) -> None:
    rows = monitored.table(name)
    keys = {tuple(row[column] for column in TABLES[name].key) for row in rows}
    assert len(keys) == len(rows) > 0


@pytest.mark.slow
def test_late_rows_are_taken_up_by_a_rerun_and_ripple_forward(product: Product) -> None:
    hour = shift(START, 40)
    file = product.folder / "logs" / "requests-2026-10-06-16.jsonl.gz"
    lines = gzip.decompress(file.read_bytes())
    file.write_bytes(gzip.compress(lines + lines.replace(b'"request_id": "', b'"request_id": "x')))
    before = _counts(product)
    later = {row["hour"]: row for row in _charts(product, hour)}
    product.run_hour(40)
    assert _counts(product)[hour] == 2 * before[hour] > 0
    assert {row["hour"]: row for row in _charts(product, hour)} != later


@pytest.mark.slow
def test_a_file_that_is_gone_leaves_the_rows_that_were_read_from_it(product: Product) -> None:
    before = {name: product.table(name) for name in HOURLY}
    for file in product.folder.glob("logs/*-2026-10-06-16.jsonl.gz"):
        file.unlink()
    product.run_hours(38, 42)
    for name in HOURLY:
        assert product.table(name) == before[name], name
    assert product.check_statuses("raw_requests", KEPT)[partition(40)] == "SUCCEEDED"


@pytest.mark.slow
def test_rows_go_where_a_file_was_read_again_with_fewer_and_a_check_says_so(
    product: Product,
) -> None:
    hour = shift(START, 40)
    product.run_hour(40)  # the copy's files have other names than those that were read
    before = _rows(product, hour)
    file = product.folder / "logs" / "requests-2026-10-06-16.jsonl.gz"
    lines = gzip.decompress(file.read_bytes()).splitlines(keepends=True)
    file.write_bytes(gzip.compress(b"".join(lines[:50])))
    product.run_hour(40)
    assert _rows(product, hour) == 50 < before
    assert product.check_statuses("raw_requests", KEPT)[partition(40)] == "FAILED"
    product.run_hour(40)  # it stays told: nobody may have looked in between
    assert product.check_statuses("raw_requests", KEPT)[partition(40)] == "FAILED"


def test_while_the_ledger_of_changes_is_missing_hours_are_run_and_its_entries_stay(
    product: Product,
) -> None:
    product.run("ledger")
    before = product.table("changes")
    (product.folder / "logs" / "changes.yaml").unlink()
    product.run("ledger")
    assert product.table("changes") == before != []


def test_an_hour_without_requests_is_a_window_with_n_0(monitored: Product) -> None:
    silent = [
        row
        for row in monitored.table("window_metrics")
        if row["hour"] == shift(START, OUTAGE + 1) and row["feature_id"] == "support_chat"
    ]
    assert {row["segment"] for row in silent} == {EVERYTHING}
    by_metric = {row["metric"]: row for row in silent}
    assert by_metric["request_count"]["value"] == 0
    assert by_metric["error_rate"]["value"] is None
    assert by_metric["error_rate"]["n"] == 0


def _rows(product: Product, hour: int) -> int:
    return len(product.monitoring.lake.rows("raw_requests", hours=(hour, hour)))


def _charts(product: Product, hour: int) -> list[dict[str, Any]]:
    """Points of one chart after an hour."""
    return [
        row
        for row in product.table("control_charts")
        if row["hour"] > hour and row["chart_id"].endswith("request_count/sr_mixture")
    ]


def _counts(product: Product) -> dict[int, int]:
    counts: dict[int, int] = {}
    for row in product.table("window_metrics"):
        if row["metric"] == "request_count" and row["segment"] == EVERYTHING:
            counts[row["hour"]] = counts.get(row["hour"], 0) + int(row["value"])
    return counts


def test_a_failed_request_without_tokens_is_no_warning_about_prices(monitored: Product) -> None:
    costs = {row["cost_usd"] for row in monitored.table("raw_requests") if row["error"]}
    assert costs == {None}
    assert {row["unpriced"] for row in monitored.table("source_reads")} == {0}


def test_what_a_run_says_of_itself_is_stored_once_and_not_with_each_hour(product: Product) -> None:
    run = product.run_hours(57, 59)
    heavy = {
        event.partition: set(event.materialization.metadata) - {"delta_version"}
        for event in run.get_asset_materialization_events()
        if event.asset_key == dg.AssetKey("control_charts")
    }
    assert heavy.pop(partition(59)) >= {"charts", "hours_to_detect"}
    assert list(heavy.values()) == [set(), set()]

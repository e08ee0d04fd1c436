"""Check results by hour, as the user interface shows them, after single runs and after ranges."""

import gzip
from dataclasses import replace

import dagster as dg
import pytest

from llm_monitoring.alerts import find_low_coverage, unscored_counts
from llm_monitoring.defs.assets import windows
from llm_monitoring.defs.assets.judging import COVERAGE
from llm_monitoring.defs.assets.requests import KEPT, PRICES, REJECTS
from llm_monitoring.defs.checks.chart_checks import CHART_CHECKS
from llm_monitoring.hours import hours_between, shift
from llm_monitoring.metrics import BY_NAME
from llm_monitoring_tests.product import Product, partition
from llm_monitoring_tests.simulated import BLOAT, HOURS, OUTAGE, START

CHARTS = [check.name for check in CHART_CHECKS]
HOURLY_CHECKS = [
    ("raw_requests", REJECTS),
    ("raw_requests", KEPT),
    ("raw_requests", PRICES),
    ("user_signals", REJECTS),
    ("user_signals", KEPT),
    ("judgements", COVERAGE),
    *(("control_charts", name) for name in CHARTS),
]


@pytest.mark.parametrize(("asset", "check"), HOURLY_CHECKS)
def test_after_a_range_run_every_hour_has_a_result_and_none_is_left_in_progress(
    monitored: Product, asset: str, check: str
) -> None:
    statuses = monitored.check_statuses(asset, check)
    assert set(statuses) == {partition(hour) for hour in range(HOURS)}
    assert set(statuses.values()) <= {"SUCCEEDED", "FAILED"}


def test_the_hours_that_failed_are_failed_and_the_others_passed(monitored: Product) -> None:
    assert _failed(monitored, "requests_present") == [OUTAGE + 1, OUTAGE + 2]
    infrastructure = _failed(monitored, "infrastructure_in_control")
    assert OUTAGE in infrastructure
    assert min(infrastructure) == OUTAGE
    cost = _failed(monitored, "cost_in_control")
    assert BLOAT <= min(cost) <= BLOAT + 3
    assert cost == list(range(min(cost), HOURS))
    assert _failed(monitored, "inputs_in_control") == []


@pytest.mark.slow
def test_a_single_hour_and_a_range_report_the_same(product: Product, monitored: Product) -> None:
    for hour in (OUTAGE - 1, OUTAGE):
        assert product.run_hour(hour).success
    for asset, check in HOURLY_CHECKS:
        single, ranged = (p.check_statuses(asset, check) for p in (product, monitored))
        assert single == ranged, check


def test_a_single_hour_tells_what_is_wrong_and_shows_the_chart(product: Product) -> None:
    result = product.run_hour(OUTAGE)
    found = {e.check_name: e for e in result.get_asset_check_evaluations()}
    failed = found["infrastructure_in_control"]
    assert "error rate of support_chat" in (failed.description or "")
    pictures = [value for name, value in failed.metadata.items() if name.endswith(": chart")]
    assert pictures
    assert all(str(picture.value).startswith("![") for picture in pictures)
    (event,) = result.asset_materializations_for_node("control_charts")
    lines = [v.value for v in event.metadata.values() if isinstance(v, dg.MarkdownMetadataValue)]
    # Longer Markdown would be a link to a dialog instead of a picture.
    assert lines
    assert all(str(line).startswith("![") and len(str(line)) < 1000 for line in lines)


@pytest.mark.slow
def test_a_failed_hour_passes_once_its_data_are_mended(product: Product) -> None:
    file = product.folder / "logs" / "requests-2026-10-05-12.jsonl.gz"
    good = file.read_bytes()
    file.write_bytes(gzip.compress(gzip.decompress(good) + b'{"request_id": "broken"\n' * 40))
    product.run_hour(12)
    assert _failed(product, REJECTS, "raw_requests") == [12]
    file.write_bytes(good)
    product.run_hours(11, 13)
    assert _failed(product, REJECTS, "raw_requests") == []


def test_a_result_stands_for_one_materialisation_only(product: Product) -> None:
    """What keeps these tests honest: a result that names no materialisation is not shown."""
    event = dg.AssetMaterialization(dg.AssetKey("raw_requests"), partition=partition(3))
    product.instance.report_runless_asset_event(event)
    statuses = product.check_statuses("raw_requests", REJECTS)
    assert partition(3) not in statuses
    assert statuses[partition(4)] == "SUCCEEDED"


def test_too_few_scores_fail_the_hours_that_the_alerts_find(product: Product) -> None:
    rows = product.monitoring.lake.rows("window_metrics", metric="unscored_rate")

    def found(minimum: float) -> list[int]:
        findings = find_low_coverage(unscored_counts(rows), minimum)
        return sorted({hours_between(START, finding.hour) for finding in findings})

    assert _failed(product, COVERAGE, "judgements") == found(0.8)
    # One unscored answer is too many where none is allowed.
    poor = found(1.0)
    strict = {"control": {"minimum_judge_coverage_ratio": 1.0}}
    first, last = poor[0], poor[0] + 2
    product.with_settings("strict", strict).run_hours(first, last)
    expected = [hour for hour in poor if hour <= last]
    assert _failed(product, COVERAGE, "judgements") == expected


def _failed(product: Product, check: str, asset: str = "control_charts") -> list[int]:
    statuses = product.check_statuses(asset, check)
    return [hour for hour in range(HOURS) if statuses.get(partition(hour)) == "FAILED"]


def test_an_earlier_hour_whose_alarms_late_rows_changed_is_reported_again(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = OUTAGE - 20
    monkeypatch.setattr(windows, "recompute_late", lambda *_: [shift(START, late)])
    alarms = product.monitoring.lake.rows("control_charts", alarm=True, chart="sr_mixture")
    changed = replace(alarms[0], hour=shift(START, late))
    product.monitoring.lake.upsert("control_charts", [changed])
    assert product.run_hour(OUTAGE - 1).success
    layer = BY_NAME[changed.metric].layer
    assert late in _failed(product, f"{layer}_in_control")

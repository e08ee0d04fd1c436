"""What late signals touch: the windows of their requests and those charts, and nothing else."""

from pathlib import Path

import pytest

from llm_monitoring.lake.erasing import blank_words
from llm_monitoring.pipeline.windows.late import recompute_late
from llm_monitoring.pipeline.windows.measure import measure_hours
from llm_monitoring.records import WindowMetric
from llm_monitoring.settings import Settings
from llm_monitoring_tests.pipeline.small_product import SmallProduct, request, signal

LINE = {"metric": "explicit_positive_rate", "below": 0.6, "clears_after": 1, "significance": None}


@pytest.fixture
def product(tmp_path: Path) -> SmallProduct:
    """Six hours; users liked two answers of each within the hour."""
    product = SmallProduct(tmp_path)
    plain = product.settings.model_dump(mode="json", exclude_none=True)
    product.settings = Settings.model_validate({**plain, "control": {"thresholds": [LINE]}})
    for hour in range(6):
        product.write("requests", hour, [request(f"r{hour}{n}", hour) for n in range(4)])
        product.write("signals", hour, [signal(f"r{hour}{n}", hour) for n in range(2)])
    product.run(0, 4)
    return product


def dislike(product: SmallProduct) -> None:
    """In hour 5 users complain of two answers of hour 2."""
    late = [signal(f"r2{n}", 5) | {"signal_type": "thumbs_down"} for n in (2, 3)]
    product.write("signals", 5, [*late, signal("r50", 5)])


def windows(product: SmallProduct, hour: int) -> dict[str, WindowMetric]:
    rows = product.lake.rows("window_metrics", hours=product.hours(hour), segment="{}")
    return {row.metric: row for row in rows if row.feature_id == "search"}


def test_a_late_signal_counts_for_the_window_of_its_request(product: SmallProduct) -> None:
    before = {hour: windows(product, hour) for hour in range(5)}
    assert before[2]["explicit_positive_rate"].value == 1.0
    dislike(product)
    product.run(4, 5)
    after = {hour: windows(product, hour) for hour in range(5)}
    assert after[2]["explicit_positive_rate"].value == 0.5
    del before[2], after[2]
    assert after == before


def test_only_the_hours_that_changed_are_measured_again(product: SmallProduct) -> None:
    dislike(product)
    *stages, measure, _ = product.stages(5, 5)
    for stage in stages:
        stage()
    measured = measure()
    assert measured.again == [product.hours(2)[0]]  # type: ignore[attr-defined]
    again = measure_hours(
        product.lake, product.settings, product.embedder, "epoch-1", hours=product.hours(5)
    )
    assert again.again == []


def test_charts_of_windows_that_changed_are_replayed_anew_also_by_the_run_after_a_killed_one(
    product: SmallProduct,
) -> None:
    dislike(product)
    *stages, _ = product.stages(5, 5)
    for stage in stages:
        stage()
    # Killed here: the windows are measured, their charts are not replayed.
    first = product.hours(5)[0]
    assert recompute_late(product.lake, product.settings, first) == [product.hours(2)[0]]
    assert recompute_late(product.lake, product.settings, first) == []


def test_where_nothing_is_late_no_chart_is_replayed_again(product: SmallProduct) -> None:
    product.run(5, 5)
    version = product.lake.version("control_charts")
    assert recompute_late(product.lake, product.settings, product.hours(5)[0]) == []
    assert product.lake.version("control_charts") == version


def test_hours_whose_rows_and_logs_are_gone_keep_their_windows(product: SmallProduct) -> None:
    before = {hour: windows(product, hour) for hour in range(5)}
    for file in product.logs.iterdir():
        file.unlink()
    for table in ("raw_requests", "user_signals", "sampled_requests", "judgements"):
        product.lake.delete(table, f"hour <= {product.hours(3)[0]}")
    for hours in ((4, 5), (1, 4)):
        product.run(*hours)
        assert {hour: windows(product, hour) for hour in range(5)} == before


def test_queries_whose_texts_are_gone_stay_described(product: SmallProduct) -> None:
    before = {hour: windows(product, hour) for hour in range(5)}
    described = product.table("input_features")
    for file in product.logs.iterdir():
        file.unlink()
    blank_words(product.lake, "raw_requests", product.hours(4)[0])
    product.embedder.name = "another-1"
    product.run(0, 3)
    assert {hour: windows(product, hour) for hour in range(5)} == before
    assert product.table("input_features") == described

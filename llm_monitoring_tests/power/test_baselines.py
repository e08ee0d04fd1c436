import json
from dataclasses import asdict

from llm_monitoring.power import by_series, in_force, of_feature
from llm_monitoring.records import Baseline
from llm_monitoring_tests.power.examples import level


def baseline(
    chart_id: str, last_hour: int = 2026101823, windows: int = 336, **changed: object
) -> Baseline:
    return Baseline(
        chart_id=chart_id, baseline_id=f"{chart_id}-{last_hour}", status="established",
        first_hour=2026100500, last_hour=last_hour, windows=windows, diagnostics="{}",
        parameters=json.dumps(asdict(level()) | changed),
    )  # fmt: skip


STORED = [
    baseline("search/*/e1/quality_mean/sr_mixture"),
    baseline("search/*/e1/quality_mean/single_window", 2026101123, 168),
    baseline("search/*/e2/quality_mean/reference_ewma", 2026110823),
    baseline("search/model-a/e2/quality_mean/sr_mixture", 2026120100),
    baseline("search-two/*/e1/quality_mean/sr_mixture", 2026120100),
    baseline("search/*/-/request_count/missing", 2026120100),
    baseline("search/*/-/request_count/sr_mixture"),
]


def test_charts_of_a_series_learn_the_same_and_silence_says_nothing_of_it() -> None:
    grouped = by_series(STORED)
    assert len(grouped["search/*/e1/quality_mean"]) == 2
    assert len(grouped["search/*/-/request_count"]) == 1


def test_the_one_learned_last_is_in_force_whatever_the_epoch() -> None:
    found = in_force(of_feature(by_series(STORED), "search", "quality_mean"))
    assert found is not None
    assert found.chart_id == "search/*/e2/quality_mean/reference_ewma"
    assert in_force([]) is None


def test_what_another_version_has_learned_is_not_read() -> None:
    old = baseline("search/*/-/error_rate/sr_mixture", 2026110823, mad_scale=1.0)
    unknown = baseline("search/*/-/error_rate/sr_mixture", 2026110823, kind="quantiles")
    ours = baseline("search/*/-/error_rate/sr_mixture")
    assert in_force([old, unknown, ours]) == ours
    assert in_force([old, unknown]) is None

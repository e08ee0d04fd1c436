import pytest

from llm_monitoring.hours import hour_range, shift
from llm_monitoring.metrics import BY_NAME
from llm_monitoring.power import Rows, Sampling, rows_of, typical_rows
from llm_monitoring.records import WindowMetric
from llm_monitoring_tests.lake.examples import FIRST, window
from llm_monitoring_tests.power.examples import level, rate


def windows(*counts: int) -> list[WindowMetric]:
    hours = hour_range(FIRST, shift(FIRST, len(counts) - 1))
    return [window(hour, 0.01 if n else None, n=n) for hour, n in zip(hours, counts, strict=True)]


def test_rows_are_those_of_windows_that_are_charted() -> None:
    rows = rows_of(BY_NAME["error_rate"], windows(100, 0, 200, 0))
    assert rows == Rows(per_window=150, charted_share=0.5)
    assert rows.per_hour == 75
    # Of a percentile, windows of few rows say too little.
    assert rows_of(BY_NAME["latency_p95_ms"], windows(100, 10, 19, 20)).per_window == 60
    assert rows_of(BY_NAME["error_rate"], windows(0, 0)).per_hour == 0
    assert rows_of(BY_NAME["error_rate"], []).per_hour == 0


def test_a_baseline_remembers_the_rows_of_its_windows() -> None:
    assert typical_rows(level(typical_n=25)).per_window == 25
    independent = 200 / (1 + 199 * 0.01)
    remembered = typical_rows(rate(correlation=0.01, typical_n=independent))
    assert remembered.per_window == pytest.approx(200)


def test_the_judge_costs_by_the_answer() -> None:
    sampling = Sampling(requests_per_hour=100, sampled_per_hour=20, usd_per_judgement=0.01)
    assert sampling.rate == 0.2
    assert sampling.usd_per_day() == pytest.approx(4.8)
    assert sampling.usd_per_day(2) == pytest.approx(9.6)
    unpriced = Sampling(requests_per_hour=0, sampled_per_hour=20, usd_per_judgement=None)
    assert unpriced.usd_per_day() is None
    assert unpriced.rate == 1.0

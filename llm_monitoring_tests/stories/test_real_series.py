"""Real series: labelled anomalies of machines, and traffic of a served model's clients."""

import pytest

from benchmarks.detection import real
from benchmarks.detection.real_rows import clients, labelled_series
from benchmarks.detection.rows import Plan

reason = real.missing()
pytestmark = [pytest.mark.slow, pytest.mark.skipif(reason is not None, reason=reason or "")]
OURS = Plan(detectors=())


def test_labelled_windows_are_hit_beyond_chance_with_few_false_episodes() -> None:
    best = max(labelled_series(OURS), key=lambda row: row["net"])
    assert best["net"] >= 14
    assert best["false_per_thousand"] <= 2


def test_clients_left_alone_stay_quiet_and_dearer_answers_are_found_within_a_day() -> None:
    (row,) = clients(OURS)
    assert row["output_episodes_a_week"] <= 0.6
    assert row["input_episodes_a_week"] <= 0.6
    assert row["found"]["1.3"]["started"] >= 0.7
    assert row["found"]["1.5"]["started"] >= 0.9

"""What would go unnoticed longest, from baselines alone."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from llm_monitoring.lake import Lake
from llm_monitoring.pipeline.studies.power_table import typical_powers
from llm_monitoring.power import movement_text, verdict_text
from llm_monitoring.records import Baseline
from llm_monitoring_tests.backtesting.examples import settings
from llm_monitoring_tests.power.examples import level, rate


def stored(chart_id: str, learned: Any, status: str = "established") -> Baseline:
    return Baseline(
        chart_id=chart_id, baseline_id=chart_id, status=status, first_hour=2026100500,
        last_hour=2026101823, windows=learned.windows, parameters=json.dumps(asdict(learned)),
        diagnostics="{}",
    )  # fmt: skip


def test_the_main_metrics_of_each_feature_are_told_the_slowest_first(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"))
    lake.upsert(
        "baselines",
        [
            stored("search/*/e1/quality_mean/sr_mixture", level()),
            stored("search/*/e1/quality_mean/single_window", level()),
            stored("search/*/-/error_rate/sr_mixture", rate(0.005), "provisional"),
            stored("search/*/-/refusal_rate/sr_mixture", rate()),
            stored("other/*/-/error_rate/sr_mixture", rate()),
        ],
    )
    first, second = typical_powers(lake, settings(2))
    assert (first.metric.name, first.status) == ("error_rate", "provisional")
    assert second.metric.name == "quality_mean"
    assert movement_text(second) == "4.00 to 3.80"
    assert round(second.rows_per_hour) == 25
    assert first.hours is not None
    assert second.hours is not None
    assert first.hours > second.hours > 1
    assert verdict_text(second) == "in time"


def test_before_anything_is_learned_there_is_none(tmp_path: Path) -> None:
    assert typical_powers(Lake(str(tmp_path / "lake")), settings()) == []

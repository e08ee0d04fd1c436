import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import dagster as dg

from llm_monitoring.defs.power_table import SHOWN, hours_to_detect
from llm_monitoring.lake import Lake
from llm_monitoring.records import Baseline
from llm_monitoring_tests.backtesting.examples import settings
from llm_monitoring_tests.power.examples import level, rate
from llm_monitoring_tests.product import Product


def stored(chart_id: str, learned: Any, status: str = "established") -> Baseline:
    return Baseline(
        chart_id=chart_id, baseline_id=chart_id, status=status, first_hour=2026100500,
        last_hour=2026101823, windows=learned.windows, parameters=json.dumps(asdict(learned)),
        diagnostics="{}",
    )  # fmt: skip


def table(lake: Lake, features: int = 1) -> list[Any]:
    metadata = hours_to_detect(lake, settings(features))
    return [record.data for record in metadata["hours_to_detect"].records]


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
    first, second = table(lake, features=2)
    assert (first["metric"], first["baseline"]) == ("error_rate", "provisional")
    assert second["metric"] == "quality_mean"
    assert second["change"] == "4.00 to 3.80"
    assert second["rows_per_hour"] == 25
    assert first["hours"] > second["hours"] > 1
    assert second["within_a_day"] == "in time"


def test_before_anything_is_learned_there_is_no_table(tmp_path: Path) -> None:
    assert hours_to_detect(Lake(str(tmp_path / "lake")), settings()) == {}


def test_the_table_stays_small(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"))
    names = [f"feature-{i}" for i in range(SHOWN + 5)]
    lake.upsert("baselines", [stored(f"{n}/*/-/error_rate/sr_mixture", rate()) for n in names])
    many = settings().model_copy(
        update={"features": [type(settings().features[0])(feature_id=name) for name in names]}
    )
    assert len(hours_to_detect(lake, many)["hours_to_detect"].records) == SHOWN


def test_the_charts_show_it_beside_what_they_found(monitored: Product) -> None:
    event = monitored.instance.get_latest_materialization_event(dg.AssetKey("control_charts"))
    assert event is not None
    materialization = event.asset_materialization
    assert materialization is not None
    shown = materialization.metadata["hours_to_detect"]
    assert isinstance(shown, dg.TableMetadataValue)
    features = {record.data["feature"] for record in shown.records}
    assert features == {"support_chat", "product_search", "order_summary"}

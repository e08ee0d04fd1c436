from pathlib import Path

import dagster as dg

from llm_monitoring.defs.metadata import SHOWN, hours_to_detect
from llm_monitoring.lake import Lake
from llm_monitoring_tests.backtesting.examples import settings
from llm_monitoring_tests.pipeline.studies.test_power_table import stored
from llm_monitoring_tests.power.examples import rate
from llm_monitoring_tests.product import Product


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

"""Tables of the lake as frames."""

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
import yaml

from llm_monitoring.hours import shift
from llm_monitoring.lake import Lake
from llm_monitoring.notebook import open_table
from llm_monitoring_tests.lake.examples import FIRST, request, window


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "monitoring.yaml"
    settings = {
        "product": "Shop",
        "start": "2026-10-01T00:00Z",
        "features": [{"feature_id": "chat"}],
        "lake": {"uri": "lake"},
    }
    file.write_text(yaml.safe_dump(settings))
    lake = Lake(str(tmp_path / "lake"))
    rows = [window(shift(FIRST, i), 0.1 * i) for i in range(3)]
    lake.replace_hours("window_metrics", rows, FIRST, shift(FIRST, 2))
    lake.replace_hours("raw_requests", [request("a")], FIRST, FIRST)
    return file


def test_a_table_is_a_frame_indexed_by_the_start_of_its_hours(config: Path) -> None:
    frame = open_table("window_metrics", config, hours=(FIRST, shift(FIRST, 1)))
    assert list(frame["hour"]) == [FIRST, shift(FIRST, 1)]
    start = datetime.strptime(str(FIRST), "%Y%m%d%H").replace(tzinfo=UTC)
    assert frame.index[0] == start
    assert (frame.index.name, str(frame.index.tz)) == ("time", "UTC")
    assert len(open_table("window_metrics", str(config))) == 3


def test_times_and_unknown_values_survive(config: Path) -> None:
    (row,) = open_table("raw_requests", config).itertuples()
    assert row.timestamp == request("a").timestamp
    assert pd.isna(row.error)


def test_a_table_without_rows_or_hours_is_a_frame_too(config: Path) -> None:
    assert list(open_table("alerts", config).columns)[:2] == ["fingerprint", "layer"]
    assert open_table("judgements", config).empty


def test_a_slip_of_the_pen_is_answered_with_the_nearest_name(config: Path) -> None:
    with pytest.raises(ValueError, match="there is window_metrics"):
        open_table("window_metric", config)
    with pytest.raises(ValueError, match="alerts has no hours"):
        open_table("alerts", config, hours=(FIRST, FIRST))

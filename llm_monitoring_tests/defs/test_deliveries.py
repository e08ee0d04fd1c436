"""Messages whose channel or alert is gone: they are given up, and alerting goes on."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from llm_monitoring.alerts import undeliverable
from llm_monitoring.defs.assets.response import deliver_due, reconcile_alerts
from llm_monitoring.hours import hour_start
from llm_monitoring.lake import Lake
from llm_monitoring.records import Delivery
from llm_monitoring.settings import Settings
from llm_monitoring_tests.alerts.examples import chart_points
from llm_monitoring_tests.lake.examples import window

FIRST = 2026100500
NOW = hour_start(FIRST) + timedelta(hours=4)
SETTINGS = Settings.model_validate(
    {
        "product": "p",
        "start": "2026-10-05T00:00:00Z",
        "features": [{"feature_id": "product_search"}],
    }
)
DELIVERY = Delivery(
    delivery_id="d", fingerprint="a", kind="firing", channel="log", status="failed", attempts=9,
    error="down", updated_at=NOW - timedelta(days=10),
)  # fmt: skip


def monitored(folder: Path, pattern: str) -> Any:
    lake = Lake(str(folder))
    chart(lake, pattern)
    lake.replace_hours("window_metrics", [window(FIRST, 1.0)], FIRST, FIRST)
    return SimpleNamespace(lake=lake, settings=SETTINGS, now=lambda: NOW)


def chart(lake: Lake, pattern: str) -> None:
    points = chart_points(pattern, first=FIRST)
    lake.replace_hours("control_charts", points, FIRST, FIRST + len(pattern) - 1)


def test_a_message_to_a_channel_that_was_taken_out_is_dropped(tmp_path: Path) -> None:
    monitoring = monitored(tmp_path, "....")
    monitoring.lake.upsert("deliveries", [replace(DELIVERY, channel="pager")])
    assert undeliverable(deliver_due(monitoring)) == []
    (row,) = monitoring.lake.rows("deliveries")
    assert (row.status, row.error) == ("dropped", "channel pager is no longer configured")


def test_a_message_whose_alert_was_never_stored_is_dropped_and_told_if_it_comes_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monitoring = monitored(tmp_path, ".Saa")
    lake = monitoring.lake

    def killed(name: str, rows: Any) -> int:
        if name == "alerts":
            raise KeyboardInterrupt
        return Lake.upsert(lake, name, rows)

    with monkeypatch.context() as patched:
        patched.setattr(lake, "upsert", killed)
        with pytest.raises(KeyboardInterrupt):
            reconcile_alerts(monitoring)
    chart(lake, "....")  # late rows, and it was nothing
    reconcile_alerts(monitoring)
    assert [row.status for row in deliver_due(monitoring)] == ["dropped"]
    chart(lake, ".Saa")
    reconcile_alerts(monitoring)
    assert [row.status for row in deliver_due(monitoring)] == ["delivered"]

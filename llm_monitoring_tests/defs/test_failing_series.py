"""One series that cannot be charted: the others are, a check and an alert name it, until it can."""

from collections.abc import Sequence
from typing import Any

import pytest

from llm_monitoring.control import replay
from llm_monitoring.hours import shift
from llm_monitoring.pipeline.studies import pictures, power_table
from llm_monitoring.pipeline.windows import chart as charting
from llm_monitoring_tests.product import Product, partition
from llm_monitoring_tests.simulated import HOURS, OUTAGE, START

pytestmark = pytest.mark.slow

LAST = HOURS - 1
CHECK = "series_charted"
SERIES = ("support_chat", "error_rate")


def broken(series: Any, *rest: Any) -> Any:
    """A replay that fails for one series, as a fault of ours would make it."""
    chart, windows, *others = rest
    if (series.feature_id, series.metric) != SERIES:
        return replay(series, *rest)
    spoiled = [type(w)(**{f: getattr(w, f) for f in w.__slots__} | {"n": -1}) for w in windows]
    return replay(series, chart, spoiled, *others)


def failed_points(product: Product) -> list[dict[str, Any]]:
    return [row for row in product.table("control_charts") if row["status"] == "failed"]


def chart_alerts(product: Product) -> list[dict[str, Any]]:
    return [row for row in product.table("alerts") if row["metric"] == "chart_failed"]


def test_the_run_goes_on_and_check_and_alert_name_the_series_until_it_is_charted(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = product.table("control_charts")
    with monkeypatch.context() as patch:
        patch.setattr(charting, "replay", broken)
        result = product.run_hour(LAST)
    assert result.success
    failed = failed_points(product)
    assert {(row["feature_id"], row["metric"], row["hour"]) for row in failed} == {
        (*SERIES, shift(START, LAST))
    }
    assert all("n = -1" in row["failure"] for row in failed)
    assert _others(product.table("control_charts")) == _others(before)
    assert product.check_statuses("control_charts", CHECK)[partition(LAST)] == "FAILED"
    (found,) = (e for e in result.get_asset_check_evaluations() if e.check_name == CHECK)
    assert "error rate of support_chat" in (found.description or "")
    assert "n = -1" in (found.description or "")

    product.run("reconcile_alerts")
    product.run("reconcile_alerts")
    (alert,) = chart_alerts(product)
    assert (alert["status"], alert["severity"]) == ("firing", "ticket")
    assert "charts of support_chat cannot be computed" in alert["summary"]
    assert "error rate" in alert["summary"]

    assert product.run_hour(LAST).success
    assert failed_points(product) == []
    assert product.check_statuses("control_charts", CHECK)[partition(LAST)] == "SUCCEEDED"
    product.run("reconcile_alerts")
    assert [alert["status"] for alert in chart_alerts(product)] == ["resolved"]


def test_what_cannot_be_drawn_or_estimated_is_told_in_its_place(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: Any, **__: Any) -> Any:
        raise OverflowError("too far")

    monkeypatch.setattr(pictures, "_pictures", refuses)
    monkeypatch.setattr(pictures, "sparkline", refuses)
    monkeypatch.setattr(power_table, "power_of", refuses)
    result = product.run_hour(OUTAGE)
    assert result.success
    (event,) = result.asset_materializations_for_node("control_charts")
    texts = [str(value.value) for value in event.metadata.values()]
    assert "cannot be computed: OverflowError: too far" in texts
    assert "cannot be drawn: OverflowError: too far" in texts


def test_a_report_is_written_without_the_pictures_that_cannot_be_drawn(
    monitored: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: Any, **__: Any) -> Any:
        raise OverflowError("too far")

    monkeypatch.setattr(pictures, "_pictures", refuses)
    lake = monitored.monitoring.lake
    (point, *_) = lake.rows("control_charts", alarm=True)
    shown = pictures.chart_pictures(lake, monitored.monitoring.settings, point)
    assert (shown.light, shown.dark) == (b"", b"")
    assert shown.description == f"{point.chart_id} cannot be drawn: OverflowError: too far"


def _others(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    mine = [row for row in rows if (row["feature_id"], row["metric"]) != SERIES]
    return sorted(mine, key=lambda row: (row["chart_id"], row["hour"]))

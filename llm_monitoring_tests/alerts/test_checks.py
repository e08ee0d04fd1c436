"""What alarms fails a check, whatever metric and whatever chart it is."""

from dataclasses import replace
from typing import get_args

import pytest

from llm_monitoring import metrics
from llm_monitoring.alerts.checks import ALERT_CHECKS, CHART_CHECKS, CHECKS, checks_of
from llm_monitoring.metrics import BY_NAME, CHARTED, METRICS
from llm_monitoring.settings.notifying import LAYERS
from llm_monitoring.stats.charts import CHARTS, LINE, SILENCE
from llm_monitoring_tests.alerts.examples import chart_point

NOON = 2026102012
ABLE = [name for name, kind in CHARTS.items() if kind.can_alarm]


@pytest.mark.parametrize("chart", ABLE)
@pytest.mark.parametrize("metric", [metric.name for metric in METRICS])
def test_an_alarm_fails_exactly_one_check_of_the_charts(metric: str, chart: str) -> None:
    (check,) = checks_of(chart_point(NOON, alarm=True, metric=metric, chart=chart))
    own = {LINE: "thresholds_hold", SILENCE: "requests_present"}
    assert check == own.get(chart, f"{BY_NAME[metric].layer}_in_control")
    assert check in CHART_CHECKS
    assert f"control_charts.{check}" in {answer.check for answer in CHECKS}


def test_a_metric_of_any_layer_and_a_chart_nobody_knows_fail_one_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for layer in get_args(metrics.Layer):
        monkeypatch.setitem(BY_NAME, "new", replace(CHARTED[0], name="new", layer=layer))
        (check,) = checks_of(chart_point(NOON, alarm=True, metric="new", chart="new chart"))
        assert check in CHART_CHECKS


def test_a_window_in_control_fails_none_and_one_that_failed_says_so() -> None:
    assert checks_of(chart_point(NOON, alarm=False)) == []
    failed = chart_point(NOON, alarm=False, failure="ValueError: no")
    assert checks_of(failed) == ["series_charted"]
    assert checks_of(replace(failed, alarm=True)) == ["infrastructure_in_control", "series_charted"]


def test_every_layer_has_its_check_of_the_alerts() -> None:
    assert set(ALERT_CHECKS) == set(LAYERS)

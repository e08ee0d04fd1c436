from dataclasses import replace

from llm_monitoring.alerts import point_text
from llm_monitoring_tests.alerts.examples import chart_points


def test_one_window_of_a_chart_in_words() -> None:
    (point,) = chart_points("S")
    assert point_text(point, "ratio") == "error rate of product_search up from 0.5 % to 0.8 %"
    silent = replace(point, chart="missing", metric="request_count", value=None, level=0.0)
    assert point_text(silent, "requests") == "no requests of product_search"
    assert point_text(point, "ratio", accepted=True).endswith(
        "to 0.8 %, accepted as the new normal by the policy for volumes"
    )

import math

import pytest

from llm_monitoring.backtesting import parse_rule
from llm_monitoring.backtesting.rules import charts_for
from llm_monitoring.control import Series, chart_names, charts_of, series_run_length
from llm_monitoring.metrics import CHARTED
from llm_monitoring_tests.backtesting.examples import ERRORS, settings

LINE = {"metric": "error_rate", "above": 0.05, "minimum_n": 20}


def names(text: str, series: Series = ERRORS, **control: object) -> list[str]:
    charts = charts_for(parse_rule(text, settings(**control)), series)  # type: ignore[arg-type]
    return [chart.name + chart.variant for chart in charts]


def test_configured_is_what_monitoring_yaml_says() -> None:
    configured = settings(thresholds=[LINE])
    expected = [chart.name for chart in charts_of(ERRORS, configured)]
    assert expected == ["sr_mixture", "single_window", "static_threshold"]
    charts = charts_for(parse_rule("configured", configured), ERRORS)
    assert [chart.name for chart in charts] == expected


@pytest.mark.parametrize("name", chart_names())
def test_a_chart_by_its_name_comes_alone_but_for_the_pair_that_shares_a_budget(name: str) -> None:
    expected = ["sr_mixture", "single_window"] if name == "sr_mixture" else [name]
    assert names(name, thresholds=[LINE]) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("error_rate>0.05", ["static_threshold:above_0.05"]),
        (" error_rate > 5e-2 @ 20 ", ["static_threshold:above_0.05"]),
        ("error_rate<0.05", ["static_threshold:below_0.05"]),
        ("quality_mean<3.5", []),
    ],
)
def test_a_drawn_line_watches_its_metric_and_nothing_else(text: str, expected: list[str]) -> None:
    assert names(text, thresholds=[{**LINE, "above": 0.5}]) == expected


def test_a_line_counts_windows_of_so_many_rows() -> None:
    (line,) = parse_rule("error_rate>0.05@20", settings()).settings.control.thresholds
    assert (line.metric, line.above, line.below, line.minimum_n) == ("error_rate", 0.05, None, 20)
    # It stands for what others do: each window by itself.
    assert (line.for_windows, line.clears_after, line.significance) == (1, 1, None)
    (line,) = parse_rule("quality_mean<3.5", settings()).settings.control.thresholds
    assert (line.above, line.below, line.minimum_n) == (None, 3.5, 1)


def test_a_line_may_be_drawn_for_a_metric_that_is_not_charted() -> None:
    rule = parse_rule("latency_p99_ms>9000", settings())
    assert rule.metrics == {"latency_p99_ms"}
    assert parse_rule("sr_mixture", settings()).metrics == {metric.name for metric in CHARTED}


def test_a_budget_replaces_the_one_of_monitoring_yaml() -> None:
    configured = settings(false_alarms_per_week=1, false_tickets_per_week=10)
    rule = parse_rule("sr_mixture", configured, budget=4)
    assert rule.name == "sr_mixture, 4 a week"
    assert series_run_length(rule.settings) == series_run_length(configured) / 4
    assert rule.settings.control.false_tickets_per_week is None
    # What keeps no budget is the same at every one.
    assert parse_rule("reference_ewma", configured, budget=4).name == "reference_ewma"
    assert parse_rule("error_rate>0.05", configured, budget=4).name == "error_rate>0.05"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("cusum", "neither 'configured' nor a line .*, and there is no chart 'cusum'; there are"),
        ("sr_mixtur", "did you mean sr_mixture?"),
        ("outage", "the chart 'outage' is called 'single_window' now"),
        ("error_rate>=0.05", "not a number"),
        ("error_rate=0.05", "neither"),
        ("error_rate>", "neither"),
        ("error_rate>lots", "'lots' is not a number"),
        ("error_rate>inf", "'inf' is not a number"),
        ("error_rate>nan", "'nan' is not a number"),
        ("error_rate>0.05@0", "at least 1 row"),
        ("error_rate>0.05@many", "neither"),
        ("eror_rate>0.05", "no metric 'eror_rate'; did you mean error_rate"),
        ("zzz>1", "no metric 'zzz'; there are: "),
        ("", "neither"),
    ],
)
def test_a_mistaken_rule_is_told_with_what_is_possible(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_rule(text, settings())


@pytest.mark.parametrize("budget", [0, -1, math.inf, math.nan])
def test_a_budget_is_a_number_above_nothing(budget: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        parse_rule("sr_mixture", settings(), budget)

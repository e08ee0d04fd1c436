"""A chart is one entry of the catalogue: one that is added is followed to its points and alert."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from llm_monitoring.alerts import chart_episodes
from llm_monitoring.backtesting import parse_rule
from llm_monitoring.control import (
    Series,
    chart_mistake,
    chart_run_length,
    charts_of,
    replay,
    series_run_length,
)
from llm_monitoring.hours import shift
from llm_monitoring.metrics import BY_NAME
from llm_monitoring.records import WindowMetric
from llm_monitoring.settings import Settings
from llm_monitoring.stats.charts import CHARTS, Chart, ChartKind, single_window
from llm_monitoring_tests.backtesting.examples import settings
from llm_monitoring_tests.lake.examples import FIRST, window

ERRORS = Series("search", "{}", None, "error_rate")


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings that choose the new chart: a quarter of the budget is single_window's beside it."""

    def build(*asked: Any) -> Chart:
        return replace(single_window(*asked), name="mine")

    kind = ChartKind(build=build, share=0.75, beside="single_window", formerly=("mime",))
    monkeypatch.setitem(CHARTS, "mine", kind)
    return settings(chart="mine")


def rows() -> list[WindowMetric]:
    """400 quiet hours, then one in which half of the requests fail."""
    counts = [*np.random.default_rng(1).binomial(200, 0.02, 400), 100, 4, 4]
    return [window(shift(FIRST, i), count / 200, n=200) for i, count in enumerate(counts)]


@pytest.mark.usefixtures("chosen")
def test_it_can_be_chosen_by_its_name_and_an_older_one_says_the_new() -> None:
    assert chart_mistake("mine") is None
    assert chart_mistake("mime") == "the chart 'mime' is called 'mine' now"
    assert "did you mean mine" in (chart_mistake("mind") or "")


def test_it_watches_a_series_with_the_chart_beside_it(chosen: Settings) -> None:
    assert [chart.name for chart in charts_of(ERRORS, chosen)] == ["mine", "single_window"]
    assert parse_rule("mine", chosen, budget=2).charts == ("mine", "single_window")
    assert parse_rule("mine", chosen, budget=2).name == "mine, 2 a week"


def test_both_share_the_budget_as_its_entry_says(chosen: Settings) -> None:
    whole = series_run_length(chosen, "search")
    lengths = [chart_run_length(chosen, "search", name) for name in ("mine", "single_window")]
    assert lengths == pytest.approx([whole / 0.75, whole / 0.25])


def test_its_points_become_one_alert_with_those_of_the_chart_beside_it(chosen: Settings) -> None:
    charts = charts_of(ERRORS, chosen)
    points = [point for chart in charts for point in replay(ERRORS, chart, rows()).points]
    alarming = [point.chart_id for point in points if point.alarm]
    assert alarming == ["search/*/-/error_rate/mine", "search/*/-/error_rate/single_window"]
    (episode,) = chart_episodes(points, BY_NAME, newest_hour=points[-1].hour)
    assert episode.subject == "search/*/-/error_rate/mine"

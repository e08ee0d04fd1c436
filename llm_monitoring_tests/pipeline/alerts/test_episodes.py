"""Episodes as they are read off a real lake: what is one alert, and how grave it is."""

from collections import Counter
from dataclasses import replace

import pytest

from llm_monitoring.alerts import Episode
from llm_monitoring.control import chart_run_length
from llm_monitoring.hours import shift
from llm_monitoring.pipeline.alerts import episodes
from llm_monitoring.pipeline.alerts.episodes import accepted_shifts, read_episodes
from llm_monitoring.pipeline.alerts.false_alarms import false_alarm_digest
from llm_monitoring.pipeline.incidents.pages import work_incident
from llm_monitoring.pipeline.windows.chart import recompute
from llm_monitoring.segments import EVERYTHING
from llm_monitoring.settings import Settings
from llm_monitoring.stats.charts import CHARTS, shares_of
from llm_monitoring_tests.simulated import HOURS, OUTAGE, START, Simulated

NEWEST = shift(START, HOURS - 1)


def episodes_of(product: Simulated, settings: Settings | None = None) -> list[Episode]:
    return read_episodes(product.lake, settings or product.settings, NEWEST, 0, NEWEST)


def of_charts(product: Simulated, settings: Settings | None = None) -> dict[str, Episode]:
    """Of charts that take a budget: a line somebody drew is beside them."""
    found = (e for e in episodes_of(product, settings) if e.layer not in ("data", "provider"))
    return {e.subject: e for e in found if "/static_threshold:" not in e.subject}


def test_no_two_episodes_of_one_series_meet(watched: Simulated) -> None:
    """Both charts of a series alarm in the outage and with the dear prompt."""
    rows = watched.lake.rows("control_charts", alarm=True)
    alarming = {(row.chart_id.rpartition("/")[0], row.chart) for row in rows}
    twice = {
        series
        for series, chart in alarming
        if {(series, c) for c in shares_of("sr_mixture")} <= alarming
    }
    assert "support_chat/*/-/error_rate" in twice
    told = Counter(subject.rpartition("/")[0] for subject in of_charts(watched))
    assert {told[series] for series in twice} == {1}


def test_each_says_how_often_chance_brings_it(watched: Simulated) -> None:
    found = of_charts(watched).values()
    assert found
    assert all("by chance once in" in episode.summary for episode in found)


def test_one_silent_feature_is_told_by_its_name(watched: Simulated) -> None:
    (silence,) = (e for e in episodes_of(watched) if e.layer == "data")
    assert silence.subject == "data/missing_windows/support_chat"
    assert silence.first_hour == shift(START, OUTAGE + 1)


@pytest.mark.slow
def test_an_hour_without_any_file_is_one_gap_of_the_source(simulated: Simulated) -> None:
    for file in (simulated.folder / "logs").glob("requests-2026-10-07-1[01]*"):
        file.unlink()
    # Rows of a file that goes away stay: this one never came.
    for table in ("raw_requests", "window_metrics"):
        simulated.lake.delete(table, f"hour >= {shift(START, 58)}")
    simulated.run(58, 59)
    gaps = [e for e in episodes_of(simulated) if e.first_hour >= shift(START, 58)]
    assert [(e.subject, e.windows, e.open) for e in gaps if e.layer == "data"] == [
        ("data/source_gap/requests", 2, True)
    ]
    simulated.raise_alerts()
    (alert,) = simulated.lake.rows("alerts", metric="source_gap")
    assert alert.severity == "page"
    lake, settings = simulated.lake, simulated.settings
    incident, page = work_incident(lake, settings, simulated.now, alert.incident_id)
    assert incident.incident_id in page.name


@pytest.mark.slow
def test_a_larger_budget_of_tickets_opens_episodes_no_later(simulated: Simulated) -> None:
    before = {subject.rpartition("/")[0]: e for subject, e in of_charts(simulated).items()}
    control = simulated.settings.control.model_copy(update={"false_tickets_per_week": 10})
    tiered = simulated.settings.model_copy(update={"control": control})
    recompute(simulated.lake, tiered, START, NEWEST)
    found = {subject.rpartition("/")[0]: e for subject, e in of_charts(simulated, tiered).items()}
    assert set(before) <= set(found)
    assert all(found[series].first_hour <= before[series].first_hour for series in before)


def test_what_is_not_sure_enough_is_a_ticket(
    watched: Simulated, monkeypatch: pytest.MonkeyPatch
) -> None:
    def severities() -> dict[str, str]:
        whole = (e for e in of_charts(watched).values() if e.segment == EVERYTHING)
        return {e.metric: e.severity for e in whole}

    pages = {metric for metric, severity in severities().items() if severity == "page"}
    assert {"error_rate", "avg_input_tokens"} <= pages
    monkeypatch.setattr(episodes, "ticket_margin", lambda _: 10.0)
    # Only the outage is ten nats beyond its limit.
    after = severities()
    assert {metric for metric in pages if after[metric] == "page"} == {"error_rate"}
    assert {after[metric] for metric in pages - {"error_rate"}} == {"ticket"}


def test_a_volume_the_policy_accepted_is_told_so(simulated: Simulated) -> None:
    lake = simulated.lake
    episode = of_charts(simulated)["product_search/*/-/avg_input_tokens/sr_mixture"]
    hours = (episode.last_hour, episode.last_hour)
    (last,) = lake.rows("control_charts", hours=hours, chart_id=episode.subject)
    (baseline,) = lake.rows("baselines", baseline_id=last.baseline_id)
    accepted = replace(
        baseline, baseline_id="new", last_hour=last.hour, diagnostics='{"reason": "accepted_shift"}'
    )
    lake.upsert("baselines", [accepted])
    lake.replace_hours(
        "control_charts", [replace(last, baseline_id="new")], last.hour, last.hour,
        {"chart_id": [last.chart_id]},
    )  # fmt: skip
    assert accepted_shifts(lake) == {"new": last.hour}
    told = of_charts(simulated)[episode.subject].summary
    assert "accepted as the new normal by the policy" in told


def test_expected_false_alarms_count_charted_windows(watched: Simulated) -> None:
    lake, settings = watched.lake, watched.settings
    # Twelve hours of provisional charts: far less than one is expected.
    told = false_alarm_digest(lake, settings)
    assert told.startswith("in the last 4 weeks: 0.0 false alarms expected by the budget, 0 conf")
    assert not told.endswith(" 0 alarms not judged yet")
    generous = settings.model_copy(
        update={"control": settings.control.model_copy(update={"false_alarms_per_week": 168.0})}
    )
    points = lake.rows("control_charts", chart="sr_mixture")
    opinions = sum(point.statistic is not None for point in points)
    each = chart_run_length(generous, "support_chat", "sr_mixture")
    assert each is not None
    # Both charts of a series have an opinion wherever one has, and share its budget.
    expected = opinions / (each * CHARTS["sr_mixture"].share)
    assert f" {expected:.1f} false alarms" in false_alarm_digest(lake, generous)

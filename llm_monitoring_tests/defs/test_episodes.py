"""Episodes as they are read off a real lake: what is one alert, and how grave it is."""

from collections import Counter
from dataclasses import replace

import pytest

from llm_monitoring.alerts import Episode
from llm_monitoring.alerts.runs import TWINS
from llm_monitoring.control import OUTAGE_SHARE, chart_run_length
from llm_monitoring.defs import episodes
from llm_monitoring.defs.episodes import accepted_shifts, read_episodes
from llm_monitoring.defs.partitions import INCIDENTS
from llm_monitoring.hours import shift
from llm_monitoring.pipeline.false_alarms import false_alarm_digest
from llm_monitoring_tests.product import HOURS, OUTAGE, START, Product

NEWEST = shift(START, HOURS - 1)


def episodes_of(product: Product) -> list[Episode]:
    monitoring = product.monitoring
    return read_episodes(monitoring.lake, monitoring.settings, NEWEST, 0, NEWEST)


def of_charts(product: Product) -> dict[str, Episode]:
    """Of charts that take a budget: a static line is beside them."""
    found = (e for e in episodes_of(product) if e.layer not in ("data", "provider"))
    return {e.subject: e for e in found if "/static_threshold:" not in e.subject}


def test_no_two_episodes_of_one_series_meet(monitored: Product) -> None:
    """Both charts of a series alarm in the outage and with the dear prompt."""
    rows = monitored.monitoring.lake.rows("control_charts", "alarm")
    alarming = {(row.chart_id.rpartition("/")[0], row.chart) for row in rows}
    twice = {series for series, chart in alarming if {(series, c) for c in TWINS} <= alarming}
    assert "support_chat/*/-/error_rate" in twice
    told = Counter(subject.rpartition("/")[0] for subject in of_charts(monitored))
    assert {told[series] for series in twice} == {1}


def test_each_says_how_often_chance_brings_it(monitored: Product) -> None:
    found = of_charts(monitored).values()
    assert found
    assert all("by chance once in" in episode.summary for episode in found)


def test_one_silent_feature_is_told_by_its_name(monitored: Product) -> None:
    (silence,) = (e for e in episodes_of(monitored) if e.layer == "data")
    assert silence.subject == "data/missing_windows/support_chat"
    assert silence.first_hour == shift(START, OUTAGE + 1)


@pytest.mark.slow
def test_an_hour_without_any_file_is_one_gap_of_the_source(product: Product) -> None:
    for file in (product.folder / "logs").glob("requests-2026-10-07-1[01]*"):
        file.unlink()
    # Rows of a file that goes away stay: this one never came.
    for table in ("raw_requests", "window_metrics"):
        product.monitoring.lake.delete(table, f"hour >= {shift(START, 58)}")
    product.run_hours(58, 59)
    gaps = [e for e in episodes_of(product) if e.first_hour >= shift(START, 58)]
    assert [(e.subject, e.windows, e.open) for e in gaps if e.layer == "data"] == [
        ("data/source_gap/requests", 2, True)
    ]
    product.run("reconcile_alerts")
    alerts = [row for row in product.table("alerts") if row["metric"] == "source_gap"]
    assert [row["severity"] for row in alerts] == ["page"]
    incident = alerts[0]["incident_id"]
    assert incident is not None
    product.instance.add_dynamic_partitions(INCIDENTS.name or "", [incident])
    assert product.run("investigate_incident", partition_key=incident).success


@pytest.mark.slow
def test_a_larger_budget_of_tickets_opens_episodes_no_later(product: Product) -> None:
    before = {subject.rpartition("/")[0]: e for subject, e in of_charts(product).items()}
    tiered = product.with_settings("tiered", {"control": {"false_tickets_per_week": 10}})
    tiered.run_hours(0, HOURS - 1)
    found = {subject.rpartition("/")[0]: e for subject, e in of_charts(tiered).items()}
    assert set(before) <= set(found)
    assert all(found[series].first_hour <= before[series].first_hour for series in before)


def test_what_is_not_sure_enough_is_a_ticket(
    monitored: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    def severities() -> dict[str, str]:
        return {e.metric: e.severity for e in of_charts(monitored).values() if e.model_id is None}

    pages = {metric for metric, severity in severities().items() if severity == "page"}
    assert {"error_rate", "avg_input_tokens"} <= pages
    monkeypatch.setattr(episodes, "ticket_margin", lambda _: 10.0)
    # Only the outage is ten nats beyond its limit.
    after = severities()
    assert {metric for metric in pages if after[metric] == "page"} == {"error_rate"}
    assert {after[metric] for metric in pages - {"error_rate"}} == {"ticket"}


def test_a_volume_the_policy_accepted_is_told_so(product: Product) -> None:
    lake = product.monitoring.lake
    episode = of_charts(product)["product_search/*/-/avg_input_tokens/sr_mixture"]
    (last,) = lake.rows(
        "control_charts", "chart_id = $id", hours=(episode.last_hour, episode.last_hour),
        id=episode.subject,
    )  # fmt: skip
    (baseline,) = lake.rows("baselines", "baseline_id = $id", id=last.baseline_id)
    accepted = replace(
        baseline, baseline_id="new", last_hour=last.hour, diagnostics='{"reason": "accepted_shift"}'
    )
    lake.upsert("baselines", [accepted])
    lake.replace_hours(
        "control_charts", [replace(last, baseline_id="new")], last.hour, last.hour,
        {"chart_id": [last.chart_id]},
    )  # fmt: skip
    assert accepted_shifts(lake) == {"new": last.hour}
    told = of_charts(product)[episode.subject].summary
    assert "accepted as the new normal by the policy" in told


def test_expected_false_alarms_count_charted_windows(monitored: Product) -> None:
    lake, settings = monitored.monitoring.lake, monitored.monitoring.settings
    # Twelve hours of provisional charts: far less than one is expected.
    told = false_alarm_digest(lake, settings, NEWEST)
    assert told.startswith("in the last 4 weeks: 0.0 false alarms expected by the budget, 0 conf")
    assert not told.endswith(" 0 alarms not judged yet")
    generous = settings.model_copy(
        update={"control": settings.control.model_copy(update={"false_alarms_per_week": 168.0})}
    )
    opinions = len(lake.rows("control_charts", "statistic is not null and chart = 'sr_mixture'"))
    each = chart_run_length(generous, "support_chat", "sr_mixture")
    assert each is not None
    # Both charts of a series have an opinion wherever one has, and share its budget.
    expected = opinions / (each * (1 - OUTAGE_SHARE))
    assert f" {expected:.1f} false alarms" in false_alarm_digest(lake, generous, NEWEST)

"""Every check there is, failed on purpose: the alert that follows, or the reason why none does."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

from llm_monitoring.adapters.channels import Message
from llm_monitoring.alerts import Episode
from llm_monitoring.alerts.checks import CHECKS, checks_table
from llm_monitoring.definitions import defs
from llm_monitoring.defs.assets.judging import report_coverage
from llm_monitoring.defs.assets.provider import report_drift
from llm_monitoring.defs.assets.requests import report_prices, report_rows
from llm_monitoring.defs.assets.windows import report_watched
from llm_monitoring.defs.checks import cost_check
from llm_monitoring.defs.checks.chart_checks import report_charts
from llm_monitoring.defs.partitions import hour_partition
from llm_monitoring.hours import HOUR, hour_start, week_key
from llm_monitoring.lake import Lake
from llm_monitoring.metrics import BY_NAME, CHARTED, OTHER_FEATURES
from llm_monitoring.pipeline.alerts.episodes import read_episodes
from llm_monitoring.pipeline.alerts.notify import notify
from llm_monitoring.pipeline.alerts.reconcile import reconcile_alerts
from llm_monitoring.pipeline.incidents.assign import assign_incidents
from llm_monitoring.records import ProviderDrift, SourceRead
from llm_monitoring.segments import segment_of_model
from llm_monitoring.settings import Settings
from llm_monitoring_tests.alerts.examples import chart_point
from llm_monitoring_tests.conftest import REPOSITORY
from llm_monitoring_tests.lake.examples import judgement, window

NOON = 2026102012
NOW = hour_start(NOON) + HOUR
SETTINGS = Settings.model_validate(
    {
        "product": "p",
        "start": "2026-10-01T00:00:00Z",
        "features": [{"feature_id": "search", "budget_usd_per_day": 0.05}],
        "channels": [{"name": "log", "kind": "log", "minimum_severity": "info"}],
    }
)
GRAPH = defs.resolve_asset_graph()
# That no message gets through: its story is told where messages are sent (test_sensors.py).
ELSEWHERE = {"alerts.deliveries_succeed"}


@dataclass(frozen=True)
class Failed:
    """What has to stand in the lake for a check to fail, and the alert that follows."""

    fill: Callable[[Lake], object]
    report: Callable[[Any], Iterable[dg.AssetCheckResult]]
    subject: str


def context(asset: str) -> Any:
    """As much of a run over noon as reporting a check needs."""
    events = SimpleNamespace(get_latest_storage_id_by_partition=lambda *_: {})
    return SimpleNamespace(
        asset_key=dg.AssetKey(asset),
        partition_keys=[hour_partition(NOON)],
        partition_time_window=SimpleNamespace(start=hour_start(NOON), end=NOW),
        instance=SimpleNamespace(event_log_storage=events),
    )


def test_every_check_is_in_the_catalogue_once() -> None:
    names = [answer.check for answer in CHECKS]
    there_are = [f"{key.asset_key.to_user_string()}.{key.name}" for key in GRAPH.asset_check_keys]
    assert sorted(names) == sorted(there_are)


def test_every_check_says_what_red_means() -> None:
    for key in GRAPH.asset_check_keys:
        assert "Red: " in (GRAPH.get_check_spec(key).description or ""), key


def test_a_check_without_an_alert_says_why() -> None:
    for answer in CHECKS:
        assert answer.subjects or len(answer.note) > 40, answer.check


def test_the_documentation_shows_the_catalogue() -> None:
    assert checks_table() in (REPOSITORY / "docs" / "alerts.md").read_text()


def test_every_check_that_makes_an_alert_is_failed_here_or_where_messages_are_sent() -> None:
    assert {a.check for a in CHECKS if a.subjects} == {check for check, _ in STORIES} | ELSEWHERE


def read(table: str, **counts: Any) -> SourceRead:
    plain = SourceRead(
        hour=NOON, table=table, source="app", loaded=60, rejected=0, duplicates=0, unpriced=0,
        skipped=0,
    )  # fmt: skip
    return replace(plain, **counts)


def reads(*rows: SourceRead) -> Callable[[Lake], object]:
    return lambda lake: lake.replace_hours("source_reads", rows, NOON, NOON)


def unpriced(lake: Lake) -> None:
    reads(read("raw_requests", unpriced=20))(lake)
    costs(lake, None, "mystery")


def costs(lake: Lake, usd: float | None, model_id: str | None = None) -> None:
    """An hour of 20 requests that cost so much; None: nobody knows."""
    values = {"total_cost_usd": usd, "request_count": 20.0, "avg_input_tokens": 9.0}
    rows = [
        window(
            NOON,
            value,
            metric=metric,
            n=0 if value is None else 20,
            segment=segment_of_model(model),
        )
        for metric, value in values.items()
        for model in {None, model_id}
    ]
    lake.replace_hours("window_metrics", rows, NOON, NOON)


def unscored(lake: Lake) -> None:
    rows = [judgement(f"r{i}", None, NOON) for i in range(20)]
    lake.replace_hours("judgements", rows, NOON, NOON)
    rate = window(NOON, 1.0, metric="unscored_rate", n=20, epoch="e1")
    lake.replace_hours("window_metrics", [rate], NOON, NOON)


def chart(**changes: Any) -> Callable[[Lake], object]:
    """A chart of search that is out of control at noon."""
    metric, name = changes.get("metric", "error_rate"), changes.get("chart", "sr_mixture")
    point = chart_point(
        NOON, alarm=True, alarm_started=True, feature_id="search",
        chart_id=f"search/*/-/{metric}/{name}", **changes,
    )  # fmt: skip
    return lambda lake: lake.replace_hours("control_charts", [point], NOON, NOON)


def drift(verdict: str) -> Callable[[Lake], object]:
    row = ProviderDrift(
        week=week_key(hour_start(NOON)), requested_model="gpt-x", test="pass_rate",
        reference_week=20260928, probes=25, statistic=None, p_value=None, p_adjusted=None,
        power=None, verdict=verdict, detail="d",
    )  # fmt: skip
    return lambda lake: lake.upsert("provider_drift", [row])


def of_reads(table: str) -> Callable[[Any], Iterable[dg.AssetCheckResult]]:
    def results(monitoring: Any) -> Iterable[dg.AssetCheckResult]:
        rows = monitoring.lake.rows("source_reads")
        yield from report_rows(context(table), monitoring, rows)
        if table == "raw_requests":
            yield from report_prices(context(table), rows)

    return results


def of_judgements(monitoring: Any) -> Iterable[dg.AssetCheckResult]:
    return report_coverage(context("judgements"), monitoring, monitoring.lake.rows("judgements"))


def of_charts(monitoring: Any) -> Iterable[dg.AssetCheckResult]:
    return report_charts(context("control_charts"), monitoring)


def of_windows(monitoring: Any) -> Iterable[dg.AssetCheckResult]:
    results = report_watched(context("window_metrics"), monitoring)
    return (found for found in results if isinstance(found, dg.AssetCheckResult))


def crowd(lake: Lake) -> None:
    other = window(NOON, 90.0, metric="request_count", n=90, feature_id=OTHER_FEATURES)
    lake.replace_hours("window_metrics", [other], NOON, NOON)


def of_costs(monitoring: Any) -> Iterable[dg.AssetCheckResult]:
    check = cost_check.spend_within_budget.op.compute_fn.decorated_fn  # type: ignore[union-attr]
    return [check(monitoring)._replace(check_name="spend_within_budget")]


def of_drift(monitoring: Any) -> Iterable[dg.AssetCheckResult]:
    return report_drift(monitoring.lake.rows("provider_drift"))


def _rows(table: str) -> dict[tuple[str, str], Failed]:
    rejected, dropped = read(table, rejected=60), read(table, dropped=30, dropped_at=NOW)
    checked = of_reads(table)
    return {
        (f"{table}.rejects_within_limit", "rejected"): Failed(
            reads(rejected), checked, f"data/reject_ratio/app/{table}"
        ),
        (f"{table}.no_rows_dropped", "dropped"): Failed(
            reads(dropped), checked, f"data/rows_dropped/app/{table}"
        ),
    }


# (check, what is wrong) -> how it is failed
STORIES: dict[tuple[str, str], Failed] = {
    **_rows("raw_requests"),
    **_rows("user_signals"),
    ("raw_requests.costs_known", "price"): Failed(
        unpriced, of_reads("raw_requests"), "data/unpriced/mystery"
    ),
    ("judgements.judge_coverage_sufficient", "unscored"): Failed(
        unscored, of_judgements, "data/judge_coverage/search"
    ),
    ("window_metrics.features_watched", "crowd"): Failed(
        crowd, of_windows, "data/feature_names/requests"
    ),
    ("window_metrics.spend_within_budget", "spent"): Failed(
        lambda lake: costs(lake, 0.41), of_costs, "cost/budget/search"
    ),
    ("window_metrics.spend_within_budget", "chart"): Failed(
        lambda lake: [costs(lake, 0.01), chart(metric="total_cost_usd")(lake)],
        of_costs,
        "search/*/-/total_cost_usd/sr_mixture",
    ),
    **{
        (f"control_charts.{metric.layer}_in_control", metric.name): Failed(
            chart(metric=metric.name), of_charts, f"search/*/-/{metric.name}/sr_mixture"
        )
        for metric in CHARTED
    },
    ("control_charts.thresholds_hold", "line"): Failed(
        chart(chart="static_threshold"), of_charts, "search/*/-/error_rate/static_threshold"
    ),
    ("control_charts.requests_present", "silent"): Failed(
        chart(chart="missing", metric="request_count", n=0, value=None, level=None),
        of_charts,
        "data/missing_windows/search",
    ),
    ("control_charts.series_charted", "failed"): Failed(
        chart(status="failed", failure="ValueError: no"), of_charts, "data/chart_failed/search"
    ),
    ("provider_drift.provider_unchanged", "regressed"): Failed(
        drift("regressed"), of_drift, "provider/gpt-x/pass_rate"
    ),
    ("provider_drift.probes_measured", "unanswered"): Failed(
        drift("could_not_measure"), of_drift, "provider/gpt-x/unmeasured"
    ),
}


@pytest.mark.parametrize(("check", "what"), STORIES)
def test_a_check_that_fails_makes_an_alert_that_people_hear(
    check: str, what: str, tmp_path: Path
) -> None:
    story, asset_check = STORIES[check, what], check.partition(".")[2]
    lake = Lake(str(tmp_path))
    lake.replace_hours("window_metrics", [window(NOON, 0.0)], NOON, NOON)
    monitoring = SimpleNamespace(lake=lake, settings=SETTINGS, now=lambda: NOW)
    assert episodes(lake) == []
    story.fill(lake)
    (result,) = (r for r in story.report(monitoring) if r.check_name == asset_check)
    assert not result.passed
    assert story.subject in {episode.subject for episode in episodes(lake)}
    reconcile_alerts(lake, SETTINGS, NOW)
    assign_incidents(lake, SETTINGS, NOW)
    messages: list[Message] = []
    # Messages of a new incident wait ten minutes for its page.
    notify(lake, SETTINGS, NOW + timedelta(minutes=11), lambda _, message: messages.append(message))
    heard = [alert for message in messages for alert in message.payload["alerts"]]
    assert story.subject in {alert["subject"] for alert in heard}


def episodes(lake: Lake) -> list[Episode]:
    return read_episodes(lake, SETTINGS, NOON, 0, NOON)


def test_each_charted_metric_out_of_control_is_shown_by_a_check_that_failed(
    tmp_path: Path,
) -> None:
    lake = Lake(str(tmp_path))
    points = [
        chart_point(NOON, alarm=True, metric=metric.name, chart_id=f"search/*/-/{metric.name}/x")
        for metric in CHARTED
    ]
    lake.replace_hours("control_charts", points, NOON, NOON)
    monitoring = SimpleNamespace(lake=lake, settings=SETTINGS, now=lambda: NOW)
    failed = [result for result in of_charts(monitoring) if not result.passed]
    shown = [name for result in failed for name in result.metadata if "search/*/-/" in name]
    assert {point.chart_id for point in points} <= set(shown)


def test_the_charts_of_every_layer_are_failed() -> None:
    assert {BY_NAME[what].layer for check, what in STORIES if what in BY_NAME} == {
        metric.layer for metric in CHARTED
    }

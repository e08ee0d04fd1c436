"""What the lake says is out of control, as episodes; and what was expected by chance."""

import json
import math

from llm_monitoring import alerts as alerting
from llm_monitoring.alerts.digest import digest_hours
from llm_monitoring.control import chart_run_length, ticket_margin
from llm_monitoring.hours import LAST_HOUR
from llm_monitoring.lake import TABLES, Lake
from llm_monitoring.metrics import BY_NAME
from llm_monitoring.pipeline.cost import read_overspent, read_unpriced
from llm_monitoring.records import Baseline, ChartPoint
from llm_monitoring.settings import Settings

DIGEST_WEEKS = 4


def read_episodes(
    lake: Lake, settings: Settings, newest: int, since: int, clock_hour: int
) -> list[alerting.Episode]:
    """Every episode of charts, provider drift, data and budgets, and of the monitor itself.

    Args:
        since: first hour that is read of charts and data; none of their episodes begins before.
        clock_hour: newest closed hour of the wall clock.
    """
    hours = (since, LAST_HOUR)
    points: list[ChartPoint] = TABLES["control_charts"].to_records(
        lake.query("episode_points", hours=hours, since=since)
    )
    charts = _chart_episodes(lake, settings, newest, points)
    provider = alerting.provider_episodes(
        lake.rows("provider_drift"), newest_hour=newest, simulated=settings.simulated
    )
    findings = _data_findings(lake, settings, points, hours)
    data = alerting.data_episodes(
        findings, newest_hour=newest, clock_hour=clock_hour, simulated=settings.simulated
    )
    monitor = alerting.failure_episodes(lake.rows("failures"), simulated=settings.simulated)
    return [*charts, *provider, *data, *monitor]


def _chart_episodes(
    lake: Lake, settings: Settings, newest: int, points: list[ChartPoint]
) -> list[alerting.Episode]:
    return alerting.chart_episodes(
        points,
        BY_NAME,
        newest_hour=newest,
        judges=_judges(lake, points),
        thresholds=settings.control.thresholds,
        run_length=lambda row: chart_run_length(settings, row.feature_id, row.chart),
        page_margin=ticket_margin(settings),
        accepted=accepted_shifts(lake),
        simulated=settings.simulated,
    )


def _judges(lake: Lake, points: list[ChartPoint]) -> dict[str, str]:
    """Epoch -> who judged; of each epoch only the newest window with judgements is read."""
    newest = {
        point.epoch: point.hour
        for point in sorted(points, key=lambda point: point.hour)
        if point.epoch is not None and point.n > 0
    }
    found = [
        lake.run(
            "select distinct epoch, judge from judgements where epoch = $epoch",
            hours=(hour, hour),
            epoch=epoch,
        ).to_pylist()
        for epoch, hour in newest.items()
    ]
    return {row["epoch"]: row["judge"] for rows in found for row in rows}


def _data_findings(
    lake: Lake, settings: Settings, points: list[ChartPoint], hours: tuple[int, int]
) -> list[alerting.DataFinding]:
    busy = lake.query("busy_features", hours=hours, since=hours[0]).to_pylist()
    reads = lake.rows("source_reads", hours=hours)
    # Told in the hour they were seen to go, however old they are.
    dropped = lake.rows("source_reads", "dropped is not null")
    failed = lake.query("failed_points", hours=hours, since=hours[0]).to_pylist()
    control = settings.control
    return [
        *alerting.find_failed_charts(alerting.FailedCharts(**row) for row in failed),
        *alerting.find_missing_windows(points, {row["hour"]: row["features"] for row in busy}),
        *alerting.find_rejects(reads, control.maximum_reject_ratio),
        *(found for found in alerting.find_drops(dropped) if found.hour >= hours[0]),
        *alerting.find_low_coverage(
            lake.rows("window_metrics", "metric = 'unscored_rate'", hours=hours),
            control.minimum_judge_coverage_ratio,
        ),
        *read_overspent(lake, settings, *hours),
        *read_unpriced(lake, *hours),
    ]


def accepted_shifts(lake: Lake) -> dict[str, int]:
    """Baselines the policy made of a shift that stayed -> the hour in which it did."""
    likely: list[Baseline] = lake.rows("baselines", "diagnostics like '%accepted_shift%'")
    return {
        row.baseline_id: row.last_hour
        for row in likely
        if json.loads(row.diagnostics)["reason"] == "accepted_shift"
    }


def false_alarm_digest(lake: Lake, settings: Settings, newest: int) -> str:
    """Expected and observed false alarms of the last weeks, in words."""
    first, last = digest_hours(newest, DIGEST_WEEKS)
    rows = lake.query("charted_windows", hours=(first, last), first=first, last=last).to_pylist()
    sooner = math.exp(ticket_margin(settings))
    charted = [
        (row["windows"], length / sooner)
        for row in rows
        if (length := chart_run_length(settings, row["feature_id"], row["chart"])) is not None
    ]
    found = alerting.false_alarms(
        lake.rows("alerts"),
        lake.rows("incidents"),
        charted,
        newest_hour=newest,
        weeks=DIGEST_WEEKS,
    )
    return found.sentence()

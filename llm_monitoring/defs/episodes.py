"""What the lake says is out of control, as episodes."""

import json

from llm_monitoring import alerts as alerting
from llm_monitoring.control import chart_run_length, ticket_margin
from llm_monitoring.hours import LAST_HOUR, shift
from llm_monitoring.lake import TABLES, Lake
from llm_monitoring.metrics import BY_NAME, OTHER_FEATURES
from llm_monitoring.pipeline.cost import read_overspent, read_unpriced
from llm_monitoring.pipeline.features import read_silences
from llm_monitoring.records import Baseline, ChartPoint
from llm_monitoring.settings import Settings


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
    # What is too many is told by the hour and the day up to it.
    counted = (_a_day_before(hours[0]), hours[1])
    reads = lake.rows("source_reads", hours=counted)
    unscored = lake.rows("window_metrics", "metric = 'unscored_rate'", hours=counted)
    others = lake.rows("window_metrics", "feature_id = $other", hours=hours, other=OTHER_FEATURES)
    control = settings.control
    shares = [
        *alerting.find_rejects(reads, control.maximum_reject_ratio),
        *alerting.find_low_coverage(
            alerting.unscored_counts(unscored), control.minimum_judge_coverage_ratio
        ),
    ]
    # Told in the hour they were seen to go, however old they are.
    dropped = lake.rows("source_reads", "dropped is not null")
    failed = lake.query("failed_points", hours=hours, since=hours[0]).to_pylist()
    return [
        *alerting.find_failed_charts(alerting.FailedCharts(**row) for row in failed),
        *read_silences(lake, settings, points, {row["hour"]: row["features"] for row in busy}),
        *alerting.find_crowds(others),
        *(found for found in shares if found.hour >= hours[0]),
        *(found for found in alerting.find_drops(dropped) if found.hour >= hours[0]),
        *read_overspent(lake, settings, *hours),
        *read_unpriced(lake, *hours),
    ]


def _a_day_before(hour: int) -> int:
    """First hour that is counted together with this one; 0 stays the beginning of all."""
    return shift(hour, 1 - alerting.POOLED_HOURS) if hour else hour


def accepted_shifts(lake: Lake) -> dict[str, int]:
    """Baselines the policy made of a shift that stayed -> the hour in which it did."""
    likely: list[Baseline] = lake.rows("baselines", "diagnostics like '%accepted_shift%'")
    return {
        row.baseline_id: row.last_hour
        for row in likely
        if json.loads(row.diagnostics)["reason"] == "accepted_shift"
    }

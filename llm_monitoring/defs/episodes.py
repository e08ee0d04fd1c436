"""What the lake says is out of control, as episodes; and what was expected by chance."""

import json
import math

from llm_monitoring import alerts as alerting
from llm_monitoring.alerts.digest import digest_hours
from llm_monitoring.control import chart_run_length, ticket_margin
from llm_monitoring.lake import TABLES, Lake
from llm_monitoring.metrics import BY_NAME
from llm_monitoring.records import Baseline, ChartPoint
from llm_monitoring.settings import Settings

DIGEST_WEEKS = 4


def read_episodes(lake: Lake, settings: Settings, newest: int) -> list[alerting.Episode]:
    """Every episode of charts, of provider drift and of the data themselves."""
    points: list[ChartPoint] = TABLES["control_charts"].to_records(lake.query("episode_points"))
    charts = _chart_episodes(lake, settings, newest, points)
    provider = alerting.provider_episodes(
        lake.rows("provider_drift"), newest_hour=newest, simulated=settings.simulated
    )
    findings = _data_findings(lake, settings, points)
    data = alerting.data_episodes(findings, newest_hour=newest, simulated=settings.simulated)
    return [*charts, *provider, *data]


def _chart_episodes(
    lake: Lake, settings: Settings, newest: int, points: list[ChartPoint]
) -> list[alerting.Episode]:
    judges = lake.run("select distinct epoch, judge from judgements").to_pylist()
    return alerting.chart_episodes(
        points,
        BY_NAME,
        newest_hour=newest,
        judges={row["epoch"]: row["judge"] for row in judges},
        thresholds=settings.control.thresholds,
        run_length=lambda row: chart_run_length(settings, row.feature_id, row.chart),
        page_margin=ticket_margin(settings),
        accepted=accepted_shifts(lake),
        simulated=settings.simulated,
    )


def _data_findings(
    lake: Lake, settings: Settings, points: list[ChartPoint]
) -> list[alerting.DataFinding]:
    busy = lake.query("busy_features").to_pylist()
    control, reads = settings.control, lake.rows("source_reads")
    return [
        *alerting.find_missing_windows(points, {row["hour"]: row["features"] for row in busy}),
        *alerting.find_rejects(reads, control.maximum_reject_ratio),
        *alerting.find_drops(reads),
        *alerting.find_low_coverage(
            lake.rows("window_metrics", "metric = 'unscored_rate'"),
            control.minimum_judge_coverage_ratio,
        ),
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

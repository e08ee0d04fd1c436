"""What the lake says is out of control, as episodes."""

from dataclasses import dataclass, field

from llm_monitoring import alerts as alerting
from llm_monitoring.control import chart_run_length, ticket_margin
from llm_monitoring.hours import LAST_HOUR, shift
from llm_monitoring.lake import TABLES, Lake
from llm_monitoring.metrics import BY_NAME, OTHER_FEATURES
from llm_monitoring.pipeline.incidents.casework import standing_incidents
from llm_monitoring.pipeline.studies.cost import read_overspent, read_unpriced
from llm_monitoring.pipeline.windows.features import read_silences
from llm_monitoring.records import Alert, Baseline, ChartPoint, Incident
from llm_monitoring.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongPoints:
    """Chart points that alarm or could not be computed, and what is known of them.

    Args:
        accepted: baselines made of a shift that stayed -> the hour in which it did.
        alerts: that have an incident.
        incidents: theirs, and those that are not resolved; without their evidence.
    """

    points: list[ChartPoint] = field(default_factory=list)
    accepted: dict[str, int] = field(default_factory=dict)
    alerts: list[Alert] = field(default_factory=list)
    incidents: list[Incident] = field(default_factory=list)


def read_wrong_points(lake: Lake, hours: tuple[int, int]) -> WrongPoints:
    """Points of some hours, first and last, that are not in control."""
    points: list[ChartPoint] = TABLES["control_charts"].to_records(
        lake.query("wrong_points", hours=hours, first=hours[0], last=hours[1])
    )
    if not points:
        return WrongPoints()
    alerts = [alert for alert in lake.rows("alerts") if alert.incident_id is not None]
    return WrongPoints(
        points=points,
        accepted=accepted_shifts(lake),
        alerts=alerts,
        incidents=standing_incidents(lake, alerts) if alerts else [],
    )


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
    return {
        epoch: judge
        for epoch, hour in newest.items()
        for judge in lake.distinct("judgements", "judge", hours=(hour, hour), epoch=epoch)
    }


def _data_findings(
    lake: Lake, settings: Settings, points: list[ChartPoint], hours: tuple[int, int]
) -> list[alerting.DataFinding]:
    busy = lake.query("busy_features", hours=hours, since=hours[0]).to_pylist()
    # What is too many is told by the hour and the day up to it.
    counted = (_a_day_before(hours[0]), hours[1])
    reads = lake.rows("source_reads", hours=counted)
    unscored = lake.rows("window_metrics", hours=counted, metric="unscored_rate")
    others = lake.rows("window_metrics", hours=hours, feature_id=OTHER_FEATURES)
    control = settings.control
    shares = [
        *alerting.find_rejects(reads, control.maximum_reject_ratio),
        *alerting.find_low_coverage(
            alerting.unscored_counts(unscored), control.minimum_judge_coverage_ratio
        ),
    ]
    # Told in the hour they were seen to go, however old they are.
    dropped = TABLES["source_reads"].to_records(lake.query("dropped_reads"))
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
    rows: list[Baseline] = TABLES["baselines"].to_records(lake.query("accepted_baselines"))
    return {row.baseline_id: row.last_hour for row in rows}

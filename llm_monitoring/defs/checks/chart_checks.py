"""The checks of control_charts: for each layer, for silence, for drawn lines, for what failed."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

import dagster as dg

from llm_monitoring.alerts import checks, incidents_of, is_accepted, one_to_a_series, point_text
from llm_monitoring.defs.checks.check_reports import Finding, hourly_check, report
from llm_monitoring.defs.metadata import drawn, where_it_stands
from llm_monitoring.defs.partitions import hour_partition, hours_of
from llm_monitoring.defs.resources import Monitoring
from llm_monitoring.links import asset_link
from llm_monitoring.metrics import BY_NAME
from llm_monitoring.pipeline.alerts.episodes import WrongPoints, read_wrong_points
from llm_monitoring.pipeline.studies.pictures import draw_chart
from llm_monitoring.records import ChartPoint
from llm_monitoring.settings import Settings

SHOWN = 5  # pictures to a check result

CHART_CHECKS = tuple(
    hourly_check("control_charts", name, text) for name, text in checks.CHART_CHECKS.items()
)


def report_charts(
    context: dg.AssetExecutionContext, monitoring: Monitoring, late: Sequence[int] = ()
) -> Iterator[dg.AssetCheckResult]:
    """Results of every check for every window of the run.

    Args:
        late: earlier hours whose alarms are others now: their results are reported anew.
    """
    first, last = hours_of(context)
    hours = (min([first, *late]), last)
    wrong = read_wrong_points(monitoring.lake, hours)
    also = [hour_partition(hour) for hour in late]
    single = len(list(context.partition_keys)) == 1
    failing: dict[str, dict[str, list[ChartPoint]]] = defaultdict(lambda: defaultdict(list))
    for point in wrong.points:
        for name in checks.checks_of(point):
            failing[name][hour_partition(point.hour)].append(point)
    for name, text in checks.CHART_CHECKS.items():
        finding = _finding(monitoring, text, failing[name], wrong, pictures=single)
        yield from report(context, name, finding, also=also)


def _finding(
    monitoring: Monitoring,
    text: str,
    by_partition: dict[str, list[ChartPoint]],
    wrong: WrongPoints,
    *,
    pictures: bool,
) -> Callable[[str], Finding]:
    def finding(partition: str) -> Finding:
        found = by_partition.get(partition, [])
        points = one_to_a_series(found)
        if not points:
            return Finding(True, text)
        texts = {
            point.chart_id: point_text(
                point, BY_NAME[point.metric].unit, accepted=is_accepted(point, wrong.accepted)
            )
            for point in points
        }
        metadata: dict[str, object] = dict(texts)
        if pictures:
            lake, settings = monitoring.lake, monitoring.settings
            metadata |= drawn(draw_chart(lake, settings, point) for point in points[:SHOWN])
        links = _homes(monitoring.settings, found, wrong)
        return Finding(False, "; ".join(texts.values()), metadata, links)

    return finding


def _homes(
    settings: Settings, points: Sequence[ChartPoint], wrong: WrongPoints
) -> dict[str, object]:
    """Where people go on from a failed check: the incident, or the page where it will stand."""
    names = incidents_of(points, wrong.alerts)
    known = {i.incident_id: where_it_stands(settings, i) for i in wrong.incidents}
    if names:
        return {f"incident {name}": known[name] for name in names if name in known}
    link = asset_link(settings, "alerts")
    return {"incident, once the alerts are read": dg.MetadataValue.url(link)} if link else {}

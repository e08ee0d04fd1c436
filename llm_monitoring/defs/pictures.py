"""Pictures of charts for Dagster's metadata: a sparkline inline, the full chart one click away."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import dagster as dg

from llm_monitoring.alerts import one_to_a_series
from llm_monitoring.defs.resources import Monitoring
from llm_monitoring.hours import shift
from llm_monitoring.metrics import BY_NAME
from llm_monitoring.records import ChartPoint
from llm_monitoring.reports.incident_page import Picture
from llm_monitoring.reports.inline import markdown_image
from llm_monitoring.reports.sparklines import sparkline
from llm_monitoring.segments import segment_text

SHOWN_HOURS = 14 * 24
SPARKLINES = 8


def chart_metadata(monitoring: Monitoring, point: ChartPoint) -> dict[str, Any]:
    """Full picture of the chart as it stood at this point, a click away."""

    def draw() -> bytes:
        points = chart_history(monitoring, point.chart_id, point.hour)
        return _picture(points, monitoring.lake.rows("changes"), **_labels(monitoring, point))

    return {f"{_title(point)}: chart": _drawn(draw, "chart")}


def sparklines(monitoring: Monitoring, hour: int) -> dict[str, Any]:
    """A line for each chart that is out of control at an hour, small enough to show inline."""
    alarms: list[ChartPoint] = monitoring.lake.rows("control_charts", "alarm", hours=(hour, hour))
    shown = one_to_a_series(alarms)[:SPARKLINES]
    histories = chart_histories(monitoring, [point.chart_id for point in shown], hour)
    return {
        f"{_title(point)}, {point.chart}": _drawn(
            partial(sparkline, histories[point.chart_id]), point.chart_id
        )
        for point in shown
    }


def _drawn(draw: Callable[[], bytes], name: str) -> Any:
    """A picture; where it cannot be drawn, why: the charts it would show are stored already."""
    try:
        return dg.MetadataValue.md(markdown_image(draw(), name))
    except Exception as error:  # noqa: BLE001 - told in the picture's place
        return _undrawn(error)


def _undrawn(error: Exception) -> str:
    return f"cannot be drawn: {type(error).__name__}: {error}"


def chart_pictures(monitoring: Monitoring, point: ChartPoint) -> Picture:
    """The chart for a report, for light and for dark readers; or why it cannot be drawn."""
    points = chart_history(monitoring, point.chart_id, point.hour)
    changes, labels = monitoring.lake.rows("changes"), _labels(monitoring, point)
    try:
        light, dark = (
            _picture(points, changes, **labels, dark=is_dark) for is_dark in (False, True)
        )
    except Exception as error:  # noqa: BLE001 - told in the picture's place: the report is needed
        return Picture(description=f"{point.chart_id} {_undrawn(error)}", light=b"", dark=b"")
    return Picture(description=point.chart_id, light=light, dark=dark)


def chart_history(monitoring: Monitoring, chart_id: str, last: int) -> list[ChartPoint]:
    """The chart's last two weeks up to an hour."""
    return chart_histories(monitoring, [chart_id], last)[chart_id]


def chart_histories(
    monitoring: Monitoring, charts: Sequence[str], last: int
) -> dict[str, list[ChartPoint]]:
    """The last two weeks of some charts up to an hour, by chart."""
    histories: dict[str, list[ChartPoint]] = {chart_id: [] for chart_id in charts}
    if charts:
        points = monitoring.lake.rows(
            "control_charts",
            "list_contains($charts, chart_id)",
            hours=(shift(last, -SHOWN_HOURS), last),
            charts=list(charts),
        )
        for point in points:
            histories[point.chart_id].append(point)
    return histories


def _picture(*what: Any, **how: Any) -> bytes:
    # matplotlib takes a second to import; most runs draw nothing.
    from llm_monitoring.reports.pictures import chart_picture  # noqa: PLC0415

    return chart_picture(*what, **how)


def _labels(monitoring: Monitoring, point: ChartPoint) -> dict[str, Any]:
    return {
        "title": _title(point),
        "unit": BY_NAME[point.metric].unit,
        "judge": judge_name(monitoring, point),
        "simulated": monitoring.settings.simulated,
    }


def _title(point: ChartPoint) -> str:
    return f"{BY_NAME[point.metric].title} of {point.feature_id}{segment_text(point.segment)}"


def judge_name(monitoring: Monitoring, point: ChartPoint) -> str | None:
    """Who scored in the epoch of a point; None: the metric is not a judged one."""
    if point.epoch is None:
        return None
    found = monitoring.lake.run(
        "select any_value(judge) as judge from judgements where epoch = $epoch",
        hours=(shift(point.hour, -SHOWN_HOURS), point.hour),
        epoch=point.epoch,
    )
    judge: str | None = found["judge"][0].as_py()
    return judge

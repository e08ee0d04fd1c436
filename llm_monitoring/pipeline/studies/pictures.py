"""Pictures of charts: what is drawn is read from the lake, and what cannot be drawn says why."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from llm_monitoring.alerts import one_to_a_series
from llm_monitoring.hours import shift
from llm_monitoring.lake import Lake
from llm_monitoring.metrics import BY_NAME
from llm_monitoring.records import ChartPoint
from llm_monitoring.reports.incident_page import Picture
from llm_monitoring.reports.sparklines import sparkline
from llm_monitoring.segments import segment_text
from llm_monitoring.settings import Settings

SHOWN_HOURS = 14 * 24
SPARKLINES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A picture of a chart.

    Args:
        title: what it shows.
        name: a word for those who cannot see it.
        image: SVG; None: it cannot be drawn.
        problem: why it cannot, empty where it is.
    """

    title: str
    name: str
    image: bytes | None
    problem: str = ""


def draw_chart(lake: Lake, settings: Settings, point: ChartPoint) -> Drawing:
    """The chart as it stood at a point."""
    return _drawing(
        f"{_title(point)}: chart", "chart", lambda: _pictures(lake, settings, point, [False])[0]
    )


def draw_sparklines(lake: Lake, hour: int) -> list[Drawing]:
    """A line for each chart that is out of control at an hour, small enough to show inline."""
    alarms: list[ChartPoint] = lake.rows("control_charts", hours=(hour, hour), alarm=True)
    shown = one_to_a_series(alarms)[:SPARKLINES]
    histories = chart_histories(lake, [point.chart_id for point in shown], hour)
    return [
        _drawing(
            f"{_title(point)}, {point.chart}",
            point.chart_id,
            partial(sparkline, histories[point.chart_id]),
        )
        for point in shown
    ]


def chart_pictures(lake: Lake, settings: Settings, point: ChartPoint) -> Picture:
    """The chart for a report, for light and for dark readers; or why it cannot be drawn."""
    try:
        light, dark = _pictures(lake, settings, point, [False, True])
    except Exception as error:  # noqa: BLE001 - told in the picture's place: the report is needed
        return Picture(description=f"{point.chart_id} {_problem(error)}", light=b"", dark=b"")
    return Picture(description=point.chart_id, light=light, dark=dark)


def chart_histories(lake: Lake, charts: Sequence[str], last: int) -> dict[str, list[ChartPoint]]:
    """The last two weeks of some charts up to an hour, by chart."""
    histories: dict[str, list[ChartPoint]] = {chart_id: [] for chart_id in charts}
    if charts:
        hours = (shift(last, -SHOWN_HOURS), last)
        for point in lake.rows("control_charts", hours=hours, chart_id=charts):
            histories[point.chart_id].append(point)
    return histories


def judge_name(lake: Lake, point: ChartPoint) -> str | None:
    """Who scored in the epoch of a point; None: the metric is not a judged one."""
    if point.epoch is None:
        return None
    hours = (shift(point.hour, -SHOWN_HOURS), point.hour)
    return min(lake.distinct("judgements", "judge", hours=hours, epoch=point.epoch), default=None)


def _drawing(title: str, name: str, draw: Callable[[], bytes]) -> Drawing:
    """A picture; where it cannot be drawn, why: the charts it would show are stored already."""
    try:
        return Drawing(title=title, name=name, image=draw())
    except Exception as error:  # noqa: BLE001 - told in the picture's place
        return Drawing(title=title, name=name, image=None, problem=_problem(error))


def _problem(error: Exception) -> str:
    return f"cannot be drawn: {type(error).__name__}: {error}"


def _pictures(
    lake: Lake, settings: Settings, point: ChartPoint, dark: Sequence[bool]
) -> list[bytes]:
    # matplotlib takes a second to import; most runs draw nothing.
    from llm_monitoring.reports.pictures import chart_picture  # noqa: PLC0415

    points = chart_histories(lake, [point.chart_id], point.hour)[point.chart_id]
    labels: dict[str, Any] = {
        "title": _title(point),
        "unit": BY_NAME[point.metric].unit,
        "judge": judge_name(lake, point),
        "simulated": settings.simulated,
    }
    changes = lake.rows("changes")
    return [chart_picture(points, changes, **labels, dark=is_dark) for is_dark in dark]


def _title(point: ChartPoint) -> str:
    return f"{BY_NAME[point.metric].title} of {point.feature_id}{segment_text(point.segment)}"

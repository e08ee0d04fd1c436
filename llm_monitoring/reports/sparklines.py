"""A chart in one line of text: so small that it is drawn by hand, without matplotlib."""

from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean

from llm_monitoring.records import ChartPoint


def sparkline(points: Sequence[ChartPoint]) -> bytes:
    """The values of one chart as a tiny SVG; windows out of control are underlined in red.

    Args:
        points: of one chart, any order. More than POINTS are averaged in equal runs; an alarm in a
            run is kept. None at all give an empty picture.

    Returns:
        SVG under 650 bytes, transparent, in mid-tones that show on light and on dark pages.
    """
    runs = _runs(sorted(points, key=lambda point: point.hour))
    line = _line([_mean(run) for run in runs])
    alarms = _underlines([any(point.alarm for point in run) for run in runs])
    size = f'width="{POINTS * STEP}" height="{HEIGHT}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} fill="none">'
        f'<path d="{line}" stroke="#3b82d6"/>'
        f'<path d="{alarms}" stroke="#e0453f" stroke-width="2"/></svg>'
    ).encode()


def _runs(points: Sequence[ChartPoint]) -> list[Sequence[ChartPoint]]:
    count = min(len(points), POINTS)
    edges = [i * len(points) // count for i in range(count + 1)] if count else []
    return [points[first:last] for first, last in pairwise(edges)]


def _mean(run: Sequence[ChartPoint]) -> float | None:
    values = [point.value for point in run if point.value is not None]
    return fmean(values) if values else None


def _line(values: Sequence[float | None]) -> str:
    """An SVG path; windows without data break the line."""
    known = [v for v in values if v is not None]
    low, high = (min(known), max(known)) if known else (0.0, 0.0)
    # Divided value by value: a factor for all would overflow where they hardly differ.
    width = high - low if high > low else 1.0
    path, previous = "", None
    for index, value in enumerate(values):
        y = None if value is None else round(LOWEST - (value - low) / width * (LOWEST - HIGHEST))
        if y is not None and previous is None:
            path += f"M{index * STEP} {y}h1"  # a point of its own shows too
        elif y is not None and previous is not None:
            path += f"L{index * STEP} {y}"
        previous = y
    return path


def _underlines(alarms: Sequence[bool]) -> str:
    path, length = "", 0
    for index, alarm in enumerate([*alarms, False]):
        if not alarm and length:
            path += f"M{(index - length) * STEP} {HEIGHT - 1}h{length * STEP}"
        length = length + 1 if alarm else 0
    return path


POINTS, STEP = 40, 3
HEIGHT, HIGHEST, LOWEST = 20, 1, 16

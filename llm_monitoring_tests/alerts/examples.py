"""Rows of control_charts to read episodes off; only what a test is about has to be said."""

from dataclasses import replace
from typing import Any

from llm_monitoring import hours
from llm_monitoring.records import ChartPoint

START = 2026102014  # a Tuesday


def chart_point(hour: int, *, alarm: bool = False, **changes: Any) -> ChartPoint:
    point = ChartPoint(
        hour=hour,
        chart_id="product_search/*/-/error_rate/sr_mixture",
        feature_id="product_search",
        segment="{}",
        epoch=None,
        metric="error_rate",
        chart="sr_mixture",
        status="established",
        value=0.008,
        n=500,
        center=0.005,
        statistic=11.0,
        limit=10.8,
        alarm=alarm,
        alarm_started=False,
        direction="up" if alarm else None,
        level=0.008 if alarm else None,
        change_hour=START if alarm else None,
        baseline_id="b1",
        state=[],
    )
    return replace(point, **changes)


def chart_points(pattern: str, first: int = START, **changes: Any) -> list[ChartPoint]:
    """One window a character: `.` in control, `S` alarm started, `a` alarm, `n` no data."""
    return [
        chart_point(
            hours.shift(first, i),
            alarm=mark in "Sa",
            alarm_started=mark == "S",
            status="no_data" if mark == "n" else "established",
            **changes,
        )
        for i, mark in enumerate(pattern)
    ]

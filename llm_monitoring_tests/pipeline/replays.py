"""Windows of some series, and a lake in which they are replayed by ranges of hours."""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from llm_monitoring.control import charts_of, group, replay
from llm_monitoring.hours import hour_range, shift
from llm_monitoring.lake import Lake
from llm_monitoring.pipeline.windows.chart import recompute
from llm_monitoring.records import ChartPoint, Rebaseline, WindowMetric
from llm_monitoring.segments import segment_of_model
from llm_monitoring.settings import Settings
from llm_monitoring_tests.lake.examples import FIRST, window

HOURS = 420  # a Phase I of 336 windows, and an episode in what follows
SETTINGS = Settings.model_validate(
    {
        "product": "Shop",
        "start": datetime(2026, 10, 5, tzinfo=UTC),
        "features": [{"feature_id": "search"}],
        "control": {"thresholds": [{"metric": "error_rate", "above": 0.1}]},
    }
)
Table = dict[tuple[str, int], ChartPoint]


def all_windows(seed: int = 1, hours: int = HOURS) -> list[WindowMetric]:
    """Four series: with a fault, with silence, of a model that came late, and of two epochs."""
    rng = np.random.default_rng(seed)
    rows = []
    for i, hour in enumerate(hour_range(FIRST, shift(FIRST, hours - 1))):
        rate = 0.02 if i < 370 else 0.2
        empty = i % 50 == 7 or 395 <= i < 400
        n = 0 if empty else int(rng.integers(50, 200))
        rows.append(window(hour, rng.binomial(n, rate) / n if n else None, n=n))
        rows.append(window(hour, float(n), metric="request_count", n=n))
        cost = float(rng.lognormal(-5, 0.2))
        if i >= 150:  # the model came late
            rows.append(
                window(
                    hour,
                    cost,
                    metric="avg_cost_per_request_usd",
                    segment=segment_of_model("new-model"),
                )
            )
        epoch = "old" if i < 380 else "new"
        score = float(rng.normal(4, 0.1))
        rows.append(window(hour, score, metric="quality_mean", epoch=epoch, n=27, stddev=0.6))
    return rows


def hour(i: int) -> int:
    return shift(FIRST, i)


def expected(rows: Sequence[WindowMetric], rebaselines: Sequence[Rebaseline] = ()) -> Table:
    """Each series replayed in one go, without a lake."""
    return {
        (point.chart_id, point.hour): point
        for series, windows in group(rows).items()
        for chart in charts_of(series, SETTINGS)
        for point in replay(series, chart, windows, None, rebaselines).points
    }


def stored(lake: Lake) -> Table:
    points: list[ChartPoint] = lake.rows("control_charts")
    table = {(point.chart_id, point.hour): point for point in points}
    assert len(table) == len(points), "a point stands twice"
    known = {(row.chart_id, row.baseline_id) for row in lake.rows("baselines")}
    named = {(point.chart_id, point.baseline_id) for point in points if point.baseline_id}
    assert known == named, "baselines are those that points name"
    return table


def write(lake: Lake, rows: Sequence[WindowMetric], first: int, last: int) -> None:
    mine = [row for row in rows if first <= row.hour <= last]
    lake.replace_hours("window_metrics", mine, first, last)


def materialise(lake: Lake, rows: Sequence[WindowMetric], first: int, last: int) -> None:
    """What the two assets do for a range: windows, then the replay."""
    write(lake, rows, first, last)
    recompute(lake, SETTINGS, first, last)

"""Limits of sr_mixture, calibrated by simulation and shipped as a table.

The logarithm of the run length would always keep the promise of a known level, and would keep it
up to three times over. What a learned level and scatter cost depends on the windows they were
learned from and on how rare alarms have to be; `python -m benchmarks.limits` measures it and prints
these numbers.
"""

import math
from typing import Any

import numpy as np

from llm_monitoring.stats.baselines import Array, LevelBaseline, ProportionBaseline
from llm_monitoring.stats.charts.evidence import CLUSTERED

RUN_LENGTHS = (100.0, 300.0, 1_000.0, 3_000.0, 10_000.0, 30_000.0, 100_000.0)
PHASE_ONES = (24, 48, 100, 168, 336, 1_000)  # windows

# Limit - ln(run length): a row for each of PHASE_ONES, a column for each of RUN_LENGTHS.
ONE_SIDED = (
    (-1.00, -1.26, -0.83, -0.65, 0.13, 1.24, 2.24),  # 24
    (-0.97, -1.25, -1.19, -1.20, -1.04, -0.75, -0.62),  # 48
    (-0.68, -0.85, -0.82, -0.87, -0.85, -0.94, -0.94),  # 100
    (-0.61, -0.71, -0.68, -0.73, -0.67, -0.75, -0.90),  # 168
    (-0.52, -0.57, -0.59, -0.63, -0.61, -0.66, -0.68),  # 336
    (-0.49, -0.51, -0.56, -0.61, -0.66, -0.74, -0.82),  # 1000
)
TWO_SIDED = (
    (-0.88, -0.88, -1.04, -0.94, -0.02, 1.25, 2.38),  # 24
    (-1.00, -1.12, -1.40, -1.49, -1.22, -0.89, -0.61),  # 48
    (-0.75, -0.75, -0.94, -1.04, -1.01, -1.02, -1.17),  # 100
    (-0.69, -0.67, -0.78, -0.89, -0.82, -0.86, -0.79),  # 168
    (-0.61, -0.62, -0.69, -0.77, -0.74, -0.78, -0.86),  # 336
    (-0.60, -0.64, -0.69, -0.74, -0.86, -0.91, -0.99),  # 1000
)
# One-sided rates of few events are lumpy, and cross a limit less often: expected events in a
# typical window, and what that takes off the limit.
FEW_EVENTS = ((0.1, -0.65), (0.5, -0.35), (2.0, -0.20), (10.0, -0.10), (50.0, -0.05))
CLUSTERED_TWO_SIDED = 0.2  # where events come in clusters, both tails are heavier


def limit_of(
    run_length: float,
    baseline: LevelBaseline | ProportionBaseline,
    *,
    two_sided: bool,
    down: bool = False,
) -> Array:
    """Limit of the statistic for an average number of windows per false alarm.

    Args:
        run_length: windows in control per false alarm, > 1. Beyond the table the nearest entry's
            distance from the logarithm is kept.
        baseline: of one chart or stacked.
        two_sided: both directions are tested.
        down: of one direction, that it is down.

    Returns:
        [] or [charts].

    Error:
        Calibrated on independent normal windows: alarms once in 1.1 run lengths (one side) or .95
        (two sides, beside which single_window leaves most of its tenth of the budget).
    """
    windows = np.asarray(baseline.windows, float)
    table = np.array(TWO_SIDED if two_sided else ONE_SIDED)
    by_windows = np.array(
        [np.interp(math.log(run_length), np.log(RUN_LENGTHS), row) for row in table]
    )
    offset = np.interp(np.log(np.maximum(windows, 1)), np.log(PHASE_ONES), by_windows)
    if isinstance(baseline, ProportionBaseline):
        clustered = np.asarray(baseline.correlation) > CLUSTERED
        few = 0.0 if two_sided else _few_events(baseline, down=down)
        offset = offset + np.where(clustered, CLUSTERED_TWO_SIDED * two_sided, few)
    limit: Array = math.log(run_length) + offset
    return limit


def _few_events(baseline: ProportionBaseline, *, down: bool) -> Any:
    """Of a chart that looks for more of the rarer outcome; its absence is never lumpy, but long."""
    rate = np.minimum(baseline.rate, 1 - np.asarray(baseline.rate))
    events, offsets = np.array(FEW_EVENTS).T
    few = np.interp(np.log(rate * baseline.typical_n), np.log(events), offsets)
    more = (np.asarray(baseline.rate) <= 0.5) ^ down
    return np.where(more, few, -few / 2)

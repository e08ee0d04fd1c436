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

RUN_LENGTHS = (100.0, 300.0, 1_000.0, 3_000.0, 10_000.0, 30_000.0, 100_000.0)
PHASE_ONES = (24, 48, 100, 168, 336, 1_000)  # windows

# Limit - ln(run length): a row for each of PHASE_ONES, a column for each of RUN_LENGTHS.
ONE_SIDED = (
    (-1.58, -2.08, -1.56, -1.50, -0.44, 1.15, 4.08),  # 24
    (-1.25, -1.65, -1.32, -1.21, -0.67, 0.06, 1.26),  # 48
    (-1.01, -1.34, -1.18, -1.07, -0.86, -0.55, -0.20),  # 100
    (-0.89, -1.14, -1.09, -1.00, -0.88, -0.73, -0.60),  # 168
    (-0.75, -0.94, -0.97, -0.95, -0.92, -0.91, -0.89),  # 336
    (-0.63, -0.75, -0.82, -0.85, -0.85, -0.88, -0.94),  # 1000
)
TWO_SIDED = (
    (-1.50, -1.87, -1.59, -1.59, -0.12, 2.21, 7.26),  # 24
    (-1.23, -1.49, -1.32, -1.28, -0.50, 0.46, 2.05),  # 48
    (-1.04, -1.23, -1.18, -1.12, -0.80, -0.38, -0.00),  # 100
    (-0.93, -1.09, -1.12, -1.04, -0.87, -0.69, -0.34),  # 168
    (-0.79, -0.94, -0.99, -1.01, -0.94, -0.87, -0.84),  # 336
    (-0.68, -0.80, -0.86, -0.90, -0.91, -0.93, -0.88),  # 1000
)
# One-sided rates of few events are lumpy, and cross a limit less often: expected events in a
# typical window, and what that takes off the limit.
FEW_EVENTS = ((0.1, -0.60), (0.5, -0.28), (2.0, -0.12), (10.0, -0.05), (50.0, 0.0))
CLUSTERED = 1e-4  # correlation of a window's rows above which events are not lumpy but heavy-tailed


def limit_of(
    run_length: float, baseline: LevelBaseline | ProportionBaseline, *, two_sided: bool
) -> Array:
    """Limit of the statistic for an average number of windows per false alarm.

    Args:
        run_length: windows in control per false alarm, > 1. Beyond the table the nearest entry's
            distance from the logarithm is kept.
        baseline: of one chart or stacked.
        two_sided: both directions are tested.

    Returns:
        [] or [charts].

    Error:
        Calibrated so that alarms come once in 1.1 run lengths for independent normal windows.
    """
    windows = np.asarray(baseline.windows, float)
    table = np.array(TWO_SIDED if two_sided else ONE_SIDED)
    by_windows = np.array(
        [np.interp(math.log(run_length), np.log(RUN_LENGTHS), row) for row in table]
    )
    offset = np.interp(np.log(np.maximum(windows, 1)), np.log(PHASE_ONES), by_windows)
    if isinstance(baseline, ProportionBaseline) and not two_sided:
        offset = offset + _few_events(baseline)
    limit: Array = math.log(run_length) + offset
    return limit


def _few_events(baseline: ProportionBaseline) -> Any:
    rate = np.minimum(baseline.rate, 1 - np.asarray(baseline.rate))
    events, offsets = np.array(FEW_EVENTS).T
    few = np.interp(np.log(rate * baseline.typical_n), np.log(events), offsets)
    return np.where(np.asarray(baseline.correlation) < CLUSTERED, few, 0.0)

"""Several tests, one promise."""

from collections.abc import Sequence

import numpy as np

HOURS_PER_WEEK = 168


def run_length(false_alarms_per_week: float, charts: int) -> float:
    """Windows in control per false alarm of one chart, so that all charts keep one budget.

    Args:
        false_alarms_per_week: over all charts together, > 0.
        charts: charts that share it, >= 1, each with a window an hour.

    Raises:
        ValueError: an argument lies outside its range.

    Error:
        Expected false alarms add up whatever the charts have in common, so the budget holds also
        for charts that alarm together.
    """
    if not false_alarms_per_week > 0 or charts < 1:
        raise ValueError(f"no budget of {false_alarms_per_week} a week for {charts} charts")
    return charts * HOURS_PER_WEEK / false_alarms_per_week


def expected_false_alarms(chart_windows: float, length: float) -> float:
    """False alarms expected of charts in control.

    Args:
        chart_windows: windows that were charted, over all charts, >= 0.
        length: windows in control per false alarm of each chart, > 0.
    """
    return chart_windows / length


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values adjusted so that all tests together keep one significance level.

    Args:
        p_values: [n] each in [0, 1], in any order, however they depend on each other.

    Returns:
        [n] adjusted, in the given order, each in [0, 1] and never below the unadjusted one.

    Raises:
        ValueError: a p-value lies outside [0, 1] or is nan.

    Error:
        Of tests whose null hypothesis holds, one or more falls to or below `a` with a chance of
        at most `a`.

    Source: Holm (1979), Scandinavian Journal of Statistics 6, 65-70.
    """
    values = np.asarray(p_values, dtype=float)
    if not np.all((values >= 0) & (values <= 1)):
        raise ValueError(f"p-values lie in [0, 1], got {list(p_values)}")
    order = np.argsort(values, kind="stable")
    steps = values[order] * np.arange(len(values), 0, -1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return [float(value) for value in adjusted]

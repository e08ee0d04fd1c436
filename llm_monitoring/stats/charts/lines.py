"""Charts that take no budget and need no line: silence, and the reference document's chart."""

import math
from typing import Any

import numpy as np

from llm_monitoring.stats.baselines import Array, Row, learn_silence
from llm_monitoring.stats.charts.chart import Chart, Point

SILENCE = "missing"  # its name


def reference_ewma(alpha: float = 0.1, k: float = 3.0, warmup_n: int = 30) -> Chart:
    """The reference document's QualityControlChart, exact. Never a default.

    It compares a value with an average and a variance that already contain the value, so it fires
    only if d^2 [(1-a)^2 - k^2 a (1-a)] > k^2 (1-a) v, d being the distance from the previous
    average and v the previous variance. At alpha .1 and k 3 the bracket is .81 - .81 = 0: it
    cannot alert, whatever happens (rounding after constant data aside). It is mute whenever
    k >= sqrt((1-a)/a), and repaired it absorbs a drift into its own average. Prefer sr_mixture.
    """

    def step(baseline: Any, state: Array, row: Row) -> tuple[Array, Point]:
        del baseline  # it learns as it goes
        seen, ewma, variance = state
        value = np.asarray(row.value)
        first = seen == 0
        moved = np.where(first, value, alpha * value + (1 - alpha) * ewma)
        spread = (1 - alpha) * (variance + alpha * (value - ewma) ** 2)
        variance = np.where(first, 0.0, spread)
        deviation = abs(value - moved)
        limit = np.where(variance > 0, k * np.sqrt(variance), math.inf)
        alarm = ~first & (seen + 1 >= warmup_n) & (deviation > limit)
        point = Point(
            center=moved,
            statistic=np.where(first, np.nan, deviation),
            limit=np.where(first, np.nan, limit),
            alarm=alarm,
            started=alarm,
            side=np.where(alarm, np.sign(value - moved), 0.0),
            level=np.where(alarm, value, np.nan),
            change_t=np.where(alarm, float(row.t), np.nan),
        )
        return np.array([seen + 1, moved, variance]), point

    return Chart(name="reference_ewma", learn=None, start=lambda _: np.zeros(3), step=step)


def missing() -> Chart:
    """Silence where Phase I never was silent: a window without rows is its own alarm, never 0.

    It adds up the rows that silent windows in a row lack, of each the fewest that Phase I ever had
    at its hour of the day, and fires once MISSED of them are lacking: in the first silent window of
    a busy source, after some of a sparse one, never at hours that are silent now and then. It
    closes with the first row, so a silence that goes on is one alarm.

    In control, rows that come by chance are silent for so long once in exp(MISSED) = 22,000 times
    that they could be, mostly less often: the fewest ever seen are below the mean.
    """

    def start(baseline: Any) -> Array:
        return np.zeros((2, *np.shape(getattr(baseline, "windows", 0))))

    def step(baseline: Any, state: Array, row: Row) -> tuple[Array, Point]:
        if baseline is None:
            raise ValueError("missing needs a baseline")
        before, began = state
        lacking = np.asarray(baseline.fewest[row.t % 24], dtype=float)
        after = np.where(np.asarray(row.n) == 0, before + lacking, 0.0)
        began = np.where(before > 0, began, row.t)
        alarm = after >= MISSED
        point = Point(
            center=np.full_like(after, np.nan),
            statistic=after,
            limit=MISSED,
            alarm=alarm,
            started=alarm & (before < MISSED),
            side=np.where(alarm, -1.0, 0.0),
            level=np.where(alarm, 0.0, np.nan),
            change_t=np.where(alarm, began, np.nan),
        )
        return np.array([after, began]), point

    return Chart(name=SILENCE, learn=learn_silence, start=start, step=step, reads_silence=True)


MISSED = 10.0  # rows

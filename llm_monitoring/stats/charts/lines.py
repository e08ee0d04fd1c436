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

    It fires in the first silent window and closes with the first row. In control it fires as often
    as an hour that was busy on every day of Phase I is silent by chance.
    """

    def start(baseline: Any) -> Array:
        return np.zeros((2, *np.shape(getattr(baseline, "windows", 0))))

    def step(baseline: Any, state: Array, row: Row) -> tuple[Array, Point]:
        if baseline is None:
            raise ValueError("missing needs a baseline")
        silent, opened_at = state
        alarm = (np.asarray(row.n) == 0) & (np.asarray(baseline.busy[row.t % 24]) > 0)
        opened_at = np.where(silent != 0, opened_at, row.t)
        after = np.where(alarm, silent + 1, 0.0)
        point = Point(
            center=np.full_like(silent, np.nan),
            statistic=after,
            limit=0.0,
            alarm=alarm,
            started=alarm & (silent == 0),
            side=np.where(alarm, -1.0, 0.0),
            level=np.where(alarm, 0.0, np.nan),
            change_t=np.where(alarm, opened_at, np.nan),
        )
        return np.array([after, opened_at]), point

    return Chart(name=SILENCE, learn=learn_silence, start=start, step=step, reads_silence=True)

"""The field's own charts, on the same baselines, to hold ours against.

All look at standard scores of a frozen baseline. What each does in control at its defaults is
stated; none of them takes a false-alarm budget, which is why nobody can choose them.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from llm_monitoring.stats.baselines import (
    AnyBaseline,
    Array,
    LevelBaseline,
    ProportionBaseline,
    Reading,
    Row,
    learn_proportion,
)
from llm_monitoring.stats.baselines.level import CLIP
from llm_monitoring.stats.baselines.proportion import check_proportions
from llm_monitoring.stats.baselines.reading import slot
from llm_monitoring.stats.charts.chart import Chart, Point, Side
from llm_monitoring.stats.charts.evidence import whitened

Learn = Callable[[Sequence[Reading]], AnyBaseline]
Statistics = Callable[[Array, Array], tuple[Array, Array]]  # memory [k, ...], z -> memory, [2, ...]


def shewhart(learn: Learn, sides: Sequence[Side], limit: float = 3.0) -> Chart:
    """Shewhart chart: the window alone, against 3 standard deviations.

    Quick for large shifts, slow for small ones (235 windows for half a standard deviation).

    Error:
        Two-sided, normal scores, baseline of 336 windows: 2.6 false alarms in 1,000 windows.

    Source: Shewhart (1931), Economic Control of Quality of Manufactured Product.
    """
    return _scored("shewhart", learn, sides, limit=limit, statistics=_memoryless)


def ewma(learn: Learn, sides: Sequence[Side], weight: float = 0.1, limit: float = 3.0) -> Chart:
    """Exponentially weighted moving average with exact limits and a frozen baseline.

    Error:
        Two-sided, weight .1, limit 3, baseline of 336 windows: 1.3 false alarms in 1,000 windows.

    Source: Roberts (1959), Technometrics 1, 239-250; exact limits as in Lucas and Saccucci (1990).
    """

    def statistics(memory: Array, z: Array) -> tuple[Array, Array]:
        average, age = (1 - weight) * memory[0] + weight * z, memory[1] + 1
        variance = weight / (2 - weight) * (1 - (1 - weight) ** (2 * age))
        return np.array([average, age]), _both(average / np.sqrt(variance))

    return _scored("ewma", learn, sides, limit=limit, memory=2, statistics=statistics)


def cusum(learn: Learn, sides: Sequence[Side], allowance: float = 0.5, limit: float = 5.0) -> Chart:
    """Tabular CUSUM: sums what exceeds half the shift it is tuned to.

    Error:
        Two-sided, baseline of 336 windows: allowance .5 and limit 5 give 2.1, .25 and 8 give 2.9
        false alarms in 1,000 windows; the sum is what a wrong baseline drifts in.

    Source: Page (1954), Biometrika 41, 100-115.
    """

    def statistics(memory: Array, z: Array) -> tuple[Array, Array]:
        up = np.maximum(0.0, memory[0] + z - allowance)
        down = np.maximum(0.0, memory[1] - z - allowance)
        return np.array([up, down]), np.array([up, down])

    return _scored("cusum", learn, sides, limit=limit, memory=2, statistics=statistics)


def variance_cusum(learn: Learn, ratio: float = 2.0, limit: float = 16.0) -> Chart:
    """CUSUM of the scatter between windows: finds that a variance grew `ratio`-fold.

    For judges that become erratic and latencies that become uneven while their mean stays.

    Error:
        At limit 16 false alarms come about once in 1,400 windows for normal scores and a baseline
        of 336 windows; a variance twice as large is found after a median of 22.

    Source: Hawkins and Olwell (1998), Cumulative Sum Charts, 4.1.
    """
    # log likelihood ratio of N(0, ratio) against N(0, 1), in units of (1 - 1 / ratio) / 2
    reference = math.log(ratio) / (1 - 1 / ratio)

    def statistics(memory: Array, z: Array) -> tuple[Array, Array]:
        up = np.maximum(0.0, memory[0] + z**2 - reference)
        return np.array([up]), np.array([up, np.full_like(up, -np.inf)])

    return _scored("variance_cusum", learn, ("up",), limit=limit, memory=1, statistics=statistics)


def laney_p(sides: Sequence[Side], limit: float = 3.0) -> Chart:
    """Laney's p' chart: a p-chart whose limits know that windows differ by more than chance.

    Error:
        Baseline of 336 windows of 50 to 500 rows at .5 %: 10 false alarms in 1,000 windows, because
        rare events are skewed; 25 where they come in clusters.

    Source: Laney (2002), Quality Engineering 14, 531-537.
    """
    return _scored("laney_p", learn_proportion, sides, limit=limit, statistics=_memoryless)


def _memoryless(memory: Array, z: Array) -> tuple[Array, Array]:
    return memory, _both(z)


def _both(z: Array) -> Array:
    return np.array([z, -z])


def _scored(
    name: str,
    learn: Learn,
    sides: Sequence[Side],
    *,
    limit: float,
    memory: int = 0,
    statistics: Statistics,
) -> Chart:
    """A chart of standard scores: alarms while its statistic is above its limit."""
    wanted = np.array(["up" in sides, "down" in sides])

    def start(baseline: Any) -> Array:
        if not isinstance(baseline, LevelBaseline | ProportionBaseline):
            raise ValueError(f"{name} needs the baseline of a level or of a rate")
        state = np.zeros((4 + memory, *np.shape(baseline.windows)))
        state[2] = -1.0
        return state

    def step(baseline: Any, state: Array, row: Row) -> tuple[Array, Point]:
        opened, opened_at, last_t, last_score = state[:4]
        score, z = _standard(baseline, row, (last_t, last_score))
        kept, both = statistics(state[4:], z)
        both = np.where(wanted.reshape(2, *[1] * np.ndim(z)), both, -np.inf)
        statistic, which = both.max(axis=0), both.argmax(axis=0)
        alarm = statistic > limit
        opened_at = np.where(opened != 0, opened_at, row.t)
        side = np.where(alarm, np.where(which == 0, 1.0, -1.0), 0.0)
        point = Point(
            center=baseline.expected(row.t),
            statistic=statistic,
            limit=limit,
            alarm=alarm,
            started=alarm & (opened == 0),
            side=side,
            level=np.where(alarm, row.value, np.nan),
            change_t=np.where(alarm, opened_at, np.nan),
        )
        first = np.array([side, opened_at, np.full_like(opened_at, row.t), score])
        return np.concatenate([first, kept]), point

    return Chart(name=name, learn=learn, start=start, step=step)


def _standard(
    baseline: LevelBaseline | ProportionBaseline, row: Row, last: tuple[Array, Array]
) -> tuple[Array, Array]:
    """Score to remember, and the whitened score of the window."""
    if isinstance(baseline, ProportionBaseline):
        check_proportions(row)
        odds = baseline.rate / (1 - np.asarray(baseline.rate))
        odds = odds * np.exp(baseline.offsets[slot(row.t)])
        rate = odds / (1 + odds)
        variance = rate * (1 - rate) / baseline.effective(row.n)
        return np.zeros_like(rate), np.asarray((row.value - rate) / np.sqrt(variance))
    score = np.asarray(baseline.scores(row)[0])
    white = np.asarray(whitened(baseline, row.t, score, last))
    return np.clip(score, -CLIP, CLIP), white

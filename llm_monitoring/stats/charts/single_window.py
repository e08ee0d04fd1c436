"""One window so far out that no further is needed."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from llm_monitoring.stats.baselines import (
    AnyBaseline,
    Array,
    LevelBaseline,
    ProportionBaseline,
    Reading,
    Row,
    SilenceBaseline,
)
from llm_monitoring.stats.baselines.proportion import check_proportions
from llm_monitoring.stats.baselines.reading import slot
from llm_monitoring.stats.charts.chart import Chart, Point, Side
from llm_monitoring.stats.charts.evidence import whitened

ORDINARY = 0.02  # an episode is over with the first window at least this likely


def single_window(
    learn: Callable[[Sequence[Reading]], AnyBaseline], sides: Sequence[Side], run_length: float
) -> Chart:
    """Alarms on a single window that chance would bring once in `run_length` windows.

    For rates the tail is the (overdispersed) count's own; for levels that of the t-distribution
    that fitted Phase I, unclipped, so that a series that is wild by itself does not alarm.
    Prefer `sr_mixture` for anything that lasts.

    Args:
        learn: learn_mean, learn_positive, learn_count or learn_proportion.
        sides: directions that are trouble.
        run_length: windows in control per false alarm.

    Error:
        The tail beyond Phase I is extrapolated: a p-value of 1/10,000 from 336 windows may be off
        by a factor of a few; the fitted t-distribution makes it too careful rather than too eager.
    """
    if run_length <= 1:
        raise ValueError(f"run_length must be above 1, got {run_length}")
    limit = math.log(run_length)
    signs = [1.0 if side == "up" else -1.0 for side in sides]

    def start(baseline: Any) -> Array:
        if baseline is None or isinstance(baseline, SilenceBaseline):
            raise ValueError("single_window needs the baseline of a level or of a rate")
        state = np.zeros((4, *np.shape(baseline.windows)))
        state[2] = -1.0
        return state

    def step(baseline: Any, state: Array, row: Row) -> tuple[Array, Point]:
        opened, opened_at, last_t, last_score = state
        if isinstance(baseline, ProportionBaseline):
            check_proportions(row)
            score, tails = np.zeros_like(opened), _rate_tails(baseline, row, signs)
        else:
            score, tails = _level_tails(baseline, row, signs, (last_t, last_score))
        chance = np.minimum(len(signs) * np.min(tails, axis=0), 1.0)
        # Surprise in nats, as sr_mixture's statistic is.
        statistic = -np.log(np.maximum(chance, 1e-300))
        was_open = opened != 0
        alarm = np.where(was_open, chance < ORDINARY, statistic > limit)
        side = np.where(alarm, np.array(signs)[np.argmin(tails, axis=0)], 0.0)
        opened_at = np.where(was_open, opened_at, row.t)
        point = Point(
            center=baseline.expected(row.t),
            statistic=statistic,
            limit=limit,
            alarm=alarm,
            started=alarm & ~was_open,
            side=side,
            level=np.where(alarm, row.value, np.nan),
            change_t=np.where(alarm, opened_at, np.nan),
        )
        return np.array([side, opened_at, np.full_like(opened_at, row.t), score]), point

    return Chart(name="single_window", learn=learn, start=start, step=step)


def _level_tails(
    baseline: LevelBaseline, row: Row, signs: list[float], last: tuple[Array, Array]
) -> tuple[Array, Array]:
    """The window's score, and the chance of one so far out on each side."""
    score = np.asarray(baseline.scores(row)[0])
    # What is remembered is clipped, or the window after a spike would be the next one.
    white = np.asarray(whitened(baseline, row.t, score, last))
    tails = [special.stdtr(baseline.tail_degrees, -sign * white) for sign in signs]
    return np.clip(score, -3.5, 3.5), np.array(tails)


def _rate_tails(baseline: ProportionBaseline, row: Row, signs: list[float]) -> Array:
    """Chance of so many events, or so few, in a window of n rows.

    Events of correlated rows follow a negative binomial distribution (rare events in clusters);
    which outcome counts as the event is the rarer one.
    """
    odds = np.log(baseline.rate / (1 - np.asarray(baseline.rate))) + baseline.offsets[slot(row.t)]
    turned = odds > 0
    rate = special.expit(-np.abs(odds))
    share = np.where(turned, 1 - row.value, row.value)
    tails = []
    for sign in signs:
        up = (sign > 0) ^ turned
        tails.append(_tail(np.asarray(row.n), share, rate, np.asarray(baseline.correlation), up))
    return np.array(tails)


def _tail(n: Array, share: Array, rate: Array, correlation: Array, up: NDArray[np.bool_]) -> Array:
    """P(X >= x) where `up`, else P(X <= x)."""
    x = n * share
    clusters = correlation > 0
    mean = n * rate
    size = mean / np.maximum((n - 1) * correlation, 1e-9)
    chance = mean / (mean + size)
    at_least = np.where(
        clusters,
        _upper(x, size, chance),
        np.where(x > 0, special.betainc(np.maximum(x, 1e-9), np.maximum(n - x, 0) + 1, rate), 1.0),
    )
    above = np.where(
        clusters,
        _upper(x + 1, size, chance),
        np.where(x + 1 <= n, special.betainc(x + 1, np.maximum(n - x, 1e-9), rate), 0.0),
    )
    return np.where(up, at_least, 1 - above)


def _upper(x: Array, size: Array, chance: Array) -> Array:
    """P(X >= x) of a negative binomial with mean size * chance / (1 - chance)."""
    positive = special.betainc(np.maximum(x, 1e-9), size, chance)
    tail: Array = np.where(x > 0, positive, 1.0)
    return tail

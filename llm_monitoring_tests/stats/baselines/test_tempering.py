"""How much calmer a chart is made so that Phase I itself would not have alarmed it."""

import math

import numpy as np
import pytest

from llm_monitoring.stats.baselines import Array
from llm_monitoring.stats.baselines.tempering import MARGIN, SHIFTS, STEP, STEPS, temper
from llm_monitoring_tests.stats.baselines.examples import autoregressive


def highest(scores: Array) -> float:
    """Highest statistic of the untempered mixture, by the recursion of its definition."""
    ratios, top = np.zeros(len(SHIFTS)), -math.inf
    for z in scores:
        ratios = (1 + ratios) * np.exp(SHIFTS[:, 0] * z - SHIFTS[:, 0] ** 2 / 2)
        top = max(top, math.log(ratios.mean()))
    return top


def stepping(seed: int, windows: int = 336, every: int = 60) -> Array:
    """Noise on a level that steps by a standard deviation or so every few days."""
    rng = np.random.default_rng(seed)
    levels = np.repeat(rng.normal(0, 1, windows // every + 1), every)[:windows]
    z: Array = rng.normal(0, 1, windows) + levels - np.median(levels)
    return z


@pytest.mark.parametrize("windows", [48, 336])
def test_independent_noise_is_rarely_tempered(windows: int) -> None:
    rng = np.random.default_rng(1)
    factors = [temper(rng.normal(0, 1, windows)) for _ in range(400)]
    assert np.mean([factor > 1 for factor in factors]) < 0.05


def test_a_series_with_steps_is_tempered() -> None:
    factors = [temper(stepping(seed)) for seed in range(40)]
    assert np.mean([factor > 1 for factor in factors]) >= 0.9
    assert np.median(factors) > 1.2


def test_long_memory_is_tempered_too() -> None:
    assert np.median([temper(autoregressive(0.8, 336, seed)) for seed in range(20)]) > 1.2


@pytest.mark.parametrize("seed", range(10))
def test_it_is_the_smallest_step_at_which_phase_one_is_quiet(seed: int) -> None:
    scores = stepping(seed)
    factor, limit = temper(scores), math.log(len(scores)) + MARGIN
    steps = math.log(factor) / math.log(STEP)
    assert steps == pytest.approx(round(steps))
    assert highest(scores / factor) <= limit
    assert factor == 1 or highest(scores / factor * STEP) > limit


def test_calm_ends_somewhere_and_nothing_overflows() -> None:
    assert temper(np.zeros(48)) == 1
    assert temper(np.full(336, 1e3)) == pytest.approx(STEP ** (STEPS - 1))

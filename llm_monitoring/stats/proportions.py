"""Rates of yes-or-no outcomes: the tail of chance, and a comparison stratum by stratum."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import comb, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc

from llm_monitoring.stats.permutation import two_sided_p_value


def chance_of_at_least(
    events: ArrayLike, trials: ArrayLike, rate: ArrayLike
) -> NDArray[np.float64]:
    """Exact chance of so many events or more, where each trial is one with this rate.

    Args:
        events: [] or [n], 0 <= events <= trials.
        trials: the same.
        rate: the same, in [0, 1].

    Error:
        None of independent trials. Events that come in clusters are likelier than it says.
    """
    x = np.asarray(events, float)
    more = np.maximum(np.asarray(trials, float) - x, 0) + 1
    tail = betainc(np.maximum(x, 1), more, np.asarray(rate, float))
    return np.where(x > 0, tail, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stratum:
    """Passes of one probe, then and now."""

    reference_passes: int
    reference_trials: int
    current_passes: int
    current_trials: int

    def __post_init__(self) -> None:
        fits = 0 <= self.reference_passes <= self.reference_trials > 0
        if not (fits and 0 <= self.current_passes <= self.current_trials > 0):
            raise ValueError(f"passes must lie within trials, and trials above 0: {self}")


@dataclass(frozen=True, slots=True)
class PassRateTest:
    """Outcome of `stratified_pass_rate_test`."""

    statistic: float  # standardised; negative: fewer pass now. 0 where nothing can vary
    p_value: float  # two-sided
    difference: float  # mean over strata of current rate - reference rate


Selected = Callable[[int, int], bool]


def _always(_passes: int, _trials: int) -> bool:
    return True


def stratified_pass_rate_test(
    strata: Sequence[Stratum], selected: Selected = _always
) -> PassRateTest:
    """Whether pass rates changed, each stratum compared with itself.

    The exact form of the Cochran-Mantel-Haenszel test: given how many of a stratum's trials
    passed, which of them were reference trials is a matter of chance; the sums over strata are
    counted out. Prefer it to a chi-square: passes are few and mostly all or nothing.

    Args:
        strata: [k] counts; may be empty.
        selected: whether a stratum with these (reference passes, reference trials) would have
            been kept. Strata kept because their reference looked steady do a little worse
            afterwards by themselves; counting only the splits that would have been kept takes
            that out. Every given stratum must be a kept one.

    Raises:
        ValueError: a stratum's own reference is not selected.

    Error:
        P(p_value <= a) <= a when repeats are exchangeable. With 25 strata of 5 + 3 trials,
        selected as `probes` does, and a pass rate of .85, 4,000 trials gave p <= .01 in .4 %;
        without `selected` 3 %.

    Source: Mantel and Haenszel (1959), JNCI 22, 719-748; exact sums as in Agresti (2002),
    Categorical Data Analysis, 6.7.
    """
    chances = np.ones(1)
    for stratum in strata:
        if not selected(stratum.reference_passes, stratum.reference_trials):
            raise ValueError(f"not a selected stratum: {stratum}")
        chances = np.convolve(chances, _splits(stratum, selected))
    passes = sum(stratum.current_passes for stratum in strata)
    differences = [
        stratum.current_passes / stratum.current_trials
        - stratum.reference_passes / stratum.reference_trials
        for stratum in strata
    ]
    return PassRateTest(
        _standardised(chances, passes),
        two_sided_p_value(chances, passes),
        float(np.mean(differences)) if differences else 0.0,
    )


def pass_rate_power(
    strata: Sequence[Stratum],
    *,
    fall: float,
    significance: float,
    selected: Selected = _always,
    draws: int = 400,
) -> float:
    """Chance that `stratified_pass_rate_test` notices a fall of the mean pass rate.

    The fall is the hardest kind, and the usual one at temperature 0: some strata fail altogether,
    drawn at random, and the others stay as they were.

    Args:
        strata: [k] the design; current passes are not looked at.
        fall: of the mean pass rate, (0, 1]; a mean below it cannot fall so far and falls to 0.
        significance: p-values up to here count, unadjusted.
        selected: as in the test.
        draws: simulated runs.

    Error:
        Standard error sqrt(power (1 - power) / draws), at most .025 at the default.
    """
    if not strata:
        return 0.0
    rates = np.array([stratum.reference_passes / stratum.reference_trials for stratum in strata])
    chance = min(1.0, fall / max(float(rates.mean()), fall))
    trials = np.array([stratum.current_trials for stratum in strata])
    rng = np.random.default_rng(0)  # the same strata have the same power
    broken = rng.random((draws, len(strata))) < chance
    passes = np.where(broken, 0, rng.binomial(trials, rates, size=(draws, len(strata))))
    noticed = [
        stratified_pass_rate_test(_with_passes(strata, row), selected).p_value <= significance
        for row in passes
    ]
    return float(np.mean(noticed))


def least_pass_rate_p_value(strata: Sequence[Stratum], selected: Selected = _always) -> float:
    """Smallest p-value that any outcome of the current trials could give; 1 without strata."""
    extremes = (
        [0] * len(strata),
        [stratum.current_trials for stratum in strata],
    )
    return min(
        stratified_pass_rate_test(_with_passes(strata, passes), selected).p_value
        for passes in extremes
    )


def _with_passes(strata: Sequence[Stratum], passes: Sequence[int]) -> list[Stratum]:
    return [
        replace(stratum, current_passes=int(count))
        for stratum, count in zip(strata, passes, strict=True)
    ]


def _splits(stratum: Stratum, selected: Selected) -> NDArray[np.float64]:
    """Chance of each number of current passes, given the stratum's passes: [passes possible]."""
    passes = stratum.reference_passes + stratum.current_passes
    return _split_chances(passes, stratum.reference_trials, stratum.current_trials, selected)


@lru_cache(maxsize=10_000)
def _split_chances(
    passes: int, reference_trials: int, current_trials: int, selected: Selected
) -> NDArray[np.float64]:
    ways = np.zeros(current_trials + 1)
    for current in range(max(0, passes - reference_trials), min(current_trials, passes) + 1):
        if selected(passes - current, reference_trials):
            ways[current] = comb(current_trials, current) * comb(reference_trials, passes - current)
    chances: NDArray[np.float64] = ways / ways.sum()
    return chances


def _standardised(chances: NDArray[np.float64], passes: int) -> float:
    values = np.arange(len(chances))
    mean = float(chances @ values)
    variance = float(chances @ (values - mean) ** 2)
    # Rounding leaves a variance of about 1e-30 where every stratum can split in one way only.
    return (passes - mean) / sqrt(variance) if variance > 1e-9 else 0.0

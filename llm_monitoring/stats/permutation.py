"""Exact tests that assume exchangeability only: valid for few pairs, ties and zeros."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

MAXIMUM_PAIRS = 1000  # the distribution takes pairs^3 additions


@dataclass(frozen=True, slots=True)
class SignedRankTest:
    """Outcome of `signed_rank_test`."""

    statistic: float  # rank-biserial correlation: -1 all fell, 1 all rose
    p_value: float  # two-sided
    pairs: int  # differences that are not 0


def signed_rank_test(differences: Sequence[float]) -> SignedRankTest:
    """Whether paired differences lean to one side (Wilcoxon's signed-rank test).

    Differences of 0 are left out and ties share their mean rank. The p-value counts every way of
    giving the differences signs, so it is exact where `scipy.stats.wilcoxon` approximates.

    Args:
        differences: [n] current - reference, one per pair, n <= 1000.

    Returns:
        Statistic 0 and p-value 1 where no difference is left.

    Raises:
        ValueError: a difference is not finite, or there are more than 1000.

    Error:
        P(p_value <= a) <= a when each difference is as likely to be as much above 0 as below.

    Source: Wilcoxon (1945), Biometrics Bulletin 1, 80-83.
    """
    values = np.asarray(differences, dtype=float)
    if not np.all(np.isfinite(values)) or len(values) > MAXIMUM_PAIRS:
        raise ValueError(f"expected at most {MAXIMUM_PAIRS} finite differences")
    values = values[values != 0]
    if len(values) == 0:
        return SignedRankTest(0.0, 1.0, 0)
    # Twice the rank: halves are whole.
    ranks = np.rint(2 * scipy.stats.rankdata(np.abs(values))).astype(int)
    rose = int(ranks[values > 0].sum())
    distribution = _rank_sums(ranks)
    statistic = 2 * rose / int(ranks.sum()) - 1
    return SignedRankTest(statistic, two_sided_p_value(distribution, rose), len(values))


def two_sided_p_value(distribution: NDArray[np.float64], observed: int) -> float:
    """Twice the smaller tail, the observed value in it, at most 1.

    Args:
        distribution: [n] chance of 0, 1, .. n - 1 under the null hypothesis.
        observed: index of what was seen.
    """
    tail = min(distribution[: observed + 1].sum(), distribution[observed:].sum())
    return float(min(1.0, 2 * tail))


def _rank_sums(ranks: NDArray[np.int_]) -> NDArray[np.float64]:
    """Chance of every sum of a random half of the ranks: [sum of ranks + 1]."""
    chances = np.zeros(int(ranks.sum()) + 1)
    chances[0] = 1.0
    for rank in ranks:
        with_rank = np.zeros_like(chances)
        with_rank[rank:] = chances[:-rank]
        chances = (chances + with_rank) / 2
    return chances

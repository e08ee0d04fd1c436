"""Distances between queries as vectors, and between two mixes of categories."""

from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

BLOCK = 1024  # rows compared at once: with 1,000 reference rows 4 MB


class Neighbours(NamedTuple):
    """What lies near each query.

    distance: [n] cosine distance to the k-th nearest reference row, in [0, 2].
    nearest: [n] index of the nearest reference row; the lowest of equals.
    """

    distance: NDArray[np.float64]
    nearest: NDArray[np.intp]


def nearest_neighbours(
    queries: NDArray[np.float32], reference: NDArray[np.float32], k: int
) -> Neighbours:
    """Cosine distance of each query to its k-th nearest reference row, by comparing with all.

    Brute force: 1,000 reference rows of 512 floats take some 60,000 queries a second on one
    core, so an index would only add error.

    Args:
        queries: [n, d] float32, rows L2-normalised.
        reference: [m, d] float32, rows L2-normalised, m >= k.
        k: which neighbour, from 1. Above 1 a single odd reference row hides nothing.

    Raises:
        ValueError: k is below 1 or the reference has fewer than k rows.

    Error:
        Distances are rounded to 1e-6: identical texts are 0 apart, whatever float32 makes of it.
    """
    if not 1 <= k <= len(reference):
        raise ValueError(f"neighbour {k} of {len(reference)} reference rows does not exist")
    distance, nearest = np.empty(len(queries)), np.empty(len(queries), dtype=np.intp)
    for start in range(0, len(queries), BLOCK):
        block = slice(start, start + BLOCK)
        distances = np.round(1.0 - (queries[block] @ reference.T).astype(np.float64), 6)
        nearest[block] = distances.argmin(axis=1)
        distance[block] = np.partition(distances, k - 1, axis=1)[:, k - 1]
    return Neighbours(np.clip(distance, 0.0, 2.0), nearest)


def upper_limit(held_out: NDArray[np.float64], share: float = 0.95) -> float:
    """Value that a further draw exceeds with probability 1 - share at most.

    Args:
        held_out: [n] values of the same population, n >= share / (1 - share).
        share: in (0, 1).

    Raises:
        ValueError: there are too few values to promise that.

    Error:
        The promise is for the average over held-out samples; for the one at hand the probability
        has standard deviation sqrt(share (1 - share) / n): .0097 for 500 values at 95 %.

    Source: Vovk, Gammerman, Shafer, Algorithmic Learning in a Random World (2005), split conformal.
    """
    rank = int(np.ceil(share * (len(held_out) + 1)))
    if rank > len(held_out):
        raise ValueError(f"{len(held_out)} values are too few for the {share:.0%} limit")
    return float(np.sort(held_out)[rank - 1])


class GTest(NamedTuple):
    """statistic: G, twice the log-likelihood ratio; p_value: chance of one as large in control."""

    statistic: float
    p_value: float


def g_test(
    reference: NDArray[np.int64], current: NDArray[np.int64], *, seed: int, tables: int = 9_999
) -> GTest:
    """Do two samples have the same mix of categories?

    The p-value is by permutation (random tables with both margins fixed), so rare categories,
    which break the chi-squared approximation, need no merging.

    Args:
        reference: [k] counts per category.
        current: [k] counts of the same categories.
        seed: of the random tables.
        tables: how many; the smallest p-value is 1 / (tables + 1).

    Raises:
        ValueError: a sample is empty, or the shapes differ.

    Error:
        Exact level up to the number of tables; conservative where there are few distinct tables.

    Source: Sokal & Rohlf, Biometry, 3rd ed., section 17.4; Patefield (1981), AS 159.
    """
    observed = np.array([reference, current])
    rows, columns = observed.sum(axis=1), observed.sum(axis=0)
    if not rows.all():
        raise ValueError("a sample without any count has no mix")
    expected = np.outer(rows, columns) / rows.sum()
    random = np.random.default_rng(seed)
    drawn = scipy.stats.random_table(rows, columns).rvs(tables, random_state=random)
    statistic = float(_g_statistic(observed, expected))
    as_large = int(np.sum(_g_statistic(drawn, expected) >= statistic - 1e-9))
    return GTest(statistic, (as_large + 1) / (tables + 1))


def _g_statistic(tables: NDArray[np.generic], expected: NDArray[np.float64]) -> NDArray[np.float64]:
    counts = tables.astype(np.float64)
    ratio = np.divide(counts, expected, out=np.ones_like(counts), where=counts > 0)
    return np.asarray(2.0 * np.sum(counts * np.log(ratio), axis=(-2, -1)))

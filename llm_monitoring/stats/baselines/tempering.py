"""How much calmer a chart has to be so that Phase I itself would not have alarmed it."""

import math

import numpy as np

from llm_monitoring.stats.baselines.reading import Array

STEP = 1.12
STEPS = 24  # at most 1.12 ** 23 = 13.6 times calmer
MARGIN = 2.5  # above ln(windows): one in twenty baselines of independent windows is tempered
SHIFTS = np.array([0.35, 0.7, 1.4, 2.8, -0.35, -0.7, -1.4, -2.8])[:, None]


def temper(scores: Array) -> float:
    """Smallest 1.12^k, so that scores divided by it raise no alarm within Phase I.

    It needs no distribution: whatever makes real series restless (steps, long memory, bursts) is
    replayed through a statistic like sr_mixture's, two-sided and without its dead band.

    Args:
        scores: [windows] standardised, clipped and whitened residuals in order of time.
    """
    limit = math.log(len(scores)) + MARGIN
    for k in range(STEPS):
        if _highest(scores / STEP**k) <= limit:
            return float(STEP**k)
    return float(STEP ** (STEPS - 1))


def _highest(scores: Array) -> float:
    """Highest log of the mean Shiryaev-Roberts statistic over all starts and shifts."""
    # The statistic at t is the sum over starts s of exp(C_t - C_s): cumulative sums give it at
    # once, relative to the lowest start so far, so that nothing overflows.
    sums = np.cumsum(SHIFTS * scores - SHIFTS**2 / 2, axis=1)
    before = np.concatenate([np.zeros((len(SHIFTS), 1)), sums[:, :-1]], axis=1)
    starts = np.logaddexp.accumulate(-before, axis=1)
    return float((np.logaddexp.reduce(sums + starts, axis=0) - math.log(len(SHIFTS))).max())

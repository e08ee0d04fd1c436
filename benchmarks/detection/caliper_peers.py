"""drift-caliper's charts: its own fitted limits, its recursion over all streams at once.

It offers no default target, only the promise of a run length. `originals.py` compares the charts
with the package's own Monitor.
"""

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.detection.detector import Detector, Statistic
from benchmarks.detection.standardised import moving_range_z
from benchmarks.detection.streams import Floats, Kind, Streams
from benchmarks.detection.textbook_peers import ewma, tabular_cusum

if TYPE_CHECKING:
    from drift_caliper import Baseline, ScoringResult

K = 0.25
WEIGHT = 0.2  # its default
# A binary rubric is out of its scope, but nothing keeps a user from charting an hourly rate.
KINDS: tuple[Kind, ...] = ("mean", "proportion", "positive")


@cache
def cusum_limit(arl0: float) -> float:
    """The decision interval it fits, in deviations; it does not depend on the baseline."""
    from drift_caliper import fit_cusum

    fitted = fit_cusum(fitted_on(np.arange(100.0)), target_arl=arl0, reference_value=K)
    return fitted.decision_interval


@cache
def ewma_limit(arl0: float) -> float:
    """The limit it fits, in the EWMA's final deviations; it does not depend on the baseline."""
    from drift_caliper import fit_ewma

    fitted = fit_ewma(fitted_on(np.arange(100.0)), target_arl=arl0)
    final = fitted.sigma_estimate * np.sqrt(WEIGHT / (2 - WEIGHT))
    return float((fitted.ucl - fitted.baseline_mean) / final)


def fitted_on(values: Floats) -> "Baseline":
    """Its Phase I, of these scores."""
    from drift_caliper import Baseline

    baseline = Baseline()
    for value in values:
        baseline.record(scored(float(value)))
    return baseline


def scored(value: float) -> "ScoringResult":
    """A score as its judge gives it."""
    from drift_caliper import Judge, JudgeProviderResponse

    class Known:
        """A judge that says what it is told to."""

        def score(
            self,
            *,
            model_version: str,  # noqa: ARG002
            criteria: str,  # noqa: ARG002
            agent_output: str,
            agent_input: str | None = None,  # noqa: ARG002
        ) -> JudgeProviderResponse:
            return JudgeProviderResponse(score=float(agent_output), reasoning="known")

    judge = Judge.create(model_version="known-20260101", provider=Known(), criteria="known")
    return judge.score(repr(value))


def _cusum(streams: Streams) -> Floats:
    return tabular_cusum(moving_range_z(streams), streams, K)


def _ewma(streams: Streams) -> Floats:
    return ewma(moving_range_z(streams), streams, WEIGHT, exact=False)


CALIPER: tuple[Detector, ...] = (
    Statistic(
        name="drift-caliper CUSUM",
        path=_cusum,
        kinds=KINDS,
        promise=lambda _, arl0: cusum_limit(arl0),
        source="drift-caliper, fit_cusum, reference_value .25",
    ),
    Statistic(
        name="drift-caliper EWMA",
        path=_ewma,
        kinds=KINDS,
        promise=lambda _, arl0: ewma_limit(arl0),
        source="drift-caliper, fit_ewma at its default smoothing of .2",
    ),
)

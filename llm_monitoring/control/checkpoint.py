"""Where a replay goes on, and whether what was stored is still the thing to go on from."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from llm_monitoring.control.stored import has_our_id, knew_of, parse_baseline
from llm_monitoring.records import Baseline, ChartPoint, Rebaseline, WindowMetric
from llm_monitoring.stats.baselines import (
    ESTABLISHED_WINDOWS,
    PROVISIONAL_WINDOWS,
    AnyBaseline,
    SilenceBaseline,
)
from llm_monitoring.stats.charts import Chart
from llm_monitoring.stats.multiplicity import HOURS_PER_WEEK

# A provisional baseline is learned from two days, and again once it has seen a whole week.
LEARNING_WINDOWS = (PROVISIONAL_WINDOWS, HOURS_PER_WEEK, ESTABLISHED_WINDOWS)
# After a rebaseline the season, scatter and memory are known already: only the level is not.
RELEVEL_WINDOWS = 20


@dataclass(frozen=True, slots=True)
class PhaseOne:
    """A Phase I that is not over, after the point a replay goes on from.

    Args:
        began: first hour of it, left out or not; None: none yet.
        taken: hours whose windows it has taken in.
        before: established baseline of before the restart it began with, which serves as its
            shape; None: nothing was established before.
        windows: those of the series since it began; None: left out, it learns nothing yet.
    """

    began: int | None
    taken: Collection[int]
    before: Baseline | None
    windows: Sequence[WindowMetric] | None = None

    def learns_within(self, windows: int) -> bool:
        """It may come to a count it learns at: then the replay needs its windows."""
        before = None if self.before is None else parse_baseline(self.before)
        taken = len(self.taken)
        return any(taken < count <= taken + windows for count in learning_counts(before))


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where a replay goes on: a stored point and the baseline it was made with."""

    point: ChartPoint
    baseline: Baseline | None
    phase_one: PhaseOne | None = None  # None: it is over


def learning_counts(before: AnyBaseline | None) -> tuple[int, ...]:
    """Windows of Phase I after which a baseline is learned.

    Args:
        before: what was established before Phase I began anew; None: nothing.
    """
    if before is None or isinstance(before, SilenceBaseline):
        return LEARNING_WINDOWS
    return (RELEVEL_WINDOWS, *LEARNING_WINDOWS[1:])  # its own scatter takes over after a week


def can_resume(
    chart: Chart,
    point: ChartPoint,
    baseline: Baseline | None,
    rebaselines: Sequence[Rebaseline] = (),
    phase_one: PhaseOne | None = None,
) -> bool:
    """What follows depends on the stored state alone, and the state is ours.

    A state that another version of the chart has left behind is not read: it would be misread. Nor
    is one from before a decision about the baseline that was made since.

    Args:
        rebaselines: decisions about this series.
        phase_one: of a chart that is still learning; without it, it cannot go on.
    """
    if chart.learn is None:
        return len(point.state) == len(chart.start(None))
    if baseline is None:
        return phase_one is not None and _learned(phase_one) == 0 and not point.state
    return (
        has_our_id(baseline)
        and (
            baseline.status == "established"
            or (phase_one is not None and _learned(phase_one) == baseline.windows)
        )
        and len(point.state) == len(chart.start(parse_baseline(baseline)))
        and knew_of(baseline, rebaselines, point.hour)
    )


def _learned(phase_one: PhaseOne) -> int:
    """Windows its newest baseline is of; 0: it has none yet."""
    before = None if phase_one.before is None else parse_baseline(phase_one.before)
    return max((c for c in learning_counts(before) if c <= len(phase_one.taken)), default=0)

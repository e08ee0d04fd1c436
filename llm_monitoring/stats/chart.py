"""What a control chart is: a fold over the windows of one series.

A chart learns a baseline from Phase I (where it needs one), starts in a known state, and steps
once per window: (state, reading) -> (state, point). A window without data leaves the state
unchanged. A chart never looks at a window it has not been given yet, so a series can be folded
in one go or in pieces with the stored state, with the same result.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from llm_monitoring.stats.baselines import AnyBaseline, Reading

Side = Literal["up", "down"]
State = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Point:
    """What a chart says after one window.

    Args:
        center: what the baseline expects; None: the chart has none.
        statistic: compared with the limit; None: the chart has no opinion yet.
        limit: an alarm is raised above it.
        alarm: an episode is open.
        started: this window opened it.
        side: direction of the open episode.
        level: estimated level since the change, in the series' unit.
        change_t: estimated first window of the change, hours since 1970.
    """

    center: float | None
    statistic: float | None
    limit: float | None
    alarm: bool
    started: bool = False
    side: Side | None = None
    level: float | None = None
    change_t: int | None = None


Step = Callable[[AnyBaseline | None, State, Reading], tuple[State, Point]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """One kind of chart.

    Args:
        name: in the catalogue.
        learn: Phase I readings to a baseline; None: the chart learns as it goes.
        start: state before the first window of Phase II.
        step: the fold.
        reads_silence: windows without data are steps too.
        variant: tells two charts of one kind on one series apart.
    """

    name: str
    learn: Callable[[Sequence[Reading]], AnyBaseline] | None
    start: Callable[[AnyBaseline | None], State]
    step: Step
    reads_silence: bool = False
    variant: str = ""

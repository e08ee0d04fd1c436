"""Where a chart stands between two windows."""

from dataclasses import dataclass

from llm_monitoring.records import Baseline, WindowMetric
from llm_monitoring.stats.baselines import AnyBaseline, Array, Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the next window is replayed from. State and baseline are only ever replaced together.

    Args:
        status: waiting, provisional or established.
        state: of the chart, made with `learned`; empty while it waits.
        learned: baseline in force; None: none yet, or the chart needs none.
        baseline: the same as it is stored.
        before: established before Phase I began anew; its shape is kept.
        taken: windows Phase I has taken in.
        earlier: those it took in before the point the replay goes on from; empty: not needed.
        phase_one: those it took in since.
        began: first hour of Phase I, left out or not.
        last_hour: of the window before.
        restarts: hours still to come in which Phase I begins anew.
    """

    status: str
    state: Array
    learned: AnyBaseline | None = None
    baseline: Baseline | None = None
    before: AnyBaseline | None = None
    taken: int = 0
    earlier: tuple[WindowMetric, ...] = ()
    phase_one: tuple[Reading, ...] = ()
    began: int | None = None
    last_hour: int = 0
    restarts: tuple[int, ...] = ()

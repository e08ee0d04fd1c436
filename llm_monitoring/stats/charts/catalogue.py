"""The catalogue of control charts: what each is called, what it costs, what stands beside it.

Adding a chart is one entry in CHARTS: settings, budget, episodes, checks and `backtest` read it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from llm_monitoring.stats.baselines import (
    AnyBaseline,
    Reading,
    learn_count,
    learn_mean,
    learn_positive,
    learn_proportion,
)
from llm_monitoring.stats.charts.chart import Chart, Side
from llm_monitoring.stats.charts.lines import SILENCE, reference_ewma
from llm_monitoring.stats.charts.single_window import single_window
from llm_monitoring.stats.charts.sr_mixture import sr_mixture
from llm_monitoring.stats.charts.threshold import LINE

Learn = Callable[[Sequence[Reading]], AnyBaseline]
Build = Callable[[Learn, Sequence[Side], float], Chart]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartKind:
    """One kind of chart.

    Args:
        build: from how a baseline is learned, the directions that are trouble and the windows in
            control per false alarm to the chart; None: it is not chosen by its name, but stands
            where monitoring.yaml draws a line or where silence is trouble.
        share: of the false-alarm budget of a series, in [0, 1]; 0: it keeps no budget.
        beside: name of the chart that stands beside it and has the rest of the budget; None: it
            stands alone.
        can_alarm: False: it is mute, whatever happens.
        formerly: names it had, which stand in older files.
        state: version of its state; raised when a stored one would be read differently, so that
            the chart is recomputed.
    """

    build: Build | None = None
    share: float = 0.0
    beside: str | None = None
    can_alarm: bool = True
    formerly: tuple[str, ...] = ()
    state: int = 4


def shares_of(name: str) -> dict[str, float]:
    """Charts that stand where this one is chosen, itself first, and the budget's share of each.

    Raises:
        KeyError: there is no such chart.
    """
    kind = CHARTS[name]
    return {name: kind.share} | ({kind.beside: 1 - kind.share} if kind.beside else {})


def rank_in_pair(name: str) -> int | None:
    """Of charts that share the budget of a series: 0 the one that leads, 1 the one beside it.

    None: it shares no budget.
    """
    for leading, kind in CHARTS.items():
        if kind.beside and name in (leading, kind.beside):
            return int(name == kind.beside)
    return None


LEARN: dict[str, Learn] = {
    "proportion": learn_proportion,
    "mean": learn_mean,
    "positive": learn_positive,
    "count": learn_count,
}
CHARTS: dict[str, ChartKind] = {
    # What lasts and what is one window far out: nine tenths of a budget, and one.
    "sr_mixture": ChartKind(build=sr_mixture, share=0.9, beside="single_window"),
    "single_window": ChartKind(build=single_window, share=1.0, formerly=("outage",)),
    "reference_ewma": ChartKind(build=lambda *_: reference_ewma(), can_alarm=False),
    SILENCE: ChartKind(state=5),
    LINE: ChartKind(),
}

"""Calibrates the limits of sr_mixture: prints the tables of `stats/charts/limits.py`.

Use: `python -m benchmarks.limits levels|rates|clusters one|two CHARTS`. FEW_EVENTS is how far rates
lie below levels with one side, CLUSTERED_TWO_SIDED how far clusters lie above them with two.

Independent windows are simulated in control, with a baseline learned from their own Phase I as
charts learn it. The limit for a run length A is where alarms over the first windows after Phase I
come once in CAREFUL * A windows: charts whose baseline happens to be wrong alarm soon, and count.
"""

import sys
from collections.abc import Callable

import numpy as np

from llm_monitoring.stats.baselines import (
    AnyBaseline,
    Array,
    Reading,
    Row,
    learn_mean,
    learn_proportion,
    stack,
)
from llm_monitoring.stats.charts.chart import Side
from llm_monitoring.stats.charts.sr_mixture import AT, sr_mixture

RUN_LENGTHS = (100, 300, 1_000, 3_000, 10_000, 30_000, 100_000)
PHASE_ONES = (24, 48, 100, 168, 336, 1_000)
EVENTS = (0.1, 0.5, 2.0, 10.0, 50.0)  # expected in a window
CORRELATION = 0.003  # of the rows of a window, where events come in clusters
LIMIT = AT["limit"]
SIDES: dict[str, tuple[Side, ...]] = {"one": ("up",), "two": ("up", "down")}
# Run lengths aimed at, of the one asked for. Of two-sided charts less: single_window beside them is
# given a tenth of the budget, and in control uses hardly any of it.
CAREFUL = {1: 1.1, 2: 0.95}  # by number of sides
ROWS = 200
FIRST = 2_000  # hour of the first window after Phase I
LONGEST = 2_000  # windows watched: charts whose baseline happens to be wrong alarm in the first
Draw = Callable[[int], Row]


def limits(known: AnyBaseline, draw: Draw, sides: tuple[Side, ...]) -> list[float]:
    """Limit - ln A for each run length."""
    offsets = []
    for run_length in RUN_LENGTHS:
        # The dead band depends on the run length. The limit is far off: no alarm, no dispute.
        chart = sr_mixture(learn_mean, sides, run_length)
        state = chart.start(known)
        state[LIMIT] = 40.0
        windows = int(min(run_length, LONGEST))
        highest = np.full(len(known.windows), -np.inf)
        for i in range(windows):
            state, point = chart.step(known, state, draw(FIRST + i))
            highest = np.maximum(highest, point.statistic)
        quiet = np.exp(-windows / (CAREFUL[len(sides)] * run_length))
        offsets.append(round(float(np.quantile(highest, quiet) - np.log(run_length)), 2))
    return offsets


def of_levels(windows: int, sides: tuple[Side, ...], charts: int) -> list[float]:
    """Normal windows of equal n."""
    rng = np.random.default_rng(windows)

    def phase_one() -> list[Reading]:
        return [Reading(i, x, ROWS) for i, x in enumerate(rng.normal(0, 1, windows).tolist())]

    def draw(t: int) -> Row:
        return Row(t, rng.normal(0, 1, charts), n, none)

    known = stack([learn_mean(phase_one()) for _ in range(charts)])
    n, none = np.full(charts, float(ROWS)), np.full(charts, np.nan)
    return limits(known, draw, sides)


def of_rates(
    events: float, sides: tuple[Side, ...], charts: int, *, correlation: float = 0.0
) -> list[float]:
    """Windows of equal n, binomial or, of correlated rows, beta-binomial; two weeks of Phase I."""
    rng = np.random.default_rng(336)
    rate = events / ROWS

    def drawn(shape: int | tuple[int, int]) -> Array:
        spread = 1 / correlation - 1 if correlation else None
        rates = rng.beta(rate * spread, (1 - rate) * spread, shape) if spread else rate
        return rng.binomial(ROWS, rates, shape) / ROWS

    def draw(t: int) -> Row:
        return Row(t, drawn(charts), n, none)

    phases = drawn((charts, 336)).tolist()
    known = stack(
        [learn_proportion([Reading(i, x, ROWS) for i, x in enumerate(phase)]) for phase in phases]
    )
    n, none = np.full(charts, float(ROWS)), np.full(charts, np.nan)
    return limits(known, draw, sides)


def main(kind: str, side: str, charts: int) -> None:
    """Print the rows of a table: limit - ln A for each of RUN_LENGTHS."""
    sides = SIDES[side]
    if kind == "levels":
        for windows in PHASE_ONES:
            print(side, windows, of_levels(windows, sides, charts), flush=True)
    else:
        correlation = CORRELATION if kind == "clusters" else 0.0
        for events in EVENTS:
            found = of_rates(events, sides, charts, correlation=correlation)
            print(side, events, found, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))

"""The catalogue of control charts."""

import math
from collections.abc import Callable, Sequence

from llm_monitoring.stats.baselines import (
    AnyBaseline,
    Reading,
    learn_mean,
    learn_positive,
    learn_proportion,
    learn_silence,
)
from llm_monitoring.stats.chart import Chart, Point, Side, State
from llm_monitoring.stats.sr_mixture import sr_mixture

STATE_VERSION = 3  # raised when a stored state would be read differently: charts are folded anew


# -------------------------------------------------------------- reference_ewma


def reference_ewma(alpha: float = 0.1, k: float = 3.0, warmup_n: int = 30) -> Chart:
    """The reference document's QualityControlChart, exact. Never a default.

    It compares a value with an average and a variance that already contain the value, so it fires
    only if d^2 [(1-a)^2 - k^2 a (1-a)] > k^2 (1-a) v, d being the distance from the previous
    average and v the previous variance. At alpha .1 and k 3 the bracket is .81 - .81 = 0: it
    cannot alert, whatever happens (rounding after constant data aside). Prefer sr_mixture.
    """

    def step(baseline: AnyBaseline | None, state: State, reading: Reading) -> tuple[State, Point]:
        del baseline  # it learns as it goes
        seen, ewma, variance = state
        if not seen:
            return (1.0, reading.measured, 0.0), Point(reading.measured, None, None, alarm=False)
        moved = alpha * reading.measured + (1 - alpha) * ewma
        variance = (1 - alpha) * (variance + alpha * (reading.measured - ewma) ** 2)
        deviation = abs(reading.measured - moved)
        limit = k * math.sqrt(variance) if variance > 0 else math.inf
        alarm = seen + 1 >= warmup_n and deviation > limit
        point = Point(
            center=moved,
            statistic=deviation,
            limit=limit,
            alarm=alarm,
            started=alarm,
            side=("up" if reading.measured > moved else "down") if alarm else None,
            level=reading.measured if alarm else None,
            change_t=reading.t if alarm else None,
        )
        return (seen + 1, moved, variance), point

    return Chart(name="reference_ewma", learn=None, start=lambda _: (0.0, 0.0, 0.0), step=step)


# ------------------------------------------------------------ static_threshold


def static_threshold(
    *, above: float | None = None, below: float | None = None, minimum_n: int = 1
) -> Chart:
    """A line somebody drew: out of control beyond it, whatever is normal here.

    It needs no Phase I and finds an outage in its first window; slow changes it finds when they
    have arrived (a creep from .5 % to 4.8 % never, if the line is at 5 %).
    """
    side: Side = "up" if above is not None else "down"
    line = above if above is not None else below
    if line is None:
        raise ValueError("a static threshold needs 'above' or 'below'")

    def step(baseline: AnyBaseline | None, state: State, reading: Reading) -> tuple[State, Point]:
        del baseline  # a line learns nothing
        beyond = reading.measured > line if side == "up" else reading.measured < line
        alarm = beyond and reading.n >= minimum_n
        opened_at = state[1] if state[0] else float(reading.t)
        point = Point(
            center=None,
            statistic=reading.measured,
            limit=line,
            alarm=alarm,
            started=alarm and not state[0],
            side=side if alarm else None,
            level=reading.measured if alarm else None,
            change_t=int(opened_at) if alarm else None,
        )
        return (float(alarm), opened_at), point

    return Chart(
        name="static_threshold",
        learn=None,
        start=lambda _: (0.0, 0.0),
        step=step,
        variant=f":{'above' if side == 'up' else 'below'}_{line:g}",
    )


# --------------------------------------------------------------------- missing


def missing() -> Chart:
    """Silence where Phase I never was silent: a window without rows is its own alarm, never 0.

    It fires in the first silent window and closes with the first row. In control it fires as often
    as an hour that was busy on every day of Phase I is silent by chance.
    """

    def step(baseline: AnyBaseline | None, state: State, reading: Reading) -> tuple[State, Point]:
        if baseline is None:
            raise ValueError("missing needs a baseline")
        expected = baseline.expected(reading.t)
        alarm = reading.n == 0 and expected > 0
        silent = state[0] + 1 if alarm else 0.0
        opened_at = state[1] if state[0] else float(reading.t)
        point = Point(
            center=None,
            statistic=silent,
            limit=0.0,
            alarm=alarm,
            started=alarm and not state[0],
            side="down" if alarm else None,
            level=0.0 if alarm else None,
            change_t=int(opened_at) if alarm else None,
        )
        return (silent, opened_at), point

    return Chart(
        name="missing",
        learn=learn_silence,
        start=lambda _: (0.0, 0.0),
        step=step,
        reads_silence=True,
    )


LEARN: dict[str, Callable[[Sequence[Reading]], AnyBaseline]] = {
    "proportion": learn_proportion,
    "mean": learn_mean,
    "positive": learn_positive,
    "count": learn_positive,
}
CHARTS: dict[str, Callable[..., Chart]] = {
    "sr_mixture": sr_mixture,
    "reference_ewma": reference_ewma,
    "static_threshold": static_threshold,
    "missing": missing,
}

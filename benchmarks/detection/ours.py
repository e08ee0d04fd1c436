"""Our own charts as contenders, by the protocol of `detector.py`, as the product runs them."""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from benchmarks.detection.detector import Detector, Statistic
from benchmarks.detection.streams import Floats, Streams
from llm_monitoring.stats.baselines import AnyBaseline, Reading, Row, stack
from llm_monitoring.stats.charts import CHARTS, LEARN, Chart, Side, run, single_window, sr_mixture
from llm_monitoring.stats.charts.limits import limit_of

SHARE = CHARTS["sr_mixture"].share  # of the budget; single_window has the rest
MONDAY = 24 * 4  # 1970-01-05T00:00Z


def baselines(streams: Streams) -> AnyBaseline:
    """Phase I of every stream, stacked; learned once for all contenders."""
    for known, stacked in _LEARNED:
        if known is streams:
            return stacked
    learn = LEARN[streams.kind]
    stacked = stack([learn(readings(streams, i)) for i in range(streams.count)])  # type: ignore[type-var]
    _LEARNED.append((streams, stacked))
    return stacked


_LEARNED: deque[tuple[Streams, AnyBaseline]] = deque(maxlen=4)


def readings(streams: Streams, stream: int) -> list[Reading]:
    """Phase I of one stream."""
    spread = None if streams.stddev is None else streams.stddev[stream]
    return [
        Reading(
            MONDAY + i,
            float(streams.x[stream, i]),
            int(streams.n[stream, i]),
            None if spread is None or streams.n[stream, i] < 2 else float(spread[i]),
        )
        for i in range(streams.phase_one)
    ]


def rows(streams: Streams) -> list[Row]:
    """Windows after Phase I, all streams together."""
    unknown = np.full(streams.count, np.nan)
    return [
        Row(
            MONDAY + i,
            streams.x[:, i],
            streams.n[:, i].astype(float),
            unknown if streams.stddev is None else streams.stddev[:, i],
        )
        for i in range(streams.phase_one, streams.x.shape[1])
    ]


def statistic(chart: Chart, known: AnyBaseline, streams: Streams) -> Floats:
    """[streams, windows after Phase I]."""
    _, points = run(chart, known, rows(streams))
    return np.array([point.statistic for point in points]).T


def lasting(streams: Streams, run_length: float) -> Floats:
    """sr_mixture alone, with the whole budget."""
    known = baselines(streams)
    return statistic(sr_mixture(LEARN[streams.kind], streams.bad, run_length), known, streams)


def together(streams: Streams, run_length: float) -> Floats:
    """sr_mixture and single_window as they share a budget, on the scale of the former."""
    known = baselines(streams)
    learn, bad = LEARN[streams.kind], streams.bad
    shares = run_length / SHARE, run_length / (1 - SHARE)
    far_out = statistic(single_window(learn, bad, shares[1]), known, streams) - math.log(shares[1])
    limit = np.reshape(_limit(known, bad, shares[0]), (-1, 1))
    return np.maximum(statistic(sr_mixture(learn, bad, shares[0]), known, streams), far_out + limit)


def promised(streams: Streams, run_length: float) -> Floats:
    """Limit of each stream where sr_mixture has the whole budget."""
    return _limit(baselines(streams), streams.bad, run_length)


def promised_together(streams: Streams, run_length: float) -> Floats:
    """Limit of each stream where a tenth of the budget is the single-window rule's."""
    return promised(streams, run_length / SHARE)


def _limit(known: AnyBaseline, bad: tuple[Side, ...], run_length: float) -> Floats:
    return limit_of(run_length, known, two_sided=len(bad) == 2)  # type: ignore[arg-type]


def asked_for(run_length: float) -> tuple[Statistic, ...]:
    """Our charts, asked for a run length: their dead band depends on it."""

    def only(
        promise: Callable[[Streams, float], Floats],
    ) -> Callable[[Streams, float], Floats | None]:
        return lambda streams, arl0: promise(streams, arl0) if arl0 == run_length else None

    return (
        Statistic(
            name=f"llm-monitoring, asked for {run_length:,.0f}",
            path=partial(together, run_length=run_length),
            promise=only(promised_together),
            source="sr_mixture and single_window sharing the budget, as configured by default",
        ),
        Statistic(
            name=f"sr_mixture alone, asked for {run_length:,.0f}",
            path=partial(lasting, run_length=run_length),
            promise=only(promised),
            source="the chart for what lasts, with the whole budget",
        ),
    )


# Every promise is measured; delays are matched at the two run lengths that peers are matched at.
OURS: tuple[Detector, ...] = (
    *asked_for(1_000.0),
    asked_for(10_000.0)[0],
    replace(asked_for(50_400.0)[0], matched=False),
)

"""Our own charts as contenders, by the protocol of `detector.py`: learned and run as the product's."""

import math

import numpy as np

from benchmarks.detection.detector import Detector, Statistic
from benchmarks.detection.streams import Floats, Streams
from llm_monitoring.control import OUTAGE_SHARE
from llm_monitoring.stats.baselines import AnyBaseline, Reading, Row, stack
from llm_monitoring.stats.charts import LEARN, Chart, outage, run, sr_mixture
from llm_monitoring.stats.charts.limits import limit_of

MONDAY = 24 * 4  # 1970-01-05T00:00Z
NEVER = 100_000.0  # run length of the charts whose statistics are looked at


def baselines(streams: Streams) -> AnyBaseline:
    """Phase I of every stream, stacked."""
    learn = LEARN[streams.kind]
    return stack([learn(readings(streams, i)) for i in range(streams.count)])  # type: ignore[type-var]


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


def lasting(streams: Streams) -> Floats:
    """sr_mixture alone."""
    known = baselines(streams)
    return statistic(sr_mixture(LEARN[streams.kind], streams.bad, NEVER), known, streams)


def together(streams: Streams) -> Floats:
    """sr_mixture and outage as they share a budget, on the scale of the former."""
    known = baselines(streams)
    learn, bad = LEARN[streams.kind], streams.bad
    shared = statistic(sr_mixture(learn, bad, NEVER), known, streams)
    far_out = statistic(outage(learn, bad, NEVER), known, streams)
    at = 1_000.0
    level = limit_of(at / (1 - OUTAGE_SHARE), known, two_sided=len(bad) == 2)  # type: ignore[arg-type]
    return np.maximum(shared, far_out - math.log(at / OUTAGE_SHARE) + np.reshape(level, (-1, 1)))


def promised(streams: Streams, arl0: float) -> Floats:
    """Limit of each stream for a run length."""
    return limit_of(arl0, baselines(streams), two_sided=len(streams.bad) == 2)  # type: ignore[arg-type]


def promised_together(streams: Streams, arl0: float) -> Floats:
    """Limit of each stream where a tenth of the budget is the outage rule's."""
    return promised(streams, arl0 / (1 - OUTAGE_SHARE))


OURS: tuple[Detector, ...] = (
    Statistic(
        name="llm-monitoring",
        path=together,
        promise=promised_together,
        source="sr_mixture and outage sharing the budget, as configured by default",
    ),
    Statistic(
        name="sr_mixture alone",
        path=lasting,
        promise=promised,
        source="the chart for what lasts, with the whole budget",
    ),
)

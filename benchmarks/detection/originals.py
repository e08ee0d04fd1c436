"""Peers that were vectorised for speed, beside the objects they stand for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.detection import alibi_peer, caliper_peers, river_peers, suites
from benchmarks.detection.detector import Statistic
from benchmarks.detection.scoring import NEVER, first_alarms, first_true
from benchmarks.detection.standardised import level, plain_z
from benchmarks.detection.streams import Floats, Ints, Streams

if TYPE_CHECKING:
    from drift_caliper import Monitor

TARGET_ARL = 370.0
HINKLEY_THRESHOLD = 80.0
KSWIN_ALPHA = 0.001
Alarm = Callable[[float], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How many streams alarm first in the same window.

    Args:
        name: of the original.
        same: streams whose first alarms agree.
        streams: compared; those the original alarmed for within Phase I are left out.
        alarmed: of them alarmed after it.
    """

    name: str
    same: int
    streams: int
    alarmed: int


def compare(streams: int, seed: int) -> tuple[Comparison, ...]:
    """Steps of one sigma, found by the vectorised peer and by the original."""
    given = suites.step(1.0, streams, 400, seed)
    charts = {chart.name: chart for chart in caliper_peers.CALIPER}
    hinkley = first_alarms(river_peers.page_hinkley(plain_z(given), given), HINKLEY_THRESHOLD)
    kswin = first_alarms(river_peers.kswin(given), -np.log(KSWIN_ALPHA))
    return (
        _compared("river PageHinkley", hinkley, plain_z(given), given, _hinkley),
        # river's draws begin with its first full window, which is the first monitored one.
        _compared("river KSWIN", kswin, _from_first_test(given), given, _kswin),
        *(
            _compared(name, _promised(charts[name], given), _after(given), given, monitor)
            for name, monitor in (("drift-caliper CUSUM", _cusum), ("drift-caliper EWMA", _ewma))
        ),
        *(() if alibi_peer.unavailable() else (_cvm(given),)),
    )


def _cvm(given: Streams) -> Comparison:
    thresholds, statistics = alibi_peer.original(
        given.x[:, : given.phase_one], given.x[:, given.phase_one :]
    )
    limits = thresholds[np.minimum(np.arange(given.monitored), thresholds.size - 1)]
    theirs = first_true(statistics > limits)
    ours = first_true(alibi_peer.cvm(given) > 0)
    return Comparison(
        name="alibi-detect CVMDriftOnline",
        same=int((ours == theirs).sum()),
        streams=given.count,
        alarmed=int((theirs != NEVER).sum()),
    )


def _compared(
    name: str,
    ours: Ints,
    values: Floats,
    given: Streams,
    original: Callable[[Floats], Alarm],
) -> Comparison:
    """Feed the values, which end where the streams do, to an original of each stream's own."""
    theirs = np.full(given.count, NEVER)
    before = values.shape[1] - given.monitored
    for stream in range(given.count):
        alarm = original(given.x[stream, : given.phase_one])
        found = next((t for t, value in enumerate(values[stream]) if alarm(float(value))), None)
        theirs[stream] = NEVER if found is None else found - before
    kept = (theirs == NEVER) | (theirs >= 0)
    return Comparison(
        name=name,
        same=int((ours == theirs)[kept].sum()),
        streams=int(kept.sum()),
        alarmed=int((theirs[kept] != NEVER).sum()),
    )


def _after(given: Streams) -> Floats:
    return given.x[:, given.phase_one :]


def _from_first_test(given: Streams) -> Floats:
    return level(given)[:, given.phase_one - river_peers.KSWIN_WINDOW + 1 :]


def _promised(chart: object, given: Streams) -> Ints:
    if not isinstance(chart, Statistic) or chart.promise is None:
        raise TypeError(f"{chart} promises no run length")
    return first_alarms(chart.path(given), chart.promise(given, TARGET_ARL) or 0.0)


def _hinkley(_: Floats) -> Alarm:
    from river.drift import PageHinkley

    detector = PageHinkley(threshold=HINKLEY_THRESHOLD)

    def alarm(value: float) -> bool:
        detector.update(value)  # type: ignore[no-untyped-call]
        return bool(detector.drift_detected)

    return alarm


def _kswin(_: Floats) -> Alarm:
    from river.drift import KSWIN

    detector = KSWIN(alpha=KSWIN_ALPHA, seed=river_peers.KSWIN_SEED)

    def alarm(value: float) -> bool:
        detector.update(value)  # type: ignore[no-untyped-call]
        return bool(detector.drift_detected)

    return alarm


def _cusum(quiet: Floats) -> Alarm:
    from drift_caliper import Monitor, fit_cusum

    baseline = caliper_peers.fitted_on(quiet)
    fitted = fit_cusum(baseline, target_arl=TARGET_ARL, reference_value=caliper_peers.K)
    return _monitor(Monitor(fitted, retain_history=False))


def _ewma(quiet: Floats) -> Alarm:
    from drift_caliper import Monitor, fit_ewma

    fitted = fit_ewma(caliper_peers.fitted_on(quiet), target_arl=TARGET_ARL)
    return _monitor(Monitor(fitted, retain_history=False))


def _monitor(monitor: "Monitor") -> Alarm:
    return lambda value: not monitor.record(caliper_peers.scored(value)).is_in_control

"""The promises measured on real series: plain values for the results file.

A peer sees a series' points as windows. On NAB its limit is the one of a grid that hits most
beyond chance with at most 2 false episodes per 1,000 points, chosen with the labels in hand, and
its default; on ServeGen the one that gives Gaussian streams with as short a Phase I a run length
of 1,000, and its default. Peers that need hours of the day or 100 windows are left out.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from benchmarks.detection import suites
from benchmarks.detection.detector import (
    Detector,
    Procedure,
    Setting,
    Statistic,
    Trial,
    default_of,
    fixed,
)
from benchmarks.detection.ours_real import NAB_WATCHERS, SERVEGEN_WATCHERS
from benchmarks.detection.real import (
    Episode,
    Labelled,
    Series,
    Watcher,
    labelled,
    multiplied,
    nab,
    servegen,
    steady,
)
from benchmarks.detection.rows import Plan, Rows
from benchmarks.detection.scoring import episodes
from benchmarks.detection.streams import PHASE_ONE, Floats, Streams

NAMES = (
    "reference_ewma",
    "Shewhart 3 s",
    "mean ± 3 std",
    "CUSUM .25",
    "CUSUM .5",
    "EWMA .1",
    "EWMA .05",
    "ADWIN",
    "ADWIN tuned",
    "PageHinkley tuned",
    "drift-caliper CUSUM",
    "drift-caliper EWMA",
)
MOST_FALSE = 2.0  # episodes per 1,000 points
LIMITS = 40  # of a statistic, tried on NAB
EVERY_DELTA = 12  # of ADWIN's deltas, tried on NAB
JOIN = {300: 12, 6 * 3600: 1}  # points: alarms within an hour, or in adjacent windows
FACTORS = (1.3, 1.5)
FOUND_WITHIN_S = 86_400
INJECTED_DAYS = (7, 8, 9, 10, 11, 12)
ARL0 = 1000.0


def as_streams(series: Series) -> Streams:
    """One stream, point for window."""
    size = (1, series.value.size)
    return Streams(
        x=series.value.reshape(size),
        n=np.ones(size, dtype=np.int64) if series.n is None else series.n.reshape(size),
        stddev=None,
        kind=series.kind,
        bad=("up", "down"),
        phase_one=series.phase_one,
    )


def labelled_series(plan: Plan) -> Rows:
    """NAB: windows hit and false episodes."""
    series = nab()
    found = [
        _row(watcher.name, watcher.setting, True, labelled(series, _all(watcher, series)))
        for watcher in NAB_WATCHERS
    ]
    for detector in _peers(plan):
        if default := default_of(detector):
            scored = labelled(series, [watch(detector, default, one) for one in series])
            found.append(_row(detector.name, "default", False, scored))
        if best := _best(detector, series):
            found.append(_row(detector.name, "best on the labels", False, best))
    return found


def clients(plan: Plan) -> Rows:
    """ServeGen: episodes per client and week where nothing was done, and injected rises found."""
    output, given = servegen("output_tokens_mean"), servegen("input_tokens_mean")
    calm = [one for one in output if steady(one)]
    return [
        {
            "detector": watcher.name,
            "ours": watcher in SERVEGEN_WATCHERS,
            "setting": watcher.setting,
            "clients": len(output),
            "steady": len(calm),
            "output_episodes_a_week": _weekly(watcher, output),
            "input_episodes_a_week": _weekly(watcher, given),
            "found": {f"{factor:g}": _found(watcher, calm, factor) for factor in FACTORS},
        }
        for watcher in (*SERVEGEN_WATCHERS, *_peer_watchers(plan, output[0].phase_one))
    ]


def watch(detector: Detector, setting: Setting, series: Series) -> tuple[Episode, ...]:
    """A peer's episodes of one series."""
    streams = as_streams(series)
    limit = setting.limit(streams)
    if isinstance(detector, Statistic):
        alarms = detector.path(streams) > limit
    else:
        alarms = detector.alarms(streams, float(np.max(limit)))
    return _shifted(episodes(alarms[0], JOIN[series.every_s]), series.phase_one)


def _peers(plan: Plan) -> list[Detector]:
    return [detector for detector in plan.detectors if detector.name in NAMES]


def _peer_watchers(plan: Plan, phase_one: int) -> list[Watcher]:
    quiet = _short_phase_one(suites.in_control(plan.few, 1000, plan.seed), phase_one)
    found = []
    for detector in _peers(plan):
        for setting in (default_of(detector), Trial(detector, quiet).matched(ARL0)):
            if setting is not None:
                found.append(_watcher(detector, setting))
    return found


def _watcher(detector: Detector, setting: Setting) -> Watcher:
    return Watcher(
        name=detector.name,
        setting=setting.name,
        episodes=lambda series: watch(detector, setting, series),
    )


def _short_phase_one(streams: Streams, phase_one: int) -> Streams:
    begin = PHASE_ONE - phase_one
    return Streams(
        x=streams.x[:, begin:],
        n=streams.n[:, begin:],
        stddev=None,
        kind=streams.kind,
        bad=streams.bad,
        phase_one=phase_one,
    )


def _best(detector: Detector, series: Sequence[Series]) -> Labelled | None:
    """Most hits beyond chance among the limits that are quiet enough."""
    if isinstance(detector, Procedure):
        tried = [
            [watch(detector, fixed("tried", delta), one) for one in series]
            for delta in detector.settings[::EVERY_DELTA]
        ]
    elif detector.matched:
        paths = [detector.path(as_streams(one))[0] for one in series]
        tried = [
            [
                _shifted(episodes(path > limit, JOIN[one.every_s]), one.phase_one)
                for path, one in zip(paths, series, strict=True)
            ]
            for limit in _limits(paths)
        ]
    else:
        return None
    scored = (labelled(series, found) for found in tried)
    quiet = [one for one in scored if one.false_per_thousand <= MOST_FALSE]
    return max(quiet, key=lambda one: one.net, default=None)


def _limits(paths: Sequence[Floats]) -> Floats:
    values = np.concatenate(paths)
    values = values[np.isfinite(values) & (values > 0)]
    # Evenly spaced in the logarithm of the share of points above.
    shares = np.geomspace(0.3, 1e-4, LIMITS)
    return np.quantile(values, 1 - shares)


def _shifted(found: Sequence[Episode], by: int) -> tuple[Episode, ...]:
    return tuple((first + by, last + by) for first, last in found)


def _all(watcher: Watcher, series: Sequence[Series]) -> list[Sequence[Episode]]:
    return [watcher.episodes(one) for one in series]


def _weekly(watcher: Watcher, series: Sequence[Series]) -> float:
    """Episodes of a client in its second week, all windows counted that have a value."""
    weeks = sum((one.value.size - one.phase_one) * one.every_s for one in series) / (7 * 86_400)
    started = sum(
        sum(first >= one.phase_one for first, _ in own)
        for one, own in zip(series, _all(watcher, series), strict=True)
    )
    return started / weeks


def _found(watcher: Watcher, series: Sequence[Series], factor: float) -> dict[str, float]:
    """Shares of the rises, one for each client and day, that are found within a day.

    "started": an episode starts within it. "open": one is open in it, begun earlier or not.
    """
    started, opened = [], []
    for one in series:
        for day in INJECTED_DAYS:
            first = int(np.searchsorted(one.timestamps, np.datetime64(day * 86_400, "s")))
            last = first + FOUND_WITHIN_S // one.every_s - 1
            own = watcher.episodes(multiplied(one, factor, first))
            started.append(any(first <= begin <= last for begin, _ in own))
            opened.append(any(begin <= last and end >= first for begin, end in own))
    return {"started": float(np.mean(started)), "open": float(np.mean(opened))}


def _row(name: str, setting: str, ours: bool, scored: Labelled) -> dict[str, Any]:
    return {
        "detector": name,
        "ours": ours,
        "setting": setting,
        **asdict(scored),
        "net": scored.net,
        "false_per_thousand": scored.false_per_thousand,
    }

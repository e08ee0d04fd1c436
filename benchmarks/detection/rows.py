"""Each row of the promises measured on simulated streams: plain values for the results file."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np

from benchmarks.detection import suites
from benchmarks.detection.contest import Entry, contenders, contest, settings_of
from benchmarks.detection.detector import Detector, Setting, Statistic, Trial, asked
from benchmarks.detection.noise import positive, proportion
from benchmarks.detection.ours import OURS
from benchmarks.detection.scoring import NEVER, delay, run_length
from benchmarks.detection.streams import HOURS_A_WEEK, PHASE_ONE, Kind, Streams

Rows = list[dict[str, Any]]
SIZES = (0.25, 0.5, 1.0, 2.0)
ARL0S = (1_000.0, 10_000.0)
NOMINAL = (1_000.0, 10_000.0, 50_400.0)
FLEET_BUDGET = 50_400.0  # 300 charts, one false alarm a week in total
CHARTS, SHIFTED, DAYS = 300, 15, 28


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is simulated.

    Args:
        streams: of a suite whose delays are measured.
        few: of a suite that only counts false alarms, or whose alarms are plenty.
        quiet: windows after Phase I of streams in control.
        fleets: repetitions of the 300 charts.
        chunks: of `few` streams, for the nominal run lengths.
        seed: the first; every suite takes its own from it.
    """

    streams: int = 2000
    few: int = 500
    quiet: int = 1500
    fleets: int = 10
    chunks: int = 6
    seed: int = 20261101


def nominal(size: Size) -> Rows:
    """Run lengths of those that promise one, watched for 4,000 windows."""
    windows = 4000
    found: dict[tuple[str, float], list[int]] = {}
    for chunk in range(size.chunks):
        quiet = suites.in_control(size.few, windows, size.seed + chunk)
        for detector in contenders(["mean"]):
            # A slow one sees few streams in any case, always the first ones: once will do.
            if detector.most_streams and chunk:
                continue
            trial = Trial(detector, quiet)
            for arl0 in NOMINAL:
                if setting := asked(detector, arl0, quiet):
                    length = run_length(trial.first_alarms(setting), windows)
                    counts = found.setdefault((detector.name, arl0), [0, 0])
                    counts[0] += length.alarms
                    counts[1] += length.windows
    ours = {detector.name for detector in OURS}
    return [
        {
            "detector": name,
            "ours": name in ours,
            "nominal": arl0,
            "alarms": alarms,
            "windows": at_risk,
            "arl0": at_risk / alarms if alarms else None,
        }
        for (name, arl0), (alarms, at_risk) in found.items()
    ]


def steps(size: Size) -> Rows:
    """Steps after 100 and after 1,500 quiet windows ("late"), ramp, spike and variance."""
    early = (size.streams, 1600, size.seed + 11)
    late = (size.streams // 2, 2200, size.seed + 21)
    changes: dict[str, Callable[[], Streams]] = {
        **{f"{sigma:g}": partial(suites.step, sigma, *early) for sigma in SIZES},
        "ramp": partial(suites.ramp, *early),
        "spike": partial(suites.spike, *early),
        "variance": partial(suites.variance, *early),
        **{f"late {sigma:g}": partial(suites.step, sigma, *late, change=1500) for sigma in SIZES},
    }
    quiet = suites.in_control(size.streams, size.quiet, size.seed + 10)
    return _plain(contest(quiet, changes, ARL0S))


def creep(rho: float, size: Size) -> Rows:
    """Two months from .5 % to 4.8 %."""
    quiet = suites.creep_in_control(rho, size.streams // 2, size.quiet, size.seed + 30)
    changes = {"creep": partial(suites.creep, rho, size.streams // 2, size.seed + 31)}
    return _plain(contest(quiet, changes, ARL0S))


def score(size: Size) -> Rows:
    """The mean judge score falls."""
    quiet = suites.score(0, size.streams // 2, size.quiet, size.seed + 40, change=None)
    changes: dict[str, Callable[[], Streams]] = {
        f"{drop:g}": partial(suites.score, drop, size.streams // 2, 1000, size.seed + 41)
        for drop in (0.2, 0.1)
    }
    return _plain(contest(quiet, changes, ARL0S[:1]))


def cycle_step(size: Size) -> Rows:
    """A step of one sigma under a daily cycle."""
    quiet = suites.daily_cycle(size.few, size.quiet, size.seed + 50)
    make = partial(suites.daily_cycle_step, 1.0, size.few, 1000, size.seed + 51, change=100)
    return _plain(contest(quiet, {"1": make}, ARL0S[:1]))


def shares(size: Size) -> Rows:
    """A share of 200 rows moves up, and its mirror image down."""
    found: Rows = []
    for before, after in ((0.1, 0.13), (0.9, 0.87), (0.5, 0.54), (0.5, 0.46)):
        own = partial(suites.share, before, after, size.few)
        quiet = own(size.quiet, size.seed + 60, change=None)
        entries = contest(quiet, {"share": partial(own, 1000, size.seed + 61)}, ARL0S[:1])
        found += [{"before": before, "after": after, **row} for row in _plain(entries)]
    return found


def misbehaving(size: Size) -> Rows:
    """False alarms on quiet streams that are not what a textbook expects.

    Limits are matched on well-behaved streams of the same kind.
    """
    well = {kind: _well_behaved(kind, size) for kind in ("positive", "proportion")}
    settings = {
        (kind, detector.name): settings_of(Trial(detector, quiet), ARL0S[:1])
        for kind, quiet in well.items()
        for detector in contenders([quiet.kind])
    }
    found: Rows = []
    for place, (name, suite) in enumerate(suites.MISBEHAVING):
        streams = suite(size.few, size.quiet, size.seed + 70 + place)
        for detector in contenders([streams.kind]):
            trial = Trial(detector, streams)
            for setting in settings[streams.kind, detector.name]:
                length = run_length(trial.first_alarms(setting), streams.monitored)
                entry = Entry(
                    detector=detector.name,
                    ours=detector in OURS,
                    setting=setting.name,
                    quiet=length,
                )
                found += [{"suite": name, **row} for row in _plain([entry])]
    return found


def _well_behaved(kind: str, size: Size) -> Streams:
    shape = (size.few, size.quiet, size.seed + 69)
    if kind == "positive":
        return positive(lambda rng, wanted: rng.standard_normal(wanted), *shape)
    rates = np.full(PHASE_ONE + size.quiet, 0.02)
    return proportion(rates, rho=0.0, n=(50, 500), streams=size.few, seed=shape[2])


def fleet(size: Size, *, only_means: bool) -> Rows:
    """False alarms a week and delay of 300 charts; what promises nothing is matched."""
    windows = DAYS * 24
    kinds: tuple[Kind, ...] = ("mean",) if only_means else ("mean", "positive", "proportion")
    quiet = suites.fleet(
        size.streams * len(kinds), 0, size.quiet, size.seed + 80, only_means=only_means
    )
    charts = suites.fleet(
        CHARTS * size.fleets, SHIFTED * size.fleets, windows, size.seed + 90, only_means=only_means
    )
    return [
        found
        for detector in contenders(kinds)
        if (found := _fleet_of(detector, quiet, charts)) is not None
    ]


def _fleet_of(
    detector: Detector, quiet: suites.Fleet, charts: suites.Fleet
) -> dict[str, Any] | None:
    false, waits, early, watched = 0, [], 0, 0
    setting: Setting | None = None
    for known, still, moved in zip(quiet.quiet, charts.quiet, charts.shifted, strict=True):
        setting = asked(detector, FLEET_BUDGET, still) or Trial(detector, known).matched(
            FLEET_BUDGET
        )
        if setting is None:
            return None
        calm, struck = Trial(detector, still), Trial(detector, moved)
        false += int((calm.first_alarms(setting) != NEVER).sum())
        first = struck.first_alarms(setting)
        change = moved.change or 0
        false += int(((first != NEVER) & (first < change)).sum())
        early += int(((first != NEVER) & (first < change)).sum())
        waits.append(first)
        watched += calm.streams.count * still.monitored + struck.streams.count * change
    found = delay(np.concatenate(waits), suites.SHIFTED_AT, charts.shifted[0].monitored)
    return {
        "detector": detector.name,
        "ours": detector in OURS,
        "setting": setting.name if setting else None,
        "false_alarms": false,
        "false_a_week": false / watched * CHARTS * HOURS_A_WEEK,
        "delay": asdict(found),
    }


def step_time(size: Size) -> Rows:
    """Microseconds a statistic takes for one chart and one window, Phase I left out."""
    long = suites.in_control(CHARTS, 2000, size.seed)
    short = suites.in_control(CHARTS, 500, size.seed)
    found: Rows = []
    for detector in contenders(["mean"]):
        if not isinstance(detector, Statistic) or detector.most_streams:
            continue
        seconds = [min(_seconds(detector, streams) for _ in range(3)) for streams in (long, short)]
        each = (seconds[0] - seconds[1]) / (CHARTS * (long.monitored - short.monitored))
        found.append(
            {"detector": detector.name, "ours": detector in OURS, "microseconds": each * 1e6}
        )
    return found


def _seconds(detector: Statistic, streams: Streams) -> float:
    begin = time.perf_counter()
    detector.path(streams)
    return time.perf_counter() - begin


def _plain(entries: list[Entry]) -> Rows:
    return [{**asdict(entry), "per_thousand": entry.quiet.per_thousand} for entry in entries]

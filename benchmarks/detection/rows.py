"""Each row of the promises measured on simulated streams: plain values for the results file."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np

from benchmarks.detection import suites
from benchmarks.detection.contest import Entry, able, contest, settings_of
from benchmarks.detection.detector import Detector, Statistic, Trial, asked
from benchmarks.detection.noise import positive, proportion
from benchmarks.detection.ours import OURS
from benchmarks.detection.scoring import NEVER, delay, run_length
from benchmarks.detection.streams import HOURS_A_WEEK, PHASE_ONE, Ints, Kind, Streams

Rows = list[dict[str, Any]]
SIZES = (0.25, 0.5, 1.0, 2.0)
ARL0S = (1_000.0, 10_000.0)
NOMINAL = (1_000.0, 10_000.0, 50_400.0)
FLEET_BUDGET = 50_400.0  # 300 charts, one false alarm a week in total
CHARTS, SHIFTED, DAYS = 300, 15, 28


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Who is measured, and on how much.

    Args:
        detectors: contenders.
        streams: of a suite whose delays are measured.
        few: of a suite that only counts false alarms, or whose alarms are plenty.
        quiet: windows after Phase I of streams in control.
        fleets: repetitions of the 300 charts.
        chunks: of `few` streams, for the nominal run lengths.
        seed: the first; every suite takes its own from it.
    """

    detectors: tuple[Detector, ...]
    streams: int = 2000
    few: int = 500
    quiet: int = 1500
    fleets: int = 10
    chunks: int = 6
    seed: int = 20261101


def nominal(plan: Plan) -> Rows:
    """Run lengths of those that promise one, watched for 4,000 windows."""
    windows = 4000
    found: dict[tuple[str, float], list[int]] = {}
    for chunk in range(plan.chunks):
        quiet = suites.in_control(plan.few, windows, plan.seed + chunk)
        for detector in able(plan.detectors, ["mean"]):
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


def steps(plan: Plan) -> Rows:
    """Steps after 100 and after 1,500 quiet windows ("late"), ramp, spike and variance."""
    early = (plan.streams, 1600, plan.seed + 11)
    late = (plan.streams // 2, 2200, plan.seed + 21)
    changes: dict[str, Callable[[], Streams]] = {
        **{f"{sigma:g}": partial(suites.step, sigma, *early) for sigma in SIZES},
        "ramp": partial(suites.ramp, *early),
        "spike": partial(suites.spike, *early),
        "variance": partial(suites.variance, *early),
        **{f"late {sigma:g}": partial(suites.step, sigma, *late, change=1500) for sigma in SIZES},
    }
    quiet = suites.in_control(plan.streams, plan.quiet, plan.seed + 10)
    return _plain(contest(plan.detectors, quiet, changes, ARL0S))


def creep(rho: float, plan: Plan) -> Rows:
    """Two months from .5 % to 4.8 %."""
    quiet = suites.creep_in_control(rho, plan.streams // 2, plan.quiet, plan.seed + 30)
    changes = {"creep": partial(suites.creep, rho, plan.streams // 2, plan.seed + 31)}
    return _plain(contest(plan.detectors, quiet, changes, ARL0S))


def score(plan: Plan) -> Rows:
    """The mean judge score falls."""
    quiet = suites.score(0, plan.streams // 2, plan.quiet, plan.seed + 40, change=None)
    changes: dict[str, Callable[[], Streams]] = {
        f"{drop:g}": partial(suites.score, drop, plan.streams // 2, 1000, plan.seed + 41)
        for drop in (0.2, 0.1)
    }
    return _plain(contest(plan.detectors, quiet, changes, ARL0S[:1]))


def cycle_step(plan: Plan) -> Rows:
    """A step of one sigma under a daily cycle."""
    quiet = suites.daily_cycle(plan.few, plan.quiet, plan.seed + 50)
    make = partial(suites.daily_cycle_step, 1.0, plan.few, 1000, plan.seed + 51, change=100)
    return _plain(contest(plan.detectors, quiet, {"1": make}, ARL0S[:1]))


def shares(plan: Plan) -> Rows:
    """A share of 200 rows moves up, and its mirror image down."""
    found: Rows = []
    for before, after in ((0.1, 0.13), (0.9, 0.87), (0.5, 0.54), (0.5, 0.46)):
        own = partial(suites.share, before, after, plan.few)
        quiet = own(plan.quiet, plan.seed + 60, change=None)
        entries = contest(
            plan.detectors, quiet, {"share": partial(own, 1000, plan.seed + 61)}, ARL0S[:1]
        )
        found += [{"before": before, "after": after, **row} for row in _plain(entries)]
    return found


def misbehaving(plan: Plan) -> Rows:
    """False alarms on quiet streams that are not what a textbook expects.

    Limits are matched on well-behaved streams of the same kind.
    """
    well = {kind: _well_behaved(kind, plan) for kind in ("positive", "proportion")}
    settings = {
        (kind, detector.name): settings_of(Trial(detector, quiet), ARL0S[:1])
        for kind, quiet in well.items()
        for detector in able(plan.detectors, [quiet.kind])
    }
    found: Rows = []
    for place, (name, suite) in enumerate(suites.MISBEHAVING):
        streams = suite(plan.few, plan.quiet, plan.seed + 70 + place)
        for detector in able(plan.detectors, [streams.kind]):
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


def _well_behaved(kind: str, plan: Plan) -> Streams:
    shape = (plan.few, plan.quiet, plan.seed + 69)
    if kind == "positive":
        return positive(lambda rng, wanted: rng.standard_normal(wanted), *shape)
    rates = np.full(PHASE_ONE + plan.quiet, 0.02)
    return proportion(rates, rho=0.0, n=(50, 500), streams=plan.few, seed=shape[2])


def fleet(plan: Plan, *, only_means: bool) -> Rows:
    """False alarms a week and delay of 300 charts, at limits asked and at limits matched."""
    kinds: tuple[Kind, ...] = ("mean",) if only_means else ("mean", "positive", "proportion")
    make = partial(suites.fleet, only_means=only_means)
    known = make(plan.streams * len(kinds), 0, plan.quiet, plan.seed + 80)
    charts = make(CHARTS * plan.fleets, SHIFTED * plan.fleets, DAYS * 24, plan.seed + 90)
    return [
        row
        for detector in able(plan.detectors, kinds)
        for row in _fleet_of(detector, known.quiet, charts)
    ]


def _fleet_of(
    detector: Detector, known: Sequence[Streams], charts: suites.Fleet
) -> Iterable[dict[str, Any]]:
    """One row for each way to come by a limit.

    Args:
        detector: any.
        known: in control, by kind; limits are matched on them.
        charts: of the same kinds.
    """
    trials = [
        (Trial(detector, still), Trial(detector, moved))
        for still, moved in zip(charts.quiet, charts.shifted, strict=True)
    ]
    asked_for = [asked(detector, FLEET_BUDGET, calm.streams) for calm, _ in trials]
    matching = [Trial(detector, quiet).matched(FLEET_BUDGET) for quiet in known]
    for settings in (asked_for, matching):
        own = [setting for setting in settings if setting is not None]
        if len(own) < len(trials):
            continue
        calm = [one.first_alarms(limit) for (one, _), limit in zip(trials, own, strict=True)]
        struck = [one.first_alarms(limit) for (_, one), limit in zip(trials, own, strict=True)]
        yield {
            "detector": detector.name,
            "ours": detector in OURS,
            "setting": own[0].name,
            **_fleet_scores(np.concatenate(calm), np.concatenate(struck)),
        }


def _fleet_scores(calm: Ints, struck: Ints) -> dict[str, Any]:
    """First alarms of charts in control and of the shifted ones."""
    early = (struck != NEVER) & (struck < suites.SHIFTED_AT)
    false = int((calm != NEVER).sum() + early.sum())
    watched = calm.size * DAYS * 24 + struck.size * suites.SHIFTED_AT
    return {
        "false_alarms": false,
        "false_a_week": false / watched * CHARTS * HOURS_A_WEEK,
        "delay": asdict(delay(struck, suites.SHIFTED_AT, DAYS * 24)),
    }


def step_time(plan: Plan) -> Rows:
    """Microseconds a statistic takes for one chart and one window, Phase I left out."""
    long = suites.in_control(CHARTS, 2000, plan.seed)
    short = suites.in_control(CHARTS, 500, plan.seed)
    found: Rows = []
    for detector in able(plan.detectors, ["mean"]):
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

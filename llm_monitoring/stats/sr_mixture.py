"""The default chart: a Shiryaev-Roberts mixture with a dead band, one episode at a time."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from llm_monitoring.stats.baselines import (
    AnyBaseline,
    Array,
    PositiveBaseline,
    ProportionBaseline,
    Reading,
    SilenceBaseline,
)
from llm_monitoring.stats.chart import Chart, Point, Side, State

SHIFTS = (0.25, 0.5, 1.0, 2.0, 4.0)
RATIOS = (1.25, 1.5, 2.0, 3.0, 5.0, 10.0)
HEADROOM = 2.0  # an open episode's statistic stays this close above its limit, so that it can close
RECOVERY = math.log(100.0)  # odds for "back to normal" that close an episode
MOST = 8.0  # evidence one window may add to the estimate of a shift: that of z = 4 for a shift of 4


def sr_mixture(
    learn: Callable[[Sequence[Reading]], AnyBaseline], sides: Sequence[Side], run_length: float
) -> Chart:
    """Shiryaev-Roberts mixture with a dead band: the default for every metric.

    One Shiryaev-Roberts statistic for each size of shift, mixed evenly; the mean is compared with
    the average number of windows per false alarm that was asked for. The dead band widens the
    null by the error of the baseline, so that the promise holds although the baseline is learned.

    Args:
        learn: learn_mean, learn_positive or learn_proportion.
        sides: directions that are trouble; one side alone finds its shifts sooner.
        run_length: windows in control per false alarm, at least; the limit is its logarithm.

    Error:
        In control at least `run_length` windows pass per alarm on average for independent
        windows; with clipping, whitening or overdispersion the statement is empirical.

    Source: Shin, Ramdas & Rinaldo, e-detectors, arXiv 2203.03532.
    """
    if run_length <= 1:
        raise ValueError(f"run_length must be above 1, got {run_length}")
    limit = math.log(run_length)

    def start(baseline: AnyBaseline | None) -> State:
        size = len(_hypotheses(baseline, sides))
        return (0.0, 0.0, -1.0, 0.0, *[-math.inf] * size, *[0.0] * 4 * size)

    def step(baseline: AnyBaseline | None, state: State, reading: Reading) -> tuple[State, Point]:
        return _sr_step(baseline, state, reading, sides, limit)

    return Chart(name="sr_mixture", learn=learn, start=start, step=step)


def _hypotheses(baseline: AnyBaseline | None, sides: Sequence[Side]) -> Array:
    """Signed shifts (z metrics) or rate ratios (proportions) that are mixed."""
    if isinstance(baseline, ProportionBaseline):
        # Ratios are of the rarer outcome, so that a falling 90 % is seen as soon as a rising 10 %.
        rarer = min(baseline.rate, 1 - baseline.rate)
        ratios = [r for r in RATIOS if r * rarer < 0.95]
        up = list(ratios) if "up" in sides else []
        down = [1 / r for r in ratios] if "down" in sides else []
        return np.array(up + down)
    up = list(SHIFTS) if "up" in sides else []
    down = [-d for d in SHIFTS] if "down" in sides else []
    return np.array(up + down)


def _sr_step(
    baseline: AnyBaseline | None,
    state: State,
    reading: Reading,
    sides: Sequence[Side],
    limit: float,
) -> tuple[State, Point]:
    if baseline is None:
        raise ValueError("sr_mixture needs a baseline")
    hypotheses = _hypotheses(baseline, sides)
    size = len(hypotheses)
    opened, recovery, last_t, last_z = state[:4]
    logs, cusums, changes, totals, weights = np.array(state[4:]).reshape(5, size)
    increments, z = _increments(baseline, reading, hypotheses, (last_t, last_z))
    # The likeliest change under a hypothesis lies where its CUSUM last left zero; the level since
    # is the mean of what was observed from there on.
    observed, weight = _observed(baseline, reading)
    changes = np.where(cusums > 0, changes, reading.t)
    totals = np.where(cusums > 0, totals, 0.0) + weight * observed
    weights = np.where(cusums > 0, weights, 0.0) + weight
    cusums = np.maximum(0.0, cusums + _bounded(increments))
    logs = np.logaddexp(0.0, logs) + increments
    statistic = float(np.logaddexp.reduce(logs) - math.log(size))
    shifts = _signed_shifts(baseline, hypotheses)
    if opened:
        # The likeliest shift on the side of the episode; noise on the other side cannot lead.
        leading = int(np.argmax(np.where(np.sign(shifts) == opened, cusums, -1.0)))
        evidence = _evidence_of_recovery(shifts, leading, increments)
        recovery = max(0.0, recovery + evidence)
        alarm = bool(statistic >= 0 and cusums[leading] > 0 and recovery < RECOVERY)
        if not alarm:
            logs, cusums = np.full(size, -math.inf), np.zeros(size)
    else:
        leading, recovery, alarm = int(np.argmax(logs)), 0.0, statistic > limit
    # Capped one by one: a spike lifts the largest shift and must not push the others down.
    logs = np.minimum(logs, limit + HEADROOM + math.log(size))
    side = float(np.sign(shifts[leading]))
    point = Point(
        center=baseline.expected(reading.t),
        statistic=min(statistic, limit + HEADROOM),
        limit=limit,
        alarm=alarm,
        started=alarm and not opened,
        side=("up" if side > 0 else "down") if alarm else None,
        level=_level(baseline, float(totals[leading] / weights[leading]), reading.t)
        if alarm
        else None,
        change_t=int(changes[leading]) if alarm else None,
    )
    rows = np.concatenate([logs, cusums, changes, totals, weights])
    return (side if alarm else 0.0, recovery, float(reading.t), z, *rows.tolist()), point


def _signed_shifts(baseline: AnyBaseline, hypotheses: Array) -> Array:
    """Shifts as signed sizes; a ratio's is its logarithm."""
    return np.log(hypotheses) if isinstance(baseline, ProportionBaseline) else hypotheses


def _bounded(increments: Array) -> Array:
    """One window's evidence, scaled down so that no window decides alone what the shift is."""
    most = float(increments.max())
    return increments * (MOST / most) if most > MOST else increments


def _evidence_of_recovery(shifts: Array, leading: int, increments: Array) -> float:
    """How much better "as before" explains the window than the leading shift or half of it.

    The half counts too: a window that is merely better is no recovery.
    """
    share = shifts / shifts[leading]
    alike = (share >= 0.5) & (share <= 1)
    return -float(np.logaddexp.reduce(increments[alike]) - math.log(int(alike.sum())))


def _increments(
    baseline: AnyBaseline, reading: Reading, hypotheses: Array, last: tuple[float, float]
) -> tuple[Array, float]:
    """Log likelihood ratio of each hypothesis against a null widened by the dead band."""
    careful = 1.0 if baseline.windows >= 336 else 2.0  # short baselines err more than they know
    if isinstance(baseline, ProportionBaseline):
        return _proportion_increments(baseline, reading, hypotheses, careful), 0.0
    if isinstance(baseline, SilenceBaseline):
        raise ValueError("silence has no shift to test")
    z = baseline.score(reading)
    last_t, last_z = last
    whitened = z
    if baseline.phi and last_t >= 0:
        phi = baseline.phi ** (reading.t - last_t) if baseline.phi > 0 else 0.0
        if baseline.phi < 0 and reading.t - last_t == 1:
            phi = baseline.phi
        whitened = (z - phi * last_z) / math.sqrt(1 - phi**2)
    dead_band = np.abs(hypotheses) * careful / math.sqrt(baseline.windows)
    return hypotheses * whitened - hypotheses**2 / 2 - dead_band, z


def _proportion_increments(
    baseline: ProportionBaseline, reading: Reading, ratios: Array, careful: float
) -> Array:
    if not 0 <= reading.measured <= 1:
        raise ValueError(f"window {reading.t} has the rate {reading.measured}, not between 0 and 1")
    events = reading.measured * reading.n
    # Charted is the rarer outcome: a rate above one half is turned round, ratios with it.
    turned = baseline.rate > 0.5
    rate = 1 - baseline.rate if turned else baseline.rate
    x = reading.n - events if turned else events
    r = 1 / ratios if turned else ratios
    worst = rate + np.where(r > 1, 1, -1) * careful * baseline.error
    worst = np.clip(worst, rate / 10, 0.5 + rate / 2)
    shifted = np.minimum(r * worst, (1 + worst) / 2)
    ratio = x * np.log(shifted / worst) + (reading.n - x) * np.log((1 - shifted) / (1 - worst))
    return np.asarray(ratio / baseline.dispersion)


def _observed(baseline: AnyBaseline, reading: Reading) -> tuple[float, float]:
    """What a window adds to the estimate of the level, and with which weight."""
    if isinstance(baseline, PositiveBaseline):
        return baseline.residual(reading), 1.0
    return reading.measured, float(reading.n)


def _level(baseline: AnyBaseline, mean: float, t: int) -> float:
    """Estimated level at window `t` from the mean of what was observed, in the series' unit."""
    if isinstance(baseline, PositiveBaseline):
        return baseline.expected(t) * math.exp(mean)
    return mean

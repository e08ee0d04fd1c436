"""What one window says for and against a shift, whatever kind of series it is of.

Both kinds of baselines answer in the same terms: sums that a level is estimated from, log
likelihood ratios of shifts measured in standard deviations of a typical window.
"""

from dataclasses import dataclass, replace

import numpy as np

from llm_monitoring.stats.baselines.level import CLIP, LevelBaseline
from llm_monitoring.stats.baselines.proportion import (
    MOST_INFORMATION,
    RAREST,
    ProportionBaseline,
    check_proportions,
    within_bounds,
    without_season,
)
from llm_monitoring.stats.baselines.reading import Array, Row, slot
from llm_monitoring.stats.baselines.residuals import memory

FARTHEST = 20.0  # standard deviations one window may add to the level since a change
ESTABLISHED = 336.0  # windows
CLUSTERED = 1e-4  # correlation of a window's rows above which events come in clusters


@dataclass(frozen=True, slots=True)
class Evidence:
    """One window against the current level; every field is [] or [charts].

    Args:
        ratios: [shifts, ...] log likelihood ratio of each shift against the widened null.
        total: what the window adds to the numerator of a level.
        weight: what it adds to the denominator.
        since: what it adds to the numerator of the level since a change: of a level unclipped and
            not whitened, or a large shift would look like one of CLIP.
        score: the window's own score, that the next one is whitened with; 0 for rates.
    """

    ratios: Array
    total: Array | np.float64
    weight: Array | np.float64
    since: Array | np.float64
    score: Array | np.float64


def known_level(baseline: LevelBaseline | ProportionBaseline) -> tuple[float, float]:
    """Sums (total, weight) that say what Phase I knows of the level: total / weight."""
    if isinstance(baseline, ProportionBaseline):
        return baseline.rate * baseline.rows, baseline.rows
    return 0.0 * baseline.windows, 1.0 * baseline.windows


def evidence(
    baseline: LevelBaseline | ProportionBaseline,
    row: Row,
    shifts: Array,
    known: tuple[Array, Array],
    last: tuple[Array, Array],
    *,
    band: float,
) -> Evidence:
    """Evidence of a window.

    Args:
        shifts: [shifts] signed, in standard deviations of a typical window.
        known: sums (total, weight) of what is known of the level.
        last: time (before 0: there was none) and score of the window before.
        band: standard errors of the level by which the null is widened.
    """
    if isinstance(baseline, ProportionBaseline):
        return _of_a_rate(baseline, row, shifts, known, band=band)
    return _of_a_level(baseline, row, shifts, known, last, band=band)


def _of_a_level(
    baseline: LevelBaseline,
    row: Row,
    shifts: Array,
    known: tuple[Array, Array],
    last: tuple[Array, Array],
    *,
    band: float,
) -> Evidence:
    raw, weight = baseline.scores(row)
    score = np.clip(raw, -CLIP, CLIP)
    white = whitened(baseline, row.t, score, last)
    # A shift of one typical standard deviation is worth more in a window of many rows.
    total, information = weight * white, weight**2
    shifts = columns(shifts, white)
    error = band * _caution(baseline) / np.sqrt(known[1])
    away = total - known[0] / known[1] * information
    ratios = shifts * away - (shifts**2 / 2 + np.abs(shifts) * error) * information
    since = weight * np.clip(raw, -FARTHEST, FARTHEST) / _memory_factor(baseline)
    return Evidence(ratios, total, information, since, score)


def _caution(baseline: LevelBaseline | ProportionBaseline) -> Array:
    """Short baselines err more than they know: in their level, and in their scatter."""
    factor: Array = np.clip(np.sqrt(ESTABLISHED / np.asarray(baseline.windows)), 1.0, 3.0)
    return factor


def whitened(
    baseline: LevelBaseline,
    t: int,
    score: Array | np.float64,
    last: tuple[Array, Array],
) -> Array | np.float64:
    """What a score adds to what the window before foretold; over a gap, memory fades."""
    remembered = memory(np.asarray(baseline.phi), np.maximum(t - last[0], 1)) * (last[0] >= 0)
    white: Array = (score - remembered * last[1]) / np.sqrt(1 - remembered**2)
    return white


def _of_a_rate(
    baseline: ProportionBaseline,
    row: Row,
    shifts: Array,
    known: tuple[Array, Array],
    *,
    band: float,
) -> Evidence:
    check_proportions(row)
    n = baseline.effective(row.n)
    events = row.value * n
    least = np.maximum(0.5 / known[1], RAREST)
    rate = np.clip(known[0] / known[1], least, 1 - least)
    error = band * _caution(baseline) / np.sqrt(known[1] * rate * (1 - rate))
    sizes = columns(shifts, rate) / typical_information(baseline)
    odds = np.log(rate / (1 - rate)) + baseline.offsets[slot(row.t)]
    # Odds, not ratios: a falling 90 % is seen exactly as soon as a rising 10 %.
    null = odds + np.where(sizes > 0, error, -error)
    ratios = events * sizes - n * (np.logaddexp(0, null + sizes) - np.logaddexp(0, null))
    clustered = np.asarray(baseline.correlation) > CLUSTERED
    if np.any(clustered):
        ratios = np.where(clustered, _of_clusters(baseline, row, null, sizes, ratios), ratios)
    total, weight = without_season(baseline, row.t, events, n, rate)
    return Evidence(ratios, total, weight, total, np.zeros_like(rate))


def _of_clusters(
    baseline: ProportionBaseline, row: Row, null: Array, sizes: Array, binomial: Array
) -> Array:
    """Log likelihood ratios where events come in clusters, of the rarer outcome.

    A negative binomial with the variance of the window's correlated rows: one large cluster then
    says little of the rate, where dividing a binomial by its dispersion would believe it. Where
    the variance is below that of a Poisson count there is none, and the binomial stands.
    """
    turn = np.where(np.asarray(baseline.rate) > 0.5, -1.0, 1.0)
    n = np.asarray(row.n)
    events = n * np.where(turn > 0, row.value, 1 - row.value)
    log_before = -np.logaddexp(0, -turn * null)
    log_after = -np.logaddexp(0, -turn * (null + sizes))
    before, after = n * np.exp(log_before), n * np.exp(log_after)
    excess = (1 - before / n) * (1 + (n - 1) * baseline.correlation) - 1
    size = before / np.maximum(excess, 1e-6)
    ratios = events * (log_after - log_before) - (events + size) * np.log(
        (size + after) / (size + before)
    )
    return np.where(excess > 0, ratios, binomial)


def typical_information(baseline: ProportionBaseline) -> Array | np.float64:
    """Log odds in a typical window's standard deviation, inverted; at most 1 / .05."""
    rate = np.asarray(baseline.rate)
    information = np.minimum(baseline.typical_n * rate * (1 - rate), MOST_INFORMATION)
    root: Array = np.sqrt(information)
    return root


def level_of(
    baseline: LevelBaseline | ProportionBaseline,
    t: int,
    total: Array | np.float64,
    weight: Array | np.float64,
) -> Array | np.float64 | float:
    """Level in the series' own unit, at window `t`, of sums over some windows."""
    if isinstance(baseline, ProportionBaseline):
        odds = np.log(np.clip(total / weight, 1e-12, 1 - 1e-12))
        odds = odds - np.log1p(-np.exp(odds)) + baseline.offsets[slot(t)]
        return 1 / (1 + np.exp(-odds))
    return baseline.restored(baseline.center(t) + total / weight * level_unit(baseline))


def level_since(
    baseline: LevelBaseline | ProportionBaseline,
    t: int,
    total: Array | np.float64,
    weight: Array | np.float64,
) -> Array | np.float64 | float:
    """`level_of`, of sums since a change: a rate moves by a ratio, as they were summed."""
    if not isinstance(baseline, ProportionBaseline):
        return level_of(baseline, t, total, weight)
    rate, expected = np.asarray(baseline.rate), baseline.expected(t)
    level: Array = np.where(
        rate > 0.5,
        1 - (1 - total / weight) * (1 - expected) / (1 - rate),
        total / weight * expected / rate,
    )
    return np.clip(level, 0.0, 1.0)


def moved_to(
    baseline: LevelBaseline | ProportionBaseline, total: float, weight: float
) -> LevelBaseline | ProportionBaseline:
    """The baseline at a new level, its season, scatter and memory kept.

    Args:
        total: sum since the change, of one chart.
        weight: its weight.
    """
    if isinstance(baseline, ProportionBaseline):
        rate = within_bounds(total / weight, weight)
        windows = max(1, round(weight / baseline.typical_n))
        return replace(baseline, rate=rate, rows=weight, windows=windows)
    move = total / weight * level_unit(baseline)
    centers = tuple(float(center + move) for center in baseline.centers)
    return replace(baseline, centers=centers, windows=max(1, round(weight)))


def level_unit(baseline: LevelBaseline) -> Array | np.float64:
    """Lasting shift, as charted, that moves whitened scores of typical windows by 1."""
    return baseline.spread(baseline.typical_n) * _memory_factor(baseline)


def _memory_factor(baseline: LevelBaseline) -> Array:
    """Whitening leaves sqrt((1 - phi) / (1 + phi)) of a lasting shift."""
    phi = np.asarray(baseline.phi)
    factor: Array = np.sqrt((1 + phi) / (1 - phi))
    return factor


def columns(shifts: Array, like: Array | np.float64) -> Array:
    """[shifts, 1, ...] so that a number for each shift meets a number for each chart."""
    return shifts.reshape(-1, *[1] * np.ndim(like))


def signed_shifts(sides: tuple[str, ...], sizes: tuple[float, ...]) -> Array:
    """[sides * sizes] signed shifts: those of the first side, then those of the second."""
    signs = [1.0 if side == "up" else -1.0 for side in sides]
    return np.array([sign * size for sign in signs for size in sizes])

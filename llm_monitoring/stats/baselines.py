"""Phase I: what is normal for one series, learned once from its first quiet windows and frozen.

Each kind of series has a baseline of its own that turns a reading into *evidence*: a standard
score, or a count against an expected rate. Formulas: DerSimonian & Laird (1986) for the variance
between windows; leave-one-out residuals so that a slot's own windows do not flatter its scale.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

PROVISIONAL_WINDOWS = 48
ESTABLISHED_WINDOWS = 336
SCALE_FLOOR = 0.05  # of a logarithm: changes under about 5 % are nobody's incident
CLIP = 3.5  # a single wild window must not decide
SEASONS = ("none", "hour", "hour_weekend")
SEASON_GAIN = {"none": 0.0, "hour": 0.07, "hour_weekend": 0.10}
SEASONAL_WINDOWS = 150  # fewer cannot tell a season from noise


@dataclass(frozen=True, slots=True)
class Reading:
    """One window of one series.

    Args:
        t: hours since 1970-01-01T00:00Z, so that t % 24 is the hour of the day.
        value: the measurement; None: nothing was measured.
        n: rows behind the value.
        stddev: standard deviation of those rows; None: fewer than two.
    """

    t: int
    value: float | None
    n: int
    stddev: float | None = None

    def __post_init__(self) -> None:
        if self.n < 0:
            raise ValueError(f"window {self.t} has n = {self.n}")
        if self.value is not None and not math.isfinite(self.value):
            raise ValueError(f"window {self.t} has the value {self.value}")

    @property
    def has_data(self) -> bool:
        """A window nobody measured leaves every chart as it was."""
        return self.value is not None and self.n > 0

    @property
    def measured(self) -> float:
        """The value of a window that has data.

        Raises:
            ValueError: it has none; a chart was asked to step on silence.
        """
        if self.value is None:
            raise ValueError(f"window {self.t} has no value")
        return self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanBaseline:
    """A mean of bounded scores: windows differ by chance (sigma / sqrt n) and by tau.

    Args:
        center: weighted mean of the windows.
        sigma: standard deviation of single rows, pooled.
        tau: standard deviation between windows beyond chance.
        phi: lag-1 autocorrelation of the scores; 0 where it is not significant.
        windows: windows it was learned from.
    """

    kind: Literal["mean"] = "mean"
    center: float
    sigma: float
    tau: float
    phi: float
    windows: int

    def expected(self, t: int) -> float:
        """Expected value of window `t`."""
        del t  # no season is learned for scores
        return self.center

    def spread(self, reading: Reading) -> float:
        """In-control standard deviation of this window's value."""
        return math.sqrt(self.tau**2 + self.sigma**2 / reading.n)

    def score(self, reading: Reading) -> float:
        """Standard score of a window that has data."""
        return (reading.measured - self.center) / self.spread(reading)


@dataclass(frozen=True, slots=True, kw_only=True)
class PositiveBaseline:
    """A positive, skewed series (cost, latency, tokens, volume), judged by its logarithm.

    Args:
        season: none, hour (of day) or hour_weekend (hour of day, weekend apart).
        centers: median logarithm of each slot of the season.
        scale: 1.4826 MAD of the leave-one-day-out residuals, at least SCALE_FLOOR.
        phi: lag-1 autocorrelation of the scores; 0 where it is not significant.
        windows: windows it was learned from.
    """

    kind: Literal["positive"] = "positive"
    season: str
    centers: tuple[float, ...]
    scale: float
    phi: float
    windows: int

    def expected(self, t: int) -> float:
        """Expected value of window `t`."""
        return math.exp(self.centers[slot(t, self.season)])

    def score(self, reading: Reading) -> float:
        """Clipped standard score of a window that has data."""
        return float(np.clip(self.residual(reading) / self.scale, -CLIP, CLIP))

    def residual(self, reading: Reading) -> float:
        """Logarithm of the ratio of a window that has data to what is expected of it."""
        return log_value(reading) - self.centers[slot(reading.t, self.season)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProportionBaseline:
    """A rate: events of n, never a standard score, so that small windows count as little as due.

    Args:
        rate: events / rows, never 0: at least half an event.
        rows: rows it was learned from.
        dispersion: mean squared Pearson residual, at least 1 (1: binomial).
        windows: windows it was learned from.
    """

    kind: Literal["proportion"] = "proportion"
    rate: float
    rows: int
    dispersion: float
    windows: int

    def expected(self, t: int) -> float:
        """Expected value of window `t`."""
        del t  # no season is learned for rates
        return self.rate

    @property
    def error(self) -> float:
        """Standard error of the learned rate."""
        return math.sqrt(self.dispersion * self.rate * (1 - self.rate) / self.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceBaseline:
    """When a source is normally silent.

    Args:
        busy: for each hour of the day, whether every Phase I window had rows.
        windows: windows it was learned from.
    """

    kind: Literal["silence"] = "silence"
    busy: tuple[bool, ...]
    windows: int

    def expected(self, t: int) -> float:
        """1 where rows are expected, else 0."""
        return float(self.busy[t % 24])


AnyBaseline = MeanBaseline | PositiveBaseline | ProportionBaseline | SilenceBaseline
BASELINES: dict[str, type[AnyBaseline]] = {
    "mean": MeanBaseline,
    "positive": PositiveBaseline,
    "proportion": ProportionBaseline,
    "silence": SilenceBaseline,
}


def slot(t: int, season: str) -> int:
    """Slot of the season a window falls into; 1970-01-01 was a Thursday."""
    if season == "none":
        return 0
    weekend = (t // 24 + 3) % 7 >= 5
    return t % 24 + (24 if season == "hour_weekend" and weekend else 0)


def log_value(reading: Reading) -> float:
    """Logarithm of a positive value; a zero (a free request) counts as far below everything."""
    if reading.measured < 0:
        raise ValueError(f"window {reading.t} has {reading.measured}, which cannot be negative")
    return math.log(max(reading.measured, 1e-12))


def learn_proportion(readings: Sequence[Reading]) -> ProportionBaseline:
    """Pooled rate and overdispersion of Phase I.

    Args:
        readings: windows with data; value is a ratio in [0, 1].

    Raises:
        ValueError: a value is not a ratio.
    """
    n = np.array([r.n for r in readings], float)
    p = np.array([r.value for r in readings], float)
    if np.any((p < 0) | (p > 1)):
        raise ValueError("a proportion lies outside 0 to 1")
    total = float(n.sum())
    rate = float(np.clip(n @ p / total, 0.5 / total, 1 - 0.5 / total))
    squared = (n * p - n * rate) ** 2 / (n * rate * (1 - rate))
    dispersion = max(1.0, float(squared.sum() / max(len(n) - 1, 1)))
    return ProportionBaseline(
        rate=rate, rows=int(total), dispersion=dispersion, windows=len(readings)
    )


def learn_mean(readings: Sequence[Reading]) -> MeanBaseline:
    """Center, within-window and between-window spread of Phase I.

    Args:
        readings: windows with data; those with fewer than two rows have no stddev.

    Source: DerSimonian & Laird (1986), Controlled Clinical Trials 7, 177-188.
    """
    n = np.array([r.n for r in readings], float)
    x = np.array([r.value for r in readings], float)
    s = np.array([np.nan if r.stddev is None else r.stddev for r in readings])
    known = ~np.isnan(s) & (n > 1)
    freedom = np.where(known, n - 1, 0)
    pooled = float(np.sum(freedom[known] * s[known] ** 2) / freedom.sum()) if known.any() else 0.0
    # Constant scores leave nothing to divide by: a twentieth of a point is the finest that counts.
    sigma = max(math.sqrt(pooled), 0.05)
    w = n / sigma**2
    center = float(w @ x / w.sum())
    q = float(w @ (x - center) ** 2)
    spread = float(w.sum() - (w @ w) / w.sum())  # 0: a single window
    tau_squared = max(0.0, (q - (len(x) - 1)) / spread) if spread else 0.0
    learned = MeanBaseline(
        center=center, sigma=sigma, tau=math.sqrt(tau_squared), phi=0.0, windows=len(x)
    )
    scores = np.array([learned.score(r) for r in readings])
    return replace(learned, phi=autocorrelation(scores, [r.t for r in readings]))


def learn_positive(readings: Sequence[Reading]) -> PositiveBaseline:
    """Season, slot medians, scale and autocorrelation of Phase I.

    A season is used only where it lowers the mean absolute residual by SEASON_GAIN; residuals are
    against the median of the same slot on *other* days, so that a slot cannot explain itself.
    """
    t = np.array([r.t for r in readings])
    y = np.array([log_value(r) for r in readings])
    best, residuals = "none", _residuals(t, y, "none")
    plain = float(np.abs(residuals).mean())
    for season in SEASONS[1:] if len(y) >= SEASONAL_WINDOWS else ():
        candidate = _residuals(t, y, season)
        gain = 1 - float(np.abs(candidate).mean()) / plain if plain else 0.0
        previous = 1 - float(np.abs(residuals).mean()) / plain if plain else 0.0
        if gain >= SEASON_GAIN[season] and gain > previous:
            best, residuals = season, candidate
    scale = max(1.4826 * float(np.median(np.abs(residuals - np.median(residuals)))), SCALE_FLOOR)
    scores = np.clip(residuals / scale, -CLIP, CLIP)
    return PositiveBaseline(
        season=best,
        centers=tuple(_slot_medians(t, y, best)),
        scale=scale,
        phi=autocorrelation(scores, t.tolist()),
        windows=len(y),
    )


def learn_silence(readings: Sequence[Reading]) -> SilenceBaseline:
    """Hours of the day that always had rows; an hour never seen is not expected to have any."""
    seen: dict[int, list[bool]] = {hour: [] for hour in range(24)}
    for reading in readings:
        seen[reading.t % 24].append(reading.n > 0)
    busy = tuple(bool(seen[hour]) and all(seen[hour]) for hour in range(24))
    return SilenceBaseline(busy=busy, windows=len(readings))


def autocorrelation(scores: Array, t: Sequence[int]) -> float:
    """Lag-1 autocorrelation over neighbouring windows; 0 where it is not significant.

    Below SEASONAL_WINDOWS it is shrunk by its standard error instead: an estimate from few
    windows whitens noise into more noise.
    """
    times = np.asarray(t)
    neighbours = np.flatnonzero(np.diff(times) == 1)
    centered = scores - scores.mean()
    variance = float(centered @ centered) / len(scores)
    if len(neighbours) < 2 or variance == 0:
        return 0.0
    phi = float(np.mean(centered[neighbours] * centered[neighbours + 1]) / variance)
    phi = float(np.clip(phi, -0.95, 0.95))
    error = 1 / math.sqrt(len(scores))
    if len(scores) < SEASONAL_WINDOWS:
        return math.copysign(max(0.0, abs(phi) - error), phi)
    return phi if abs(phi) > 2 * error else 0.0


def _residuals(t: NDArray[np.int64], y: Array, season: str) -> Array:
    """Distance of each window from the median of its slot on other days."""
    slots = np.array([slot(int(ti), season) for ti in t])
    days = t // 24
    residuals = np.empty_like(y)
    for i in range(len(y)):
        others = y[(slots == slots[i]) & (days != days[i])]
        residuals[i] = y[i] - (np.median(others) if len(others) else np.median(y))
    return residuals


def _slot_medians(t: NDArray[np.int64], y: Array, season: str) -> list[float]:
    """Median of each slot; an empty slot takes its hour of day's, else the series' own."""
    size = {"none": 1, "hour": 24, "hour_weekend": 48}[season]
    slots = np.array([slot(int(ti), season) for ti in t])
    medians = []
    for s in range(size):
        for members in (slots == s, slots % 24 == s % 24, np.ones_like(slots, bool)):
            if members.any():
                medians.append(float(np.median(y[members])))
                break
    return medians

"""Series for charts, and one candidate of every kind of chart with a series that fits it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from llm_monitoring.control import Series, replay
from llm_monitoring.hours import hour_at, hour_index
from llm_monitoring.records import ChartPoint, WindowMetric
from llm_monitoring.stats.baselines import (
    AnyBaseline,
    LevelBaseline,
    ProportionBaseline,
    Reading,
    Row,
    learn_count,
    learn_mean,
    learn_positive,
    learn_proportion,
    stack,
)
from llm_monitoring.stats.charts import (
    Chart,
    Point,
    Side,
    missing,
    reference_ewma,
    run,
    single_window,
    sr_mixture,
    static_threshold,
)

START = hour_index(2026100500)
ESTABLISHED = 336
SERIES = Series("search", "{}", None, "a metric")
UP: tuple[Side, ...] = ("up",)
DOWN: tuple[Side, ...] = ("down",)
BOTH: tuple[Side, ...] = ("up", "down")

Draw = Callable[[np.random.Generator, int], WindowMetric]


def window(i: int, value: float | None, n: int = 200, stddev: float | None = 1.0) -> WindowMetric:
    return WindowMetric(
        hour=hour_at(START + i),
        feature_id="search",
        segment="{}",
        epoch=None,
        metric="a metric",
        value=value,
        n=n,
        stddev=stddev,
    )


def reading(row: WindowMetric) -> Reading:
    return Reading(hour_index(row.hour), row.value, row.n, row.stddev)


# ------------------------------------------------------------------ candidates


@dataclass(frozen=True)
class Candidate:
    """A chart, what its series looks like in control, and after a large step."""

    chart: Chart
    quiet: Draw
    step: Draw


def rate(p: float) -> Draw:
    return lambda rng, i: window(i, float(rng.binomial(200, p)) / 200)


def daily_rate(p: float) -> Draw:
    """Odds that are ten times as high at noon as at midnight."""

    def draw(rng: np.random.Generator, i: int) -> WindowMetric:
        odds = p / (1 - p) * 10 ** (-math.cos(2 * math.pi * i / 24) / 2)
        return window(i, float(rng.binomial(500, odds / (1 + odds))) / 500, n=500)

    return draw


def clustered(p: float) -> Draw:
    return lambda rng, i: window(i, float(rng.binomial(200, rng.beta(40 * p, 40 - 40 * p))) / 200)


def score(mean: float) -> Draw:
    return lambda rng, i: window(i, float(rng.normal(mean, 1 / math.sqrt(200))))


def cost(median: float) -> Draw:
    return lambda rng, i: window(i, float(median * rng.lognormal(0, 0.1)))


def count(mean: float) -> Draw:
    def draw(rng: np.random.Generator, i: int) -> WindowMetric:
        requests = int(rng.poisson(mean * (1 + 0.5 * math.sin(2 * math.pi * i / 24))))
        return window(i, float(requests), n=requests, stddev=None)

    return draw


def silence(_: np.random.Generator, i: int) -> WindowMetric:
    return window(i, 0.0, n=0)


# The limits are wide enough for a quiet series of 400 windows.
CANDIDATES = {
    "sr_mixture of a rate": Candidate(sr_mixture(learn_proportion, UP, 1e4), rate(0.02), rate(0.2)),
    "sr_mixture of a high rate": Candidate(
        sr_mixture(learn_proportion, DOWN, 1e4), rate(0.95), rate(0.7)
    ),
    "sr_mixture of a daily rate": Candidate(
        sr_mixture(learn_proportion, BOTH, 1e4), daily_rate(0.05), daily_rate(0.15)
    ),
    "sr_mixture of a clustered rate": Candidate(
        sr_mixture(learn_proportion, BOTH, 1e4), clustered(0.05), clustered(0.5)
    ),
    "sr_mixture of a score": Candidate(sr_mixture(learn_mean, DOWN, 1e4), score(4), score(3)),
    "sr_mixture of a cost": Candidate(sr_mixture(learn_positive, BOTH, 1e4), cost(5), cost(9)),
    "sr_mixture of a count": Candidate(sr_mixture(learn_count, BOTH, 1e4), count(80), count(25)),
    "single_window of a rate": Candidate(
        single_window(learn_proportion, UP, 1e5), rate(0.02), rate(0.2)
    ),
    "single_window of a high rate": Candidate(
        single_window(learn_proportion, DOWN, 1e5), rate(0.95), rate(0.6)
    ),
    "single_window of a clustered rate": Candidate(
        single_window(learn_proportion, BOTH, 1e5), clustered(0.05), rate(0.9)
    ),
    "single_window of a score": Candidate(single_window(learn_mean, BOTH, 1e5), score(4), score(2)),
    "single_window of a count": Candidate(
        single_window(learn_count, BOTH, 1e5), count(80), count(600)
    ),
    "missing": Candidate(missing(), rate(0.5), silence),
    "static_threshold": Candidate(static_threshold(above=0.1), rate(0.02), rate(0.2)),
    "static_threshold of a share": Candidate(
        static_threshold(above=0.1, clears_after=3, significance=0.001),
        rate(0.02),
        rate(0.2),
    ),
    "static_threshold of a count": Candidate(
        static_threshold(below=10, clears_after=3, reads_silence=True), count(80), silence
    ),
    "reference_ewma": Candidate(reference_ewma(), rate(0.02), rate(0.2)),
}


def stream(candidate: Candidate, quiet: int, stepped: int, seed: int = 1) -> list[WindowMetric]:
    rng = np.random.default_rng(seed)
    rows = [candidate.quiet(rng, i) for i in range(quiet)]
    return rows + [candidate.step(rng, i) for i in range(quiet, quiet + stepped)]


def points_of(chart: Chart, windows: Sequence[WindowMetric]) -> list[ChartPoint]:
    """Charts are examined through `control.replay`, the one way they are used in production."""
    return replay(SERIES, chart, windows).points


# ------------------------------------------------------- baselines by agreement

FLAT = (0.0,) * 48


def level(**changes: object) -> LevelBaseline:
    """Windows whose value is their standard score, whatever their n."""
    known: dict[str, object] = {
        "transform": "identity",
        "season": "none",
        "centers": FLAT,
        "within": 0.0,
        "between": 1.0,
        "inflation": 1.0,
        "phi": 0.0,
        "tail_degrees": 1000.0,
        "typical_n": 1.0,
        "windows": 400,
    }
    return LevelBaseline(**{**known, **changes})  # type: ignore[arg-type]


def proportion(rate: float, **changes: object) -> ProportionBaseline:
    known: dict[str, object] = {
        "rate": rate,
        "rows": 33_600.0,
        "correlation": 0.0,
        "season": "none",
        "offsets": FLAT,
        "typical_n": 100.0,
        "windows": 336,
    }
    return ProportionBaseline(**{**known, **changes})  # type: ignore[arg-type]


def scores(values: Sequence[float] | np.ndarray, start: int = 0) -> list[Reading]:
    """Windows whose standard score against `level()` is the value."""
    return [Reading(start + i, float(z), 1) for i, z in enumerate(values)]


def events(counts: Sequence[int] | np.ndarray, n: int, start: int = 0) -> list[Reading]:
    return [Reading(start + i, float(x) / n, n) for i, x in enumerate(counts)]


def points(
    chart: Chart,
    baseline: AnyBaseline | None,
    readings: Sequence[Reading],
    state: np.ndarray | None = None,
) -> list[Point]:
    return run(chart, baseline, [one.as_row() for one in readings], state)[1]


def statistics(found: Sequence[Point]) -> list[float]:
    return [float(point.statistic) for point in found]


def delay(found: Sequence[Point]) -> int:
    """Windows to the first alarm, all of them where there is none."""
    return next((i + 1 for i, point in enumerate(found) if point.alarm), len(found))


def together(
    chart: Chart, baseline: LevelBaseline, values: np.ndarray, state: np.ndarray | None = None
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Many charts of one baseline at once: values [windows, charts] to fields [windows, charts].

    Replayed on from a state, windows count on from 10,000.
    """
    charts = values.shape[1]
    ones, unknown = np.ones(charts), np.full(charts, np.nan)
    start = 0 if state is None else 10_000
    rows = [Row(start + i, x, ones, unknown) for i, x in enumerate(values)]
    after, found = run(chart, stack([baseline] * charts), rows, state)
    names = ("center", "statistic", "limit", "alarm", "started", "side", "level", "change_t", "age")
    return after, {
        name: np.array([np.broadcast_to(getattr(point, name), charts) for point in found])
        for name in names
    }

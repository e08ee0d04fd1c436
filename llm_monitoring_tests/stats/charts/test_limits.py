"""Limits of sr_mixture: the table as it is read, and the run lengths that it promises."""

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from llm_monitoring.stats.baselines import (
    Array,
    LevelBaseline,
    ProportionBaseline,
    Reading,
    Row,
    learn_mean,
    learn_positive,
    learn_proportion,
    stack,
)
from llm_monitoring.stats.charts import Side, run, sr_mixture
from llm_monitoring.stats.charts.evidence import CLUSTERED
from llm_monitoring.stats.charts.limits import (
    FEW_EVENTS,
    ONE_SIDED,
    PHASE_ONES,
    RUN_LENGTHS,
    TWO_SIDED,
    limit_of,
)
from llm_monitoring_tests.stats.charts.examples import (
    BOTH,
    DOWN,
    ESTABLISHED,
    UP,
    level,
    proportion,
)

TABLES = {False: ONE_SIDED, True: TWO_SIDED}
MANY = 1e4  # expected events in a window: a rate as good as a level


# ------------------------------------------------------------------- the table


@pytest.mark.parametrize("two_sided", TABLES)
def test_an_entry_of_the_table_is_its_distance_from_the_logarithm(two_sided: bool) -> None:
    for row, windows in zip(TABLES[two_sided], PHASE_ONES, strict=True):
        for offset, run_length in zip(row, RUN_LENGTHS, strict=True):
            found = limit_of(run_length, level(windows=windows), two_sided=two_sided)
            assert found == pytest.approx(math.log(run_length) + offset)


@pytest.mark.parametrize("two_sided", TABLES)
def test_between_entries_lies_between_them(two_sided: bool) -> None:
    corners = [
        limit_of(run_length, level(windows=windows), two_sided=two_sided) - math.log(run_length)
        for windows in (168, 336)
        for run_length in (1_000, 3_000)
    ]
    inside = limit_of(1_700, level(windows=240), two_sided=two_sided) - math.log(1_700)
    assert min(corners) <= inside <= max(corners)


def test_beyond_the_table_the_distance_from_the_logarithm_is_kept() -> None:
    for near, far, windows, more in ((1e5, 1e7, 336, 336), (1e5, 1e7, 1000, 50_000)):
        offsets = [
            limit_of(length, level(windows=w), two_sided=True) - math.log(length)
            for length, w in ((near, windows), (far, more))
        ]
        assert offsets[0] == pytest.approx(offsets[1])
    assert limit_of(1e3, level(windows=1), two_sided=True) == limit_of(
        1e3, level(windows=24), two_sided=True
    )


@pytest.mark.parametrize("windows", [24, 48, 100, 168, 240, 336, 2000])
@pytest.mark.parametrize("two_sided", TABLES)
def test_rarer_alarms_have_a_higher_limit(windows: int, two_sided: bool) -> None:
    lengths = np.exp(np.linspace(math.log(100), math.log(1e6), 60))
    limits = [float(limit_of(a, level(windows=windows), two_sided=two_sided)) for a in lengths]
    assert all(low < high for low, high in pairwise(limits))
    assert limits[0] > 0


def test_few_events_cross_a_limit_less_often_and_have_a_lower_one() -> None:
    """Unless they come in clusters, it is fewer that are looked for, or both."""
    events = [0.01, 0.1, 0.5, 2.0, 10.0, 50.0, MANY]
    plain = [_of_events(e) for e in events]
    assert plain == sorted(plain)
    table = float(limit_of(1e4, level(windows=336), two_sided=False))
    for few, offset in FEW_EVENTS:
        assert _of_events(few) == pytest.approx(table + offset)
    assert _of_events(0.1, correlation=2 * CLUSTERED) == pytest.approx(table)
    # The absence of rare events is long, not lumpy: that limit is higher.
    assert _of_events(0.1, down=True) == pytest.approx(table + 0.65 / 2)
    both = limit_of(1e4, proportion(0.001), two_sided=True)
    assert both == pytest.approx(limit_of(1e4, level(windows=336), two_sided=True))


def _of_events(events: float, correlation: float = 0.0, down: bool = False) -> float:
    known = proportion(1e-3, typical_n=1e3 * events, correlation=correlation)
    return float(limit_of(1e4, known, two_sided=False, down=down))


def test_of_a_high_rate_the_rarer_outcome_is_counted() -> None:
    for down in (False, True):
        low = limit_of(1e4, proportion(0.01), two_sided=False, down=down)
        high = limit_of(1e4, proportion(0.99), two_sided=False, down=not down)
        assert low == pytest.approx(high)


@pytest.mark.parametrize("two_sided", TABLES)
def test_limits_of_many_are_those_of_each(two_sided: bool) -> None:
    levels = [level(windows=w) for w in (24, 60, 336, 5000)]
    rates = [proportion(p, windows=w) for p, w in ((0.001, 48), (0.02, 336), (0.5, 100))]
    together = limit_of(5e3, stack(levels), two_sided=two_sided)
    assert together.tolist() == [float(limit_of(5e3, b, two_sided=two_sided)) for b in levels]
    together = limit_of(5e3, stack(rates), two_sided=two_sided)
    assert together.tolist() == [float(limit_of(5e3, b, two_sided=two_sided)) for b in rates]


# ----------------------------------------------------------------- calibration

CHARTS = 600
LONGEST = 5_000
Draw = Callable[[int], Array]  # windows -> [windows, CHARTS]


def mean_run_length(
    learned: LevelBaseline | ProportionBaseline,
    values: Array,
    n: Array,
    sides: tuple[Side, ...],
    run_length: float = 1000,
) -> tuple[float, float]:
    """Average windows to the first alarm, cut off at the last window, and its standard error.

    Cut off, it is never more than the true one.
    """
    unknown = np.full(values.shape[1], np.nan)
    rows = [
        Row(ESTABLISHED + i, value, m, unknown)
        for i, (value, m) in enumerate(zip(values, n, strict=True))
    ]
    _, found = run(sr_mixture(learn_mean, sides, run_length), learned, rows)
    alarms = np.array([point.alarm for point in found])
    first = np.where(alarms.any(axis=0), alarms.argmax(axis=0) + 1, len(rows))
    return float(first.mean()), float(first.std() / math.sqrt(len(first)))


def readings(values: Array, n: Array) -> list[list[Reading]]:
    """Phase I of each chart, whose last window comes just before ESTABLISHED."""
    start = ESTABLISHED - len(values)
    return [
        [Reading(start + i, float(v), int(m)) for i, (v, m) in enumerate(zip(*both, strict=True))]
        for both in zip(values.T, n.T, strict=True)
    ]


def at_least(found: tuple[float, float], run_length: float) -> bool:
    """Not below what was asked for by more than chance explains."""
    mean, error = found
    return mean + 2 * error >= run_length


@pytest.mark.slow
@pytest.mark.parametrize("windows", [48, 168, 336])
@pytest.mark.parametrize("sides", [UP, BOTH])
def test_levels_in_control_run_at_least_as_long_as_asked(
    windows: int, sides: tuple[Side, ...]
) -> None:
    """And no more than twice as long: too careful is late."""
    rng = np.random.default_rng(windows)
    values = rng.normal(4, 0.3, (windows + LONGEST, CHARTS))
    n = np.full(values.shape, 200.0)
    learned = stack([learn_mean(rows) for rows in readings(values[:windows], n[:windows])])
    found = mean_run_length(learned, values[windows:], n[windows:], sides)
    assert at_least(found, 1000)
    assert found[0] <= 2000


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0.0005, 0.005, 0.02, 0.1, 0.3, 0.9])
@pytest.mark.parametrize("sides", [UP, DOWN, BOTH])
def test_rates_in_control_run_at_least_as_long_as_asked(
    rate: float, sides: tuple[Side, ...]
) -> None:
    """50 to 150 rows a window. Fewer of rare events: three quarters, as measured."""
    rng = np.random.default_rng(int(1e4 * rate))
    n = rng.integers(50, 150, (ESTABLISHED + LONGEST, CHARTS)).astype(float)
    values = rng.binomial(n.astype(int), rate) / n
    phase_one = readings(values[:ESTABLISHED], n[:ESTABLISHED])
    learned = stack([learn_proportion(rows) for rows in phase_one])
    found = mean_run_length(learned, values[ESTABLISHED:], n[ESTABLISHED:], sides)
    assert at_least(found, 750 if sides == DOWN and rate < 0.01 else 1000)


def memory(rng: np.random.Generator, phi: float) -> Draw:
    def draw(windows: int) -> Array:
        z = rng.normal(0, 1, (windows, CHARTS))
        for i in range(1, windows):
            z[i] = phi * z[i - 1] + math.sqrt(1 - phi**2) * z[i]
        return np.exp(5 + 0.3 * z)

    return draw


def heavy(rng: np.random.Generator, degrees: float) -> Draw:
    return lambda windows: np.exp(5 + 0.2 * rng.standard_t(degrees, (windows, CHARTS)))


def daily(rng: np.random.Generator, height: float) -> Draw:
    def draw(windows: int) -> Array:
        wave = height * np.sin(2 * np.pi * np.arange(windows) / 24)
        values: Array = np.exp(5 + wave[:, None] + rng.normal(0, 0.3, (windows, CHARTS)))
        return values

    return draw


MISBEHAVING: dict[str, tuple[Callable[[np.random.Generator], Draw], float]] = {
    "memory .3": (lambda rng: memory(rng, 0.3), 900),
    "memory .6": (lambda rng: memory(rng, 0.6), 900),
    "t(3) tails": (lambda rng: heavy(rng, 3), 600),
    "a daily cycle": (lambda rng: daily(rng, 0.5), 900),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", MISBEHAVING)
def test_series_that_misbehave_run_nearly_as_long_as_asked(kind: str) -> None:
    """Asked for 1,000; six tenths of it where tails are heavy."""
    make, least = MISBEHAVING[kind]
    draw = make(np.random.default_rng(41))
    values = draw(ESTABLISHED + LONGEST)
    n = np.full(values.shape, 200.0)
    learned = stack(
        [learn_positive(rows) for rows in readings(values[:ESTABLISHED], n[:ESTABLISHED])]
    )
    assert at_least(mean_run_length(learned, values[ESTABLISHED:], n[ESTABLISHED:], BOTH), least)


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0.005, 0.05])
def test_clustered_rates_run_at_least_nine_tenths_as_long_as_asked(rate: float) -> None:
    """A correlation of .003 between the rows of a window."""
    rng = np.random.default_rng(42)
    strength = 1 / 0.003 - 1
    n = rng.integers(50, 500, (ESTABLISHED + LONGEST, CHARTS)).astype(float)
    p = rng.beta(rate * strength, (1 - rate) * strength, n.shape)
    values = rng.binomial(n.astype(int), p) / n
    phase_one = readings(values[:ESTABLISHED], n[:ESTABLISHED])
    learned = stack([learn_proportion(rows) for rows in phase_one])
    assert at_least(mean_run_length(learned, values[ESTABLISHED:], n[ESTABLISHED:], UP), 900)

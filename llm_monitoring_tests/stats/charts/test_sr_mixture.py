"""The default chart: known answers, episodes, the level it learns, and how soon it finds what."""

import doctest
import math
from collections.abc import Sequence
from importlib import import_module
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

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
from llm_monitoring.stats.charts import Chart, Side, run, sr_mixture
from llm_monitoring.stats.charts.limits import limit_of
from llm_monitoring.stats.charts.sr_mixture import (
    BLOCK,
    DISPUTED,
    HEADROOM,
    SHIFTS,
    WEIGHTS,
    dead_band,
)
from llm_monitoring_tests.stats.baselines.examples import daily_cycle
from llm_monitoring_tests.stats.charts.examples import (
    BOTH,
    DOWN,
    ESTABLISHED,
    UP,
    delay,
    events,
    level,
    points,
    proportion,
    scores,
    statistics,
    together,
)

RARE = 1e6


# --------------------------------------------------------------- known answers


def mixture(increments: Sequence[Sequence[float]]) -> list[float]:
    """Log of the weighted mean over shifts of the sum over starts of the likelihood ratio since.

    Args:
        increments: for each shift, sides apart, its log likelihood ratio in each window.
    """
    sides = len(increments) // len(SHIFTS)
    weights = [weight / sum(WEIGHTS) / sides for weight in WEIGHTS * sides]
    return [
        math.log(
            sum(
                weight * sum(math.exp(sum(row[s : t + 1])) for s in range(t + 1))
                for weight, row in zip(weights, increments, strict=True)
            )
        )
        for t in range(len(increments[0]))
    ]


def of_sides(sides: Sequence[Side]) -> list[float]:
    return [d * (1 if side == "up" else -1) for side in sides for d in SHIFTS]


@pytest.mark.parametrize("sides", [UP, DOWN, BOTH])
def test_three_windows_of_scores_by_the_definition(sides: Sequence[Side]) -> None:
    z = (1.0, 2.0, -0.5)
    band = dead_band(RARE) / math.sqrt(400)
    increments = [[d * x - d**2 / 2 - abs(d) * band for x in z] for d in of_sides(sides)]
    found = statistics(points(sr_mixture(learn_mean, sides, RARE), level(), scores(z)))
    assert found == pytest.approx(mixture(increments), rel=1e-12)


@pytest.mark.parametrize("sides", [UP, BOTH])
@pytest.mark.parametrize(("rate", "x"), [(0.02, (2, 0, 6)), (0.9, (54, 57, 49))])
def test_three_windows_of_a_rate_by_the_definition(
    rate: float, x: tuple[int, ...], sides: Sequence[Side]
) -> None:
    """Binomial likelihoods of 60 rows; shifts and band on the log odds."""
    band = dead_band(RARE) / math.sqrt(33_600 * rate * (1 - rate))
    unit = 1 / math.sqrt(100 * rate * (1 - rate))

    def ratio(k: int, d: float) -> float:
        null = math.log(rate / (1 - rate)) + math.copysign(band, d)
        p0, p1 = (1 / (1 + math.exp(-odds)) for odds in (null, null + d * unit))
        return float(stats.binom.logpmf(k, 60, p1) - stats.binom.logpmf(k, 60, p0))

    increments = [[ratio(k, d) for k in x] for d in of_sides(sides)]
    chart = sr_mixture(learn_proportion, sides, RARE)
    found = statistics(points(chart, proportion(rate), events(x, 60)))
    assert found == pytest.approx(mixture(increments), rel=1e-9)


def test_one_shift_of_weight_one_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """z = 1 twice and a shift of 1: ratios e^.5 = 1.6487, then (1 + 1.6487) 1.6487 = 4.3670."""
    module = import_module("llm_monitoring.stats.charts.sr_mixture")
    monkeypatch.setattr(module, "SHIFTS", (1.0,))
    monkeypatch.setattr(module, "WEIGHTS", (1.0,))
    certain = level(windows=10**14)
    found = statistics(points(sr_mixture(learn_mean, UP, RARE), certain, scores([1.0, 1.0])))
    assert found == pytest.approx([0.5, math.log(4.3670)], abs=1e-4)


def test_whitening_takes_out_what_the_last_window_explains() -> None:
    chart = sr_mixture(learn_mean, UP, RARE)
    z = [1.0, 2.0, -0.5]
    white = [z[0]] + [(b - 0.6 * a) / 0.8 for a, b in pairwise(z)]
    found = statistics(points(chart, level(phi=0.6), scores(z)))
    assert found == pytest.approx(statistics(points(chart, level(), scores(white))))


def test_the_limit_is_that_of_the_table_and_does_not_move() -> None:
    for baseline in (level(), level(windows=48), proportion(0.02)):
        found = points(sr_mixture(learn_mean, UP, 1000), baseline, scores([0.0, 1.0, 0.0]))
        expected = float(limit_of(1000, baseline, two_sided=False))
        assert [float(point.limit) for point in found] == [expected] * 3


def test_a_run_length_of_one_window_is_an_error() -> None:
    with pytest.raises(ValueError, match="above 1"):
        sr_mixture(learn_mean, BOTH, 1.0)


def test_the_rarer_alarms_have_to_be_the_wider_the_null() -> None:
    bands = [dead_band(length) for length in (100, 1e3, 1e4, 1e5, 1e6)]
    assert bands == sorted(bands)
    assert 0 < bands[0] < bands[-1]


def test_a_drift_far_below_the_smallest_shift_never_alarms() -> None:
    assert not any(
        point.alarm
        for point in points(sr_mixture(learn_mean, UP, 1000), level(), scores([0.15] * 3000))
    )


def test_a_chart_of_one_side_is_blind_to_the_other_and_quicker_on_its_own() -> None:
    rng = np.random.default_rng(1)
    up, two = sr_mixture(learn_mean, UP, 1000), sr_mixture(learn_mean, BOTH, 1000)
    down = rng.normal(-1, 1, (300, 30))
    assert not together(up, level(), down)[1]["alarm"].any()
    assert together(two, level(), down)[1]["alarm"].any(axis=0).all()
    rise = rng.normal(0.5, 1, (300, 60))
    one, both = (first(together(chart, level(), rise)[1]["alarm"]) for chart in (up, two))
    assert np.all(one <= both)
    assert one.sum() < both.sum()


def test_a_falling_share_of_thumbs_up_is_found_as_soon_as_a_rising_share_of_thumbs_down() -> None:
    """Thumbs-up .9 -> .8 against thumbs-down .1 -> .2: the same windows, the same verdicts."""
    rng = np.random.default_rng(1)
    found: list[int] = []
    for _ in range(20):
        before, after = rng.binomial(20, 0.1, ESTABLISHED), rng.binomial(20, 0.2, 60)
        delays = [
            delay(
                points(
                    sr_mixture(learn_proportion, sides, 1000),
                    learn_proportion(events(quiet, 20)),
                    events(shifted, 20, ESTABLISHED),
                )
            )
            for sides, quiet, shifted in ((UP, before, after), (DOWN, 20 - before, 20 - after))
        ]
        assert delays[0] == delays[1]
        found.append(delays[0])
    assert np.median(found) <= 12


@pytest.mark.parametrize(("shift", "windows"), [(1.0, 4), (2.0, 1)])
def test_the_estimated_change_time_is_right_within_a_few_windows(
    shift: float, windows: int
) -> None:
    z = np.random.default_rng(5).normal(0, 1, (160, 100))
    z[100:] += shift
    found = together(sr_mixture(learn_mean, BOTH, 10_000), level(), z)[1]
    late = ~found["alarm"][:100].any(axis=0)
    at = found["change_t"][first(found["alarm"]), np.arange(100)][late]
    assert np.median(abs(at - 100)) <= windows


@pytest.mark.parametrize("shift", [1.2, 2.0, 6.0, 15.0])
@pytest.mark.parametrize("phi", [0.0, 0.5])
def test_the_estimated_level_is_right_for_shifts_of_any_size(shift: float, phi: float) -> None:
    z = np.random.default_rng(6).normal(0, 1, (160, 60))
    for i in range(1, 160):
        z[i] = phi * z[i - 1] + math.sqrt(1 - phi**2) * z[i]
    z[100:] += shift
    found = together(sr_mixture(learn_mean, UP, 1000), level(phi=phi), z)[1]["level"][-1]
    assert np.mean(found) == pytest.approx(shift, abs=0.2)


# -------------------------------------------------------------------- episodes


def first(alarms: Array) -> NDArray[np.int64]:
    """[charts] first window with an alarm; all of them where there is none."""
    return np.where(alarms.any(axis=0), alarms.argmax(axis=0), len(alarms))


def opened(rng: np.random.Generator, shift: float, run_length: float) -> tuple[Chart, Array]:
    """Charts with an open episode, of at least 5 windows."""
    chart = sr_mixture(learn_mean, BOTH, run_length)
    state, found = together(chart, level(), rng.normal(shift, 1, (80, 40)))
    return chart, state[:, found["age"][-1] >= 5]


def test_a_lasting_shift_is_one_episode_that_counts_its_windows() -> None:
    z = np.concatenate([np.zeros(50), np.random.default_rng(1).normal(2, 1, 400)])
    found = points(sr_mixture(learn_mean, BOTH, 1000), level(), scores(z))
    assert sum(bool(point.started) for point in found) == 1
    first = next(i for i, point in enumerate(found) if point.alarm)
    assert [float(point.age) for point in found[first:]] == list(range(1, len(found) - first + 1))
    assert {float(point.side) for point in found if point.alarm} == {1.0}
    assert all(point.statistic <= point.limit + HEADROOM for point in found)


@pytest.mark.parametrize("run_length", [1000, 40_000])
@pytest.mark.parametrize(
    ("shift", "typical", "at_most"), [(1.0, 30, 200), (2.0, 10, 40), (4.0, 4, 15)]
)
def test_an_episode_closes_by_itself_after_recovery(
    run_length: float, shift: float, typical: int, at_most: int
) -> None:
    rng = np.random.default_rng(11)
    chart, state = opened(rng, shift, run_length)
    quiet = rng.normal(0, 1, (300, state.shape[1]))
    lengths = first(~together(chart, level(), quiet, state)[1]["alarm"])
    assert len(lengths) >= 38
    assert np.median(lengths) <= typical
    assert max(lengths) <= at_most


@pytest.mark.parametrize("spike", [3.5, 10.0, 40.0])
@pytest.mark.parametrize("shift", [0.5, 1.0, 2.0])
def test_a_spike_inside_an_open_episode_does_not_close_it(shift: float, spike: float) -> None:
    """Replayed twice over the same windows, once with the spike: it closes no episode."""
    rng = np.random.default_rng(12)
    chart, state = opened(rng, shift, 1000)
    z = rng.normal(shift, 1, (25, state.shape[1]))
    plain = together(chart, level(), z, state)[1]["alarm"]
    z[2] += spike
    spiked = together(chart, level(), z, state)[1]["alarm"]
    assert plain[-1].any()
    assert not np.any(plain[-1] & ~spiked.all(axis=0))


def test_an_episode_opened_by_a_spike_alone_closes_within_a_day_mostly() -> None:
    z = np.random.default_rng(13).normal(0, 1, (150, 60))
    z[50:53] += 12
    alarms = together(sr_mixture(learn_mean, BOTH, 1000), level(), z)[1]["alarm"]
    assert alarms[52].all()
    lengths = first(~alarms[52:])
    assert np.median(lengths) <= 24
    assert max(lengths) < 100


def test_a_shift_that_turns_round_is_an_episode_of_the_other_side() -> None:
    rng = np.random.default_rng(2)
    z = np.concatenate([rng.normal(2, 1, 60), rng.normal(-2, 1, 60)])
    found = points(sr_mixture(learn_mean, BOTH, 1000), level(), scores(z))
    assert found[59].side == 1
    assert found[-1].side == -1
    assert sum(bool(point.started) for point in found) == 2


@pytest.mark.parametrize("correlation", [0.0, 0.001])
def test_an_outage_of_a_rate_closes_within_hours(correlation: float) -> None:
    """80 events of 200 where one is due: it is the largest shift that has to be over."""
    rates = [0.005] * 20 + [0.4] * 5 + [0.005] * 40
    readings = [Reading(i, p, 200) for i, p in enumerate(rates)]
    baseline = proportion(0.005, rows=100_000.0, correlation=correlation, typical_n=170.0)
    found = points(sr_mixture(learn_proportion, UP, 10_000), baseline, readings)
    assert [i for i, point in enumerate(found) if point.started] == [20]
    assert not any(point.alarm for point in found[32:])


# ------------------------------------------------------------------- the level


def centers(found: Sequence[object]) -> list[float]:
    return [float(point.center) for point in found]  # type: ignore[attr-defined]


def test_old_quiet_blocks_refine_the_level_a_block_late() -> None:
    """A level that is off by .1: 400 windows at 0 and 168 at .1 make 16.8 / 568."""
    found = centers(
        points(sr_mixture(learn_mean, BOTH, 1e4), level(), scores([0.1] * (3 * BLOCK + 1)))
    )
    assert found[: 2 * BLOCK] == [0.0] * (2 * BLOCK)
    one, two = (0.1 * blocks * BLOCK / (400 + blocks * BLOCK) for blocks in (1, 2))
    assert found[2 * BLOCK : 3 * BLOCK] == pytest.approx([one] * BLOCK)
    assert found[3 * BLOCK] == pytest.approx(two)


def test_the_level_of_a_rate_is_refined_by_its_events() -> None:
    found = centers(
        points(
            sr_mixture(learn_proportion, BOTH, 1e4),
            proportion(0.02),
            events([21] * (2 * BLOCK + 1), 1000),
        )
    )
    assert found[2 * BLOCK - 1] == pytest.approx(0.02)
    total, rows = 0.02 * 33_600 + 21 * BLOCK, 33_600 + 1000 * BLOCK
    assert found[2 * BLOCK] == pytest.approx(total / rows)


def test_parameters_are_frozen_and_a_season_stays_what_it_was() -> None:
    """A higher level lifts every hour by the same factor, and nothing else changes."""
    learned = learn_positive(daily_cycle(np.random.default_rng(1), ESTABLISHED, 0.1))
    rows = daily_cycle(np.random.default_rng(2), 2 * BLOCK + 48, 0.1)
    rows = [Reading(row.t + ESTABLISHED, row.measured * 1.01, row.n) for row in rows]
    before = repr(learned)
    found = centers(points(sr_mixture(learn_positive, BOTH, 1e5), learned, rows))
    assert repr(learned) == before
    moved = [
        center / float(learned.expected(row.t)) for center, row in zip(found, rows, strict=True)
    ]
    assert moved[: 2 * BLOCK] == pytest.approx([1.0] * (2 * BLOCK))
    assert moved[2 * BLOCK :] == pytest.approx([moved[-1]] * 48)
    assert moved[-1] != pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("shift", [1.0, 5.0])
def test_a_block_with_an_alarm_never_refines_nor_does_the_one_that_waits(shift: float) -> None:
    """Quiet for a block, shifted in the second, then quiet for one: only with the fourth, also
    quiet, does the level move, and then by the third alone."""
    z = [0.1] * BLOCK + [shift] * 60 + [0.0] * (BLOCK - 60) + [-0.1] * BLOCK + [0.1] * BLOCK + [0.0]
    found = points(sr_mixture(learn_mean, BOTH, 1000), level(), scores(z))
    assert any(point.alarm for point in found[BLOCK : 2 * BLOCK])
    assert not any(point.alarm for point in found[2 * BLOCK :])
    moved = centers(found)
    assert moved[: 4 * BLOCK] == [0.0] * (4 * BLOCK)
    assert moved[4 * BLOCK] == pytest.approx(-0.1 * BLOCK / (400 + BLOCK))


def test_a_block_that_came_close_to_an_alarm_never_refines() -> None:
    """Replayed up to where the statistic is within a nat of its limit, and not above it."""
    chart = sr_mixture(learn_mean, BOTH, 1e4)
    close = next(
        n
        for n in range(1, 200)
        if (last := points(chart, level(), scores([0.1] * BLOCK + [0.8] * n))[-1]).statistic
        > last.limit - DISPUTED
    )
    for n, refines in ((close - 5, True), (close, False)):
        z = [0.1] * BLOCK + [0.8] * n + [0.0] * (BLOCK - n) + [0.0]
        found = points(chart, level(), scores(z))
        assert not any(point.alarm for point in found)
        assert (found[-1].center != 0) == refines


def test_an_episode_that_stays_open_never_becomes_the_level() -> None:
    rng = np.random.default_rng(3)
    z = np.concatenate([rng.normal(0, 1, 200), rng.normal(1.5, 1, 2000)])
    found = points(sr_mixture(learn_mean, BOTH, 1000), level(), scores(z))
    assert found[-1].alarm
    assert set(centers(found)) == {0.0}


@pytest.mark.parametrize("weeks", [2, 8, 24])
def test_a_slow_drift_does_not_leak_into_the_level(weeks: int) -> None:
    """Two standard deviations over so many weeks: found, and the level did not follow it.

    Whole weeks before the drift is noticed refine the level, but lag behind it.
    """
    rng = np.random.default_rng(weeks)
    drift = np.linspace(0, 2, weeks * 168)
    z = rng.normal(0, 1, (len(drift), 60)) + drift[:, None]
    found = together(sr_mixture(learn_mean, BOTH, 10_000), level(), z)[1]
    assert found["alarm"].any(axis=0).all()
    at = first(found["alarm"])
    known = found["center"][at, np.arange(60)]
    assert np.median(drift[at]) <= 1.0
    assert np.mean(known) <= 0.15 * np.mean(drift[at])


# ------------------------------------------------------------ an accepted shift


@pytest.mark.parametrize("shift", [-12.0, -2.0, 1.0, 8.0])
def test_an_accepted_shift_moves_the_baseline_to_its_level(shift: float) -> None:
    rng = np.random.default_rng(4)
    chart, known = sr_mixture(learn_mean, BOTH, 1000), level(between=0.5, centers=(4.0,) * 48)
    z = np.concatenate([rng.normal(0, 1, 60), rng.normal(shift, 1, 60)])
    rows = [Reading(i, 4 + 0.5 * one, 1) for i, one in enumerate(z)]
    state, found = run(chart, known, [row.as_row() for row in rows])
    assert found[-1].alarm
    assert chart.accept is not None
    moved = chart.accept(known, state)
    assert isinstance(moved, LevelBaseline)
    assert moved.expected(0) == pytest.approx(4 + 0.5 * shift, abs=0.5 * 4 / math.sqrt(60))
    assert moved.expected(0) == pytest.approx(float(found[-1].level))
    assert (moved.between, moved.phi, moved.season) == (known.between, known.phi, known.season)
    assert moved.windows == pytest.approx(60, abs=10)
    after = [Reading(120 + i, 4 + 0.5 * one, 1) for i, one in enumerate(rng.normal(shift, 1, 60))]
    assert not any(point.alarm for point in points(chart, moved, after))


def test_an_accepted_rate_is_the_new_normal() -> None:
    rng = np.random.default_rng(5)
    chart, known = sr_mixture(learn_proportion, UP, 1000), proportion(0.02, typical_n=200.0)
    rates = [0.02] * 60 + [0.15] * 60
    rows = [row.as_row() for row in events(rng.binomial(200, rates), 200)]
    state, found = run(chart, known, rows)
    assert found[-1].alarm
    assert chart.accept is not None
    moved = chart.accept(known, state)
    assert isinstance(moved, ProportionBaseline)
    assert moved.rate == pytest.approx(0.15, abs=0.01)
    assert moved.rows == pytest.approx(60 * 200, rel=0.1)
    after = events(rng.binomial(200, 0.15, 60), 200, 120)
    assert not any(point.alarm for point in points(chart, moved, after))


# ------------------------------------------------------------------ how soon

ROWS = 30


def streams(
    rng: np.random.Generator, charts: int, after: Sequence[float] | Array, sides: Sequence[Side]
) -> Array:
    """[windows, charts] alarms at a nominal 1,000 for means of 30 rows after two quiet weeks."""
    learned = []
    for _ in range(charts):
        values = rng.normal(4, 1 / math.sqrt(ROWS), ESTABLISHED)
        spread = np.sqrt(rng.chisquare(ROWS - 1, ESTABLISHED) / (ROWS - 1))
        learned.append(
            learn_mean(
                [
                    Reading(i, float(v), ROWS, float(s))
                    for i, (v, s) in enumerate(zip(values, spread, strict=True))
                ]
            )
        )
    n, unknown = np.full(charts, float(ROWS)), np.full(charts, np.nan)
    rows = [
        Row(ESTABLISHED + i, 4 + rng.normal(mean, 1, charts) / math.sqrt(ROWS), n, unknown)
        for i, mean in enumerate(after)
    ]
    _, found = run(sr_mixture(learn_mean, sides, 1000), stack(learned), rows)
    return np.array([point.alarm for point in found])


@pytest.mark.slow
@pytest.mark.parametrize(("shift", "hours"), [(0.25, 97), (0.5, 36), (1.0, 12), (2.0, 5)])
def test_shifts_are_found_as_soon_as_measured_before(shift: float, hours: int) -> None:
    """Median delay, two-sided, at the nominal limit; the change comes 100 windows after Phase I."""
    rng = np.random.default_rng(23)
    quiet = 100
    alarms = streams(rng, 500, [0.0] * quiet + [shift] * 500, BOTH)
    fresh = alarms[:, ~alarms[quiet - 1]]
    delays = np.where(fresh[quiet:].any(axis=0), fresh[quiet:].argmax(axis=0) + 1, math.inf)
    assert np.median(delays) <= max(1.1 * hours, hours + 1)


@pytest.mark.slow
@pytest.mark.parametrize(("run_length", "hours"), [(1000, 96), (10_000, 112)])
def test_a_creep_over_two_months_is_found_within_days(run_length: float, hours: int) -> None:
    """.5 % to 4.8 % over 1,440 hours with 50 to 500 requests each."""
    rng = np.random.default_rng(24)
    charts = 300
    rates = np.concatenate([np.full(ESTABLISHED, 0.005), np.linspace(0.005, 0.048, 1440)[:400]])
    n = rng.integers(50, 501, (len(rates), charts))
    values = rng.binomial(n, rates[:, None]) / n
    learned = [
        learn_proportion(
            [Reading(i, float(values[i, k]), int(n[i, k])) for i in range(ESTABLISHED)]
        )
        for k in range(charts)
    ]
    unknown = np.full(charts, np.nan)
    rows = [Row(i, values[i], n[i].astype(float), unknown) for i in range(ESTABLISHED, len(rates))]
    _, found = run(sr_mixture(learn_proportion, UP, run_length), stack(learned), rows)
    alarms = np.array([point.alarm for point in found])
    assert alarms.any(axis=0).all()
    assert np.median(alarms.argmax(axis=0) + 1) <= hours


# ------------------------------------------------------------------- the docstring


def test_the_example_in_its_docstring_runs() -> None:
    module = import_module("llm_monitoring.stats.charts.sr_mixture")
    failed, attempted = doctest.testmod(module)
    assert (failed, attempted > 10) == (0, True)


@pytest.mark.parametrize(("run_length", "most"), [(1_000, 0.1), (20_000, 0.0)])
@pytest.mark.parametrize("sides", [DOWN, BOTH])
def test_one_window_however_far_out_opens_next_to_nothing(
    sides: Sequence[Side], run_length: float, most: float
) -> None:
    """As its docstring says: on what would be 200 series, after 60 quiet windows."""
    z = np.random.default_rng(14).normal(0, 1, (61, 200))
    z[60] = -40
    alarms = together(sr_mixture(learn_mean, sides, run_length), level(), z)[1]["alarm"]
    assert np.mean(alarms[60] & ~alarms[59]) <= most

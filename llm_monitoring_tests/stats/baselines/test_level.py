"""What is normal for a mean of scores, a positive series, a count."""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_monitoring.stats.baselines import (
    LevelBaseline,
    Reading,
    learn_count,
    learn_mean,
    learn_positive,
    relevel,
    stack,
)
from llm_monitoring.stats.baselines.level import (
    CLIP,
    SCALE_FLOOR,
    SCORE_FLOOR,
    whitened,
)
from llm_monitoring.stats.baselines.reading import slot
from llm_monitoring_tests.stats.baselines.examples import (
    MONDAY,
    autoregressive,
    daily_cycle,
    readings,
)

HOURS = np.arange(MONDAY, MONDAY + 336, dtype=float)
Learn = Callable[[Sequence[Reading]], LevelBaseline]
LEARNERS: dict[str, Learn] = {
    "mean": learn_mean,
    "positive": learn_positive,
    "count": learn_count,
}


def level(**changes: object) -> LevelBaseline:
    """Scores about 4 with a standard deviation of 1 in a row and .1 between windows."""
    known: dict[str, object] = {
        "transform": "identity",
        "season": "none",
        "centers": (4.0,) * 48,
        "within": 1.0,
        "between": 0.1,
        "inflation": 1.0,
        "phi": 0.0,
        "tail_degrees": 1000.0,
        "typical_n": 100.0,
        "windows": 336,
    }
    return LevelBaseline(**{**known, **changes})  # type: ignore[arg-type]


# ----------------------------------------------------------------- one window


def test_a_small_window_counts_as_little_as_it_should() -> None:
    """Typical windows of 100 rows scatter by sqrt(.01 + .01); one row by sqrt(.01 + 1)."""
    score, weight = level().scores(Reading(MONDAY, 3.0, 1).as_row())
    assert score == pytest.approx(-1 / math.sqrt(1.01))
    assert weight == pytest.approx(math.sqrt(0.02 / 1.01))
    score, weight = level().scores(Reading(MONDAY, 3.0, 100).as_row())
    assert score == pytest.approx(-1 / math.sqrt(0.02))
    assert weight == pytest.approx(1)


def test_inflation_widens_both_kinds_of_scatter() -> None:
    assert level(inflation=1.5).spread(100) == pytest.approx(1.5 * math.sqrt(0.02))


def test_scores_are_not_clipped_here_because_one_wild_window_is_an_outage() -> None:
    learned = learn_positive(
        readings(np.exp(np.random.default_rng(1).normal(5, 0.1, 336)).tolist())
    )
    for value in (1e9, 0.0):
        score = learned.scores(Reading(MONDAY, value, 100).as_row())[0]
        assert abs(float(score)) > 100
        assert math.isfinite(score)


def test_a_positive_series_is_charted_by_its_logarithm_and_told_in_its_unit() -> None:
    known = level(transform="log", centers=(math.log(20.0),) * 48)
    assert known.expected(MONDAY) == pytest.approx(20)
    assert known.residual(Reading(MONDAY, 40.0, 10).as_row()) == pytest.approx(math.log(2))
    assert known.restored(known.transformed(np.float64(7.0))) == pytest.approx(7.0)


# ------------------------------------------------------------------- means


def test_the_standard_deviation_of_rows_is_pooled_by_degrees_of_freedom() -> None:
    learned = learn_mean(
        [Reading(1, 4.0, 11, 1.0), Reading(2, 4.0, 31, 2.0), Reading(3, 4.0, 1, None)]
    )
    assert learned.within == pytest.approx(math.sqrt((10 * 1 + 30 * 4) / 40))


def test_windows_that_differ_by_chance_alone_have_no_variance_between_them() -> None:
    learned = learn_mean([Reading(i, 4.0 + (i % 2) * 0.01, 25, 1.0) for i in range(60)])
    assert learned.between == 0.0


def test_what_chance_does_not_explain_is_variance_between_windows() -> None:
    rng = np.random.default_rng(1)
    n = rng.integers(10, 400, 336)
    found = []
    for _ in range(30):
        values = 4 + rng.normal(0, 0.2, 336) + rng.normal(0, 1, 336) / np.sqrt(n)
        rows = [Reading(i, v, int(m), 1.0) for i, (v, m) in enumerate(zip(values, n, strict=True))]
        found.append(learn_mean(rows).between)
    assert np.mean(found) == pytest.approx(0.2, rel=0.1)


def test_constant_scores_leave_a_scale_to_divide_by() -> None:
    learned = learn_mean(readings([5.0] * 60, n=10, stddev=0.0))
    assert set(learned.centers) == {5.0}
    assert learned.within == SCORE_FLOOR
    assert math.isfinite(learned.scores(Reading(MONDAY, 4.0, 10, 0.0).as_row())[0])


def test_single_rows_are_all_the_same_learned_from_how_they_differ() -> None:
    values = np.random.default_rng(1).normal(4, 0.5, 336)
    learned = learn_mean(readings(values.tolist(), n=1))
    assert learned.spread(1) == pytest.approx(0.5, rel=0.15)


def test_a_typical_window_has_the_median_number_of_rows() -> None:
    rows = [Reading(i, 4.0, n, 1.0) for i, n in enumerate((1, 5, 7, 900, 6))]
    assert learn_mean(rows).typical_n == 6


# ---------------------------------------------------------------- positives


def test_a_daily_cycle_is_learned_as_a_season() -> None:
    learned = learn_positive(daily_cycle(np.random.default_rng(1), 336, 0.1))
    assert learned.season == "hour"
    assert learned.between == pytest.approx(0.1, rel=0.25)
    noon, evening = MONDAY + 336 + 6, MONDAY + 336 + 18
    assert learned.expected(noon) == pytest.approx(math.exp(5.5), rel=0.1)
    assert learned.expected(evening) == pytest.approx(math.exp(4.5), rel=0.1)


def test_a_weekend_of_its_own_is_learned_where_it_differs() -> None:
    rng = np.random.default_rng(2)
    logs = []
    for i in range(672):
        is_weekend = slot(MONDAY + i) >= 24
        height = 0.1 if is_weekend else 1.0
        logs.append(5 + height * math.sin(2 * math.pi * i / 24) - is_weekend + rng.normal(0, 0.1))
    learned = learn_positive(readings(np.exp(logs).tolist()))
    assert learned.season == "hour_weekend"
    assert learned.expected(MONDAY) == pytest.approx(math.exp(5), rel=0.1)
    assert learned.expected(MONDAY + 5 * 24) == pytest.approx(math.exp(4), rel=0.1)


@pytest.mark.parametrize("seed", range(20))
def test_white_noise_has_no_season(seed: int) -> None:
    noise = np.exp(np.random.default_rng(seed).normal(5, 0.3, 336))
    assert learn_positive(readings(noise.tolist())).season == "none"


def test_two_days_are_too_few_to_tell_a_season_from_noise() -> None:
    assert learn_positive(daily_cycle(np.random.default_rng(1), 48, 0.01)).season == "none"


def test_changes_under_about_five_percent_stay_within_the_scale() -> None:
    learned = learn_positive(readings([100.0 + 0.1 * (i % 3) for i in range(336)]))
    assert learned.between == SCALE_FLOOR
    assert abs(float(learned.scores(Reading(MONDAY, 104.0, 10).as_row())[0])) < 1


def test_a_tenth_of_the_windows_out_of_order_does_not_move_center_or_scale_much() -> None:
    rng = np.random.default_rng(3)
    values = np.exp(rng.normal(5, 0.1, 336))
    values[::10] *= 20
    learned = learn_positive(readings(values.tolist()))
    assert learned.expected(MONDAY) == pytest.approx(math.exp(5), rel=0.1)
    assert learned.between < 0.15


def test_a_negative_cost_is_an_error_and_a_free_one_is_not() -> None:
    with pytest.raises(ValueError, match="cannot be negative"):
        learn_positive(readings([1.0, -1.0, 2.0]))
    free = learn_positive(readings([0.0] * 48))
    assert free.between == SCALE_FLOOR
    assert math.isfinite(free.scores(Reading(MONDAY, 1.0, 10).as_row())[0])


def test_the_rows_of_a_window_say_how_much_its_mean_scatters() -> None:
    """A relative standard deviation of .5, and means of 25 rows: .1 on the logarithm."""
    rng = np.random.default_rng(4)
    values = 100 * np.exp(rng.normal(0, 0.1, 336))
    rows = [Reading(i, v, 25, v / 2) for i, v in enumerate(values.tolist())]
    learned = learn_positive(rows)
    assert learned.within == pytest.approx(0.5)
    assert float(learned.spread(25)) >= 0.1
    assert float(learned.spread(2500)) < 0.1


# ------------------------------------------------------------------- counts


def test_a_count_is_at_least_as_uncertain_as_a_poisson_one() -> None:
    counts = np.random.default_rng(1).poisson(50, 336)
    learned = learn_count([Reading(MONDAY + i, float(c), int(c)) for i, c in enumerate(counts)])
    for n in (4, 50, 400):
        assert float(learned.spread(n)) >= 1 / math.sqrt(n)
    assert learned.spread(50) == pytest.approx(1 / math.sqrt(50), rel=0.2)


# --------------------------------------------- memory, heavy tails and tempering


def test_memory_is_learned_and_taken_out_of_the_scores() -> None:
    found, left = [], []
    for seed in range(30):
        z = autoregressive(0.6, 336, seed)
        learned = learn_mean(readings((4 + z).tolist()))
        white = whitened(z, HOURS, learned.phi)
        found.append(learned.phi)
        left.append(np.corrcoef(white[1:], white[:-1])[0, 1])
    assert np.mean(found) == pytest.approx(0.6, abs=0.05)
    assert np.mean(left) == pytest.approx(0, abs=0.05)


def test_memory_fades_over_a_gap_and_that_of_an_alternation_is_gone() -> None:
    scores, t = np.array([1.0, 2.0, 3.0]), HOURS[[0, 1, 4]]
    white = whitened(scores, t, 0.5)
    assert white[0] == 1
    assert white[1] == pytest.approx((2 - 0.5) / math.sqrt(0.75))
    assert white[2] == pytest.approx((3 - 0.125 * 2) / math.sqrt(1 - 0.125**2))
    assert whitened(scores, t, -0.5)[2] == 3


@pytest.mark.parametrize("degrees", [2.5, 3, 1000])
def test_clipped_scores_of_heavy_tails_scatter_by_about_one(degrees: float) -> None:
    squares = []
    for seed in range(20):
        z = np.random.default_rng(seed).standard_t(degrees, 336)
        learned = learn_mean(readings(z.tolist()))
        scores = np.array([learned.scores(r.as_row())[0] for r in readings(z.tolist())])
        squares.append(np.mean(np.clip(scores, -CLIP, CLIP) ** 2))
    assert np.mean(squares) == pytest.approx(1, abs=0.1)


def test_heavy_tails_are_known_for_what_they_are() -> None:
    rng = np.random.default_rng(5)
    tails = [
        [
            learn_mean(readings(rng.standard_t(degrees, 336).tolist())).tail_degrees
            for _ in range(20)
        ]
        for degrees in (3, 1000)
    ]
    assert np.median(tails[0]) <= 4
    assert np.median(tails[1]) >= 2 * np.median(tails[0])


def test_a_series_that_steps_by_itself_is_charted_more_calmly() -> None:
    """The same noise, once on a level that moves in steps: its spread has to cover them."""
    rng = np.random.default_rng(6)
    noise = rng.normal(0, 1, 336)
    steps = np.repeat(rng.normal(0, 1.5, 6), 56)
    plain = learn_mean(readings(noise.tolist()))
    stepping = learn_mean(readings((noise + steps).tolist()))
    assert stepping.inflation > 1.2 * plain.inflation


# ----------------------------------------------------------------- a new level


@pytest.mark.parametrize("ratio", [0.5, 1.4])
def test_a_new_level_keeps_the_season_the_scatter_and_the_memory(ratio: float) -> None:
    learned = learn_positive(daily_cycle(np.random.default_rng(1), 336, 0.1))
    after = daily_cycle(np.random.default_rng(2), 24, 0.1)
    moved = relevel(learned, [Reading(r.t + 336, r.measured * ratio, r.n, r.stddev) for r in after])
    assert isinstance(moved, LevelBaseline)
    for t in (MONDAY + 6, MONDAY + 18):
        assert moved.expected(t) == pytest.approx(ratio * learned.expected(t), rel=0.1)
    kept = ("season", "within", "between", "inflation", "phi", "tail_degrees", "typical_n")
    assert [asdict(moved)[key] for key in kept] == [asdict(learned)[key] for key in kept]
    assert moved.windows == 24


def test_wild_windows_hardly_move_a_new_level() -> None:
    values = [5.0] * 19 + [500.0]
    moved = relevel(level(), readings(values))
    assert moved.expected(MONDAY) == pytest.approx(5.0, abs=0.05)


# --------------------------------------------------------------------- shared


@pytest.mark.parametrize("kind", LEARNERS)
@given(values=st.lists(st.floats(0, 1), min_size=1, max_size=60), n=st.integers(1, 10**6))
def test_whatever_phase_one_was_the_baseline_and_its_scores_are_finite(
    kind: str, values: list[float], n: int
) -> None:
    learned = LEARNERS[kind](readings(values, n=n, stddev=0.1))
    numbers = [v for v in asdict(learned).values() if isinstance(v, float)]
    assert all(math.isfinite(v) for v in (*numbers, *learned.centers))
    assert float(learned.spread(n)) > 0
    for value in (0.0, 0.5, 1e6):
        score, weight = learned.scores(Reading(MONDAY, value, 1).as_row())
        assert math.isfinite(score)
        assert math.isfinite(weight)


@pytest.mark.parametrize("kind", LEARNERS)
@pytest.mark.parametrize("value", [0.0, 1.0])
@pytest.mark.parametrize("windows", [48, 336])
def test_a_constant_phase_one_gives_a_baseline_at_that_value(
    kind: str, value: float, windows: int
) -> None:
    learned = LEARNERS[kind](readings([value] * windows, stddev=0.0))
    assert learned.expected(MONDAY) == pytest.approx(value, abs=1e-9)
    assert (learned.season, learned.phi, learned.inflation) == ("none", 0.0, 1.0)


@pytest.mark.parametrize("kind", LEARNERS)
def test_a_phase_one_without_windows_without_data_or_out_of_order_is_an_error(kind: str) -> None:
    rows = readings([0.1, 0.2, 0.3])
    for wrong, why in (
        ([], "no windows"),
        ([*rows, Reading(MONDAY + 3, None, 0)], "no value"),
        ([*rows, Reading(MONDAY + 3, 0.2, 0)], "no value or no rows"),
        (rows[::-1], "follows"),
        ([*rows, rows[-1]], "follows"),
    ):
        with pytest.raises(ValueError, match=why):
            LEARNERS[kind](wrong)


@pytest.mark.parametrize("kind", LEARNERS)
def test_learning_depends_on_the_windows_alone(kind: str) -> None:
    rows = readings(np.random.default_rng(1).uniform(0.1, 0.9, 100).tolist(), stddev=0.1)
    assert LEARNERS[kind](rows) == LEARNERS[kind](list(rows))


def test_stacked_baselines_answer_as_each_does() -> None:
    rng = np.random.default_rng(1)
    each = [learn_positive(daily_cycle(rng, 336, noise)) for noise in (0.1, 0.3, 2.0)]
    together = stack(each)
    for t in (MONDAY, MONDAY + 130):
        assert together.expected(t).tolist() == [one.expected(t) for one in each]  # type: ignore[union-attr]
    row = Reading(MONDAY, 99.0, 7).as_row()
    assert np.array(together.scores(row)).T.tolist() == [list(one.scores(row)) for one in each]


def test_scores_and_logarithms_cannot_be_stacked() -> None:
    with pytest.raises(ValueError, match="one kind and one transform"):
        stack([level(), level(transform="log")])

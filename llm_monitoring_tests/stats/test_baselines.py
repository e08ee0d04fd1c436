import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_monitoring.stats.baselines import (
    CLIP,
    SCALE_FLOOR,
    MeanBaseline,
    Reading,
    autocorrelation,
    learn_mean,
    learn_positive,
    learn_proportion,
    learn_silence,
    slot,
)

MONDAY = 24 * 4  # 1970-01-05T00:00Z


def readings(
    values: Sequence[float], n: int = 100, stddev: float | None = None, start: int = MONDAY
) -> list[Reading]:
    return [Reading(start + i, float(v), n, stddev) for i, v in enumerate(values)]


# ------------------------------------------------------------------- readings


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_no_number_is_an_error(value: float) -> None:
    with pytest.raises(ValueError, match="has the value"):
        Reading(1, value, 10)


def test_a_negative_count_of_rows_is_an_error() -> None:
    with pytest.raises(ValueError, match="n = -1"):
        Reading(1, 0.5, -1)


def test_a_window_without_rows_or_value_has_no_data() -> None:
    assert not Reading(1, None, 0).has_data
    assert not Reading(1, None, 10).has_data
    assert not Reading(1, 0.0, 0).has_data
    assert Reading(1, 0.0, 1).has_data
    with pytest.raises(ValueError, match="no value"):
        _ = Reading(1, None, 0).measured


# ---------------------------------------------------------------------- means


def test_the_variance_between_windows_is_dersimonian_and_lairds() -> None:
    """By hand: weights 25, 25, 50 (n over a pooled variance of 4), values 3, 4, 5.

    Center (75 + 100 + 250) / 100 = 4.25. Q = 25 * 1.5625 + 25 * .0625 + 50 * .5625 = 68.75.
    tau^2 = (68.75 - 2) / (100 - (625 + 625 + 2500) / 100) = 66.75 / 62.5 = 1.068.
    """
    learned = learn_mean(
        [Reading(1, 3.0, 100, 2.0), Reading(2, 4.0, 100, 2.0), Reading(3, 5.0, 200, 2.0)]
    )
    assert learned.center == pytest.approx(4.25)
    assert learned.sigma == pytest.approx(2.0)
    assert learned.tau == pytest.approx(math.sqrt(1.068))


def test_windows_that_differ_by_chance_alone_have_no_variance_between_them() -> None:
    learned = learn_mean([Reading(i, 4.0 + (i % 2) * 0.01, 25, 1.0) for i in range(60)])
    assert learned.tau == 0.0


def test_the_pooled_standard_deviation_is_weighted_by_degrees_of_freedom() -> None:
    learned = learn_mean(
        [Reading(1, 4.0, 11, 1.0), Reading(2, 4.0, 31, 2.0), Reading(3, 4.0, 1, None)]
    )
    assert learned.sigma == pytest.approx(math.sqrt((10 * 1 + 30 * 4) / 40))


def test_a_small_window_counts_as_little_as_it_should() -> None:
    learned = MeanBaseline(center=4.0, sigma=1.0, tau=0.1, phi=0.0, windows=336)
    assert learned.score(Reading(1, 3.0, 1)) == pytest.approx(-1 / math.sqrt(0.01 + 1))
    assert learned.score(Reading(1, 3.0, 100)) == pytest.approx(-1 / math.sqrt(0.01 + 0.01))


def test_constant_scores_leave_a_scale_to_divide_by() -> None:
    learned = learn_mean(readings([5.0] * 60, n=10, stddev=0.0))
    assert learned.center == 5.0
    assert math.isfinite(learned.score(Reading(MONDAY, 4.0, 10, 0.0)))


# ------------------------------------------------------------------ positives


def daily_cycle(rng: np.random.Generator, windows: int, noise: float) -> list[Reading]:
    hours = np.arange(windows)
    logs = 0.5 * np.sin(2 * np.pi * hours / 24) + rng.normal(0, noise, windows)
    return readings(np.exp(5 + logs).tolist())


def test_a_daily_cycle_is_learned_as_a_season() -> None:
    learned = learn_positive(daily_cycle(np.random.default_rng(1), 336, 0.1))
    assert learned.season == "hour"
    assert learned.scale == pytest.approx(0.1, rel=0.25)
    noon, evening = MONDAY + 336 + 6, MONDAY + 336 + 18
    assert learned.expected(noon) == pytest.approx(math.exp(5.5), rel=0.1)
    assert learned.expected(evening) == pytest.approx(math.exp(4.5), rel=0.1)


def test_a_weekend_of_its_own_is_learned_where_it_differs() -> None:
    rng = np.random.default_rng(2)
    logs = []
    for i in range(672):
        is_weekend = slot(MONDAY + i, "hour_weekend") >= 24
        height = 0.1 if is_weekend else 1.0
        logs.append(5 + height * math.sin(2 * math.pi * i / 24) - is_weekend + rng.normal(0, 0.1))
    assert learn_positive(readings(np.exp(logs).tolist())).season == "hour_weekend"


@pytest.mark.parametrize("seed", range(20))
def test_white_noise_has_no_season(seed: int) -> None:
    noise = np.exp(np.random.default_rng(seed).normal(5, 0.3, 336))
    assert learn_positive(readings(noise.tolist())).season == "none"


def test_two_days_are_too_few_to_tell_a_season_from_noise() -> None:
    assert learn_positive(daily_cycle(np.random.default_rng(1), 48, 0.01)).season == "none"


def test_changes_under_about_five_percent_stay_within_the_scale() -> None:
    learned = learn_positive(readings([100.0 + 0.1 * (i % 3) for i in range(336)]))
    assert learned.scale == SCALE_FLOOR
    assert abs(learned.score(Reading(MONDAY, 104.0, 10))) < 1


def test_a_single_wild_window_is_clipped() -> None:
    learned = learn_positive(
        readings(np.exp(np.random.default_rng(1).normal(5, 0.1, 336)).tolist())
    )
    assert learned.score(Reading(MONDAY, 1e9, 10)) == CLIP
    assert learned.score(Reading(MONDAY, 0.0, 10)) == -CLIP


def test_a_fifth_of_the_windows_out_of_order_does_not_move_center_or_scale_much() -> None:
    rng = np.random.default_rng(3)
    values = np.exp(rng.normal(5, 0.1, 336))
    values[::5] *= 20
    learned = learn_positive(readings(values.tolist()))
    assert learned.expected(MONDAY) == pytest.approx(math.exp(5), rel=0.1)
    assert learned.scale < 0.2


def test_a_negative_cost_is_an_error_and_a_free_one_is_not() -> None:
    with pytest.raises(ValueError, match="cannot be negative"):
        learn_positive(readings([1.0, -1.0, 2.0]))
    assert learn_positive(readings([0.0] * 48)).scale == SCALE_FLOOR


# ---------------------------------------------------------------- proportions


def test_a_rate_is_pooled_over_rows_and_not_over_windows() -> None:
    learned = learn_proportion([Reading(1, 0.5, 2), Reading(2, 0.01, 998)])
    assert learned.rate == pytest.approx((1 + 9.98) / 1000)
    assert learned.rows == 1000


@pytest.mark.parametrize(("value", "rate"), [(0.0, 0.5 / 4800), (1.0, 1 - 0.5 / 4800)])
def test_a_rate_that_was_never_seen_is_half_an_event_and_never_zero(
    value: float, rate: float
) -> None:
    learned = learn_proportion(readings([value] * 48))
    assert learned.rate == pytest.approx(rate)
    assert learned.error > 0


def test_binomial_windows_are_not_overdispersed_and_clustered_ones_are() -> None:
    rng = np.random.default_rng(4)
    plain = rng.binomial(200, 0.05, 336) / 200
    clustered = rng.binomial(200, rng.beta(2, 38, 336)) / 200
    assert learn_proportion(readings(plain.tolist(), n=200)).dispersion < 1.2
    learned = learn_proportion(readings(clustered.tolist(), n=200))
    # rho = 1 / (2 + 38 + 1): the variance is 1 + (n - 1) rho times the binomial one.
    assert learned.dispersion == pytest.approx(1 + 199 / 41, rel=0.25)


@pytest.mark.parametrize("value", [-0.1, 1.1])
def test_more_events_than_rows_or_fewer_than_none_are_an_error(value: float) -> None:
    with pytest.raises(ValueError, match="outside 0 to 1"):
        learn_proportion(readings([0.1, value]))


# -------------------------------------------------------------------- silence


def test_an_hour_is_busy_if_every_day_of_phase_one_had_rows_in_it() -> None:
    rows = [Reading(MONDAY + i, 1.0, 0 if i in (3, 27, 29) else 5) for i in range(48)]
    learned = learn_silence(rows)
    assert [hour for hour, busy in enumerate(learned.busy) if not busy] == [3, 5]
    assert learned.expected(MONDAY + 3) == 0
    assert learned.expected(MONDAY + 4) == 1


def test_an_hour_that_was_never_seen_is_not_expected_to_be_busy() -> None:
    learned = learn_silence([Reading(MONDAY, 1.0, 5)])
    assert sum(learned.busy) == 1


# ------------------------------------------------------------ autocorrelation


def autoregressive(phi: float, windows: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    z = np.empty(windows)
    z[0] = rng.normal()
    for i in range(1, windows):
        z[i] = phi * z[i - 1] + math.sqrt(1 - phi**2) * rng.normal()
    return z


def test_autocorrelation_is_found_where_it_is() -> None:
    found = [autocorrelation(autoregressive(0.6, 336, s), range(336)) for s in range(20)]
    assert np.mean(found) == pytest.approx(0.6, abs=0.05)


def test_autocorrelation_of_noise_is_mostly_zero() -> None:
    found = [autocorrelation(autoregressive(0.0, 336, s), range(336)) for s in range(200)]
    assert np.mean([phi != 0 for phi in found]) < 0.1


def test_windows_that_are_not_neighbours_say_nothing_about_autocorrelation() -> None:
    assert autocorrelation(autoregressive(0.9, 336, 1), range(0, 672, 2)) == 0.0


# --------------------------------------------------------------------- shared

LEARNERS: dict[str, Callable[[Sequence[Reading]], object]] = {
    "mean": learn_mean,
    "positive": learn_positive,
    "proportion": learn_proportion,
    "silence": learn_silence,
}


@pytest.mark.parametrize("kind", LEARNERS)
@given(values=st.lists(st.floats(0, 1), min_size=1, max_size=60), n=st.integers(1, 10**6))
def test_whatever_phase_one_was_the_baseline_is_finite_and_scores_are(
    kind: str, values: list[float], n: int
) -> None:
    learned = LEARNERS[kind](readings(values, n=n, stddev=0.1))
    assert math.isfinite(learned.expected(MONDAY))  # type: ignore[attr-defined]
    if kind in ("mean", "positive"):
        assert math.isfinite(learned.score(Reading(MONDAY, 0.5, 1)))  # type: ignore[attr-defined]
    if kind == "proportion":
        assert 0 < learned.rate < 1  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", LEARNERS)
def test_learning_does_not_depend_on_the_order_of_the_hash_or_a_seed(kind: str) -> None:
    rows = readings(np.random.default_rng(1).uniform(0.1, 0.9, 100).tolist(), stddev=0.1)
    assert LEARNERS[kind](rows) == LEARNERS[kind](list(rows))

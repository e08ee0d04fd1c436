"""What is left of Phase I without its season, and how that scatters."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import integrate, stats

from llm_monitoring.stats.baselines import Array, residuals
from llm_monitoring.stats.baselines.reading import SEASONS, slots
from llm_monitoring.stats.baselines.residuals import (
    DEGREES,
    SEASONAL_WINDOWS,
    WINSOR,
    autocorrelation,
    between_variance,
    choose_season,
    other_days_residuals,
    slot_centers,
    tail_degrees,
)
from llm_monitoring_tests.stats.baselines.examples import MONDAY, SATURDAY, autoregressive

WEEKS = np.arange(MONDAY, MONDAY + 336, dtype=np.int64)
Hours = NDArray[np.int64]
Waves = Callable[[Hours], Array]


# ------------------------------------------------------------------ other days


def test_a_window_is_held_against_the_median_of_other_days() -> None:
    """Three days at one hour: 1, 2 and 9 against the medians 5.5, 5 and 1.5 of the others."""
    t = np.array([MONDAY, MONDAY + 24, MONDAY + 48])
    found = other_days_residuals(t, np.array([1.0, 2.0, 9.0]), "hour")
    assert found.tolist() == [-4.5, -3.0, 7.5]


@pytest.mark.parametrize("season", SEASONS)
@pytest.mark.parametrize("windows", [2, 25, 49, 200])
def test_they_are_what_the_definition_says(season: str, windows: int) -> None:
    """An hour alone in its slot, and a slot of a single day, are held against the whole series."""
    rng = np.random.default_rng(windows)
    t, y = np.arange(SATURDAY - 30, SATURDAY - 30 + windows), rng.normal(0, 1, windows).round(1)
    index = slots(t, season)
    for i, found in enumerate(other_days_residuals(t, y, season)):
        others = y[(index == index[i]) & (t // 24 != t[i] // 24)]
        assert found == pytest.approx(y[i] - np.median(others if len(others) else y))


# --------------------------------------------------------------------- seasons


def cycle(height: float) -> Waves:
    return lambda t: height * np.sin(2 * np.pi * t / 24)


def weekend(height: float) -> Waves:
    return lambda t: np.where(slots(t, "hour_weekend") >= 24, 0.1, 1) * cycle(height)(t)


@pytest.mark.parametrize(
    ("season", "wave"), [("none", cycle(0)), ("hour", cycle(1)), ("hour_weekend", weekend(2))]
)
def test_a_season_is_chosen_where_there_is_one(season: str, wave: Waves) -> None:
    """A weekend is told apart from mere noise in 19 of 20 series that have a daily cycle."""
    rng = np.random.default_rng(6)
    noise = rng.normal(0, 0.5, (100, len(WEEKS)))
    chosen = [choose_season(WEEKS, wave(WEEKS) + one)[0] for one in noise]
    assert chosen.count(season) >= 90


def test_too_few_windows_cannot_tell_a_season_from_noise() -> None:
    t = WEEKS[: SEASONAL_WINDOWS - 1]
    assert choose_season(t, np.sin(2 * np.pi * t / 24))[0] == "none"


# --------------------------------------------------------------------- centers


def test_centers_of_hours_are_those_of_their_windows() -> None:
    y = np.where(WEEKS % 24 == 5, 3.0, 1.0)
    centers = slot_centers(WEEKS, y, "hour", np.ones(336))
    assert centers == tuple(3.0 if slot % 24 == 5 else 1.0 for slot in range(48))


def test_a_slot_never_seen_takes_the_hour_of_the_other_days_then_the_series() -> None:
    """A Monday to Friday without 07 to 09 h has no weekend, and no such hours at all."""
    t = np.array([t for t in range(MONDAY, SATURDAY) if t % 24 not in (7, 8)])
    centers = slot_centers(t, (t % 24).astype(float), "hour_weekend", np.ones(len(t)))
    assert centers[24 + 3] == centers[3] == 3
    series = slot_centers(t, (t % 24).astype(float), "none", np.ones(len(t)))[0]
    assert centers[7] == centers[24 + 8] == series


def test_a_center_is_nearly_as_good_as_a_mean_and_not_moved_by_wild_windows() -> None:
    rng = np.random.default_rng(1)
    z = rng.normal(0, 1, (400, 336))
    centers = np.array([slot_centers(WEEKS, one, "none", np.ones(336))[0] for one in z])
    assert centers.std() <= 1.1 / math.sqrt(336)  # the median alone: 1.25
    z[:, ::20] = 1e6
    wild = np.array([slot_centers(WEEKS, one, "none", np.ones(336))[0] for one in z])
    assert abs(wild.mean()) < 0.2


def test_windows_count_by_their_precision() -> None:
    """Half of the windows at 0 with spread 1, half at 1 with spread 3: nearly nine tenths of one"""
    y, spread = np.tile([0.0, 1.0], 168), np.tile([1.0, 3.0], 168)
    assert slot_centers(WEEKS, y, "none", spread)[0] == pytest.approx(0.1)


# ------------------------------------------------------------ between variance


def test_the_variance_between_windows_is_paule_and_mandels(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By hand, nothing clipped: residuals 1 and 3 with variances 0 and 4 by chance.

    1 / v + 9 / (v + 4) = 2 gives 2 v^2 - 2 v - 4 = 0, so v = 2.
    """
    monkeypatch.setattr(residuals, "WINSOR", 30.0)
    found = between_variance(np.array([1.0, 3.0]), np.array([0.0, 4.0]))
    assert found == pytest.approx(2.0)


def test_clipped_it_solves_the_same_equation_for_what_is_due_of_a_clipped_normal() -> None:
    square = integrate.quad(lambda z: min(z**2, WINSOR**2) * stats.norm.pdf(z), -12, 12)[0]
    within = np.array([0.5, 1.0, 4.0])
    found = between_variance(np.sqrt(square * (3.0 + within)), within)
    assert found == pytest.approx(3.0, rel=1e-6)


def test_it_is_right_on_average_and_hardly_moved_by_a_few_wild_windows() -> None:
    rng = np.random.default_rng(2)
    within = rng.uniform(0.2, 2, 336)
    sets = rng.normal(0, 1, (100, 336)) * np.sqrt(1.5 + within)
    assert np.mean([between_variance(s, within) for s in sets]) == pytest.approx(1.5, rel=0.03)
    sets[:, ::33] = 1e4
    assert np.mean([between_variance(s, within) for s in sets]) < 1.4 * 1.5


def test_windows_that_differ_by_chance_alone_have_no_variance_between_them() -> None:
    assert between_variance(np.full(60, 0.01), np.full(60, 0.04)) == 0
    assert between_variance(np.zeros(60), np.zeros(60)) == 0


# ------------------------------------------------------------- autocorrelation


@pytest.mark.parametrize("phi", [-0.4, 0.3, 0.6, 0.8])
def test_autocorrelation_is_found_where_it_is(phi: float) -> None:
    found = [autocorrelation(autoregressive(phi, 336, s), range(336)) for s in range(40)]
    assert np.mean(found) == pytest.approx(phi, abs=0.03)


def test_autocorrelation_of_noise_is_mostly_zero() -> None:
    found = [autocorrelation(autoregressive(0.0, 336, s), range(336)) for s in range(200)]
    assert np.mean([phi != 0 for phi in found]) < 0.1


def test_few_windows_shrink_it_by_its_standard_error() -> None:
    z = autoregressive(0.6, 48, 3)
    centered = z - z.mean()
    plain = float(np.mean(centered[1:] * centered[:-1]) / np.mean(centered**2))
    assert autocorrelation(z, range(48)) == pytest.approx(plain - 1 / math.sqrt(48))


def test_windows_that_are_not_neighbours_say_nothing_about_autocorrelation() -> None:
    assert autocorrelation(autoregressive(0.9, 336, 1), range(0, 672, 2)) == 0.0


def test_constant_windows_have_none() -> None:
    assert autocorrelation(np.full(336, 2.0), range(336)) == 0.0


# ----------------------------------------------------------------------- tails


@pytest.mark.parametrize("degrees", [3.0, 5.0, 10.0])
def test_degrees_of_a_tail_are_found_where_they_are(degrees: float) -> None:
    """Within a neighbour or two on the grid, typically."""
    rng = np.random.default_rng(int(degrees))
    found = np.median([tail_degrees(rng.standard_t(degrees, 1000)) for _ in range(40)])
    near = DEGREES.index(degrees)
    assert DEGREES[near - 1] <= found <= DEGREES[near + 1]


def test_the_scale_of_a_series_says_nothing_about_its_tail() -> None:
    z = np.random.default_rng(1).standard_t(3, 336)
    assert tail_degrees(z) == tail_degrees(z * 1000) == tail_degrees(z / 1000)


def test_the_more_normal_windows_the_thinner_a_tail_they_may_have() -> None:
    rng = np.random.default_rng(4)
    found = [
        np.median([tail_degrees(rng.normal(0, 1, windows)) for _ in range(40)])
        for windows in (48, 336, 5000)
    ]
    assert found == sorted(found)
    assert found[-1] >= 25


def test_one_heavy_tail_is_enough() -> None:
    """Latencies have one: their windows above the center are wilder than those below."""
    rng = np.random.default_rng(7)
    both = rng.normal(0, 1, (40, 336))
    one = np.where(both > 0, abs(rng.standard_t(3, both.shape)), both)
    assert np.median([tail_degrees(z) for z in one]) <= 4
    assert np.median([tail_degrees(-z) for z in one]) <= 4


@pytest.mark.parametrize("windows", [24, 48, 336])
def test_few_windows_do_not_promise_a_thin_tail(windows: int) -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        assert tail_degrees(rng.uniform(-1, 1, windows)) <= windows / 2

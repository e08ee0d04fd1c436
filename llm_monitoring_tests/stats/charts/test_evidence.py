"""What one window says for and against a shift."""

import math

import numpy as np
import pytest
from scipy import stats

from llm_monitoring.stats.baselines import (
    AnyBaseline,
    Array,
    LevelBaseline,
    ProportionBaseline,
    Reading,
)
from llm_monitoring.stats.baselines.level import CLIP
from llm_monitoring.stats.baselines.proportion import MOST_INFORMATION
from llm_monitoring.stats.charts.evidence import (
    Evidence,
    evidence,
    known_level,
    level_of,
    level_since,
    moved_to,
    signed_shifts,
    typical_information,
    whitened,
)
from llm_monitoring_tests.stats.charts.examples import FLAT, level, proportion

NOWHERE = (np.array(-1.0), np.array(0.0))


def of(
    baseline: AnyBaseline,
    reading: Reading,
    shifts: tuple[float, ...],
    last: tuple[float, float] = (-1.0, 0.0),
    band: float = 1.0,
) -> Evidence:
    assert isinstance(baseline, LevelBaseline | ProportionBaseline)
    total, weight = known_level(baseline)
    known = np.array(total), np.array(weight)
    before = np.array(last[0]), np.array(last[1])
    return evidence(baseline, reading.as_row(), np.array(shifts), known, before, band=band)


# --------------------------------------------------------------------- levels


def test_one_window_by_hand() -> None:
    """z = 1, 400 windows known, so a band of 1 / 20: d - d^2 / 2 - d / 20 for each shift d."""
    found = of(level(), Reading(0, 1.0, 1), (0.25, 0.5, 1.0, 2.0, 4.0, -0.5))
    expected = [0.20625, 0.35, 0.45, -0.1, -4.2, -0.65]
    assert found.ratios == pytest.approx(expected)
    assert (found.total, found.weight, found.score) == (1.0, 1.0, 1.0)


def test_without_a_band_it_is_the_log_likelihood_ratio_of_two_normals() -> None:
    for z in (-2.0, 0.3, 1.7):
        for shift in (0.4, -1.6):
            ratio = stats.norm.logpdf(z, shift) - stats.norm.logpdf(z, 0)
            assert of(level(), Reading(0, z, 1), (shift,), band=0).ratios == pytest.approx([ratio])


def test_the_band_is_so_many_standard_errors_of_the_level() -> None:
    """100 windows against 400, and twice the band: each halves what is left of it."""
    none, one, two = (
        of(level(windows=3600), Reading(0, 0.0, 1), (1.0,), band=band).ratios[0]
        for band in (0, 1, 2)
    )
    assert none - one == pytest.approx(1 / 60)
    assert none - two == pytest.approx(2 / 60)


def test_a_short_baseline_is_widened_by_more_than_its_error_says() -> None:
    def band(windows: int) -> float:
        found = [of(level(windows=windows), Reading(0, 0.0, 1), (1.0,), band=b) for b in (0, 1)]
        return float(found[0].ratios[0] - found[1].ratios[0]) * math.sqrt(windows)

    assert [band(336), band(3360)] == pytest.approx([1, 1])
    assert band(24) >= band(48) > band(168) > 1


def test_a_window_of_many_rows_says_more() -> None:
    """Rows scatter by 1: four times a typical window's 100 rows have half its scatter.

    A shift of one typical standard deviation (.1) moves them by two of their own.
    """
    known = level(within=1.0, between=0.0, typical_n=100.0)
    found = of(known, Reading(0, 0.1, 400), (1.0,), band=0)
    assert found.ratios == pytest.approx([2 * 2 - 2**2 / 2])
    assert (found.total, found.weight) == pytest.approx((4.0, 4.0))
    same = stats.norm.logpdf(0.1, 0.1, 0.05) - stats.norm.logpdf(0.1, 0, 0.05)
    assert found.ratios == pytest.approx([same])


def test_a_level_known_better_moves_what_is_expected() -> None:
    """400 windows at 0 and 100 at 1 put the level at .2, as if .2 had been taken off."""
    known = np.array(100.0), np.array(500.0)
    row = Reading(0, 1.2, 1).as_row()
    moved = evidence(level(), row, np.array([1.0]), known, NOWHERE, band=0)
    assert moved.ratios == pytest.approx(of(level(), Reading(0, 1.0, 1), (1.0,), band=0).ratios)


def test_a_wild_window_is_clipped_for_what_decides_and_not_for_the_level_since() -> None:
    wild, clipped = (of(level(), Reading(0, z, 1), (1.0,)) for z in (15.0, CLIP))
    assert wild.ratios == pytest.approx(clipped.ratios)
    assert (wild.total, wild.score) == (clipped.total, clipped.score)
    assert wild.since == 15.0
    assert of(level(), Reading(0, 1e9, 1), (1.0,)).since <= 20


def test_whitening_takes_out_what_the_last_window_explains() -> None:
    related = level(phi=0.6)
    found = of(related, Reading(7, 2.0, 1), (1.0,), last=(6.0, 1.0))
    assert found.total == pytest.approx((2 - 0.6) / 0.8)
    assert found.score == 2.0


@pytest.mark.parametrize(
    ("phi", "gap", "memory"), [(0.5, 1, 0.5), (0.5, 3, 0.125), (-0.5, 1, -0.5), (-0.5, 2, 0.0)]
)
def test_memory_fades_over_a_gap(phi: float, gap: int, memory: float) -> None:
    white = whitened(level(phi=phi), 10 + gap, np.float64(2.0), (np.array(10.0), np.array(1.0)))
    assert white == pytest.approx((2 - memory) / math.sqrt(1 - memory**2))


def test_the_first_window_remembers_nothing() -> None:
    assert whitened(level(phi=0.9), 10, np.float64(2.0), NOWHERE) == 2.0


@pytest.mark.parametrize("phi", [-0.3, 0.0, 0.6])
def test_a_lasting_shift_of_a_series_with_memory_has_the_level_it_has(phi: float) -> None:
    """Both sums, of whitened and of plain windows, say the same of a shift that stays."""
    known = level(phi=phi)
    found = of(known, Reading(7, 3.0, 1), (1.0,), last=(6.0, 3.0))
    for total in (found.total, found.since):
        assert level_of(known, 7, total, found.weight) == pytest.approx(3.0)


def test_a_moved_level_is_where_its_windows_were() -> None:
    centers = tuple(float(hour % 24) for hour in range(48))
    known = level(season="hour", centers=centers, between=2.0)
    moved = moved_to(known, total=30.0, weight=10.0)
    assert isinstance(moved, LevelBaseline)
    assert moved.centers == tuple(center + 6 for center in centers)
    assert moved.windows == 10


# ---------------------------------------------------------------------- rates


def binomial(x: int, n: int, p0: float, p1: float) -> float:
    return float(stats.binom.logpmf(x, n, p1) - stats.binom.logpmf(x, n, p0))


def shifted(rate: float, by: float) -> float:
    """A rate whose log odds differ by so much."""
    return float(1 / (1 + math.exp(-math.log(rate / (1 - rate)) - by)))


@pytest.mark.parametrize("rate", [0.005, 0.02, 0.3, 0.9])
def test_a_rate_is_judged_by_its_binomial_likelihood(rate: float) -> None:
    """Shifts are standard deviations of a typical window, on the log odds; so is the band."""
    known = proportion(rate)
    root = math.sqrt(min(100 * rate * (1 - rate), MOST_INFORMATION))
    error = 1 / math.sqrt(known.rows * rate * (1 - rate))
    for shift in (0.4, 1.6, -0.8):
        null = shifted(rate, math.copysign(error, shift))
        ratio = binomial(7, 120, null, shifted(null, shift / root))
        assert of(known, Reading(0, 7 / 120, 120), (shift,)).ratios == pytest.approx([ratio])


def test_thumbs_up_falling_is_seen_as_thumbs_down_rising() -> None:
    down = of(proportion(0.9), Reading(0, 0.8, 50), (-0.4, -1.6))
    up = of(proportion(0.1), Reading(0, 0.2, 50), (0.4, 1.6))
    assert down.ratios == pytest.approx(up.ratios)


@pytest.mark.parametrize("turned", [False, True])
def test_events_that_come_in_clusters_are_judged_by_a_negative_binomial(turned: bool) -> None:
    """100 rows with a correlation of .05 vary 5.95 times as much as independent ones."""
    known = proportion(0.9 if turned else 0.1, correlation=0.05)
    size = 10 / (0.9 * (1 + 99 * 0.05) - 1)
    for x in (0, 10, 40):
        for shift in (0.8, -0.4):
            after = 100 * shifted(0.1, shift / 3)
            ratio = stats.nbinom.logpmf(x, size, size / (size + after))
            ratio -= stats.nbinom.logpmf(x, size, size / (size + 10))
            value, signed = (1 - x / 100, -shift) if turned else (x / 100, shift)
            found = of(known, Reading(0, value, 100), (signed,), band=0)
            assert found.ratios == pytest.approx([ratio])
    assert stats.nbinom.var(size, size / (size + 10)) == pytest.approx(9 * (1 + 99 * 0.05))


def test_correlated_rows_count_for_the_level_as_the_fewer_they_are_worth() -> None:
    """100 rows with a correlation of 1 / 99 are worth 50."""
    found = of(proportion(0.1, correlation=1 / 99), Reading(0, 0.2, 100), (1.0,))
    assert (found.total, found.weight) == pytest.approx((10, 50))


def test_a_large_window_does_not_make_a_tiny_shift_an_incident() -> None:
    """A million rows: the smallest unit of a shift stays a log odds ratio of .05."""
    huge = proportion(0.3, typical_n=1e6)
    assert typical_information(huge) == pytest.approx(20.0)
    assert of(huge, Reading(0, 0.3, 10**6), (1.0,), band=0).ratios == pytest.approx(
        [binomial(300_000, 10**6, 0.3, shifted(0.3, 0.05))]
    )


OFFSETS = tuple(math.log(10) * (-0.5, 0.0, 0.5)[hour % 3] for hour in range(48))


@pytest.mark.parametrize("rate", [0.02, 0.3, 0.9])
@pytest.mark.parametrize("ratio", [1.0, 1.1])
def test_the_level_of_a_rate_does_not_depend_on_the_hours_it_was_counted_in(
    rate: float, ratio: float
) -> None:
    """Each hour alone says the same of the common rate, and what it says of itself is right."""
    known = proportion(rate, season="hour", offsets=OFFSETS)
    for t in range(3):
        expected = known.expected(t)
        value = expected * ratio if rate <= 0.5 else 1 - (1 - expected) * ratio
        found = of(known, Reading(t, value, 1000), (1.0,))
        common = rate * ratio if rate <= 0.5 else 1 - (1 - rate) * ratio
        assert found.total / found.weight == pytest.approx(common)
        assert level_since(known, t, found.since, found.weight) == pytest.approx(value)


def test_the_level_of_an_hour_has_the_odds_of_its_hour() -> None:
    known = proportion(0.02, season="hour", offsets=OFFSETS)
    for t in range(3):
        assert level_of(known, t, *map(np.float64, known_level(known))) == pytest.approx(
            known.expected(t)
        )


def test_a_moved_rate_is_never_zero_and_knows_how_little_it_knows() -> None:
    moved = moved_to(proportion(0.02), total=0.0, weight=2400.0)
    assert isinstance(moved, ProportionBaseline)
    assert moved.rate == 0.5 / 2400
    assert moved.rows == 2400
    assert moved.windows == 24
    assert moved.offsets == FLAT


# --------------------------------------------------------------------- shared


def test_shifts_of_two_sides_come_side_by_side() -> None:
    assert signed_shifts(("up", "down"), (0.5, 1.0)).tolist() == [0.5, 1.0, -0.5, -1.0]
    assert signed_shifts(("down",), (0.5, 1.0)).tolist() == [-0.5, -1.0]


@pytest.mark.parametrize("baseline", [level(), proportion(0.02), proportion(0.7)])
def test_under_the_null_evidence_for_a_shift_is_worth_one_at_most(
    baseline: LevelBaseline | ProportionBaseline,
) -> None:
    """The mean likelihood ratio is 1 without a band, below it with one: no free evidence."""
    ratios: list[Array] = []
    if isinstance(baseline, LevelBaseline):
        z = np.linspace(-CLIP, CLIP, 2001)
        weight = stats.norm.pdf(z) / stats.norm.pdf(z).sum()
        ratios = [of(baseline, Reading(0, float(one), 1), (0.4, -1.6)).ratios for one in z]
    else:
        x = np.arange(121)
        weight = stats.binom.pmf(x, 120, baseline.rate)
        ratios = [of(baseline, Reading(0, one / 120, 120), (0.4, -1.6)).ratios for one in x]
    assert np.all(weight @ np.exp(np.array(ratios)) <= 1.0)

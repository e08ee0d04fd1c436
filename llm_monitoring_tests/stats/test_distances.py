import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2_contingency

from llm_monitoring.stats.distances import BLOCK, g_test, nearest_neighbours, upper_limit


def unit_rows(n: int, d: int, seed: int) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_neighbours_equal_a_plain_search_across_blocks() -> None:
    queries, reference = unit_rows(BLOCK + 7, 8, seed=1), unit_rows(40, 8, seed=2)
    found = nearest_neighbours(queries, reference, k=3)
    for i in (0, BLOCK - 1, BLOCK, BLOCK + 6):
        distances = [1 - float(np.dot(queries[i].astype(float), row)) for row in reference]
        assert found.distance[i] == pytest.approx(sorted(distances)[2], abs=1e-5)
        assert found.nearest[i] == int(np.argmin(distances))


def test_identical_queries_are_exactly_0_apart() -> None:
    rows = unit_rows(20, 512, seed=3)
    assert nearest_neighbours(rows, rows, k=1).distance.tolist() == [0.0] * 20


def test_opposite_and_orthogonal_vectors_have_their_textbook_distances() -> None:
    reference = np.array([[1, 0]], dtype=np.float32)
    queries = np.array([[-1, 0], [0, 1], [1, 0]], dtype=np.float32)
    assert nearest_neighbours(queries, reference, k=1).distance.tolist() == [2.0, 1.0, 0.0]


@pytest.mark.parametrize("k", [0, 4])
def test_a_neighbour_that_does_not_exist_is_refused(k: int) -> None:
    with pytest.raises(ValueError, match="does not exist"):
        nearest_neighbours(unit_rows(2, 4, seed=1), unit_rows(3, 4, seed=2), k)


def test_no_queries_have_no_distances() -> None:
    assert nearest_neighbours(unit_rows(1, 4, seed=1)[:0], unit_rows(3, 4, seed=2), 1)[0].size == 0


def test_the_limit_is_the_conformal_rank() -> None:
    assert upper_limit(np.arange(1.0, 20.0), 0.95) == 19.0  # ceil(.95 * 20) = 19th of 19
    assert upper_limit(np.arange(1.0, 501.0), 0.95) == 476.0  # ceil(.95 * 501)


def test_too_few_values_promise_nothing() -> None:
    with pytest.raises(ValueError, match="too few"):
        upper_limit(np.arange(18.0), 0.95)


def test_a_further_draw_exceeds_the_limit_as_often_as_promised() -> None:
    draws = np.random.default_rng(4).exponential(size=(4000, 101))
    exceeded = [row[100] > upper_limit(row[:100]) for row in draws]
    # exact: 1 - ceil(.95 * 101) / 101 = .0495; four standard errors of 4,000 draws
    assert np.mean(exceeded) == pytest.approx(0.0495, abs=4 * np.sqrt(0.0495 * 0.95 / 4000))


def test_g_and_its_p_value_agree_with_the_chi_squared_approximation_where_that_is_good() -> None:
    reference, current = np.array([300, 200, 100]), np.array([120, 110, 70])
    exact = chi2_contingency([reference, current], lambda_="log-likelihood")
    found = g_test(reference, current, seed=5)
    assert found.statistic == pytest.approx(exact.statistic)
    assert found.p_value == pytest.approx(exact.pvalue, abs=0.006)


def test_rare_categories_raise_no_false_alarms() -> None:
    rng = np.random.default_rng(6)
    mixes = rng.multinomial(40, [0.97, 0.01, 0.01, 0.01], size=300)
    p_values = [g_test(np.array([970, 10, 10, 10]), m, seed=1, tables=499).p_value for m in mixes]
    assert np.mean(np.array(p_values) <= 0.05) <= 0.05 + 4 * np.sqrt(0.05 * 0.95 / 300)


def test_a_language_that_was_never_seen_is_found() -> None:
    assert g_test(np.array([1000, 0]), np.array([40, 10]), seed=1).p_value == pytest.approx(1e-4)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(1, 60), min_size=1, max_size=5), st.integers(1, 4))
def test_a_multiple_of_a_mix_is_the_same_mix(counts: list[int], times: int) -> None:
    found = g_test(np.array(counts), times * np.array(counts), seed=1, tables=99)
    assert found.statistic == pytest.approx(0, abs=1e-9)
    assert found.p_value == 1.0


def test_an_empty_sample_has_no_mix() -> None:
    with pytest.raises(ValueError, match="no mix"):
        g_test(np.array([0, 0]), np.array([1, 2]), seed=1)

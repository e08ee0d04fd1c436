"""The first queries of a feature, frozen as what is usual."""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from llm_monitoring.records import InputReference
from llm_monitoring.stats.distances import nearest_neighbours, upper_limit

NEIGHBOUR = 5  # one odd query among the reference hides nothing, five alike are a topic
CALIBRATION_SHARE = 0.95  # of held-out quiet queries lies below the cut

Vectors = NDArray[np.float32]


def build_reference(
    feature_id: str,
    embedder: str,
    queries: Sequence[tuple[str, int, Vectors]],
    reference_queries: int = 1_000,
    calibration_queries: int = 500,
) -> list[InputReference] | None:
    """Freeze the first queries of a feature as what is usual; None while there are too few.

    Which split a query joins is decided by a hash of its id, so that both splits cover the same
    hours. The same queries give the same reference in whatever order they come.

    Args:
        feature_id: the feature.
        embedder: name and version of the embedder that made the vectors.
        queries: (request_id, hour, [d] L2-normalised vector) of quiet hours.
        reference_queries: size of the split that novelty is measured against.
        calibration_queries: size of the split that sets the cut, at least 19.
    """
    wanted = reference_queries + calibration_queries
    distinct = {query[0]: query for query in queries}.values()
    first = sorted(distinct, key=lambda query: (query[1], _hash(query[0])))[:wanted]
    if len(first) < wanted:
        return None
    mixed = sorted(first, key=lambda query: _hash(query[0]))
    reference, calibration = mixed[:reference_queries], mixed[reference_queries:]
    cut = _cut(_stack(calibration), _stack(reference))
    return [
        InputReference(
            feature_id=feature_id,
            embedder=embedder,
            request_id=request_id,
            hour=hour,
            split=split,
            embedding=vector.astype(float).tolist(),
            cut=cut,
        )
        for split, part in (("reference", reference), ("calibration", calibration))
        for request_id, hour, vector in part
    ]


def _hash(request_id: str) -> str:
    return hashlib.sha256(request_id.encode()).hexdigest()


def _stack(queries: Sequence[tuple[str, int, Vectors]]) -> Vectors:
    return np.stack([vector for _, _, vector in queries]).astype(np.float32)


def _cut(calibration: Vectors, reference: Vectors) -> float:
    return upper_limit(
        nearest_neighbours(calibration, reference, NEIGHBOUR).distance, CALIBRATION_SHARE
    )


class Frozen(NamedTuple):
    """A reference as arrays."""

    request_ids: list[str]
    vectors: Vectors  # [m, d] of the split 'reference'
    mean: NDArray[np.float64]  # [d]
    cut: float
    last_hour: int


def freeze(rows: Sequence[InputReference] | None, embedder: str) -> Frozen | None:
    """A stored reference as arrays; None: there is none.

    Raises:
        ValueError: another embedder made it.
    """
    if not rows:
        return None
    other = {row.embedder for row in rows} - {embedder}
    if other:
        raise ValueError(f"queries of {embedder} cannot be compared with those of {other}")
    reference = sorted(
        (row for row in rows if row.split == "reference"), key=lambda row: row.request_id
    )
    vectors = np.array([row.embedding for row in reference], dtype=np.float32)
    return Frozen(
        [row.request_id for row in reference],
        vectors,
        vectors.mean(axis=0, dtype=np.float64),
        rows[0].cut,
        max(row.hour for row in rows),
    )

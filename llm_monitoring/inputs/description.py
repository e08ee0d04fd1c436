"""Naming what changed: the topics of novel queries, the mix of languages."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from llm_monitoring.inputs.reference import Vectors
from llm_monitoring.stats.distances import GTest, g_test

SAME_TOPIC = 0.7  # mean cosine distance within a group; measured on CLINC150 intents
LARGEST_SAMPLE = 2_000  # novel queries that are grouped; grouping is quadratic in memory
EXAMPLES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class NovelGroup:
    """Novel queries that are about one thing."""

    share: float  # of the novel queries, (0, 1]
    queries: int
    examples: tuple[str, ...]  # up to five different ones, the most typical first


def describe_novel(
    texts: Sequence[str], embeddings: Vectors, max_clusters: int = 5
) -> list[NovelGroup]:
    """Say what novel queries are about: the largest groups, by share, with examples.

    Average linkage on cosine distance. Some 5 % of ordinary queries are novel too; they are alike
    to nothing and stay outside the groups, so the shares need not add up to 1. Of more than
    `LARGEST_SAMPLE` queries an evenly spaced sample is grouped.

    Args:
        texts: the novel queries.
        embeddings: [n, d], rows L2-normalised.
        max_clusters: how many groups at most.

    Returns:
        Groups of two queries or more, the largest first.
    """
    if len(texts) < 2:
        return []
    picked = np.unique(np.linspace(0, len(texts) - 1, min(len(texts), LARGEST_SAMPLE)).astype(int))
    vectors = embeddings[picked].astype(np.float64)
    tree = scipy.cluster.hierarchy.linkage(vectors, "average", "cosine")
    labels = scipy.cluster.hierarchy.fcluster(tree, SAME_TOPIC, "distance")
    sizes = [(label, n) for label, n in Counter(labels.tolist()).most_common(max_clusters) if n > 1]
    return [
        NovelGroup(
            share=n / len(picked),
            queries=n,
            examples=_most_typical(
                [texts[i] for i in picked[labels == label]], vectors[labels == label]
            ),
        )
        for label, n in sizes
    ]


def _most_typical(texts: Sequence[str], vectors: NDArray[np.float64]) -> tuple[str, ...]:
    order = np.argsort(-(vectors @ vectors.mean(axis=0)), kind="stable")
    return tuple(dict.fromkeys(texts[i] for i in order))[:EXAMPLES]


def language_shares(languages: Sequence[str | None]) -> dict[str, float]:
    """Share of each language among the queries whose language could be told, largest first."""
    counts = Counter(language for language in languages if language is not None)
    return {language: n / counts.total() for language, n in counts.most_common()}


def language_mix_test(
    reference: Sequence[str | None], current: Sequence[str | None], *, seed: int = 0
) -> GTest | None:
    """G-test of the mix of languages; None: in one of the samples no language could be told."""
    before, now = (Counter(x for x in part if x is not None) for part in (reference, current))
    if not before or not now:
        return None
    names = sorted(before | now)
    return g_test(
        np.array([before[name] for name in names]),
        np.array([now[name] for name in names]),
        seed=seed,
    )

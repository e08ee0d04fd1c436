"""Naming what changed: the topics of novel queries, the mix of languages, and both in words."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import scipy
from numpy.typing import NDArray

from llm_monitoring.inputs.reference import Vectors
from llm_monitoring.records import InputFeature
from llm_monitoring.stats.distances import GTest, g_test

SAME_TOPIC = 0.7  # mean cosine distance within a group; measured on CLINC150 intents
LARGEST_SAMPLE = 1_000  # novel queries that are grouped; grouping is quadratic in memory
EXAMPLES = 5  # of a group
MOST_GROUPS = 5
SHOWN_LANGUAGES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A query with its text, as it is stored: after redaction."""

    request_id: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NovelGroup:
    """Novel queries that are about one thing."""

    share: Annotated[float, "of the novel queries, (0, 1]"]
    queries: int
    examples: Annotated[tuple[Query, ...], "up to five different ones, the most typical first"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageCount:
    """Queries of one language in the week before and since the change."""

    language: Annotated[str, "ISO 639-1"]
    before: int
    after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InputsChange:
    """What the users of a feature ask since the change, against the week before."""

    feature_id: str
    queries: Annotated[int, "since the change, whose novelty is known"]
    novel: Annotated[int, "of these"]
    groups: Annotated[tuple[NovelGroup, ...], "of the novel ones, the largest first"]
    languages: Annotated[tuple[LanguageCount, ...], "whose share moved most first"]
    p_value: Annotated[float | None, "of the mix of languages; None: nothing to compare"]
    reading: Annotated[str, "in a sentence or two, without a word of a user"]


def inputs_change(
    feature_id: str,
    before: Sequence[InputFeature],
    after: Sequence[InputFeature],
    groups: Sequence[NovelGroup] = (),
) -> InputsChange:
    """What changed in the queries of a feature.

    Args:
        before: of the week before the change.
        after: since the change.
        groups: of the novel ones among `after`.
    """
    known = [row.novel for row in after if row.novel is not None]
    languages = _languages(before, after)
    test = language_mix_test([r.language for r in before], [r.language for r in after])
    p_value = None if test is None else test.p_value
    sentences = [
        *_novelty_text(len(known), sum(known), groups),
        *_language_text(languages, p_value),
    ]
    return InputsChange(
        feature_id=feature_id,
        queries=len(known),
        novel=sum(known),
        groups=tuple(groups),
        languages=tuple(languages),
        p_value=p_value,
        reading=f"Queries of {feature_id}: {'; '.join(sentences) or 'too few to compare'}.",
    )


def describe_novel(
    queries: Sequence[Query],
    embed: Callable[[Sequence[str]], Vectors],
) -> list[NovelGroup]:
    """Say what novel queries are about: the largest groups, by share, with examples.

    Average linkage on cosine distance. Some 5 % of ordinary queries are novel too; they are alike
    to nothing and stay outside the groups, so the shares need not add up to 1. Of more than
    `LARGEST_SAMPLE` queries an evenly spaced sample is grouped.

    Args:
        queries: the novel ones.
        embed: texts -> [n, d], rows L2-normalised; asked about the sample alone.

    Returns:
        At most MOST_GROUPS groups of two queries or more, the largest first.
    """
    if len(queries) < 2:
        return []
    places = np.linspace(0, len(queries) - 1, min(len(queries), LARGEST_SAMPLE)).astype(int)
    picked = [queries[i] for i in places]
    vectors = embed([query.text for query in picked]).astype(np.float64)
    tree = scipy.cluster.hierarchy.linkage(vectors, "average", "cosine")
    labels = scipy.cluster.hierarchy.fcluster(tree, SAME_TOPIC, "distance")
    sizes = [(label, n) for label, n in Counter(labels.tolist()).most_common(MOST_GROUPS) if n > 1]
    return [
        NovelGroup(
            share=n / len(picked),
            queries=n,
            examples=_most_typical(
                [picked[i] for i in np.flatnonzero(labels == label)], vectors[labels == label]
            ),
        )
        for label, n in sizes
    ]


def _most_typical(queries: Sequence[Query], vectors: NDArray[np.float64]) -> tuple[Query, ...]:
    order = np.argsort(-(vectors @ vectors.mean(axis=0)), kind="stable")
    different = {queries[i].text: queries[i] for i in reversed(order)}
    return tuple(reversed(different.values()))[:EXAMPLES]


def language_mix_test(
    reference: Sequence[str | None], current: Sequence[str | None]
) -> GTest | None:
    """G-test of the mix of languages; None: in one of the samples no language is known."""
    before, now = (Counter(x for x in part if x is not None) for part in (reference, current))
    if not before or not now:
        return None
    names = sorted(before | now)
    return g_test(
        np.array([before[name] for name in names]),
        np.array([now[name] for name in names]),
        seed=0,
    )


def _languages(
    before: Sequence[InputFeature], after: Sequence[InputFeature]
) -> list[LanguageCount]:
    earlier, now = (Counter(r.language for r in rows if r.language) for rows in (before, after))
    counts = [
        LanguageCount(language=name, before=earlier[name], after=now[name])
        for name in sorted(earlier | now)
    ]
    n_before, n_after = max(1, earlier.total()), max(1, now.total())
    return sorted(counts, key=lambda c: _movement(c, n_before, n_after))


def _movement(count: LanguageCount, n_before: int, n_after: int) -> tuple[float, float]:
    """Largest first; of two that moved alike, the one that came."""
    change = round(count.after / n_after - count.before / n_before, 9)
    return -abs(change), -change


def _novelty_text(queries: int, novel: int, groups: Sequence[NovelGroup]) -> list[str]:
    if not queries:
        return []
    text = f"{novel:,} of {queries:,} are unlike any before"
    if groups:
        sizes = ", ".join(f"{group.queries:,}" for group in groups)
        text += f", in groups that are about one thing each: {sizes}"
    return [text]


def _language_text(languages: Sequence[LanguageCount], p_value: float | None) -> list[str]:
    if p_value is None:
        return []
    before, after = (sum(getattr(c, part) for c in languages) for part in ("before", "after"))
    moved = ", ".join(
        f"{c.language} {c.before / before:.0%} -> {c.after / after:.0%}"
        for c in languages[:SHOWN_LANGUAGES]
    )
    return [f"languages {moved} (G-test of the mix, p = {p_value:.2g})"]

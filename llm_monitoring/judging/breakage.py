"""Breakage, not quality, from what the answer contains.

An answer starts at 5 in every dimension and each finding caps some of them. So 5 means that nothing
was found, never that the answer is good: a fluent, relevant and wrong answer scores 5.
What it separates and what not is measured in docs/judging.md.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from llm_monitoring.judging.scores import HIGHEST, LOWEST, Scores

# Part of the epoch: raise it with any change to this file or to refusals.py.
BREAKAGE_VERSION = "1"
NGRAM = 4
FEWEST_NGRAMS = 12  # of a shorter text nobody can say that it loops
SHORTEST_CUT_OFF = 80  # characters; a shorter answer may be a label, a name or a number


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of one answer."""

    relevance: float | None = None  # cosine of question and answer; None: not compared
    refused: bool = False
    provider_truncated: bool = False  # the provider says that it ran out of tokens
    cut_off: bool = False  # the text stops in mid-sentence
    echoed: bool = False  # the answer is the question
    repetition_ratio: float = 0.0  # share of n-grams that occurred before
    language_matches: bool | None = None  # None: one of the two is too short to tell
    length_ratio: float | None = None  # of the feature's usual length; None: usual not known


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something broken, and the most each dimension can still be."""

    reason: str
    correctness: float = HIGHEST
    completeness: float = HIGHEST
    tone: float = HIGHEST


def heuristic_scores(evidence: Evidence) -> Scores:
    """Lowest cap of all findings per dimension; the reason names every finding."""
    findings = [found for find in FINDINGS if (found := find(evidence)) is not None]
    return Scores(
        correctness=min((found.correctness for found in findings), default=HIGHEST),
        completeness=min((found.completeness for found in findings), default=HIGHEST),
        tone=min((found.tone for found in findings), default=HIGHEST),
        reason="; ".join(found.reason for found in findings) or "nothing broken found",
    )


# ---------------------------------------------------------------- reading an answer


def is_cut_off(text: str) -> bool:
    """Whether prose stops in mid-sentence, or a code block is never closed."""
    text = text.rstrip()
    if text.count("```") % 2:
        return True
    last_line = text.rpartition("\n")[2].strip()
    if len(text) < SHORTEST_CUT_OFF or NOT_PROSE.match(last_line):
        return False
    # A title, a signature or a verse is short; a sentence that was cut off seldom is.
    return bool(UNFINISHED.search(last_line)) and len(last_line.split()) >= 8


def repetition_ratio(text: str) -> float:
    """Share of 4-grams of words (of characters where words are not spaced) seen before, [0, 1)."""
    words = WORD.findall(text.lower())
    ngrams = Counter(zip(*(words[i:] for i in range(NGRAM)), strict=False))
    total = ngrams.total()
    return 0.0 if total < FEWEST_NGRAMS else 1 - len(ngrams) / total


def is_echo(input_text: str, output_text: str) -> bool:
    """Whether the answer is the question again, but for spaces, case and punctuation."""
    asked, answered = WORD.findall(input_text.lower()), WORD.findall(output_text.lower())
    return bool(answered) and asked == answered


# ---------------------------------------------------------------- findings


def _off_topic(evidence: Evidence) -> Finding | None:
    if evidence.relevance is None:
        return None
    cap = _between(evidence.relevance, worst=0.05, fine=0.30)
    reason = f"little to do with the question (similarity {evidence.relevance:.2f})"
    return Finding(reason=reason, correctness=cap, completeness=cap) if cap < HIGHEST else None


def _refused(evidence: Evidence) -> Finding | None:
    return Finding(reason="refusal", correctness=2, completeness=1) if evidence.refused else None


def _truncated(evidence: Evidence) -> Finding | None:
    if evidence.provider_truncated:
        return Finding(reason="truncated by the token limit", completeness=2, tone=4)
    return Finding(reason="ends in mid-sentence", completeness=3) if evidence.cut_off else None


def _echoed(evidence: Evidence) -> Finding | None:
    reason = "repeats the question"
    return Finding(reason=reason, correctness=1, completeness=1) if evidence.echoed else None


def _repetitive(evidence: Evidence) -> Finding | None:
    cap = _between(evidence.repetition_ratio, worst=0.8, fine=0.4)
    if cap == HIGHEST:
        return None
    reason = f"repeats itself ({evidence.repetition_ratio:.0%} of its {NGRAM}-grams)"
    return Finding(reason=reason, correctness=cap, completeness=cap, tone=cap)


def _wrong_language(evidence: Evidence) -> Finding | None:
    if evidence.language_matches is not False:
        return None
    return Finding(reason="not in the question's language", correctness=3, tone=1)


def _unusual_length(evidence: Evidence) -> Finding | None:
    ratio = evidence.length_ratio
    if ratio is None:
        return None
    reason = f"{ratio:.2g} times the usual length"
    short = _between(ratio, worst=0.05, fine=0.5)
    if short < HIGHEST:
        return Finding(reason=reason, completeness=short)
    long = _between(ratio, worst=12.0, fine=3.0)
    return Finding(reason=reason, tone=long) if long < HIGHEST else None


def _between(value: float, *, worst: float, fine: float) -> float:
    """1 at `worst` or beyond, 5 at `fine` or beyond, a straight line between."""
    share = (value - worst) / (fine - worst)
    return LOWEST + (HIGHEST - LOWEST) * min(max(share, 0.0), 1.0)


# ---------------------------------------------------------------- catalogues

FINDINGS: tuple[Callable[[Evidence], Finding | None], ...] = (
    _off_topic,
    _refused,
    _truncated,
    _echoed,
    _repetitive,
    _wrong_language,
    _unusual_length,
)

# Verbs are listed because "I cannot find your order" is an answer and "I cannot help" is none.
NOT_PROSE = re.compile(r"[-*•|#>\d]|```|https?:")  # list, table, heading, quote, code, link
UNFINISHED = re.compile(r"[\w,;-]$")
# A character of a script that is written without spaces counts as a word.
WORD = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]|[^\W_]+")

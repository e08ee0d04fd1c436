"""What users make of an answer: ratings from a few, reactions from more, silence from most.

After a bad answer 51 % ask again what was meant, 21 % carry on, 12 % object, 8 % correct it and 8 %
rephrase their question: published rates, by which only one user in five complains.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from llm_monitoring.hours import hour_key
from llm_monitoring.records import Request, UserSignal

Draws = Mapping[str, NDArray[np.float64]]


def reactions(
    requests: Sequence[Request], is_bad: Sequence[bool], draws: Draws
) -> list[UserSignal]:
    """Signals about requests, in their order.

    Args:
        is_bad: [n] the answer gives reason to complain.
        draws: [n] uniform numbers by name: reaction, reaction_delay, rating, rating_delay,
            abandonment.
    """
    columns = {name: draws[name].tolist() for name in NEEDED}
    return [
        signal
        for i, (request, bad) in enumerate(zip(requests, is_bad, strict=True))
        for signal in _of_one(request, bad, {name: columns[name][i] for name in NEEDED})
    ]


def _of_one(request: Request, bad: bool, draw: Mapping[str, float]) -> Iterator[UserSignal]:
    if request.error is not None:
        if draw["abandonment"] < ABANDONED_AFTER_ERROR:
            yield _signal(request, "abandoned", ABANDONED_AFTER_S, {})
        return
    reaction = _reaction(AFTER_BAD if bad else AFTER_GOOD, draw["reaction"])
    if reaction is not None:
        kind, words = reaction
        yield _signal(request, kind, 15 + 240 * draw["reaction_delay"], {"reaction": words})
    elif draw["abandonment"] < (ABANDONED_AFTER_BAD if bad else ABANDONED_AFTER_GOOD):
        yield _signal(request, "abandoned", ABANDONED_AFTER_S, {})
    rated, up = RATED_BAD if bad else RATED_GOOD
    if draw["rating"] < rated:
        kind = "thumbs_up" if draw["rating"] < rated * up else "thumbs_down"
        yield _signal(request, kind, 5 + 90 * draw["rating_delay"], {})


def _reaction(shares: Sequence[tuple[str, str, float]], uniform: float) -> tuple[str, str] | None:
    """Signal type and what the user does; None: they carry on."""
    for kind, words, share in shares:
        uniform -= share
        if uniform < 0:
            return kind, words
    return None


def _signal(request: Request, kind: str, delay_s: float, metadata: Mapping[str, str]) -> UserSignal:
    timestamp = request.timestamp + timedelta(milliseconds=int(1000 * delay_s))
    return UserSignal(
        hour=hour_key(timestamp),
        request_id=request.request_id,
        session_id=request.session_id,
        signal_type=kind,
        timestamp=timestamp,
        metadata=json.dumps(metadata),
        source=request.source,
    )


NEEDED = ("reaction", "reaction_delay", "rating", "rating_delay", "abandonment")
AFTER_BAD = (
    ("follow_up", "asks what was meant", 0.51),
    ("correction", "objects", 0.12),
    ("correction", "corrects", 0.08),
    ("follow_up", "rephrases", 0.08),
)
AFTER_GOOD = (("follow_up", "asks for more", 0.06), ("correction", "corrects", 0.004))
RATED_GOOD = (0.035, 0.92)  # share that rates, and of those who like it
RATED_BAD = (0.05, 0.2)
ABANDONED_AFTER_S = 1800.0  # a session with nothing for so long counts as left
ABANDONED_AFTER_GOOD = 0.105
ABANDONED_AFTER_BAD = 0.5  # of those who carry on
ABANDONED_AFTER_ERROR = 0.3

"""Which requests the judge sees: a hash of the request id decides, so nothing is remembered.

Any service that knows the rule makes the same decision about the same id, in any order and again.
"""

import hashlib
from bisect import bisect_left
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Protocol

from llm_monitoring.records import SampledRequest

RESIDUES = 100_000


class Candidate(Protocol):
    """What the decision needs of a request."""

    @property
    def hour(self) -> int: ...
    @property
    def request_id(self) -> str: ...
    @property
    def feature_id(self) -> str: ...
    @property
    def model_id(self) -> str: ...


def is_sampled(request_id: str, rate: float, salt: str = "") -> bool:
    """Whether a request is judged at this rate; raising the rate only ever adds requests.

    Args:
        request_id: any text.
        rate: share of all requests, [0, 1].
        salt: put before the id; another salt draws another, independent sample.
    """
    return _residue(salt + request_id) / float(RESIDUES) < rate


def sample(
    requests: Iterable[Candidate], rate_of: Callable[[str], float], salt: str = ""
) -> list[SampledRequest]:
    """The requests the judge will see, in the order given.

    Args:
        rate_of: feature_id -> share of its requests.
    """
    return [
        SampledRequest(
            hour=request.hour,
            request_id=request.request_id,
            feature_id=request.feature_id,
            model_id=request.model_id,
            inclusion_probability=inclusion_probability(rate_of(request.feature_id)),
            salt=salt,
        )
        for request in requests
        if is_sampled(request.request_id, rate_of(request.feature_id), salt)
    ]


@lru_cache
def inclusion_probability(rate: float) -> float:
    """Share of all residues that pass `rate`: the rule's own chance, not the rate asked for.

    They differ where the rate is not a multiple of 1/100,000: a rate of 0.000001 lets residue 0
    pass, which is one request in 100,000.
    """
    passing = bisect_left(range(RESIDUES), rate, key=lambda residue: residue / float(RESIDUES))
    return passing / RESIDUES


def _residue(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest(), "big") % RESIDUES

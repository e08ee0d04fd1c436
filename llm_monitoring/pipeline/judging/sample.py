"""Draw the requests the judge will see."""

from dataclasses import dataclass
from typing import NamedTuple

from llm_monitoring.lake import Lake
from llm_monitoring.sampling import sample
from llm_monitoring.settings import Settings


class _Candidate(NamedTuple):
    hour: int
    request_id: str
    feature_id: str
    model_id: str


@dataclass(frozen=True, slots=True)
class Drawn:
    """How many were drawn of how many, and the Delta version."""

    sampled: int
    requests: int
    version: int


def draw_sample(lake: Lake, settings: Settings, first: int, last: int) -> Drawn:
    """Store the sample of hours `first` to `last`; a hash of the id decides, so runs agree."""
    requests = lake.columns("raw_requests", _Candidate._fields, hours=(first, last))
    candidates = map(_Candidate, *(column.to_pylist() for column in requests.columns))
    rows = sample(candidates, settings.sample_rate, settings.sampling.salt)
    version = lake.replace_hours("sampled_requests", rows, first, last)
    return Drawn(len(rows), requests.num_rows, version)

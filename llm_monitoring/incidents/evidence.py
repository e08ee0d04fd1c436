"""What an incident is judged by: the material that goes in, the findings that come out.

Findings are stored as one JSON object in `Incident.evidence`; `to_json` and `from_json` are exact
inverses. Texts of users and models are kept whole here: whoever shows them escapes them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated

from pydantic import TypeAdapter

from llm_monitoring.inputs.description import InputsChange
from llm_monitoring.records import InputFeature, Judgement, Request, UserSignal
from llm_monitoring.segments import COLUMNS, EVERYTHING, attributes_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """Everything known of one request."""

    request: Request
    judgement: Judgement | None
    inputs: InputFeature | None
    signals: frozenset[str]

    def attribute(self, name: str) -> str | None:
        """An attribute as breakdowns know it; None: it has none of this name."""
        if name == "language":
            return self.inputs.language if self.inputs else None
        if name in COLUMNS:
            value: str | None = getattr(self.request, COLUMNS[name])
            return value
        return self.request.attributes.get(name)

    def lies_within(self, segment: str) -> bool:
        """The request is part of the segment."""
        return all(self.attribute(name) == of for name, of in attributes_of(segment).items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """Records of some windows: all of them, or a sample where windows are big."""

    windows: Annotated[int, "hours the records come from, > 0"]
    requests: Sequence[Request]
    judgements: Sequence[Judgement] = ()
    inputs: Annotated[
        Sequence[InputFeature], "of these windows, or of more: a rare language needs many queries"
    ] = ()
    signals: Sequence[UserSignal] = ()
    sampled: Annotated[bool, "True: requests are a sample, so they tell nothing of volume"] = False

    def within(self, segment: str) -> "Material":
        """The same of one segment's requests; what was learned of others is left out with them."""
        if segment == EVERYTHING:
            return self
        mine = [each.request for each in self.observations() if each.lies_within(segment)]
        return replace(self, requests=mine)

    def observations(self) -> Iterator[Observation]:
        """One per request, with what was learned of it; the latest judgement wins."""
        judged = {j.request_id: j for j in sorted(self.judgements, key=lambda j: j.judged_at)}
        inputs = {i.request_id: i for i in self.inputs}
        signals: dict[str, set[str]] = {}
        for signal in self.signals:
            signals.setdefault(signal.request_id, set()).add(signal.signal_type)
        for request in self.requests:
            yield Observation(
                request=request,
                judgement=judged.get(request.request_id),
                inputs=inputs.get(request.request_id),
                signals=frozenset(signals.get(request.request_id, ())),
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class TriageItem:
    """One response for a person to review."""

    request_id: str
    hour: int
    feature_id: str
    model_id: str
    language: str | None
    why: Annotated[str, "why it was picked, in words"]
    failing: Annotated[bool, "flagged by the judge or failed; such a request can be learned from"]
    input_text: str | None
    output_text: str | None
    judge: Annotated[str | None, "who scored it; None: nobody"]
    quality_mean: float | None
    correctness: float | None
    completeness: float | None
    tone: float | None
    reason: Annotated[str | None, "the judge's reason, or the error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Triage:
    """Step 1: a sample for a person, with an automatic reading that decides nothing."""

    items: tuple[TriageItem, ...]
    candidates: Annotated[int, "responses the sample was picked from"]
    reading: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One segment, incident windows against baseline windows."""

    dimension: Annotated[str, "feature, model, language, prompt_version or system_fingerprint"]
    name: str
    before: Annotated[float | None, "the metric in the baseline windows; None: nothing there"]
    after: Annotated[float | None, "the metric in the incident windows; None: nothing there"]
    n_before: int
    n_after: int
    share_before: Annotated[float, "ratio of the rows measured"]
    share_after: Annotated[float, "ratio of the rows measured"]
    contribution: Annotated[float, "of the change; a dimension's segments sum to the change"]
    test: Annotated[str | None, "Fisher, Mann-Whitney, Fisher on share, or binomial"]
    p_value: Annotated[float | None, "unadjusted; None: too few rows"]
    p_adjusted: Annotated[float | None, "Holm over all segments shown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Step 2: who is affected."""

    metric: str
    unit: str
    before: float | None
    after: float | None
    n_before: int
    n_after: int
    segments: Annotated[tuple[Segment, ...], "largest contribution first"]
    reading: str
    confined_to: Annotated[tuple[str, str] | None, "(dimension, segment) that explains it"]
    within: Annotated[str, "part of the traffic it is about, in words; empty: all of it"] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """Step 3: something that changed near the estimated change time."""

    kind: Annotated[
        str, "a ledger kind, or provider, users, traffic, silence, judge, limits, errors"
    ]
    description: str
    at: Annotated[datetime, "when it took effect, or was first seen"]
    not_before: Annotated[datetime | None, "it had not happened yet; None: `at` is the time"]
    in_ledger: bool
    change_id: str | None
    feature_id: str | None
    model_id: str | None
    hours_before: Annotated[float, "before the estimated change; negative: after it"]
    score: Annotated[float, "(0, 1]; nearness x scope x fit; orders suspects, no probability"]
    reasons: tuple[str, ...]
    segment: Annotated[tuple[str, str] | None, "(dimension, segment) it is about"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """Step 4: what to do."""

    action: str
    text: str
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDone:
    """A step that somebody finished."""

    step: Annotated[str, "triage, scope, isolate, respond or learn"]
    who: str
    at: datetime
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All findings of one incident."""

    triage: Triage | None = None
    scope: Scope | None = None
    inputs: tuple[InputsChange, ...] = ()
    suspects: tuple[Suspect, ...] = ()
    responses: tuple[Response, ...] = ()
    done: tuple[StepDone, ...] = ()

    def failing(self) -> tuple[TriageItem, ...]:
        """Failing requests whose input was logged: those a regression case can be made of."""
        items = self.triage.items if self.triage else ()
        return tuple(item for item in items if item.failing and item.input_text)


_EVIDENCE = TypeAdapter(Evidence)


def to_json(evidence: Evidence) -> str:
    """Evidence as it stands in the lake."""
    return _EVIDENCE.dump_json(evidence).decode()


def from_json(text: str) -> Evidence:
    """Evidence from the lake; an empty string or `{}` is no evidence yet.

    Raises:
        pydantic.ValidationError: the text is not evidence.
    """
    return _EVIDENCE.validate_json(text or "{}", extra="forbid")

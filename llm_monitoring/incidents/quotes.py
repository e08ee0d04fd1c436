"""Taking the words of users out of what an incident found; numbers and decisions stay."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from llm_monitoring.incidents.evidence import Evidence, Triage, TriageItem, from_json, to_json
from llm_monitoring.records import Incident

REMOVED = "The sample was read automatically; the reading went with the words it was drawn from."


def without_quotes(incident: Incident, resolved_before: datetime) -> Incident | None:
    """The incident without a word of a user, a model or a judge.

    Args:
        incident: as stored.
        resolved_before: an incident that was closed later, or is open, keeps its quotes.

    Returns:
        None: nothing is to be removed.
    """
    if incident.resolved_at is None or incident.resolved_at >= resolved_before:
        return None
    evidence = from_json(incident.evidence)
    items = evidence.triage.items if evidence.triage else ()
    quiet = tuple(
        replace(
            item, why=item.why.partition(":")[0], input_text=None, output_text=None, reason=None
        )
        for item in items
    )
    return _with_items(incident, evidence, quiet)


def without_requests(incident: Incident, request_ids: Collection[str]) -> Incident | None:
    """The incident without all that was quoted of some requests; None: it quotes none of them."""
    evidence = from_json(incident.evidence)
    items = evidence.triage.items if evidence.triage else ()
    return _with_items(
        incident, evidence, tuple(item for item in items if item.request_id not in request_ids)
    )


def _with_items(
    incident: Incident, evidence: Evidence, items: tuple[TriageItem, ...]
) -> Incident | None:
    if evidence.triage is None or items == evidence.triage.items:
        return None
    triage = Triage(items=items, candidates=evidence.triage.candidates, reading=REMOVED)
    return replace(incident, evidence=to_json(replace(evidence, triage=triage)))

"""Taking the words of users out of what an incident found; numbers and decisions stay."""

from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import datetime

from llm_monitoring.incidents.evidence import Evidence, Triage, TriageItem, from_json, to_json
from llm_monitoring.inputs.description import NovelGroup, Query
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
    asked = {query.request_id for query in _examples(evidence)}
    quiet = tuple(
        replace(
            item, why=item.why.partition(":")[0], input_text=None, output_text=None, reason=None
        )
        for item in items
    )
    return _with_items(incident, _without_examples(evidence, asked), quiet)


def without_requests(incident: Incident, request_ids: Collection[str]) -> Incident | None:
    """The incident without all that was quoted of some requests; None: it quotes none of them."""
    evidence = from_json(incident.evidence)
    items = evidence.triage.items if evidence.triage else ()
    kept = tuple(item for item in items if item.request_id not in request_ids)
    return _with_items(incident, _without_examples(evidence, request_ids), kept)


def _with_items(
    incident: Incident, evidence: Evidence, items: tuple[TriageItem, ...]
) -> Incident | None:
    if evidence.triage is not None and items != evidence.triage.items:
        triage = Triage(items=items, candidates=evidence.triage.candidates, reading=REMOVED)
        evidence = replace(evidence, triage=triage)
    if evidence == from_json(incident.evidence):
        return None
    return replace(incident, evidence=to_json(evidence))


def _examples(evidence: Evidence) -> Iterator[Query]:
    for change in evidence.inputs:
        for group in change.groups:
            yield from group.examples


def _without_examples(evidence: Evidence, request_ids: Collection[str]) -> Evidence:
    """The same counts of novel queries, but these are no longer shown."""
    return replace(
        evidence,
        inputs=tuple(
            replace(change, groups=tuple(_without(group, request_ids) for group in change.groups))
            for change in evidence.inputs
        ),
    )


def _without(group: NovelGroup, request_ids: Collection[str]) -> NovelGroup:
    kept = tuple(query for query in group.examples if query.request_id not in request_ids)
    return replace(group, examples=kept)

"""Step 3, isolate: what changed near the estimated change time.

Suspects come from two places: the ledger, which says what people changed, and the records, which
say what was seen to change. What was seen and stands in the ledger is one suspect; what was seen
and does not is named so.
"""

from collections.abc import Sequence
from dataclasses import replace

from llm_monitoring.incidents.evidence import Material, Suspect
from llm_monitoring.incidents.isolate.observing import OBSERVERS
from llm_monitoring.incidents.isolate.scoring import Question, listed_suspect
from llm_monitoring.records import Change


def suspects(
    question: Question, changes: Sequence[Change], before: Material, after: Material
) -> tuple[Suspect, ...]:
    """Everything that changed near the estimated change time, likeliest first.

    Args:
        question: when, where and what moved.
        changes: the ledger, any part of it.
        before: records of baseline windows.
        after: records of the incident's windows; those just before the estimated change help to
            say when something was first seen.

    Returns:
        At most MOST_SUSPECTS. Ledger entries after the first window out of control are left out: a
        cause comes before its effect.
    """
    listed = [s for change in changes if (s := listed_suspect(question, change))]
    seen = [s for observe in OBSERVERS for s in observe(question, before, after)]
    unlisted = []
    for suspect in seen:
        known = [s for s in listed if _is_same(s, suspect)]
        if known:
            nearest = min(known, key=lambda s: abs(s.hours_before - suspect.hours_before))
            listed[listed.index(nearest)] = _confirmed(nearest, suspect)
        else:
            unlisted.append(suspect)
    found = [s for s in (*listed, *unlisted) if s.score >= LEAST_SCORE]
    return tuple(sorted(found, key=lambda s: (-s.score, s.at, s.description))[:MOST_SUSPECTS])


def _is_same(listed: Suspect, seen: Suspect) -> bool:
    kinds = SAME_KINDS.get(seen.kind, ())
    near = abs(listed.hours_before - seen.hours_before) <= SAME_HOURS
    place = (
        (listed.feature_id is None and listed.model_id is None)
        or (listed.feature_id is not None and listed.feature_id == seen.feature_id)
        or (
            listed.model_id is not None and listed.model_id in f"{seen.model_id} {seen.description}"
        )
    )
    return listed.kind in kinds and near and place


def _confirmed(listed: Suspect, seen: Suspect) -> Suspect:
    reasons = (*listed.reasons, f"and the requests show it: {seen.description}")
    return replace(listed, reasons=reasons, score=max(listed.score, seen.score))


LEAST_SCORE = 0.02
MOST_SUSPECTS = 10
SAME_HOURS = 6.0  # a ledger entry and what the requests show are one change
SAME_KINDS = {
    "provider": ("model",),  # no deployment of ours changes the provider's fingerprint
    "model": ("model", "deployment"),
    "prompt": ("prompt", "deployment"),
    "traffic": ("deployment", "other"),
    "users": ("deployment", "other"),
}

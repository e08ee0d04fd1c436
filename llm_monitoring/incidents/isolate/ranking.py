"""Step 3, isolate: what changed near the estimated change time.

Suspects come from two places: the ledger, which says what people changed, and the records, which
say what was seen to change. What was seen and stands in the ledger is one suspect; what was seen
and does not is named so.
"""

from collections.abc import Sequence
from dataclasses import replace

from llm_monitoring.hours import HOUR, hour_start
from llm_monitoring.incidents.evidence import Material, Suspect
from llm_monitoring.incidents.isolate.observing import OBSERVERS
from llm_monitoring.incidents.isolate.scoring import Question, is_vague, listed_suspect
from llm_monitoring.records import Change, Request


def suspects(
    question: Question,
    changes: Sequence[Change],
    before: Material,
    after: Material,
    recent: Sequence[Request] = (),
) -> tuple[Suspect, ...]:
    """Everything that changed near the estimated change time, likeliest first.

    Args:
        question: when, where and what moved.
        changes: the whole ledger: an old entry explains what is only seen to be different.
        before: records of baseline windows.
        after: records of the incident's windows.
        recent: requests between the two; they tell when something was first seen. Without them a
            difference counts half where the two are far apart.

    Returns:
        At most MOST_SUSPECTS. Ledger entries after the first window out of control are left out: a
        cause comes before its effect.
    """
    listed = [listed_suspect(question, change) for change in changes]
    unlisted = []
    for suspect in (s for observe in OBSERVERS for s in observe(question, before, after, recent)):
        known = [s for s in listed if _is_same(s, suspect)]
        if known:
            nearest = min(known, key=lambda s: abs(s.at - suspect.at))
            listed[listed.index(nearest)] = _confirmed(nearest, suspect)
        else:
            unlisted.append(suspect)
    found = [s for s in (*listed, *unlisted) if s.score >= LEAST_SCORE and _in_time(question, s)]
    return tuple(sorted(found, key=lambda s: (-s.score, s.at, s.description))[:MOST_SUSPECTS])


def _in_time(question: Question, suspect: Suspect) -> bool:
    too_late = suspect.in_ledger and suspect.at >= hour_start(question.first_hour) + HOUR
    return not too_late and abs(suspect.hours_before) <= question.suspect_hours


def _is_same(listed: Suspect, seen: Suspect) -> bool:
    near = (seen.not_before or seen.at) - SAME_HOURS <= listed.at <= seen.at + SAME_HOURS
    return listed.kind in SAME_KINDS.get(seen.kind, ()) and near and _is_same_place(listed, seen)


def _is_same_place(listed: Suspect, seen: Suspect) -> bool:
    if listed.model_id is not None:
        return listed.model_id in f"{seen.model_id} {seen.description}"
    return listed.feature_id in (None, seen.feature_id)


def _confirmed(listed: Suspect, seen: Suspect) -> Suspect:
    reasons = (*listed.reasons, f"and the records show it: {seen.description}")
    # Where the ledger has no kind for it, what was seen tells what it was.
    kind = seen.kind if listed.kind == "other" else listed.kind
    score = listed.score if is_vague(seen) else max(listed.score, seen.score)
    return replace(listed, kind=kind, reasons=reasons, score=score, segment=seen.segment)


LEAST_SCORE = 0.02
MOST_SUSPECTS = 10
SAME_HOURS = 6 * HOUR  # a ledger entry and what the requests show are one change
SAME_KINDS = {
    "provider": ("model",),  # no deployment of ours changes the provider's fingerprint
    "model": ("model", "deployment"),
    "prompt": ("prompt", "deployment"),
    "traffic": ("deployment", "other"),
    "silence": ("deployment", "other"),
    "users": ("deployment", "other"),
}

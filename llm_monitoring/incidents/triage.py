"""Step 1, triage: which responses a person looks at, and what they seem to have in common."""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Sequence

from llm_monitoring.incidents.evidence import Material, Observation, Triage, TriageItem
from llm_monitoring.incidents.grouping import lead_alert
from llm_monitoring.records import Alert, Judgement, Request

Picked = list[tuple[Observation, str]]  # with the reason why
Pick = Callable[[Sequence[Observation]], Picked]


def triage(after: Material, alerts: Sequence[Alert], size: int = 20) -> Triage:
    """A sample of what went wrong, spread over the windows, worst first.

    Args:
        after: records of the incident's windows.
        alerts: the incident's, not empty. The lead alert decides what is shown: a few requests
            always fail and a few answers are always bad, so that where the bill rose the costliest
            requests tell more. If the inputs shifted too, unexpected queries go first.
        size: at most this many.

    Returns:
        The sample, the same for the same records in any order.
    """
    observations = list(after.observations())
    picked = _pick(observations, lead_alert(alerts))
    shifted = any(alert.layer == "inputs" for alert in alerts)
    first = [p for p in picked if shifted and _why_unexpected(p[0])]
    chosen = _spread(first, size)
    chosen += _spread([p for p in picked if p not in first], size - len(chosen))
    items = tuple(_item(o, why) for o, why in sorted(chosen, key=lambda p: _badness(p[0])))
    languages = Counter(o.inputs.language for o in observations if o.inputs and o.inputs.language)
    return Triage(
        items=items, candidates=len(picked), reading=_reading(items, len(picked), languages)
    )


def _pick(observations: Sequence[Observation], lead: Alert) -> Picked:
    """What the first of the lead alert's picks finds that finds anything."""
    picks = PICKS.get(lead.metric) or PICKS.get(lead.layer) or (_failing,)
    return next((found for pick in picks if (found := pick(observations))), [])


def _failing(observations: Sequence[Observation]) -> Picked:
    return [(o, why) for o in observations if (why := _why_failing(o))]


def _flagged(observations: Sequence[Observation]) -> Picked:
    return [(o, why) for o in observations if (why := _why_failing(o)) and o.request.error is None]


def _unexpected(observations: Sequence[Observation]) -> Picked:
    return [
        (o, "; ".join(filter(None, (_why_failing(o), why))))
        for o in observations
        if (why := _why_unexpected(o))
    ]


def _unscored(observations: Sequence[Observation]) -> Picked:
    judged = ((o, o.judgement.unscored_reason) for o in observations if o.judgement)
    return [(o, f"unscored: {reason}") for o, reason in judged if reason]


def _refused(observations: Sequence[Observation]) -> Picked:
    return [(o, "refused") for o in observations if o.request.finish_reason == "refusal"]


def _costliest(observations: Sequence[Observation]) -> Picked:
    return _largest(observations, lambda r: r.cost_usd, "among the costliest")


def _slowest(observations: Sequence[Observation]) -> Picked:
    return _largest(observations, lambda r: r.latency_ms, "among the slowest")


def _largest(
    observations: Sequence[Observation], of: Callable[[Request], float | None], why: str
) -> Picked:
    """The largest twentieth, and a few where that is less."""
    known = [(-size, o) for o in observations if (size := of(o.request)) is not None]
    known.sort(key=lambda pair: (pair[0], pair[1].request.request_id))
    return [(o, why) for _, o in known[: max(20, len(known) // 20)]]


def _why_failing(observation: Observation) -> str | None:
    if observation.request.error is not None:
        return f"failed: {observation.request.error}"
    judgement = observation.judgement
    return f"flagged by {judgement.judge}" if judgement and judgement.flagged else None


def _why_unexpected(observation: Observation) -> str | None:
    inputs = observation.inputs
    if inputs is not None and inputs.language_expected is False:
        return f"unexpected language: {inputs.language}"
    return "unlike any reference query" if inputs is not None and inputs.novel else None


def _badness(observation: Observation) -> tuple[float, float, str]:
    """Order of the sample: lowest quality first, a failed request before any answer."""
    judgement = observation.judgement
    known = judgement is not None and judgement.quality_mean is not None
    quality = judgement.quality_mean if judgement and known else None
    cost = observation.request.cost_usd or 0.0
    # The hash breaks ties without favouring ids that sort early.
    tie = hashlib.sha256(observation.request.request_id.encode()).hexdigest()
    if observation.request.error is not None:
        return (0.0, 0.0, tie)
    return (6.0 if quality is None else quality, -cost, tie)


def _spread(picked: Sequence[tuple[Observation, str]], size: int) -> list[tuple[Observation, str]]:
    """Round after round the worst left of each window; evenly spaced windows where many."""
    windows: dict[int, list[tuple[Observation, str]]] = {}
    for pair in sorted(picked, key=lambda p: (p[0].request.hour, _badness(p[0]))):
        windows.setdefault(pair[0].request.hour, []).append(pair)
    queues = list(windows.values())
    if len(queues) > size:
        queues = [queues[i * len(queues) // size] for i in range(size)]
    rounds = max((len(queue) for queue in queues), default=0)
    return [queue[i] for i in range(rounds) for queue in queues if i < len(queue)][:size]


def _item(observation: Observation, why: str) -> TriageItem:
    request, judgement = observation.request, observation.judgement
    return TriageItem(
        request_id=request.request_id,
        hour=request.hour,
        feature_id=request.feature_id,
        model_id=request.model_id,
        language=observation.inputs.language if observation.inputs else None,
        why=why,
        failing=_why_failing(observation) is not None,
        input_text=request.input_text,
        output_text=request.output_text,
        judge=judgement.judge if judgement else None,
        quality_mean=judgement.quality_mean if judgement else None,
        correctness=judgement.correctness if judgement else None,
        completeness=judgement.completeness if judgement else None,
        tone=judgement.tone if judgement else None,
        reason=request.error or _reason(judgement),
    )


def _reason(judgement: Judgement | None) -> str | None:
    return (judgement.reason or judgement.unscored_reason) if judgement else None


def _reading(items: Sequence[TriageItem], candidates: int, languages: Counter[str]) -> str:
    if not items:
        return "These windows hold no response of the kind that went wrong: none to review."
    facts = [
        fact
        for fact in (_common_reason(items), _low_scores(items), _common_place(items, languages))
        if fact
    ]
    of = f"{len(items)} of {candidates} candidates shown."
    return " ".join(
        [of, *filter(None, facts), "This is an automatic reading; the verdict is a person's."]
    )


def _common_reason(items: Sequence[TriageItem]) -> str | None:
    reasons = [r for item in items for r in set(_parts(item.reason or item.why))]
    reason, count = max(Counter(sorted(reasons)).items(), key=lambda p: p[1], default=("", 0))
    return f"{count} of {len(items)}: {reason}." if count > 1 else None


def _parts(reason: str) -> list[str]:
    """Reasons a judge strung together, with numbers taken out so that equal ones are equal."""
    parts = [
        re.sub(r"\d+(\.\d+)?", "#", part).strip() for part in re.split(r"[;.](?:\s|$)", reason)
    ]
    return [part[:120] for part in parts if part]


def _low_scores(items: Sequence[TriageItem]) -> str | None:
    counts = {
        name: sum((getattr(item, name) or 6) <= 2 for item in items)
        for name in ("correctness", "completeness", "tone")
    }
    name, count = max(counts.items(), key=lambda pair: pair[1])
    return f"{count} of {len(items)} score 2 or less on {name}." if count else None


def _common_place(items: Sequence[TriageItem], all_languages: Counter[str]) -> str | None:
    """A language that is much commoner in the sample than among all queries."""
    languages = Counter(item.language for item in items if item.language)
    for language, count in sorted(languages.items(), key=lambda pair: (-pair[1], pair[0])):
        usual = all_languages[language] / all_languages.total()
        if count > 1 and count / len(items) >= 1.5 * usual + 0.1:
            return f"{count} of {len(items)} are in language {language} ({usual:.0%} of all)."
    return None


# metric or layer of the lead alert -> what is shown; a later pick only where the earlier find none
PICKS: dict[str, tuple[Pick, ...]] = {
    "unscored_rate": (_unscored,),
    "judge_coverage": (_unscored,),
    "refusal_rate": (_refused,),
    "latency_p95_ms": (_slowest,),
    "quality": (_flagged, _failing),
    "satisfaction": (_flagged, _failing),
    "provider": (_flagged, _failing),
    "infrastructure": (_failing,),
    "data": (_failing,),
    "cost": (_costliest,),
    "inputs": (_unexpected,),
}

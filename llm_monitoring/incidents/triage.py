"""Step 1, triage: which responses a person looks at, and what they seem to have in common."""

import hashlib
import re
from collections import Counter
from collections.abc import Sequence

from llm_monitoring.incidents.evidence import Material, Observation, Triage, TriageItem


def triage(after: Material, layers: Sequence[str], size: int = 20) -> Triage:
    """A sample of what went wrong, spread over the windows, worst first.

    Args:
        after: records of the incident's windows.
        layers: layers of the incident's alerts. Where nothing failed and the inputs or the cost
            are out of control, the sample shows unexpected queries or the costliest requests.
        size: at most this many.

    Returns:
        The sample, the same for the same records in any order. Requests that failed or were
        flagged come first; others fill no gaps between them.
    """
    observations = list(after.observations())
    picked = [(o, why) for o in observations if (why := _why_failing(o))]
    failing = bool(picked)
    if not picked and "inputs" in layers:
        picked = [(o, why) for o in observations if (why := _why_unexpected(o))]
    if not picked and "cost" in layers:
        costly = sorted(observations, key=lambda o: -(o.request.cost_usd or 0))[: 5 * size]
        picked = [(o, "among the costliest") for o in costly if o.request.cost_usd is not None]
    chosen = _spread(picked, size)
    items = tuple(_item(o, why, failing) for o, why in sorted(chosen, key=lambda p: _badness(p[0])))
    languages = Counter(o.inputs.language for o in observations if o.inputs and o.inputs.language)
    return Triage(
        items=items, candidates=len(picked), reading=_reading(items, len(picked), languages)
    )


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


def _item(observation: Observation, why: str, failing: bool) -> TriageItem:
    request, judgement = observation.request, observation.judgement
    return TriageItem(
        request_id=request.request_id,
        hour=request.hour,
        feature_id=request.feature_id,
        model_id=request.model_id,
        language=observation.inputs.language if observation.inputs else None,
        why=why,
        failing=failing,
        input_text=request.input_text,
        output_text=request.output_text,
        judge=judgement.judge if judgement else None,
        quality_mean=judgement.quality_mean if judgement else None,
        correctness=judgement.correctness if judgement else None,
        completeness=judgement.completeness if judgement else None,
        tone=judgement.tone if judgement else None,
        reason=request.error or (judgement.reason if judgement else None),
    )


def _reading(items: Sequence[TriageItem], candidates: int, languages: Counter[str]) -> str:
    if not items:
        return "No response of these windows was flagged or failed, so there is none to review."
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

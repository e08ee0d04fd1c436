"""What the records show to have changed, whether the ledger knows it or not."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from llm_monitoring.hours import hour_start
from llm_monitoring.incidents.evidence import Material, Suspect
from llm_monitoring.incidents.isolate.scoring import Question, seen_suspect
from llm_monitoring.records import Judgement, Request


@dataclass(frozen=True, slots=True)
class Identity:
    """Something a request says of what answered it."""

    kind: str
    word: str
    of: Callable[[Request], str | None]


def _new_identities(
    question: Question, before: Material, after: Material, recent: Sequence[Request]
) -> list[Suspect]:
    """A fingerprint, response model or prompt version that was not there before."""
    old, new, between = (_by_feature(r) for r in (before.requests, after.requests, recent))
    return [
        suspect
        for feature in sorted(set(old) & set(new))
        for identity in IDENTITIES
        for suspect in _appeared(
            question, identity, old[feature], between.get(feature, []), new[feature]
        )
    ]


def _appeared(
    question: Question,
    identity: Identity,
    old: Sequence[Request],
    between: Sequence[Request],
    new: Sequence[Request],
) -> list[Suspect]:
    was, now = _counts(map(identity.of, old)), _counts(map(identity.of, new))
    found = []
    for name, count in sorted(now.items()):
        share_before, share = was[name] / max(was.total(), 1), count / now.total()
        if not was or share < NEW_SHARE or share_before > share / 5:
            continue
        had = sorted({m for m in was if was[m] > now[m]}) or [max(sorted(was), key=was.__getitem__)]
        partly = "" if share > 0.95 else f" on {share:.0%} of requests"
        first = min(
            (r for r in (*between, *new) if identity.of(r) == name), key=lambda r: r.timestamp
        )
        was_now = f"{', '.join(had)} -> {name}"
        earlier = (r.timestamp for r in (*old, *between, *new) if r.timestamp < first.timestamp)
        found.append(
            seen_suspect(
                question,
                kind=identity.kind,
                description=f"{first.feature_id}: {identity.word} {was_now}{partly}",
                at=first.timestamp,
                feature_id=first.feature_id,
                model_id=first.model_id,
                not_before=max(earlier, default=None),
            )
        )
    return found


def _new_users(
    question: Question, before: Material, after: Material, _: Sequence[Request]
) -> list[Suspect]:
    """A language whose share of the queries grew."""
    found = []
    old, new = _languages(before), _languages(after)
    for feature in sorted(set(old) & set(new)):
        was, now = _counts(old[feature]), _counts(new[feature])
        for name in sorted(now):
            rise = now[name] / now.total() - was[name] / max(was.total(), 1)
            table = np.array([[now[name], now.total() - now[name]],
                              [was[name], was.total() - was[name]]])  # fmt: skip
            if rise < NEW_SHARE or scipy.stats.fisher_exact(table).pvalue > 0.001:
                continue
            words = (
                f"{feature}: language {name} is {now[name] / now.total():.0%} of queries, "
                f"{was[name] / max(was.total(), 1):.0%} before"
            )
            at = hour_start(question.change_hour)
            found.append(
                seen_suspect(
                    question,
                    kind="users",
                    description=words,
                    at=at,
                    feature_id=feature,
                    segment=("language", name),
                )
            )
    return found


def _volume(
    question: Question, before: Material, after: Material, _: Sequence[Request]
) -> list[Suspect]:
    """Requests per hour that grew or shrank by half, or stopped coming for hours."""
    if before.sampled or after.sampled:
        return []
    found = []
    old, new = _by_feature(before.requests), _by_feature(after.requests)
    for feature in sorted(set(old) | (question.features & set(new))):
        was = len(old.get(feature, ())) / before.windows
        now = len(new.get(feature, ())) / after.windows
        silent = after.windows - _busy_hours(new.get(feature, ()))
        newly_silent = silent > before.windows - _busy_hours(old.get(feature, ()))
        is_alike = 2 / 3 < (now + 0.1) / (was + 0.1) < 3 / 2
        if max(was, now) < 1 or (is_alike and not newly_silent):
            continue
        none = f", none in {silent} of {after.windows} hours" if newly_silent and now else ""
        words = f"{feature}: {was:.0f} -> {now:.0f} requests an hour{none}"
        at = hour_start(question.change_hour)
        kind = "silence" if newly_silent or now < was else "traffic"
        found.append(
            seen_suspect(question, kind=kind, description=words, at=at, feature_id=feature)
        )
    return found


def _busy_hours(requests: Sequence[Request]) -> int:
    return len({request.hour for request in requests})


def _new_judge(
    question: Question, before: Material, after: Material, _: Sequence[Request]
) -> list[Suspect]:
    """Another judge, or one that stopped answering: then it is the instrument that moved."""
    if not before.judgements or not after.judgements:
        return []
    found = []
    old = _counts(f"{j.judge} ({j.epoch[:8]})" for j in before.judgements)
    new = _counts(f"{j.judge} ({j.epoch[:8]})" for j in after.judgements)
    for name, count in sorted(new.items()):
        if old[name] == 0 and count >= NEW_SHARE * len(after.judgements):
            usual = max(sorted(old), key=lambda n: old[n])
            found.append(f"judge {usual} -> {name}")
    # Where there is no answer, there is nothing to judge: that is no failure of the judge.
    asked, asked_before = _judged_answers(after), _judged_answers(before)
    lost = [j.unscored_reason for j in asked if j.unscored_reason]
    lost_before = sum(bool(j.unscored_reason) for j in asked_before) / max(len(asked_before), 1)
    share = len(lost) / max(len(asked), 1)
    if share > lost_before + NEW_SHARE:
        reason = max(sorted(set(lost)), key=lost.count)
        found.append(f"judge leaves {share:.0%} unscored, mostly: {reason}")
    at = hour_start(question.change_hour)
    features = {j.feature_id for j in after.judgements} & question.features
    feature = min(features or {j.feature_id for j in after.judgements})
    return [
        seen_suspect(question, kind="judge", description=words, at=at, feature_id=feature)
        for words in found
    ]


def _judged_answers(material: Material) -> list[Judgement]:
    answered = {r.request_id for r in material.requests if r.error is None and r.output_text}
    return [j for j in material.judgements if j.request_id in answered]


def _new_errors(
    question: Question, before: Material, after: Material, _: Sequence[Request]
) -> list[Suspect]:
    """Error types whose rate grew; those of one feature are one suspect, led by what grew most."""
    found = []
    old, new = _by_feature(before.requests), _by_feature(after.requests)
    for feature in sorted(set(old) & set(new)):
        grown = _grown_errors(old[feature], new[feature])
        if not grown:
            continue
        rise = {name: rate - rate_before for name, (rate_before, rate) in grown.items()}
        limits = sum(rise[name] for name in grown if _is_limit(name))
        kinds = sorted(grown, key=lambda name: -rise[name])
        listed = ", ".join(f"{n} ({grown[n][0]:.1%} -> {grown[n][1]:.1%})" for n in kinds[:3])
        first = min((r for r in new[feature] if r.error in grown), key=lambda r: r.timestamp)
        found.append(
            seen_suspect(
                question,
                kind="limits" if limits > 0.5 * sum(rise.values()) else "errors",
                description=f"{feature}: more requests fail with {listed}",
                at=hour_start(question.change_hour),  # a few such errors are usual before it
                feature_id=feature,
                model_id=first.model_id,
            )
        )
    return found


def _grown_errors(old: Sequence[Request], new: Sequence[Request]) -> dict[str, tuple[float, float]]:
    """Error type -> its rate before and after, of those that grew."""
    was, now = _counts(r.error for r in old), _counts(r.error for r in new)
    rates = {name: (was[name] / len(old), now[name] / len(new)) for name in sorted(now)}
    return {n: (x, y) for n, (x, y) in rates.items() if now[n] >= 5 and y >= 2 * x + 0.005}


def _is_limit(error: str) -> bool:
    return any(word in error.lower() for word in ("429", "rate_limit", "ratelimit", "quota"))


def _by_feature(requests: Sequence[Request]) -> dict[str, list[Request]]:
    groups: dict[str, list[Request]] = {}
    for request in requests:
        groups.setdefault(request.feature_id, []).append(request)
    return groups


def _languages(material: Material) -> dict[str, list[str | None]]:
    groups: dict[str, list[str | None]] = {}
    for row in material.inputs:
        groups.setdefault(row.feature_id, []).append(row.language)
    return groups


def _counts(names: Iterable[str | None]) -> Counter[str]:
    return Counter(name for name in names if name is not None)


NEW_SHARE = 0.05
IDENTITIES = (
    Identity("provider", "system fingerprint", lambda r: r.system_fingerprint),
    Identity("model", "model", lambda r: r.model_id),
    Identity("prompt", "prompt version", lambda r: r.prompt_version),
)
OBSERVERS = (_new_identities, _new_users, _volume, _new_judge, _new_errors)

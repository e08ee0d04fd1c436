"""What the records show to have changed, whether the ledger knows it or not."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from scipy import stats

from llm_monitoring.hours import hour_start
from llm_monitoring.incidents.evidence import Material, Suspect
from llm_monitoring.incidents.isolate.scoring import Question, seen_suspect
from llm_monitoring.records import Request


def _new_identities(question: Question, before: Material, after: Material) -> list[Suspect]:
    """A fingerprint, response model or prompt version that was not there before."""
    found = []
    for feature, old in _by_feature(before.requests).items():
        new = _by_feature(after.requests).get(feature, [])
        for kind, word, of in IDENTITIES:
            found += _appeared(
                question, kind=kind, word=word, of=of, feature=feature, old=old, new=new
            )
    return found


def _appeared(
    question: Question,
    *,
    kind: str,
    word: str,
    of: Callable[[Request], str | None],
    feature: str,
    old: Sequence[Request],
    new: Sequence[Request],
) -> list[Suspect]:
    was, now = _counts(map(of, old)), _counts(map(of, new))
    if not was or not now:
        return []
    usual = max(sorted(was), key=lambda name: was[name])
    found = []
    for name, count in sorted(now.items()):
        share_before, share = was[name] / was.total(), count / now.total()
        if share < NEW_SHARE or share_before > share / 5:
            continue
        first = min((r for r in new if of(r) == name), key=lambda r: r.timestamp)
        old_names = sorted({m for m in was if was[m] > now[m]}) or [usual]
        partly = "" if share > 0.95 else f" on {share:.0%} of requests"
        words = f"{feature}: {word} {', '.join(old_names)} -> {name}{partly}"
        found.append(
            seen_suspect(
                question,
                kind=kind,
                description=words,
                at=first.timestamp,
                feature_id=feature,
                model_id=first.model_id,
            )
        )
    return found


def _new_users(question: Question, before: Material, after: Material) -> list[Suspect]:
    """A language whose share of the queries grew."""
    found = []
    old, new = _languages(before), _languages(after)
    for feature in sorted(set(old) & set(new)):
        was, now = _counts(old[feature]), _counts(new[feature])
        for name in sorted(now):
            rise = now[name] / now.total() - was[name] / max(was.total(), 1)
            table = np.array([[now[name], now.total() - now[name]],
                              [was[name], was.total() - was[name]]])  # fmt: skip
            if rise < NEW_SHARE or stats.fisher_exact(table).pvalue > 0.001:
                continue
            words = (
                f"{feature}: language {name} is {now[name] / now.total():.0%} of queries, "
                f"{was[name] / max(was.total(), 1):.0%} before"
            )
            at = hour_start(question.change_hour)
            found.append(
                seen_suspect(question, kind="users", description=words, at=at, feature_id=feature)
            )
    return found


def _volume(question: Question, before: Material, after: Material) -> list[Suspect]:
    """Requests per hour that grew or shrank by half."""
    if before.sampled or after.sampled:
        return []
    found = []
    old, new = _by_feature(before.requests), _by_feature(after.requests)
    for feature in sorted(set(old) | (question.features & set(new))):
        was = len(old.get(feature, ())) / before.windows
        now = len(new.get(feature, ())) / after.windows
        if max(was, now) < 1 or 2 / 3 < (now + 0.1) / (was + 0.1) < 3 / 2:
            continue
        words = f"{feature}: {was:.0f} -> {now:.0f} requests an hour"
        at = hour_start(question.change_hour)
        found.append(
            seen_suspect(question, kind="traffic", description=words, at=at, feature_id=feature)
        )
    return found


def _new_judge(question: Question, before: Material, after: Material) -> list[Suspect]:
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
    lost = [j.unscored_reason for j in after.judgements if j.unscored_reason]
    lost_before = sum(bool(j.unscored_reason) for j in before.judgements) / len(before.judgements)
    share = len(lost) / len(after.judgements)
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


def _new_errors(question: Question, before: Material, after: Material) -> list[Suspect]:
    """An error type whose rate grew."""
    found = []
    old, new = _by_feature(before.requests), _by_feature(after.requests)
    for feature in sorted(set(old) & set(new)):
        was = _counts(r.error for r in old[feature])
        for name, count in sorted(_counts(r.error for r in new[feature]).items()):
            rate, rate_before = count / len(new[feature]), was[name] / len(old[feature])
            if count < 5 or rate < 2 * rate_before + 0.005:
                continue
            first = min((r for r in new[feature] if r.error == name), key=lambda r: r.timestamp)
            kind = "limits" if _is_limit(name) else "errors"
            words = f"{feature}: {name} on {rate:.1%} of requests, {rate_before:.1%} before"
            at = max(first.timestamp, hour_start(question.change_hour))
            found.append(
                seen_suspect(
                    question,
                    kind=kind,
                    description=words,
                    at=at,
                    feature_id=feature,
                    model_id=first.model_id,
                )
            )
    return found


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
IDENTITIES: tuple[tuple[str, str, Callable[[Request], str | None]], ...] = (
    ("provider", "system fingerprint", lambda r: r.system_fingerprint),
    ("model", "model", lambda r: r.model_id),
    ("prompt", "prompt version", lambda r: r.prompt_version),
)
OBSERVERS = (_new_identities, _new_users, _volume, _new_judge, _new_errors)

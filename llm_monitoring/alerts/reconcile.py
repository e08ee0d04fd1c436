"""Episodes against known alerts: what is new, and what changed.

The answer depends on nothing but its arguments, and feeding it its own alerts yields nothing:
that is what makes an alert exactly once, however often and whenever this is run. Who is told of it,
and when, is decided elsewhere (`notifying`).
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from llm_monitoring import hours
from llm_monitoring.alerts.episodes import Episode
from llm_monitoring.alerts.proposals import Proposal
from llm_monitoring.alerts.runs import watched_by
from llm_monitoring.alerts.sentences import name_text
from llm_monitoring.records import Alert
from llm_monitoring.severity import most_severe

WITHDRAWN = "withdrawn, the recomputed history no longer shows it: "
ACCEPTED = "accepted as the new baseline by "  # and a name


HISTORY_HOURS = 48  # over for longer when it was found: nobody can do anything about it any more


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """What follows from the episodes."""

    alerts: list[Alert]  # new and changed ones only
    silent: int  # new ones that were over long before they were found
    proposals: list[Proposal] = field(default_factory=list)  # baselines people may accept


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rules:
    now: datetime
    newest_hour: int
    accepted_by: Mapping[str, str]


def fingerprint_of(subject: str, first_hour: int) -> str:
    """Identity of an alert: what fired and when its episode began."""
    return hashlib.sha256(f"{subject} {first_hour}".encode()).hexdigest()[:16]


def is_history(alert: Alert) -> bool:
    """It was over long before it was found, as in a backfill: no incident is opened for it."""
    if alert.found_hour is None or alert.status == "firing":
        return alert.status != "firing"
    return hours.hours_between(alert.last_hour, alert.found_hour) > HISTORY_HOURS


def is_withdrawn(alert: Alert) -> bool:
    """Its episode vanished when history was computed again."""
    return alert.summary.startswith((WITHDRAWN, ACCEPTED))


def reconcile(
    episodes: Sequence[Episode],
    known: Sequence[Alert],
    now: datetime,
    *,
    newest_hour: int,
    accepted_by: Mapping[str, str] | None = None,
) -> Reconciliation:
    """Alerts that follow from the episodes in the lake.

    Args:
        episodes: all there are, of every layer: a known alert without one is withdrawn. Of those
            that share a subject and a first window, the one that goes on for longest counts.
        known: all alerts stored so far.
        now: stamped on what is new or changed; decides nothing.
        newest_hour: newest window in the lake; stamped on what is new.
        accepted_by: fingerprint -> who made its level the baseline; if its episode has vanished,
            that is why.
    """
    rules = _Rules(now=now, newest_hour=newest_hour, accepted_by=accepted_by or {})
    episodes = _one_to_an_identity(episodes)
    homes = _match(episodes, known)
    taken = {alert.fingerprint for alert in homes.values()}
    outcomes = [_update(episode, homes.get(_natural(episode)), rules) for episode in episodes]
    outcomes += [_withdraw(a, rules) for a in known if a.fingerprint not in taken]
    before = {alert.fingerprint: alert for alert in known}
    return Reconciliation(
        alerts=[alert for alert in outcomes if alert != before.get(alert.fingerprint)],
        silent=sum(a.fingerprint not in before and is_history(a) for a in outcomes),
        proposals=[episode.proposal for episode in episodes if episode.proposal],
    )


# ------------------------------------------------------------------ which alert an episode is


def _natural(episode: Episode) -> str:
    return fingerprint_of(episode.subject, episode.first_hour)


def _one_to_an_identity(episodes: Iterable[Episode]) -> list[Episode]:
    """Whatever the rows may say, alerting goes on: two episodes cannot be one alert."""
    ordered = sorted(episodes, key=lambda episode: (episode.open, episode.last_hour))
    longest = {_natural(episode): episode for episode in ordered}
    return [episode for episode in episodes if longest[_natural(episode)] is episode]


def _match(episodes: Sequence[Episode], known: Iterable[Alert]) -> dict[str, Alert]:
    """Known alert of each episode that has one, by the episode's natural fingerprint.

    History that is computed again may move an episode's first window. So an alert is found by
    its fingerprint, else by overlapping in time (then it keeps the fingerprint people know),
    else among the withdrawn ones, by fingerprint again.
    """
    free = {alert.fingerprint: alert for alert in known}
    homes: dict[str, Alert] = {}
    ordered = sorted(episodes, key=lambda episode: (episode.first_hour, episode.subject))
    for find in (_same, _overlapping, _same_but_withdrawn):
        for episode in ordered:
            if _natural(episode) in homes:
                continue
            alert = find(episode, free)
            if alert is not None:
                homes[_natural(episode)] = free.pop(alert.fingerprint)
    return homes


def _same(episode: Episode, free: dict[str, Alert]) -> Alert | None:
    alert = free.get(_natural(episode))
    return None if alert is None or is_withdrawn(alert) else alert


def _same_but_withdrawn(episode: Episode, free: dict[str, Alert]) -> Alert | None:
    return free.get(_natural(episode))


def _overlapping(episode: Episode, free: dict[str, Alert]) -> Alert | None:
    candidates = [
        alert
        for alert in free.values()
        if watched_by(alert.subject) == watched_by(episode.subject) and not is_withdrawn(alert)
        if _overlap(episode, alert) > 0
    ]
    return min(
        candidates,
        key=lambda alert: (-_overlap(episode, alert), alert.first_hour, alert.fingerprint),
        default=None,
    )


def _overlap(episode: Episode, alert: Alert) -> int:
    first = max(episode.first_hour, alert.first_hour)
    return hours.hours_between(first, min(episode.last_hour, alert.last_hour)) + 1


# -------------------------------------------------------------------------- what becomes of it


def _update(episode: Episode, known: Alert | None, rules: _Rules) -> Alert:
    # It only rises while the alert lives: who was told of the page hears that it is over.
    severity = most_severe([episode.severity, known.severity]) if known else episode.severity
    rose = known is None or severity != known.severity
    alert = Alert(
        fingerprint=known.fingerprint if known else _natural(episode),
        layer=episode.layer,
        subject=episode.subject,
        feature_id=episode.feature_id,
        segment=episode.segment,
        metric=episode.metric,
        severity=severity,
        status="firing" if episode.open else "resolved",
        first_hour=episode.first_hour,
        last_hour=episode.last_hour,
        windows=episode.windows,
        change_hour=episode.change_hour,
        direction=episode.direction,
        summary=episode.summary,
        incident_id=known.incident_id if known else None,
        created_at=known.created_at if known else rules.now,
        updated_at=known.updated_at if known else rules.now,
        found_hour=known.found_hour if known else rules.newest_hour,
        severity_at=rules.now if rose or known is None else known.severity_at,
        n=episode.n,
        value_before=episode.value_before,
        value_after=episode.value_after,
        chance_hours=episode.chance_hours,
        proposal=episode.proposal.words() if episode.proposal else None,
    )
    return _stamped(alert, known, rules)


def _withdraw(known: Alert, rules: _Rules) -> Alert:
    if is_withdrawn(known):
        return known
    who = rules.accepted_by.get(known.fingerprint)
    why = WITHDRAWN if who is None else f"{ACCEPTED}{name_text(who)}: "
    return _stamped(replace(known, status="resolved", summary=why + known.summary), known, rules)


def _stamped(alert: Alert, known: Alert | None, rules: _Rules) -> Alert:
    return alert if alert == known else replace(alert, updated_at=rules.now)

"""Episodes against known alerts: what is new, what changed, who has to be told.

The answer depends on nothing but its arguments, and feeding it its own alerts yields nothing:
that is what makes an alert exactly once, however often and whenever this is run.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from llm_monitoring import hours
from llm_monitoring.alerts.episodes import RANKS, Episode, gravest
from llm_monitoring.alerts.proposals import Proposal
from llm_monitoring.alerts.runs import watched_by
from llm_monitoring.alerts.sentences import name_text
from llm_monitoring.records import Alert

WITHDRAWN = "withdrawn, the recomputed history no longer shows it: "
ACCEPTED = "accepted as the new baseline by "  # and a name


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Something to tell people about an alert."""

    alert: Alert
    kind: str  # firing, repeated or resolved
    follows: datetime | None  # updated_at of the alert before it was made; None: the first one


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """What follows from the episodes."""

    alerts: list[Alert]  # new and changed ones only
    messages: list[Message]
    silent: int  # new alerts that nobody is told of: over long before they were found
    proposals: list[Proposal] = field(default_factory=list)  # baselines people may accept


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rules:
    now: datetime
    newest_hour: int
    repeat_hours: int
    notify_within_hours: int
    accepted_by: Mapping[str, str]


def fingerprint_of(subject: str, first_hour: int) -> str:
    """Identity of an alert: what fired and when its episode began."""
    return hashlib.sha256(f"{subject} {first_hour}".encode()).hexdigest()[:16]


def is_withdrawn(alert: Alert) -> bool:
    """Its episode vanished when history was computed again."""
    return alert.summary.startswith((WITHDRAWN, ACCEPTED))


def reconcile(
    episodes: Sequence[Episode],
    known: Sequence[Alert],
    now: datetime,
    *,
    newest_hour: int,
    repeat_hours: int = 24,
    notify_within_hours: int = 48,
    accepted_by: Mapping[str, str] | None = None,
) -> Reconciliation:
    """Alerts and messages that follow from the episodes in the lake.

    Args:
        episodes: all there are, of every layer: a known alert without one is withdrawn. Of those
            that share a subject and a first window, the one that goes on for longest counts.
        known: all alerts stored so far.
        now: stamped on what is new or changed; decides nothing.
        newest_hour: newest window in the lake, the clock of the two arguments below.
        repeat_hours: an open alert is repeated after this long.
        notify_within_hours: an episode that was over longer ago than this when it was found is
            recorded silently, so that a backfill of a year wakes nobody.
        accepted_by: fingerprint -> who made its level the baseline; if its episode has vanished,
            that is why.
    """
    rules = _Rules(
        now=now,
        newest_hour=newest_hour,
        repeat_hours=repeat_hours,
        notify_within_hours=notify_within_hours,
        accepted_by=accepted_by or {},
    )
    episodes = _one_to_an_identity(episodes)
    homes = _match(episodes, known)
    taken = {alert.fingerprint for alert in homes.values()}
    outcomes = [_update(episode, homes.get(_natural(episode)), rules) for episode in episodes]
    outcomes += [_withdraw(a, rules) for a in known if a.fingerprint not in taken]
    before = {alert.fingerprint: alert for alert in known}
    alerts = [alert for alert, _ in outcomes if alert != before.get(alert.fingerprint)]
    return Reconciliation(
        alerts=alerts,
        messages=[message for _, message in outcomes if message is not None],
        silent=sum(a.fingerprint not in before and a.notified_hour is None for a in alerts),
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


def _update(episode: Episode, known: Alert | None, rules: _Rules) -> tuple[Alert, Message | None]:
    alert = Alert(
        fingerprint=known.fingerprint if known else _natural(episode),
        layer=episode.layer,
        subject=episode.subject,
        feature_id=episode.feature_id,
        model_id=episode.model_id,
        metric=episode.metric,
        # It only rises while the alert lives: who was told of the page hears that it is over.
        severity=gravest([episode.severity, known.severity]) if known else episode.severity,
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
        notified_hour=known.notified_hour if known else None,
    )
    return _stamp(alert, known, _kind(alert, known, rules), rules)


def _kind(alert: Alert, known: Alert | None, rules: _Rules) -> str | None:
    """Kind of message the alert now calls for; None: none."""
    is_open = alert.status == "firing"
    if known is None or known.notified_hour is None:
        age = hours.hours_between(alert.last_hour, rules.newest_hour)
        worth_telling = is_open or age <= rules.notify_within_hours
        return ("firing" if is_open else "resolved") if worth_telling else None
    if not is_open:
        return "resolved" if known.status == "firing" else None
    waited = hours.hours_between(known.notified_hour, rules.newest_hour)
    graver = RANKS.index(alert.severity) > RANKS.index(known.severity)
    reopened = known.status == "resolved"
    return "repeated" if reopened or graver or waited >= rules.repeat_hours else None


def _withdraw(known: Alert, rules: _Rules) -> tuple[Alert, Message | None]:
    if is_withdrawn(known):
        return known, None
    who = rules.accepted_by.get(known.fingerprint)
    why = WITHDRAWN if who is None else f"{ACCEPTED}{name_text(who)}: "
    alert = replace(known, status="resolved", summary=why + known.summary)
    told = known.status == "firing" and known.notified_hour is not None
    return _stamp(alert, known, "resolved" if told else None, rules)


def _stamp(
    alert: Alert, known: Alert | None, kind: str | None, rules: _Rules
) -> tuple[Alert, Message | None]:
    if kind is not None:
        alert = replace(alert, notified_hour=rules.newest_hour)
    if alert != known:
        alert = replace(alert, updated_at=rules.now)
    if kind is None:
        return alert, None
    # Not the hour of the message before it: an alert may end and fire again twice within the hour.
    follows = known.updated_at if known and known.notified_hour is not None else None
    return alert, Message(alert=alert, kind=kind, follows=follows)

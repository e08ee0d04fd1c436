"""Alerts of one cause become one incident.

An alert joins an incident when both place and time agree.

Place: the same feature, or the same model where one of both is about no feature, or (for alerts
about neither) the same layer. A provider alert also belongs to every feature that uses its model.
Whether answers could be judged is no matter of cost, of what users say or of what they ask: such
alerts stay apart, whatever the time.
Features that share a model are one place too for one metric that moves the same way in all of them,
and for whatever of the infrastructure moves.

Time: the estimated change lies within `join_hours` of the incident's; or the incident is open, of
the same feature, still out of control when the alert began, and one of its alerts began within
`join_hours` of it. Of other features it, or the alarm, lies within `TOGETHER_HOURS` of the earliest
that moved so. Probes run once a week, so a provider alert and a feature's alert agree when the
change lies in the probe's week or in the seven days before it.

Within one call the result does not depend on the order of the alerts: they are sorted. Across calls
it depends on what was already opened in one way: an incident keeps the change time it was opened
with and incidents never merge (each is a partition with its own history), so an alert that arrives
later and would have bridged two incidents joins the nearer one.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from llm_monitoring.hours import HOUR, hour_start, hours_between, week_key, week_start
from llm_monitoring.incidents.group import Group, Models, change_hour, common_change
from llm_monitoring.records import Alert, Incident
from llm_monitoring.segments import EVERYTHING
from llm_monitoring.severity import rank


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """Where every alert belongs that has no incident yet."""

    joined: dict[str, tuple[Alert, ...]]  # incident_id -> alerts that join it
    opened: tuple[tuple[Alert, ...], ...]  # each group becomes a new incident
    waiting: tuple[Alert, ...]  # info alerts: they never open an incident


def assign(
    alerts: Sequence[Alert],
    incidents: Sequence[Incident],
    join_hours: int,
    models_of_feature: Models,
) -> Assignment:
    """Give every alert without an incident a place.

    Args:
        alerts: all alerts, also those that have an incident: they say what it is about.
        incidents: all incidents, also resolved ones: an alert that began before such an incident's
            last window is a late one of its cause; one that began later is a new cause.
        join_hours: estimated change times this close are one cause.
        models_of_feature: models each feature asks for or is answered by.

    Returns:
        The assignment. An alert that an incident lists but that does not know it yet (a run died
        between two writes) is among `joined`.
    """
    homes = {fingerprint: i.incident_id for i in incidents for fingerprint in i.alerts}
    groups = _known_groups(alerts, incidents, homes, models_of_feature)
    before = {group.incident_id: len(group.members) for group in groups}
    joined: dict[str, list[Alert]] = defaultdict(list)
    for alert in alerts:
        if alert.incident_id is None and alert.fingerprint in homes:
            joined[homes[alert.fingerprint]].append(alert)
    new = [a for a in alerts if a.incident_id is None and a.fingerprint not in homes]
    waiting = _place(sorted(new, key=_order), groups, join_hours, models_of_feature)
    for group in groups:
        if group.incident_id is not None:
            joined[group.incident_id] += group.members[before[group.incident_id] :]
    return Assignment(
        joined={key: tuple(members) for key, members in joined.items() if members},
        opened=tuple(tuple(g.members) for g in groups if g.incident_id is None),
        waiting=tuple(waiting),
    )


def lead_alert(alerts: Iterable[Alert]) -> Alert:
    """The alert an incident is named after: most severe first, then nearest to what users feel."""
    return min(
        alerts,
        key=lambda a: (
            -rank(a.severity),
            _rank(LAYERS, a.layer),
            _rank(LEADING_METRICS, a.metric),
            a.segment != EVERYTHING,
            change_hour(a),
            a.fingerprint,
        ),
    )


def incident_key(alerts: Sequence[Alert], taken: Collection[str]) -> str:
    """A readable id such as `2026-10-20T14-support_chat-quality`, unique among those taken.

    One that concerns several features from the start is the product's.

    Safe as a file name and as a partition key: at most 110 letters, digits, `_`, `.` and `-`, and
    unlike those taken in more than capitals.
    """
    lead = lead_alert(alerts)
    several = len({a.feature_id for a in alerts if a.severity != "info"} - {None}) > 1
    about = (None if several else lead.feature_id) or lead.model_id or "product"
    name = re.sub(r"[^A-Za-z0-9_.]+|\.{2,}", "-", f"{about}-{lead.layer}").strip("-.")[:80]
    key = f"{hour_start(common_change(alerts, lead)):%Y-%m-%dT%H}-{name}"
    number = 2
    unique = key
    # Some file systems do not tell capitals from small letters.
    known = {name.casefold() for name in taken}
    while unique.casefold() in known:
        unique, number = f"{key}-{number}", number + 1
    return unique


def _known_groups(
    alerts: Sequence[Alert],
    incidents: Sequence[Incident],
    homes: Mapping[str, str],
    models: Models,
) -> list[Group]:
    groups = {
        i.incident_id: Group(
            change_hour=i.change_hour,
            last_hour=i.last_hour if i.status == "resolved" else None,
            incident_id=i.incident_id,
        )
        for i in incidents
    }
    for alert in alerts:
        for home in {alert.incident_id, homes.get(alert.fingerprint)} - {None}:
            if home in groups:
                groups[home].add(alert, models)
    return list(groups.values())


def _place(
    alerts: Sequence[Alert], groups: list[Group], join_hours: int, models: Models
) -> list[Alert]:
    waiting = []
    for alert in alerts:
        fitting = [g for g in groups if _fits(alert, g, join_hours, models)]
        if fitting:
            _join(alert, min(fitting, key=lambda g: _preference(alert, g)), models)
        elif alert.severity == "info":
            waiting.append(alert)
        else:
            groups.append(Group(change_hour=change_hour(alert)))
            groups[-1].add(alert, models)
    return waiting


def _join(alert: Alert, group: Group, models: Models) -> None:
    # A probe knows only its week: the first alert of a feature says when the change was.
    if alert.layer != "provider" and all(m.layer == "provider" for m in group.members):
        group.change_hour = change_hour(alert)
    group.add(alert, models)


def _fits(alert: Alert, group: Group, join_hours: int, models: Models) -> bool:
    if group.last_hour is not None and alert.first_hour > group.last_hour:
        return False
    if alert.layer == "provider" or group.is_of_probes:
        return _fits_a_probe(alert, group, models)
    same_place = list(group.of_same_place(alert))
    if same_place and abs(hours_between(group.change_hour, change_hour(alert))) <= join_hours:
        return True
    if group.moves_together(alert, models):
        return True
    return group.last_hour is None and _overlaps(alert, same_place, join_hours)


def _overlaps(alert: Alert, same_place: Sequence[Alert], join_hours: int) -> bool:
    same = [m for m in same_place if m.feature_id == alert.feature_id is not None]
    return any(alert.first_hour <= m.last_hour for m in same) and any(
        abs(hours_between(m.first_hour, alert.first_hour)) <= join_hours for m in same
    )


def _fits_a_probe(alert: Alert, group: Group, models: Models) -> bool:
    if alert.layer == "provider":
        return any(_explains(alert, m, group.change_hour, models) for m in group.leading)
    return any(_explains(m, alert, change_hour(alert), models) for m in group.leading)


def _explains(probe: Alert, other: Alert, change: int, models: Models) -> bool:
    if other.layer == "provider":
        return probe.model_id == other.model_id and _same_week(probe.first_hour, other.first_hour)
    return (
        other.layer in PROVIDER_MOVES
        and _uses(other, probe.model_id, models)
        and _in_probe_week(probe, change)
    )


def _uses(alert: Alert, model_id: str | None, models: Models) -> bool:
    if alert.model_id is not None and alert.model_id == model_id:
        return True
    return alert.feature_id is not None and model_id in models.get(alert.feature_id, ())


def _in_probe_week(probe: Alert, change: int) -> bool:
    # The change a weekly run finds came after the last run, or (in a back-filled week) any time
    # in the week the run stands for.
    start = week_start(week_key(hour_start(probe.first_hour)))
    return start - 168 * HOUR <= hour_start(change) < start + 168 * HOUR


def _preference(alert: Alert, group: Group) -> tuple[int, int, int, str]:
    if alert.layer == "provider":
        layers = [_rank(PROVIDER_MOVES, m.layer) for m in group.members]
        # Most recent first week: a change in the probe's own week beats one of the week before.
        same_week = _same_week(group.change_hour, alert.first_hour)
        return (0 if same_week else 1, min(layers), group.change_hour, group.incident_id or "~")
    distance = abs(hours_between(group.change_hour, change_hour(alert)))
    same_feature = any(m.feature_id == alert.feature_id for m in group.members)
    return (0 if same_feature else 1, distance, group.change_hour, group.incident_id or "~")


def _same_week(one: int, other: int) -> bool:
    return week_key(hour_start(one)) == week_key(hour_start(other))


def _order(alert: Alert) -> tuple[bool, bool, int, int, str]:
    # Info last (it needs something to join), provider before it (its time is only a week).
    return (
        alert.severity == "info",
        alert.layer == "provider",
        change_hour(alert),
        -rank(alert.severity),
        alert.fingerprint,
    )


def _rank(names: Sequence[str], name: str) -> int:
    return names.index(name) if name in names else len(names)


LAYERS = ("quality", "infrastructure", "provider", "cost", "satisfaction", "inputs", "data")
LEADING_METRICS = (
    "quality_mean", "correctness_mean", "flag_rate", "error_rate", "avg_cost_per_request_usd",
    "unexpected_language_rate", "novelty_rate",
)  # fmt: skip
PROVIDER_MOVES = ("quality", "cost", "satisfaction", "infrastructure")

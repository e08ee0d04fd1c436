"""Alerts that are one incident so far, by what else would belong to them.

Everything is looked up: of an outage over hundreds of features no alert is compared with each.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from llm_monitoring.hours import hours_between
from llm_monitoring.records import Alert

# What hits several features at once begins in one hour. Estimates of it differ by an hour or two,
# and by many where an error just before is taken for its begin: then the alarms agree. Longer, and
# two deployments of a morning would be one cause.
TOGETHER_HOURS = 3
UNJUDGED = ("unscored_rate", "judge_coverage")
NOT_JUDGED = ("cost", "satisfaction", "inputs")
VOLUMES = ("request_count", "request_share")  # users move them, and one feature's share another's
JUDGE = "the judge"  # what features share where their answers stay unscored, whatever their models

Models = Mapping[str, Collection[str]]  # models each feature asks for or is answered by
Place = tuple[str, str]
Movement = tuple[str, str | None]  # metric (or a layer that moves as one) and direction


@dataclass(slots=True)
class _Together:
    """Alerts of several features whose same metric moves the same way.

    Args:
        first_change: earliest estimated change; what joins is held against it, so that a chain of
            changes an hour apart does not become one cause.
        first_alarm: earliest first window out of control.
        models: that all of their features use.
    """

    first_change: int
    first_alarm: int
    models: frozenset[str]

    def add(self, alert: Alert, models: frozenset[str]) -> None:
        self.first_change = min(self.first_change, change_hour(alert))
        self.first_alarm = min(self.first_alarm, alert.first_hour)
        self.models &= models

    def is_near(self, alert: Alert) -> bool:
        """It changed, or was noticed, within a few hours of the earliest."""
        pairs = ((self.first_change, change_hour(alert)), (self.first_alarm, alert.first_hour))
        return any(abs(hours_between(*pair)) <= TOGETHER_HOURS for pair in pairs)


@dataclass(slots=True)
class Group:
    """An incident, or what becomes one.

    Args:
        change_hour: estimated first window of the change.
        last_hour: set: it is resolved, so what began later is another cause.
        incident_id: None: not opened yet.
        members: its alerts, in the order they came.
        leading: those that lead others in: info alerts do not.
    """

    change_hour: int
    last_hour: int | None = None
    incident_id: str | None = None
    members: list[Alert] = field(default_factory=list)
    leading: list[Alert] = field(default_factory=list)
    _places: dict[Place, list[Alert]] = field(default_factory=dict)
    _together: dict[Movement, _Together] = field(default_factory=dict)

    @property
    def is_of_probes(self) -> bool:
        """No alert in it knows more than its week."""
        return all(alert.layer == "provider" for alert in self.leading)

    def add(self, alert: Alert, models: Models) -> None:
        """An alert belongs to it."""
        self.members.append(alert)
        # A chain of info alerts would swallow unrelated causes.
        if alert.severity == "info":
            return
        self.leading.append(alert)
        for place in _places(alert):
            self._places.setdefault(place, []).append(alert)
        if alert.feature_id is not None:
            shared = _used(alert, models)
            new = _Together(change_hour(alert), alert.first_hour, shared)
            self._together.setdefault(_movement(alert), new).add(alert, shared)

    def of_same_place(self, alert: Alert) -> Iterator[Alert]:
        """Leading members of the alert's feature, its model, or (of neither) its layer.

        What is about a model as a feature uses it is no place that another feature shares.
        """
        for place in _places(alert):
            yield from (m for m in self._places.get(place, ()) if not _unrelated(alert, m))

    def moves_together(self, alert: Alert, models: Models) -> bool:
        """Its metric moves as that of features which all share a model with its own, since then."""
        known = self._together.get(_movement(alert))
        if known is None or alert.feature_id is None:
            return False
        return bool(known.models & _used(alert, models)) and known.is_near(alert)


def change_hour(alert: Alert) -> int:
    """Estimated first window of the change; the first window out of control where unknown."""
    return alert.first_hour if alert.change_hour is None else alert.change_hour


def common_change(alerts: Sequence[Alert], lead: Alert) -> int:
    """Estimated first window of a change; of features that moved alike, the middle estimate."""
    alike = [a for a in alerts if _movement(a) == _movement(lead) and a.layer == lead.layer]
    if len({a.feature_id for a in alike}) < 2:
        return change_hour(lead)
    changes = sorted(map(change_hour, alike))
    return changes[(len(changes) - 1) // 2]


def shared_models(alerts: Iterable[Alert], models: Models) -> frozenset[str]:
    """Models that all features these alerts are about use."""
    used = [frozenset(models.get(a.feature_id, ())) for a in alerts if a.feature_id is not None]
    return frozenset.intersection(*used) if used else frozenset()


def _used(alert: Alert, models: Models) -> frozenset[str]:
    if alert.metric in UNJUDGED:
        return frozenset({JUDGE})
    if alert.model_id is not None:
        return frozenset({alert.model_id})
    return frozenset(models.get(alert.feature_id or "", ()))


def _movement(alert: Alert) -> Movement:
    """What moves how; errors and latency move together, whichever of a feature's is seen first."""
    if alert.layer == "infrastructure" and alert.metric not in VOLUMES:
        return alert.layer, None
    return alert.metric, alert.direction


def _places(alert: Alert) -> list[Place]:
    named = (("feature", alert.feature_id), ("model", alert.model_id))
    return [(kind, name) for kind, name in named if name is not None] or [("layer", alert.layer)]


def _unrelated(one: Alert, other: Alert) -> bool:
    """Of two features; or whether answers could be judged beside what they cost or was asked."""
    features = {one.feature_id, other.feature_id} - {None}
    return (
        len(features) > 1
        or (one.metric in UNJUDGED and other.layer in NOT_JUDGED)
        or (other.metric in UNJUDGED and one.layer in NOT_JUDGED)
    )

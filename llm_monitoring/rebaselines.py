"""Decisions about baselines: learn anew from an hour on, or leave hours out of what is learned."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from llm_monitoring.control import Series, charts_of, concerns, phase_one_hours
from llm_monitoring.hours import hour_key, hour_start
from llm_monitoring.metrics import ALL_FEATURES, BY_NAME
from llm_monitoring.records import Alert, Baseline, Change, Rebaseline
from llm_monitoring.segments import EVERYTHING, model_of, segment_of, segment_text
from llm_monitoring.settings import Settings


class RebaselineError(ValueError):
    """The decision is refused; the message says what is wrong and what was expected."""


def decide(
    known: Mapping[Series, int],
    settings: Settings,
    now: datetime,
    *,
    feature_id: str,
    metric: str | None = None,
    segment: Mapping[str, str] | None = None,
    from_hour: str | None = None,
    skip_from: str | None = None,
    skip_to: str | None = None,
    reason: str,
    who: str,
) -> Rebaseline:
    """A decision as people write it down, checked.

    Args:
        known: series there are -> first window of each.
        settings: they say what is charted.
        now: when it is decided.
        from_hour: hour such as `2026-10-20T14`, UTC; None: nothing is learned anew.
        skip_from: first hour that is left out; None: none is.
        skip_to: last hour that is left out.

    Returns:
        The decision. The same one made twice has the same id.

    Raises:
        RebaselineError: an argument is wrong.
    """
    _refuse_unless(bool(reason.strip()), "reason: say why")
    _refuse_unless(bool(who.strip()), "who: say who decides it")
    part = None if segment is None else segment_of(segment)
    charted = _charted(known, settings, feature_id, metric, part)
    start = _hour("from_hour", from_hour, now)
    skip = _hour("skip_from", skip_from, now), _hour("skip_to", skip_to, now)
    _refuse_unless((skip[0] is None) == (skip[1] is None), "skip_from and skip_to go together")
    _refuse_unless(
        start is not None or skip[0] is not None,
        "say from_hour (to learn anew from it on), or skip_from and skip_to (to leave hours out)",
    )
    _refuse_unless((skip[0] or 0) <= (skip[1] or 0), f"skip_from {skip_from} is after {skip_to}")
    first = min(known[series] for series in charted)
    _refuse_unless(
        start is None or start > first,
        f"from_hour {from_hour} is not after the first window, {_written(first)}: "
        "nothing was learned before it",
    )
    parts = (feature_id, metric, part, start, *skip)
    return Rebaseline(
        rebaseline_id=hashlib.sha256(repr(parts).encode()).hexdigest()[:16],
        feature_id=feature_id,
        metric=metric,
        segment=part,
        from_hour=start,
        skip_from=skip[0],
        skip_to=skip[1],
        reason=reason.strip(),
        author=who.strip(),
        decided_at=now,
    )


def first_changed(entry: Rebaseline, baselines: Iterable[Baseline]) -> int | None:
    """First window whose chart points it may change; None: it changes none that there are.

    Args:
        entry: the decision.
        baselines: those of the charts it is about.
    """
    hours = [] if entry.from_hour is None else [entry.from_hour]
    for began, last in map(phase_one_hours, baselines):
        if entry.skip_from and entry.skip_to and entry.skip_from <= last and entry.skip_to >= began:
            hours.append(began)
    return min(hours, default=None)


def ledger_entry(entry: Rebaseline) -> Change:
    """The decision as the ledger of changes tells it.

    It takes effect where Phase I begins anew; one that only leaves hours out, when it was made.
    """
    what = (entry.metric or "every metric").replace("_", " ")
    part = segment_text(entry.segment or EVERYTHING)
    deeds = []
    if entry.from_hour:
        deeds.append(f"learned anew from {_written(entry.from_hour)} on")
    if entry.skip_from and entry.skip_to:
        deeds.append(f"without {_written(entry.skip_from)} to {_written(entry.skip_to)}")
    return Change(
        change_id=f"rebaseline-{entry.rebaseline_id}",
        changed_at=hour_start(entry.from_hour) if entry.from_hour else entry.decided_at,
        kind="baseline",
        feature_id=None if entry.feature_id == ALL_FEATURES else entry.feature_id,
        model_id=model_of(entry.segment or EVERYTHING),
        description=f"baseline of {what} of {entry.feature_id}{part} {', '.join(deeds)}: "
        f"{entry.reason}",
        author=entry.author,
    )


def accepted_by(alerts: Iterable[Alert], rebaselines: Iterable[Rebaseline]) -> dict[str, str]:
    """Fingerprint of each alert whose level a person made the baseline -> who did.

    An alert that had begun before the restart is not among them: it ends there, and is over.
    """
    entries = [entry for entry in rebaselines if entry.from_hour is not None]
    return {
        alert.fingerprint: entry.author
        for alert in alerts
        for entry in sorted(entries, key=lambda entry: entry.decided_at)
        if (entry.from_hour or 0) <= alert.first_hour and concerns(entry, _series(alert))
        if entry.decided_at >= hour_start(alert.first_hour)
    }


def _series(alert: Alert) -> Series:
    return Series(alert.feature_id or "", alert.segment, None, alert.metric)


def _charted(
    known: Iterable[Series],
    settings: Settings,
    feature_id: str,
    metric: str | None,
    segment: str | None,
) -> list[Series]:
    """Series with a chart that learns a baseline, of what was named."""
    of_feature = [series for series in known if series.feature_id == feature_id]
    features = sorted({series.feature_id for series in known})
    _refuse_unless(
        bool(of_feature),
        f"feature_id {feature_id!r} has no windows; there are: {_listed(features)}",
    )
    _refuse_unless(
        metric is None or metric in BY_NAME,
        f"metric {metric!r} is unknown; there are: {_listed(sorted(BY_NAME))}",
    )
    segments = sorted({series.segment for series in of_feature})
    _refuse_unless(
        segment is None or segment in segments,
        f"segment {segment} has no windows of {feature_id}; there are: {_listed(segments)}",
    )
    charted = [
        series
        for series in of_feature
        if metric in (None, series.metric) and segment in (None, series.segment)
        if any(chart.learn for chart in charts_of(series, settings))
    ]
    what = f"{metric or 'any metric'} of {feature_id}{segment_text(segment or EVERYTHING)}"
    _refuse_unless(bool(charted), f"no chart with a baseline watches {what}")
    return charted


def _hour(name: str, text: str | None, now: datetime) -> int | None:
    if text is None:
        return None
    moment = _moment(text)
    if moment is None or moment != moment.replace(minute=0, second=0, microsecond=0):
        raise RebaselineError(f"{name}: expected a whole hour such as 2026-10-20T14, got {text!r}")
    _refuse_unless(moment <= now, f"{name} {text} lies in the future")
    return hour_key(moment)


def _moment(text: str) -> datetime | None:
    """A time with its hour, UTC where no zone is given; None: it is not one."""
    # A day alone would be its first hour, and mean all of it.
    if not re.match(r"\d{4}-\d\d-\d\d[T ]\d\d", text):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _written(hour: int) -> str:
    return f"{hour_start(hour):%Y-%m-%dT%H}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


def _refuse_unless(condition: bool, message: str) -> None:
    if not condition:
        raise RebaselineError(message)

"""The five steps of an incident and their clocks: triage, scope, isolate, respond, learn.

The step is derived, never set: it is the first one that nobody finished. A verdict finishes triage,
and with it scope and isolate where the evidence had already answered them for the person who gave
the verdict. A verdict other than `real_regression` leaves nothing to do but to close.
"""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from llm_monitoring.incidents.evidence import Evidence, StepDone, TriageItem, from_json, to_json
from llm_monitoring.incidents.group import change_hour, common_change
from llm_monitoring.incidents.grouping import incident_key, lead_alert
from llm_monitoring.records import VERDICTS, Alert, Incident, RegressionCase
from llm_monitoring.segments import EVERYTHING
from llm_monitoring.severity import most_severe


class IncidentError(ValueError):
    """The step is refused; the message says why and what would make it possible."""


def open_incident(alerts: Sequence[Alert], taken: Collection[str], opened_at: datetime) -> Incident:
    """A new incident; its clocks start at `opened_at`.

    Args:
        alerts: a group of `Assignment.opened`, not empty, not only info alerts.
        taken: ids of all incidents there are.
        opened_at: now, timezone-aware.

    Raises:
        IncidentError: no alert is graver than info, or the time has no timezone.
    """
    _refuse_unless(any(a.severity != "info" for a in alerts), "info alerts open no incident")
    _check_time(opened_at)
    lead = lead_alert(alerts)
    incident = Incident(
        incident_id=incident_key(alerts, taken), title=lead.summary, severity=lead.severity,
        status="open", step="triage", feature_id=None, segment=EVERYTHING,
        change_hour=common_change(alerts, lead), first_hour=lead.first_hour,
        last_hour=lead.last_hour, alerts=[], opened_at=opened_at,
        triage_due_at=opened_at + CLOCKS["triage"],
        scope_due_at=opened_at + CLOCKS["scope"], isolate_due_at=opened_at + CLOCKS["isolate"],
        acknowledged_at=None, acknowledged_by=None, verdict=None, verdict_by=None,
        verdict_note=None, resolved_at=None, resolved_by=None, evidence="{}", report_path=None,
    )  # fmt: skip
    return update_incident(incident, alerts)


def update_incident(incident: Incident, alerts: Sequence[Alert]) -> Incident:
    """The incident with all its alerts as they are now: windows, severity, what it is about.

    Args:
        incident: as stored.
        alerts: every alert that belongs to it, not only new ones; not empty. Those it lists and
            that are not given stay listed.

    Returns:
        The incident; its id, clocks and everything people recorded are unchanged. The change time
        stays too, unless only probes (which know no hour) had given it.
    """
    grave = [a for a in alerts if a.severity != "info"] or list(alerts)
    listed = {*incident.alerts, *(a.fingerprint for a in alerts)}
    return replace(
        incident,
        alerts=sorted(listed),
        severity=most_severe(a.severity for a in grave),
        feature_id=_only({a.feature_id for a in grave if a.layer != "provider"}),
        segment=_only({a.segment for a in grave} - {EVERYTHING}) or EVERYTHING,
        change_hour=_settled_change(incident, grave),
        first_hour=min(a.first_hour for a in grave),
        last_hour=max(a.last_hour for a in grave),
    )


def attach_evidence(incident: Incident, evidence: Evidence, title: str) -> Incident:
    """The incident with fresh findings; the steps that people finished are kept."""
    done = from_json(incident.evidence).done
    return _derived(replace(incident, title=title), replace(evidence, done=done))


def acknowledge(incident: Incident, who: str, at: datetime) -> Incident:
    """Somebody takes the incident.

    Raises:
        IncidentError: it is resolved, or somebody else has taken it.
    """
    _check(incident, who, at)
    taken_by = incident.acknowledged_by
    _refuse_unless(taken_by in (None, who), f"{incident.incident_id} was taken by {taken_by}")
    if taken_by == who:
        return incident
    return replace(incident, status="acknowledged", acknowledged_at=at, acknowledged_by=who)


def record_verdict(incident: Incident, verdict: str, who: str, note: str, at: datetime) -> Incident:
    """A person says what it is; takes the incident if nobody had. It may be said again, anew.

    Raises:
        IncidentError: the verdict is not one of VERDICTS, or the incident is resolved.
    """
    _check(incident, who, at)
    _refuse_unless(verdict in VERDICTS, f"verdict {verdict!r} is not one of {', '.join(VERDICTS)}")
    evidence = from_json(incident.evidence)
    judged = replace(
        incident, status="acknowledged", verdict=verdict, verdict_by=who, verdict_note=note,
        acknowledged_at=incident.acknowledged_at or at,
        acknowledged_by=incident.acknowledged_by or who,
    )  # fmt: skip
    done = _with_step(evidence.done, StepDone(step="triage", who=who, at=at, note=note))
    for step in _answered(evidence):
        if step not in {d.step for d in done}:
            done = _with_step(done, StepDone(step=step, who=who, at=at, note=FROM_EVIDENCE))
    return _derived(judged, replace(evidence, done=done))


def complete_step(incident: Incident, step: str, who: str, note: str, at: datetime) -> Incident:
    """A person finished scope, isolate or respond, with what they found or did.

    Raises:
        IncidentError: triage and learn have their own ways (a verdict, regression cases).
    """
    _check(incident, who, at)
    _refuse_unless(step in ("scope", "isolate", "respond"), f"{step} is not finished by a note")
    _refuse_unless(bool(note.strip()), f"say what {step} found")
    evidence = from_json(incident.evidence)
    done = _with_step(evidence.done, StepDone(step=step, who=who, at=at, note=note))
    return _derived(incident, replace(evidence, done=done))


def resolve(
    incident: Incident, who: str, at: datetime, regression_cases: int, no_cases_reason: str = ""
) -> Incident:
    """Close the incident.

    Args:
        incident: as stored.
        who: who closes it.
        at: now, timezone-aware.
        regression_cases: cases stored for it, >= 0.
        no_cases_reason: why there are none; heard only where nothing failing was logged (an
            outage without rows, an incident of cost), because then none can be made.

    Raises:
        IncidentError: there is no verdict; or it is a real regression without regression cases.
    """
    _check(incident, who, at)
    name = incident.incident_id
    _refuse_unless(incident.verdict is not None, f"{name} has no verdict: record one first")
    evidence = from_json(incident.evidence)
    if incident.verdict == "real_regression" and regression_cases < 1:
        _refuse_unless(
            not evidence.failing(),
            f"{name} is a real regression with {len(evidence.failing())} failing requests in its "
            "sample: closing without regression cases is refused",
        )
        _refuse_unless(
            bool(no_cases_reason.strip()),
            f"{name} has no failing request to learn from: give a no_cases_reason",
        )
    note = no_cases_reason.strip() or f"{regression_cases} regression cases"
    done = _with_step(evidence.done, StepDone(step="learn", who=who, at=at, note=note))
    closed = replace(incident, status="resolved", resolved_at=at, resolved_by=who)
    return _derived(closed, replace(evidence, done=done))


def regression_cases(
    incident: Incident, created_at: datetime, request_ids: Collection[str] | None = None
) -> list[RegressionCase]:
    """Cases from the failing requests a person confirmed.

    Args:
        incident: with a verdict of real_regression and evidence.
        created_at: now, timezone-aware.
        request_ids: those the reviewer confirmed; None: every failing one of the sample.

    Returns:
        One case per failing request; running it twice gives the same case ids.

    Raises:
        IncidentError: the verdict is not real_regression, or a request named is not a failing one
            of the sample, or its input was not logged.
    """
    name = incident.incident_id
    _refuse_unless(
        incident.verdict == "real_regression",
        f"{name}: only a confirmed real_regression is learned from, not {incident.verdict}",
    )
    failing = {item.request_id: item for item in from_json(incident.evidence).failing()}
    wanted = failing if request_ids is None else dict.fromkeys(request_ids)
    unknown = sorted(set(wanted) - set(failing))
    _refuse_unless(not unknown, f"{name}: not failing requests of the sample: {unknown}")
    return [_case(incident, failing[request_id], created_at) for request_id in wanted]


def overdue_steps(incident: Incident, now: datetime) -> list[str]:
    """Steps with a clock that has run out, in order; none of a resolved incident."""
    if incident.status == "resolved":
        return []
    done = _finished(incident, from_json(incident.evidence))
    due = {
        "triage": incident.triage_due_at,
        "scope": incident.scope_due_at,
        "isolate": incident.isolate_due_at,
    }
    return [step for step, at in due.items() if step not in done and now > at]


def step_of(incident: Incident) -> str:
    """The step an incident is in, from what is recorded."""
    if incident.resolved_at is not None:
        return "closed"
    done = _finished(incident, from_json(incident.evidence))
    return next(step for step in STEPS if step not in done)


def _finished(incident: Incident, evidence: Evidence) -> set[str]:
    done = {d.step for d in evidence.done} - {"learn"}
    dismissed = incident.verdict not in (None, "real_regression")
    return done | {"scope", "isolate", "respond"} if dismissed else done


def _derived(incident: Incident, evidence: Evidence) -> Incident:
    stored = replace(incident, evidence=to_json(evidence))
    return replace(stored, step=step_of(stored))


def _answered(evidence: Evidence) -> list[str]:
    scoped = evidence.scope is not None and bool(evidence.scope.segments)
    isolated = bool(evidence.suspects)
    return [step for step, answered in (("scope", scoped), ("isolate", isolated)) if answered]


def _with_step(done: tuple[StepDone, ...], step: StepDone) -> tuple[StepDone, ...]:
    kept = [d for d in done if d.step != step.step]
    return tuple(sorted([*kept, step], key=lambda d: STEPS.index(d.step)))


def _settled_change(incident: Incident, grave: Sequence[Alert]) -> int:
    known = set(incident.alerts)
    before = [a for a in grave if a.fingerprint in known]
    new = [a for a in grave if a.layer != "provider" and a.fingerprint not in known]
    if before and new and all(a.layer == "provider" for a in before):
        return change_hour(lead_alert(new))
    return incident.change_hour


def _case(incident: Incident, item: TriageItem, created_at: datetime) -> RegressionCase:
    identity = f"{incident.incident_id}|{item.request_id}"
    return RegressionCase(
        case_id=hashlib.sha256(identity.encode()).hexdigest()[:16],
        incident_id=incident.incident_id,
        request_id=item.request_id,
        feature_id=item.feature_id,
        model_id=item.model_id,
        input_text=item.input_text or "",
        output_text=item.output_text,
        expectation=_expectation(item),
        judge_reason=item.reason,
        created_at=created_at,
    )


def _expectation(item: TriageItem) -> str:
    scores = {
        "is true and answers what was asked": item.correctness,
        "covers everything the user needs": item.completeness,
        "is polite, clear and fit for the user": item.tone,
    }
    low = [words for words, score in scores.items() if score is not None and score <= 3]
    if item.quality_mean is None:
        low = ["arrives without an error"]
    language = f", in the user's language ({item.language})" if item.language else ""
    return f"The answer {' and '.join(low or list(scores)[:2])}{language}."


def _only(names: Collection[str | None]) -> str | None:
    return next(iter(names)) if len(names) == 1 else None


def _check(incident: Incident, who: str, at: datetime) -> None:
    _refuse_unless(incident.status != "resolved", f"{incident.incident_id} is already resolved")
    _refuse_unless(bool(who.strip()), "say who does this")
    _check_time(at)


def _check_time(at: datetime) -> None:
    _refuse_unless(at.tzinfo is not None, f"{at.isoformat()} has no timezone")


def _refuse_unless(condition: bool, message: str) -> None:
    if not condition:
        raise IncidentError(message)


STEPS = ("triage", "scope", "isolate", "respond", "learn")
CLOCKS = {
    "triage": timedelta(minutes=30),
    "scope": timedelta(hours=1),
    "isolate": timedelta(hours=2),
}
FROM_EVIDENCE = "confirmed with the verdict: the evidence names it"

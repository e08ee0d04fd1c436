"""Incidents as the command line shows them. Nothing here needs Dagster."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from llm_monitoring.alerts.silences import silences_of
from llm_monitoring.hours import hour_start
from llm_monitoring.incidents.evidence import from_json
from llm_monitoring.incidents.steps import overdue_steps
from llm_monitoring.lake import Lake
from llm_monitoring.links import report_link
from llm_monitoring.pipeline.incidents.casework import members_of
from llm_monitoring.plain_text import one_line
from llm_monitoring.records import Incident
from llm_monitoring.reports.incident_page import clocks_of, moment
from llm_monitoring.settings import Settings
from llm_monitoring.severity import rank

LONGEST = 400  # characters of one text; the report has all of it


@dataclass(frozen=True, slots=True)
class Next:
    """What comes next.

    Args:
        what: in words.
        words: of the command, without `llm-monitoring incidents`.
    """

    what: str
    words: tuple[str, ...]


def most_severe_first(incidents: Iterable[Incident]) -> list[Incident]:
    """The most severe first, of these the newest."""
    newest = sorted(incidents, key=lambda i: i.incident_id, reverse=True)
    return sorted(newest, key=lambda i: -rank(i.severity))


def listed_lines(incidents: Iterable[Incident], now: datetime) -> Iterator[str]:
    """Three lines an incident: a table would leave eight columns for the title, and wrap the id."""
    for incident in incidents:
        late = ", ".join(overdue_steps(incident, now))
        state = (
            f"{incident.severity}, since {moment(hour_start(incident.change_hour))}, "
            f"step {incident.step}{f' (overdue: {late})' if late else ''}, "
            f"{_taken(incident)}"
        )
        yield incident.incident_id
        yield f"  {_shown(state)}"
        yield f"  {_shown(incident.title)}"


def incident_table(incidents: Iterable[Incident], now: datetime) -> pa.Table:
    """One row an incident, in this order."""
    rows = list(incidents)
    columns = {
        "id": [i.incident_id for i in rows],
        "severity": [i.severity for i in rows],
        "since": [f"{hour_start(i.change_hour):%Y-%m-%dT%HZ}" for i in rows],
        "step": [i.step for i in rows],
        "overdue": [", ".join(overdue_steps(i, now)) for i in rows],
        "taken_by": [i.acknowledged_by for i in rows],
        "title": [i.title for i in rows],
    }
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})


def incident_document(
    lake: Lake, settings: Settings, incident: Incident, now: datetime
) -> dict[str, Any]:
    """Everything `show` tells, as JSON holds it."""
    found = from_json(incident.evidence)
    alerts = members_of(lake, incident)
    silences = silences_of(alerts, lake.rows("silences"), now)
    path = None if incident.report_path is None else Path(incident.report_path)
    return {
        "id": incident.incident_id,
        "title": incident.title,
        "severity": incident.severity,
        "status": incident.status,
        "step": incident.step,
        "estimated_change": hour_start(incident.change_hour),
        "out_of_control": [hour_start(incident.first_hour), hour_start(incident.last_hour)],
        "opened_at": incident.opened_at,
        "taken_by": incident.acknowledged_by,
        "verdict": incident.verdict,
        "verdict_by": incident.verdict_by,
        "verdict_note": incident.verdict_note,
        "silent": [{"until": s.until, "who": s.who, "why": s.why} for s in silences],
        "clocks": clocks_of(incident, now),
        "alerts": [
            {"severity": a.severity, "status": a.status, "summary": a.summary}
            for a in sorted(alerts, key=lambda a: (-rank(a.severity), a.first_hour))
        ],
        "scope": found.scope.reading if found.scope else None,
        "suspects": [
            {"score": round(s.score, 2), "description": s.description, "at": s.at}
            for s in found.suspects
        ],
        "recommended": [{"action": r.action, "text": r.text} for r in found.responses],
        "report": None if path is None else str(path),
        "link": None if path is None else report_link(settings, incident.incident_id),
    }


def incident_lines(document: dict[str, Any]) -> Iterator[str]:
    """The same for a terminal; nothing in it acts there."""
    yield _shown(document["title"])
    yield ""
    first, last = document["out_of_control"]
    facts = {
        "incident": document["id"],
        "severity": document["severity"],
        "state": f"{document['status']}, step {document['step']}",
        "change": f"{moment(document['estimated_change'])} (estimated)",
        "windows": f"{moment(first)} to {moment(last)} out of control",
        "opened": moment(document["opened_at"]),
        "taken by": document["taken_by"] or "nobody yet",
        "verdict": _verdict(document),
    }
    yield from (f"{name:<10} {_shown(text)}" for name, text in facts.items())
    for silence in document["silent"]:
        said = f"until {moment(silence['until'])}: {silence['who']}, {silence['why']}"
        yield f"{'silent':<10} {_shown(said)}"
    yield from _section("Clocks", map(_clock, document["clocks"]))
    alerts = [f"{a['severity']:<7}{a['status']:<10}{a['summary']}" for a in document["alerts"]]
    yield from _section("Alerts", alerts or ["none is stored"])
    yield from _section("Scope", [document["scope"] or "no comparison has been made yet"])
    suspects = [
        f"{s['score']:.2f}  {moment(s['at'])}  {s['description']}" for s in document["suspects"]
    ]
    yield from _section("Suspects", suspects or ["none near the change"])
    responses = [f"{r['action']}: {r['text']}" for r in document["recommended"]]
    yield from _section("Recommended", responses or ["nothing yet"])
    report = [part for part in (document["report"], document["link"]) if part]
    yield from _section("Report", report or ["not written yet: the investigation writes it"])


def next_step(incident: Incident, cases: int, now: datetime) -> Next | None:
    """What to do next about an incident, and the command for it; None: it is closed.

    Args:
        cases: regression cases learned from it so far.
    """
    name, step = incident.incident_id, incident.step
    if step == "closed":
        return None
    if incident.acknowledged_by is None:
        return Next("take it", ("ack", name))
    if step == "learn":
        return _closing(incident, cases)
    (clock,) = [c for c in clocks_of(incident, now) if c["step"] == step]
    what = f"{step}: {clock['question']}" + (f" ({clock['when']})" if clock["when"] else "")
    if step == "triage":
        return Next(
            f"{what} real_regression, false_positive or accepted_shift",
            ("verdict", name, "real_regression", "--note", "..."),
        )
    return Next(what, ("step", name, step, "--note", "..."))


def _closing(incident: Incident, cases: int) -> Next:
    name = incident.incident_id
    if incident.verdict != "real_regression" or cases:
        return Next("nothing is left but to close it", ("close", name))
    failing = from_json(incident.evidence).failing()
    if failing:
        return Next(
            f"learn: make regression cases of the {len(failing)} failing requests of its sample",
            ("learn", name),
        )
    return Next(
        "nothing failing was logged to learn from: close it and say so",
        ("close", name, "--no-cases-reason", "..."),
    )


def _taken(incident: Incident) -> str:
    if incident.resolved_by is not None:
        return f"closed by {incident.resolved_by}"
    who = incident.acknowledged_by
    return "nobody has taken it" if who is None else f"taken by {who}"


def _verdict(document: dict[str, Any]) -> str:
    if document["verdict"] is None:
        return "none yet"
    note = f": {document['verdict_note']}" if document["verdict_note"] else ""
    return f"{document['verdict']} by {document['verdict_by']}{note}"


def _clock(clock: dict[str, str]) -> str:
    mark = "!" if clock["state"] == "overdue" else " "
    note = f": {clock['note']}" if clock["note"] else ""
    return f"{mark} {clock['step']:<8} {clock['when'] or 'no clock'}{note}"


def _section(name: str, lines: Iterable[str]) -> Iterator[str]:
    yield ""
    yield name
    yield from (f"  {_shown(line)}" for line in lines)


def _shown(text: str) -> str:
    """On one line, cut where it is long; columns that begin with a blank stay where they are."""
    start = "  " if text.startswith("  ") else ""
    cut = f"{text[:LONGEST]} ... ({len(text) - LONGEST:,} more characters)"
    return start + one_line(cut if len(text) > LONGEST else text)

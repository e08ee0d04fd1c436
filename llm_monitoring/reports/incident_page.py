"""One incident as one HTML file: it needs no server, no script and nothing from elsewhere.

Everything that was logged is shown as text: jinja2 escapes it, each piece is isolated from its
surroundings' writing direction, control characters become visible, and the page's own policy
forbids scripts and every address outside the file.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from llm_monitoring.hours import hour_start
from llm_monitoring.plain_text import visible
from llm_monitoring.records import Alert, Incident, RegressionCase, Silence
from llm_monitoring.reports.inline import data_uri
from llm_monitoring.severity import rank


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A chart for the page, for light and for dark readers."""

    description: str
    light: bytes  # empty: it could not be drawn, and the description says why
    dark: bytes


def incident_page(
    incident: Incident,
    alerts: Sequence[Alert],
    pictures: Sequence[Picture],
    cases: Sequence[RegressionCase],
    *,
    product: str,
    now: datetime,
    simulated: bool,
    silences: Sequence[Silence] = (),
) -> bytes:
    """The page, UTF-8; the same bytes for the same input.

    Args:
        incident: with its evidence.
        alerts: its alerts, any order.
        pictures: charts of the metrics out of control, most telling first.
        cases: regression cases learned so far.
        product: name in monitoring.yaml.
        now: when the page is made; decides which clocks have run out.
        simulated: the data are make-believe; the page says so at its top.
        silences: those in force now that hold some of the alerts back.
    """
    style, policy = _style()
    text = _template("incident.html.j2").render(
        incident=incident,
        alerts=sorted(alerts, key=_most_severe_first),
        pictures=pictures,
        cases=cases,
        evidence=json.loads(incident.evidence or "{}"),
        clocks=clocks_of(incident, now),
        product=product,
        now=now,
        simulated=simulated,
        silences=silences,
        judges=_judges(incident),
        style=Markup(style),
        style_policy=policy,
    )
    return text.encode()


def _most_severe_first(alert: Alert) -> tuple[int, int, str]:
    return -rank(alert.severity), alert.first_hour, alert.subject


def _judges(incident: Incident) -> list[str]:
    items = (json.loads(incident.evidence or "{}").get("triage") or {}).get("items", [])
    return sorted({item["judge"] for item in items if item["judge"]})


def clocks_of(incident: Incident, now: datetime) -> list[dict[str, str]]:
    """Each step with its question, state (done, late, overdue or waiting), time and note."""
    evidence = json.loads(incident.evidence or "{}")
    done = {step["step"]: step for step in evidence.get("done", [])}
    due = {
        "triage": incident.triage_due_at,
        "scope": incident.scope_due_at,
        "isolate": incident.isolate_due_at,
    }
    return [_clock(step, done.get(step), due.get(step), incident, now) for step in STEPS]


def _clock(
    step: str, done: dict[str, Any] | None, due: datetime | None, incident: Incident, now: datetime
) -> dict[str, str]:
    clock = {"step": step, "question": STEPS[step], "state": "waiting", "when": "", "note": ""}
    if done is not None:
        at = datetime.fromisoformat(done["at"])
        late = f", {span(at - due)} late" if due is not None and at > due else ""
        when = f"{done['who']}, {moment(at)}{late}"
        return {**clock, "state": "late" if late else "done", "when": when, "note": done["note"]}
    if incident.resolved_at is not None or incident.verdict in ("false_positive", "accepted_shift"):
        return {**clock, "when": "not needed"} if step != "learn" else clock
    if due is not None:
        word = f"overdue by {span(now - due)}" if now > due else f"due {moment(due)}"
        return {**clock, "state": "overdue" if now > due else "waiting", "when": word}
    return clock


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("llm_monitoring.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "logged": logged, "moment": moment, "hour": hour, "number": number, "ratio": ratio,
        "p_value": p_value, "words": words, "data_uri": data_uri, "arrows": arrows,
    }  # fmt: skip
    return environment


def _template(name: str) -> Template:
    return _environment().get_template(name)


@cache
def _style() -> tuple[str, str]:
    """The style sheet, and the policy's hash that admits this one and no other."""
    style = _template("style.css.j2").render()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return style, f"'sha256-{digest}'"


def logged(text: str | None, limit: int = 1500) -> str:
    """Logged text for a reader: control characters made visible, cut with a note where long."""
    if text is None:
        return "(not logged)"
    shown = visible(text)
    if len(shown) <= limit:
        return shown
    return f"{shown[:limit]} … ({len(shown) - limit:,} more characters)"


def moment(at: datetime | str) -> str:
    """A time, UTC, to the minute."""
    at = datetime.fromisoformat(at) if isinstance(at, str) else at
    return f"{at:%Y-%m-%d %H:%M} UTC"


def hour(key: int) -> str:
    """A window as a reader writes it."""
    return moment(hour_start(key))


def number(value: float | None, unit: str = "") -> str:
    """A measurement; a dash where there is none."""
    if value is None:
        return DASH
    if unit == "ratio":
        return ratio(value)
    if unit == "1-5":
        return f"{value:.2f}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def ratio(value: float | None) -> str:
    """A share in per cent."""
    if value is None:
        return DASH
    return f"{value:.1%}" if 0 < abs(value) < 0.1 else f"{value:.0%}"


def p_value(value: float | None) -> str:
    """A p-value; very small ones as a bound."""
    if value is None:
        return DASH
    return "< 0.0001" if value < 0.0001 else f"{value:.4f}" if value < 0.01 else f"{value:.2f}"


def words(name: str | None) -> str:
    """A name in the schema as words."""
    return DASH if name is None else name.replace("_", " ")


def arrows(sentence: str) -> str:
    """A sentence of ours with arrows that do not break at a line's end."""
    return sentence.replace(" -> ", " \N{RIGHTWARDS ARROW} ")


def span(duration: timedelta) -> str:
    """A duration in the two units that matter."""
    minutes = int(duration.total_seconds() // 60)
    days, rest = divmod(minutes, 1440)
    hours, minutes = divmod(rest, 60)
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


DASH = "\N{EN DASH}"  # nothing was measured
STEPS = {
    "triage": "Is it real?",
    "scope": "Who is affected?",
    "isolate": "What changed?",
    "respond": "Roll back, hotfix or accept?",
    "learn": "Will it be caught next time?",
}

"""A chart and an incident to draw."""

import random
from dataclasses import replace
from datetime import timedelta

from llm_monitoring.hours import shift
from llm_monitoring.incidents.evidence import Material
from llm_monitoring.incidents.investigate import investigate, title
from llm_monitoring.incidents.steps import attach_evidence, open_incident
from llm_monitoring.records import Alert, ChartPoint, Incident, Request
from llm_monitoring_tests.incidents.examples import (
    CHANGE,
    CHANGE_HOUR,
    NOW,
    alert,
    change,
    inputs,
    judgement,
    stream,
)


def point(hour: int, value: float | None, **fields: object) -> ChartPoint:
    plain = ChartPoint(
        hour=hour, chart_id="support_chat/*/e1/quality_mean/sr_mixture", feature_id="support_chat",
        segment="{}", epoch="e1", metric="quality_mean", chart="sr_mixture", status="established",
        value=value, n=30, center=4.2, statistic=1.0, limit=9.0, alarm=False, alarm_started=False,
        direction=None, level=None, change_hour=None, baseline_id="b", state=[],
    )  # fmt: skip
    return replace(plain, **fields)  # type: ignore[arg-type]


def chart() -> list[ChartPoint]:
    """Five quiet days, a fall at CHANGE, an alarm four hours later, one empty window."""
    noise = random.Random(4)
    points = []
    for i in range(-120, 30):
        hour, fallen, alarm = shift(CHANGE_HOUR, i), i >= 0, i >= 4
        value = 4.2 - 0.9 * fallen + noise.gauss(0, 0.12)
        points.append(
            point(
                hour, None if i == -50 else value, n=0 if i == -50 else noise.randint(10, 45),
                statistic=min(11.0, max(0.5, 2.5 * i)) if fallen else noise.random(),
                alarm=alarm, alarm_started=i == 4, change_hour=CHANGE_HOUR if alarm else None,
                level=3.3 if alarm else None, direction="down" if alarm else None,
            )
        )  # fmt: skip
    return points


def requests(hostile: str | None) -> tuple[list[Request], list[Request]]:
    before = stream(CHANGE - timedelta(days=1), 12, 12)
    after = stream(CHANGE, 12, 12, system_fingerprint="fp_b")
    if hostile is not None:
        after = [replace(r, input_text=hostile, output_text=hostile) for r in after]
    return before, after


def sample(hostile: str | None = None) -> tuple[Incident, list[Alert]]:
    """A silent provider swap; `hostile` stands wherever a log could have put it."""
    before, after = requests(hostile)
    scores = [1.3 if i % 5 < 2 else 4.1 for i in range(len(after))]
    words = {"reason": hostile} if hostile else {}
    material = Material(
        windows=12,
        requests=after,
        judgements=[judgement(r, s, **words) for r, s in zip(after, scores, strict=True)],
        inputs=[inputs(r, "de" if i % 9 == 0 else "en") for i, r in enumerate(after)],
    )
    quiet = Material(
        windows=12,
        requests=before,
        judgements=[judgement(r, 4.2) for r in before],
        inputs=[inputs(r, "de" if i % 9 == 0 else "en") for i, r in enumerate(before)],
    )
    told = hostile or "quality mean of support_chat is down 4.2 -> 3.0 since Tue 20 Oct 10:00 UTC"
    alerts = [
        alert("a", summary=told),
        alert("b", layer="cost", metric="avg_output_tokens", severity="ticket", summary=told,
              subject="support_chat/*/-/avg_output_tokens/sr_mixture"),
    ]  # fmt: skip
    ledger = [
        change("c1", CHANGE - timedelta(hours=7), description=hostile or "web release 214"),
        change("c2", CHANGE - timedelta(hours=30), kind="index", description="rebuilt the index"),
    ]
    incident = open_incident(alerts, set(), NOW)
    recent = stream(CHANGE - timedelta(hours=12), 12, 3)
    found = investigate(
        incident, alerts, before=quiet, after=material, changes=ledger, recent=recent
    )
    return attach_evidence(incident, found, hostile or title(incident, alerts, found)), alerts

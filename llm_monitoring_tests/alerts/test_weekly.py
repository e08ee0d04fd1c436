from dataclasses import replace
from datetime import UTC, datetime, timedelta

from llm_monitoring.alerts.weekly import Week, digest_text
from llm_monitoring.hours import hour_key, shift
from llm_monitoring.records import Delivery, MissedIncident, Silence
from llm_monitoring_tests.alerts.listening import alert_of, incident_of

MONDAY = datetime(2026, 10, 26, 8, tzinfo=UTC)
TUESDAY = datetime(2026, 10, 20, 14, tzinfo=UTC)
EMPTY = Week(
    product="Acme",
    until=MONDAY,
    now=MONDAY,
    alerts=[],
    incidents=[],
    missed=[],
    deliveries=[],
    silences=[],
    spend_usd={},
    false_alarms="0.4 false alarms expected",
    quiet=None,
    reports={},
)


def delivery(at: datetime, kind: str = "firing", status: str = "delivered") -> Delivery:
    return Delivery(
        delivery_id=at.isoformat(), channel="hook", topics=["i-1"], kind=kind, severity="page",
        places=1, standing=[], status=status, attempts=1, error=None, of_message=False, due_at=at,
        retry_at=None, claimed_by="p", updated_at=at, text="",
    )  # fmt: skip


def test_a_week_in_which_nothing_happened_says_so() -> None:
    assert digest_text(EMPTY).splitlines() == [
        "[info] weekly digest: Acme: the week to Mon 2026-10-26 08:00 UTC",
        "Incidents: 0 opened, 0 closed, 0 open now.",
        "Nobody has given a verdict in four weeks; 0.4 false alarms expected.",
        "Missed: nobody has named one.",
        "Messages to this channel: 0, 0 of them while people slept (22:00-07:00 UTC).",
    ]


def test_the_digest_counts_what_became_of_the_week() -> None:
    late = incident_of("i-1", opened_at=TUESDAY, title="Quality fell",
                       triage_due_at=TUESDAY, scope_due_at=MONDAY + timedelta(days=1),
                       isolate_due_at=MONDAY + timedelta(days=1))  # fmt: skip
    false = incident_of("i-2", opened_at=TUESDAY, status="resolved", resolved_at=MONDAY,
                        verdict="false_positive", resolved_by="Ada")  # fmt: skip
    real = incident_of("i-3", opened_at=TUESDAY - timedelta(days=14), status="resolved",
                       resolved_at=TUESDAY, verdict="real_regression")  # fmt: skip
    caught = alert_of("a", TUESDAY, change_hour=shift(hour_key(TUESDAY), -3))
    week = replace(
        EMPTY,
        incidents=[late, false, real],
        alerts=[caught],
        missed=[
            MissedIncident(
                missed_id="m", feature_id="chat", hour=2026102103,
                what="answers 'in' French <b>", who="Ada", named_at=TUESDAY,
            )
        ],
        deliveries=[
            delivery(TUESDAY),
            delivery(TUESDAY.replace(hour=3), "worse"),
            delivery(TUESDAY.replace(hour=4), "digest"),
            delivery(TUESDAY.replace(hour=5), status="failed"),
            delivery(TUESDAY - timedelta(days=9)),
        ],
        silences=[
            Silence(
                silence_id="s", incident_id=None, feature_id="chat", segment="{}", metric=None,
                layer=None, starts_at=TUESDAY, until=MONDAY + timedelta(hours=1), who="Ada",
                why="known", decided_at=TUESDAY,
            )
        ],
        spend_usd={"chat": (12.5, 10.0), "search": (2.0, 0.0)},
        reports={"i-1": "http://reports/i-1.html"},
    )  # fmt: skip
    assert digest_text(week).splitlines()[1:] == [
        "Incidents: 2 opened, 1 closed, 1 open now.",
        "- page, overdue: triage: Quality fell http://reports/i-1.html",
        "Of 2 incidents judged in four weeks 1 were real; 0.4 false alarms expected.",
        "Missed, as people named them: 1.",
        "- chat, since Wed 2026-10-21 03:00 UTC: answers ... French ?b?",
        "Time to catch: 4 h in the middle, 4 h at most, from the estimated change to the end of "
        "the window that raised the alarm.",
        "Messages to this channel: 2, 1 of them while people slept (22:00-07:00 UTC).",
        "Known spend: $14.50, $10.00 the week before: chat $12.50, search $2.00.",
        "Silent until Mon 2026-10-26 09:00 UTC: feature chat (Ada)",
    ]

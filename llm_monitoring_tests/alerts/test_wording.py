"""What people read: whose, what, where, since when, what to do."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from llm_monitoring.alerts.news import Situation
from llm_monitoring.alerts.notifying import plan_channel
from llm_monitoring.alerts.topics import topics_of
from llm_monitoring.alerts.wording import (
    Place,
    payload_of,
    summary_payload,
    summary_text,
    text_of,
)
from llm_monitoring.incidents.evidence import Evidence, to_json
from llm_monitoring.inputs.description import NovelGroup, Query, inputs_change
from llm_monitoring_tests.alerts.listening import MONDAY, World, alert_of, incident_of

PLACE = Place(
    product="Acme",
    simulated=True,
    reports={"i-1": "http://reports/i-1.html"},
    runs="http://dagster/runs",
    now=MONDAY,
)


def only_text(world: World, place: Place = PLACE) -> list[str]:
    (planned,) = world.plan().messages
    place = replace(place, now=world.now)
    return text_of(planned.delivery, planned.topics[0], planned.heard, place).splitlines()


def test_an_outage_names_its_features_and_its_model_once() -> None:
    world = World()
    world.incidents["i-1"] = incident_of(title="Error rate of 12 features on gpt-x rose")
    for i in range(12):
        line = {"layer": "infrastructure", "metric": "error_rate", "feature_id": f"f{i:02}"}
        world.fire(f"c{i}", n=50, **line)
        world.fire(f"l{i}", n=50, **line)  # a line of the same series counts no request twice
    assert only_text(world) == [
        "[page] new: Acme (simulated): Error rate of 12 features on gpt-x rose",
        "Still going on: last seen in the hour of Mon 2026-10-19 11:00 UTC.",
        "12 features: f00, f01, f02, f03, f04, f05, f06, f07 and 4 more.",
        "- page: flag rate of chat up from 1.0 % to 8.0 % (c0) (and 23 more like it)",
        "600 requests in the windows concerned.",
        "Incident: i-1",
        "Report: http://reports/i-1.html",
        "Take it: llm-monitoring incidents ack i-1",
    ]


def test_what_users_ask_now_is_said_in_numbers_and_never_in_their_words() -> None:
    world = World()
    group = NovelGroup(share=0.5, queries=3, examples=(Query(request_id="q", text="my secret"),))
    change = inputs_change("chat", [], [], [group])
    change = replace(change, reading="Queries of <b>chat: languages de 0% -> 20%.")
    world.incidents["i-1"] = incident_of(evidence=to_json(Evidence(inputs=(change,))))
    world.fire("a", metric="unexpected_language_rate")
    lines = only_text(world)
    assert "Queries of ?b?chat: languages de 0% -> 20%." in lines
    assert "my secret" not in "".join(lines)


def test_what_became_worse_says_than_what() -> None:
    world = World()
    world.fire("a", severity="ticket")
    world.tick()
    world.now += timedelta(hours=1)
    world.fire("a", severity="page", severity_at=world.now)
    assert only_text(world)[1] == (
        "Worse than reported at Mon 2026-10-19 12:00 UTC: page now, ticket then."
    )
    world.tick()
    (grown,) = [world_of_features(9)]
    assert only_text(grown)[1] == (
        "Worse than reported at Mon 2026-10-19 12:00 UTC: 9 features now, 1 then."
    )


def world_of_features(count: int) -> World:
    world = World()
    world.fire("f0", feature_id="f0")
    world.tick()
    world.now += timedelta(hours=1)
    for i in range(count):
        world.fire(f"f{i}", feature_id=f"f{i}")
    return world


def test_what_is_over_what_a_person_closed_and_what_was_nothing_say_so() -> None:
    world = World()
    world.fire("a")
    world.tick()
    world.end("a")
    world.now += timedelta(hours=4)
    assert only_text(world)[:2] == [
        "[page] over: Acme (simulated): Flagged responses of chat rose: 1.0% -> 8.0% since "
        "Mon 19 Oct 11:00 UTC",
        "Over: last seen until Mon 2026-10-19 12:00 UTC.",
    ]
    world.incidents["i-1"] = incident_of(
        status="resolved", resolved_at=MONDAY, resolved_by="Ada", verdict="false_positive"
    )
    assert only_text(world)[1] == "Closed by Ada: false positive."
    world.incidents["i-1"] = incident_of()
    gone = "withdrawn, the recomputed history no longer shows it: x"
    world.alerts["a"] = replace(world.alerts["a"], summary=gone)
    assert only_text(world)[1] == "Withdrawn: history was computed again and no longer shows it."


def test_overdue_steps_and_who_took_it_are_told_with_the_next_command() -> None:
    world = World()
    world.incidents["i-1"] = incident_of(acknowledged_by="Ada", acknowledged_at=MONDAY)
    world.fire("a")
    world.now += timedelta(minutes=45)
    lines = only_text(world)
    assert "Taken by Ada." in lines
    assert "Overdue: triage." in lines
    assert lines[-1] == "Next: llm-monitoring incidents show i-1"


def test_trouble_of_the_monitor_says_where_to_look() -> None:
    world = World(incidents={})
    world.fire("m", layer="monitor", incident_id=None, feature_id=None, n=None,
               subject="monitor/run/hours", summary="monitoring: a run failed")  # fmt: skip
    assert only_text(world) == [
        "[page] new: Acme (simulated): monitoring: a run failed",
        "Still going on: last seen in the hour of Mon 2026-10-19 11:00 UTC.",
        "What is wrong: llm-monitoring status",
        "Runs: http://dagster/runs",
    ]


def test_a_summary_puts_what_goes_on_first_and_counts_the_rest() -> None:
    world = World(incidents={f"i-{i}": incident_of(f"i-{i}") for i in range(14)})
    for i in range(14):
        began = MONDAY - timedelta(days=40 - i)
        status = "firing" if i == 3 else "resolved"
        world.alerts[f"a{i}"] = alert_of(f"a{i}", began, incident_id=f"i-{i}", status=status)
    (planned,) = world.plan().messages
    lines = summary_text(planned.delivery, planned.topics, PLACE).splitlines()
    assert lines[0] == ("[page] summary: Acme (simulated): 14 findings, 1 still going on")
    assert lines[2].startswith("- page, going on: Flagged responses of chat rose")
    assert lines[-1] == "- and 4 more"
    fields = summary_payload(planned.topics, PLACE)
    assert [topic["status"] for topic in fields["topics"]].count("firing") == 1


def test_the_fields_leave_out_what_is_too_much_and_say_how_much() -> None:
    world = World()
    for i in range(70):
        world.fire(f"a{i}")
    (planned,) = world.plan().messages
    fields: dict[str, Any] = payload_of(planned.delivery, planned.topics[0], PLACE)
    assert (len(fields["alerts"]), fields["alerts_left_out"]) == (50, 20)
    assert fields["since"] == "2026-10-19T11:00:00+00:00"


def test_a_plan_depends_on_nothing_but_its_arguments() -> None:
    world = World()
    world.fire("a")
    situation = Situation(
        topics=topics_of(world.alerts.values(), world.incidents.values()),
        silences=[],
        deliveries=[],
        newest_hour_end=MONDAY,
        now=MONDAY,
    )
    channel = world.settings.channels[0]
    first = plan_channel(channel, world.settings, situation)
    assert first == plan_channel(channel, world.settings, situation)

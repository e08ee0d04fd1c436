"""Who is told what, and when: one cause, one message; the newest state, never the past."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_monitoring.alerts.news import is_quiet
from llm_monitoring.alerts.notifying import digest_moment
from llm_monitoring.hours import hour_key
from llm_monitoring.records import Silence
from llm_monitoring.settings.notifying import NotificationSettings, QuietHours
from llm_monitoring_tests.alerts.listening import (
    MONDAY,
    World,
    alert_of,
    incident_of,
    settings_of,
)

# ------------------------------------------------------------------------ the life of one topic


def test_a_topic_is_told_when_it_begins_once_a_day_and_when_it_is_over() -> None:
    world = World()
    for _ in range(60):
        world.fire("a")
        world.wait(hours=1)
    world.end("a")
    for _ in range(40):
        world.wait(hours=1)
    assert world.kinds == ["firing", "repeated", "repeated", "resolved"]
    at = [moment for moment, _, _ in world.heard]
    assert at[1] - at[0] == at[2] - at[1] == timedelta(days=1)
    # Quiet for three hours after the end of its last window, and not before.
    assert at[3] == MONDAY + timedelta(hours=59 + 3)


def test_alerts_of_one_incident_are_one_message_however_many_there_are() -> None:
    world = World()
    for i in range(300):
        world.fire(f"a{i}", feature_id=f"f{i}")
    assert world.tick() == ["firing"]
    assert world.wait(hours=1) == []


def test_an_incident_that_grows_is_called_worse_once() -> None:
    world = World()
    world.fire("a")
    world.tick()
    for i in range(20):
        world.fire(f"b{i}", feature_id=f"f{i}")
        world.wait(hours=1)
    assert world.kinds == ["firing", "worse"]


def test_a_ticket_that_becomes_a_page_is_called_worse_though_it_is_old() -> None:
    world = World()
    world.fire("a", severity="ticket")
    world.tick()
    world.now += timedelta(days=5)
    world.fire("a", severity="page", severity_at=world.now)
    assert world.tick() == ["worse"]


def test_a_page_is_news_to_a_channel_for_pages_though_the_alert_is_old() -> None:
    channel = {"name": "hook", "kind": "log", "minimum_severity": "page"}
    world = World(settings=settings_of(channels=[channel]))
    world.fire("a", severity="ticket")
    world.tick()
    world.now += timedelta(days=5)
    world.fire("a", severity="page", severity_at=world.now)
    assert world.tick() == ["firing"]


def test_what_comes_and_goes_within_hours_is_one_message() -> None:
    world = World()
    for _ in range(14):
        world.fire("a")
        world.tick()
        world.end("a")
        world.wait(hours=2)
    assert world.kinds == ["firing", "repeated"]


def test_what_comes_back_is_told_and_then_has_to_stay_quiet_for_a_day() -> None:
    world = World()
    world.fire("a")
    world.tick()
    world.end("a")
    assert world.wait(hours=4) == ["resolved"]
    world.fire("b")
    assert world.tick() == ["firing"]
    world.end("b")
    assert [world.wait(hours=4) for _ in range(5)] == [[], [], [], [], []]
    assert world.wait(hours=4) == ["resolved"]


def test_one_that_somebody_took_is_not_repeated_until_a_step_is_overdue() -> None:
    world = World()
    far = MONDAY + timedelta(days=3)
    world.incidents["i-1"] = incident_of(
        acknowledged_at=MONDAY, acknowledged_by="Ada", triage_due_at=far, scope_due_at=far,
        isolate_due_at=far,
    )  # fmt: skip
    for _ in range(100):
        world.fire("a")
        world.wait(hours=1)
    assert world.kinds == ["firing", "repeated", "repeated"]
    assert world.heard[1][0] > far


def test_one_that_a_person_closed_is_over_and_stays_so_though_the_chart_goes_on() -> None:
    world = World()
    world.fire("a")
    world.tick()
    world.incidents["i-1"] = incident_of(
        status="resolved", resolved_at=world.now, resolved_by="Ada", verdict="false_positive"
    )
    for _ in range(50):
        world.fire("a")
        world.wait(hours=1)
    assert world.kinds == ["firing", "resolved"]


def test_a_message_waits_ten_minutes_for_the_page_it_links_to() -> None:
    world = World()
    world.incidents["i-1"] = incident_of(report_path=None)
    world.fire("a")
    assert world.tick() == []
    assert world.wait(minutes=9) == []
    assert world.wait(minutes=1) == ["firing"]
    world.incidents["i-1"] = incident_of(report_path=None)  # alerts have joined
    world.fire("b", severity="page", feature_id="x")
    world.fire("c", severity="page", feature_id="y")
    assert world.wait(minutes=1) == ["worse"]


def test_a_failure_that_pages_is_told_though_an_old_ticket_of_the_monitor_goes_on() -> None:
    world = World(incidents={})
    monitor = {"layer": "monitor", "feature_id": None, "incident_id": None}
    world.fire("weeks", severity="ticket", subject="monitor/run/weeks", **monitor)
    world.tick()
    world.wait(days=5)
    world.fire("hours", severity="page", subject="monitor/run/hours", **monitor)
    assert world.tick() == ["firing"]


# ------------------------------------------------------------------------------- old data


def test_what_a_backfill_finds_is_one_line_of_a_summary() -> None:
    world = World(incidents={f"i-{i}": incident_of(f"i-{i}") for i in range(9)})
    for i in range(9):
        old = MONDAY - timedelta(days=50 - i)
        world.alerts[f"a{i}"] = alert_of(
            f"a{i}", old, incident_id=f"i-{i}", status=("firing", "resolved")[i % 2],
            created_at=MONDAY, severity_at=MONDAY,
        )  # fmt: skip
    world.alerts["h"] = alert_of("h", MONDAY - timedelta(days=99), incident_id=None,
                                 status="resolved", created_at=MONDAY)  # fmt: skip
    world.alerts["h"] = replace(world.alerts["h"], found_hour=hour_key(MONDAY))
    for _ in range(100):
        world.wait(hours=1)
    assert world.kinds == ["summary"]
    assert len(world.heard[0][2]) == 10


def test_old_data_that_joins_an_incident_which_is_over_is_no_news() -> None:
    world = World()
    world.fire("a")
    world.tick()
    world.end("a")
    world.wait(hours=4)
    world.now += timedelta(days=20)
    old = MONDAY + timedelta(hours=2)
    world.alerts["b"] = alert_of("b", old, created_at=world.now, severity_at=world.now)
    assert world.tick() == []


def test_more_old_findings_wait_for_tomorrows_summary() -> None:
    world = World()
    for day in range(3):
        for i in range(6):
            name = f"{day}-{i}"
            world.incidents[name] = incident_of(name)
            world.alerts[name] = alert_of(name, MONDAY - timedelta(days=30), incident_id=name,
                                          status="resolved")  # fmt: skip
            world.wait(hours=1)
        world.now = MONDAY + timedelta(days=day + 1)
    assert world.kinds == ["summary", "summary", "summary"]


def test_one_that_was_over_before_it_could_be_told_is_told_once() -> None:
    world = World()
    world.alerts["a"] = alert_of("a", MONDAY - timedelta(hours=6), status="resolved")
    assert world.tick() == ["resolved"]
    assert world.wait(days=1) == []


def test_a_probe_weeks_alert_is_news_though_its_week_began_days_ago() -> None:
    world = World()
    began = MONDAY - timedelta(days=4)
    world.alerts["p"] = alert_of("p", began, layer="provider", severity="ticket",
                                 created_at=MONDAY)  # fmt: skip
    assert world.tick() == ["firing"]


def test_a_probe_weeks_alert_is_told_once_though_its_week_is_not_over() -> None:
    world = World()
    world.is_down = True
    world.fire("p", layer="provider", severity="ticket")
    world.wait(hours=1)
    world.wait(hours=25)
    world.is_down = False
    for _ in range(5):
        world.wait(hours=1)
    assert world.kinds == ["summary"]


def test_a_withdrawn_alert_is_told_only_to_who_heard_of_it() -> None:
    for is_told in (True, False):
        world = World()
        world.fire("a")
        if is_told:
            world.tick()
        gone = "withdrawn, the recomputed history no longer shows it: x"
        world.alerts["a"] = replace(world.alerts["a"], status="resolved", summary=gone)
        assert world.wait(minutes=5) == (["resolved"] if is_told else [])


# ------------------------------------------------------------------------------- channels down


def test_after_an_outage_a_channel_hears_the_newest_state_only() -> None:
    world = World()
    world.is_down = True
    world.fire("a")
    for _ in range(180):
        world.wait(minutes=1)
    world.end("a")
    world.is_down = False
    for _ in range(60 * 8):
        world.wait(minutes=1)
    assert world.kinds == ["resolved"]


def test_an_outage_that_ends_while_it_still_fires_is_told_once() -> None:
    world = World()
    world.is_down = True
    for minute in range(600):
        world.fire("a")
        world.is_down = minute < 120
        world.wait(minutes=1)
    assert world.kinds == ["firing"]
    assert world.heard[0][0] <= MONDAY + timedelta(minutes=120 + 16)


def test_a_channel_that_was_down_for_a_day_gets_one_summary() -> None:
    world = World(incidents={f"i-{i}": incident_of(f"i-{i}") for i in range(20)})
    world.is_down = True
    for hour in range(30):
        if hour < 20:
            world.fire(f"a{hour}", incident_id=f"i-{hour}")
        for _ in range(4):
            world.wait(minutes=15)
    world.is_down = False
    for _ in range(12):
        world.wait(minutes=15)
    assert world.kinds == ["summary"]
    assert len(world.heard[0][2]) == 20


def test_what_a_summary_says_goes_on_is_told_to_its_end() -> None:
    world = World(incidents={f"i-{i}": incident_of(f"i-{i}") for i in range(2)})
    world.is_down = True
    world.fire("old", incident_id="i-1", severity="ticket")
    for _ in range(30):
        world.fire("a", incident_id="i-0", severity="ticket")
        world.wait(hours=1)
    world.end("old")
    world.is_down = False
    world.wait(minutes=15)
    assert world.kinds == ["summary"]
    world.fire("a", severity="page", severity_at=world.now)
    assert world.wait(minutes=15) == ["worse"]
    world.end("a")
    for _ in range(8):
        world.wait(hours=1)
    assert world.kinds == ["summary", "worse", "resolved"]
    assert world.heard[-1][2] == ("i-0",)


def test_each_topic_of_the_daily_message_keeps_its_own_severity() -> None:
    world = World(incidents={f"i-{i}": incident_of(f"i-{i}") for i in range(2)})
    world.fire("p", incident_id="i-0")
    world.fire("t", incident_id="i-1", severity="ticket")
    world.tick()
    for _ in range(24):
        world.fire("p")
        world.fire("t")
        world.wait(hours=1)
    assert world.kinds == ["firing", "firing", "repeated"]
    world.fire("t", severity="page", severity_at=world.now)
    assert world.wait(minutes=5) == ["worse"]


def test_one_that_a_person_closed_is_told_again_when_it_becomes_graver() -> None:
    world = World()
    world.fire("a", severity="ticket")
    world.tick()
    world.incidents["i-1"] = incident_of(
        status="resolved", resolved_at=world.now, resolved_by="Ada", verdict="false_positive"
    )
    assert world.wait(hours=1) == ["resolved"]
    world.now += timedelta(hours=1)
    world.fire("a", severity="page", severity_at=world.now)
    assert world.tick() == ["firing"]


def test_another_failure_of_the_monitor_makes_it_worse() -> None:
    world = World(incidents={})
    monitor = {"layer": "monitor", "feature_id": None, "incident_id": None}
    world.fire("hours", subject="monitor/run/hours", **monitor)
    world.tick()
    world.now += timedelta(hours=1)
    world.fire("checks", subject="monitor/sensor/failed_checks", **monitor)
    assert world.tick() == ["worse"]


def test_attempts_go_on_counting_when_the_news_change() -> None:
    world = World()
    world.is_down = True
    world.fire("a", severity="ticket")
    for minute in range(60):
        if minute == 30:
            world.fire("a", severity="page", severity_at=world.now)
        world.wait(minutes=1)
    failed = [row for row in world.deliveries.values() if row.status == "failed"]
    assert [row.attempts for row in failed] == [7]  # after 0, 1, 3, 7, 15, 30, 45 minutes
    assert failed[0].due_at == MONDAY + timedelta(minutes=1)


def test_a_message_that_only_it_is_refused_holds_up_no_other() -> None:
    world = World(incidents={"i-1": incident_of("i-1"), "i-2": incident_of("i-2")})
    world.fire("a", incident_id="i-1")
    (planned,) = world.plan().messages
    world.deliveries["x"] = replace(
        planned.delivery, status="failed", attempts=1, of_message=True,
        retry_at=MONDAY + timedelta(minutes=15),
    )  # fmt: skip
    world.deliveries = {planned.delivery.delivery_id: world.deliveries["x"]}
    world.fire("b", incident_id="i-2")
    assert world.tick() == ["firing"]
    assert world.heard[0][2] == ("i-2",)


def test_a_claim_that_a_killed_process_left_is_taken_over_after_ten_minutes() -> None:
    world = World()
    world.fire("a")
    (planned,) = world.plan().messages
    claimed = replace(planned.delivery, status="sending", claimed_by="dead", updated_at=MONDAY)
    world.deliveries[claimed.delivery_id] = claimed
    assert world.wait(minutes=9) == []
    assert world.wait(minutes=1) == ["firing"]


def test_a_channel_that_knows_topics_again_gets_each_newest_state_and_no_summary() -> None:
    channel = {"name": "hook", "kind": "pagerduty", "url_env": "HOOK"}
    world = World(
        settings=settings_of(channels=[channel]),
        incidents={f"i-{i}": incident_of(f"i-{i}") for i in range(3)},
    )
    world.is_down = True
    for i in range(3):
        world.fire(f"a{i}", incident_id=f"i-{i}")
    for _ in range(120):
        world.wait(minutes=15)
    world.end("a0")
    world.is_down = False
    for _ in range(4):
        world.wait(minutes=15)
    # The end of one that it never heard of does no harm, and may have been heard of after all.
    assert sorted(world.kinds) == ["firing", "firing", "resolved"]
    world.alerts["old"] = alert_of("old", MONDAY - timedelta(days=30), incident_id="i-0")
    assert world.wait(minutes=15) == []


def test_a_pager_that_was_down_for_days_hears_of_what_goes_on() -> None:
    channel = {"name": "hook", "kind": "pagerduty", "url_env": "HOOK"}
    world = World(settings=settings_of(channels=[channel]))
    world.is_down = True
    for hour in range(72):
        world.is_down = hour < 70
        world.fire("a")
        world.wait(hours=1)
    assert world.kinds == ["firing"]


# ------------------------------------------------------------------------- silence, night, route


def silence_of(**changes: Any) -> Silence:
    silence = Silence(
        silence_id="s", incident_id=None, feature_id="chat", segment="{}", metric=None,
        layer=None, starts_at=MONDAY, until=MONDAY + timedelta(days=3), who="Ada", why="known",
        decided_at=MONDAY,
    )  # fmt: skip
    return replace(silence, **changes)


def test_a_silent_alert_is_told_when_the_silence_ends_however_long_it_was() -> None:
    world = World(silences=[silence_of()])
    for _ in range(80):
        world.fire("a")
        world.wait(hours=1)
    assert world.kinds == ["firing"]
    assert world.heard[0][0] == MONDAY + timedelta(days=3)


def test_who_heard_of_it_hears_that_it_is_over_in_spite_of_the_silence() -> None:
    world = World()
    world.fire("a")
    world.tick()
    world.silences = [silence_of()]
    for _ in range(30):
        world.fire("a")
        world.wait(hours=1)
    world.end("a")
    world.wait(hours=3)
    assert world.kinds == ["firing", "resolved"]


def test_a_silence_of_one_feature_leaves_the_others_loud() -> None:
    world = World(silences=[silence_of()])
    world.fire("a")
    assert world.tick() == []
    world.fire("b", feature_id="search")
    assert world.tick() == ["firing"]


def test_at_night_only_pages_are_sent_and_the_morning_hears_the_rest() -> None:
    night = {"quiet_hours": {"start": "22:00", "end": "07:00"}, "digest": None}
    world = World(settings=settings_of(notifications=night), now=MONDAY + timedelta(hours=11))
    world.incidents["i-2"] = incident_of("i-2")
    world.fire("t", severity="ticket", incident_id="i-2")
    world.fire("p")
    assert world.tick() == ["firing"]
    world.end("p")
    assert [world.wait(hours=1) for _ in range(7)] == [[]] * 7
    assert sorted(world.wait(hours=1)) == ["firing", "resolved"]


@pytest.mark.parametrize(
    ("wanted", "kinds"),
    [
        ({"minimum_severity": "page"}, ["firing"]),
        ({"layers": ["cost"]}, []),
        ({"layers": ["quality", "cost"]}, ["firing"]),
        ({"features": ["search"]}, []),
        ({"features": ["chat"]}, ["firing"]),
        ({"owners": ["ada"]}, ["firing"]),
        ({"owners": ["bob"]}, []),
    ],
)
def test_a_channel_hears_what_it_asks_for(wanted: dict[str, Any], kinds: list[str]) -> None:
    channel = {"name": "hook", "kind": "log", **wanted}
    world = World(settings=settings_of(channels=[channel]))
    world.fire("a")
    assert world.tick() == kinds


def test_that_a_channel_is_down_is_told_by_the_others_only() -> None:
    for name, kinds in (("hook", []), ("other", ["firing"])):
        channel = {"name": name, "kind": "log"}
        world = World(settings=settings_of(channels=[channel]), incidents={})
        world.fire("a", layer="monitor", incident_id=None, feature_id=None, severity="ticket",
                   subject="monitor/channel/hook")  # fmt: skip
        assert world.tick() == kinds


@pytest.mark.parametrize(
    ("hour", "quiet"), [(21, False), (22, True), (3, True), (6, True), (7, False), (12, False)]
)
def test_quiet_hours_may_reach_over_midnight(hour: int, quiet: bool) -> None:
    night = QuietHours.model_validate({"start": "22:00", "end": "07:00"})
    assert is_quiet(night, MONDAY.replace(hour=hour)) is quiet
    summer = QuietHours.model_validate(
        {"start": "22:00", "end": "07:00", "timezone": "Europe/Berlin"}
    )
    assert is_quiet(summer, MONDAY.replace(hour=(hour - 2) % 24)) is quiet


# ---------------------------------------------------------------------------------- the digest


def test_the_digest_comes_once_a_week_but_for_a_channels_first() -> None:
    world = World(settings=settings_of(notifications={}), incidents={})
    for _ in range(24 * 7 * 4):
        world.wait(hours=1)
    assert world.kinds == ["digest", "digest", "digest", "digest"]
    moments = {(moment.weekday(), moment.hour) for moment, _, _ in world.heard}
    assert moments == {(0, 8)}


def test_a_digest_that_is_three_days_late_is_not_sent() -> None:
    world = World(settings=settings_of(notifications={}), incidents={})
    world.wait(hours=1)
    assert world.wait(days=7, hours=68) == []
    assert world.wait(days=7) == []


@pytest.mark.parametrize("shift", range(0, 168, 7))
def test_the_newest_digest_is_never_in_the_future_nor_older_than_a_week(shift: int) -> None:
    timings = NotificationSettings.model_validate(
        {"digest": {"weekday": "thursday", "hour": 17, "timezone": "America/New_York"}}
    )
    now = MONDAY + timedelta(hours=shift)
    assert timedelta(0) <= now - digest_moment(timings, now) < timedelta(days=7, hours=2)


# ----------------------------------------------------------------- what was over, and comes again

MONITOR: dict[str, Any] = {"layer": "monitor", "feature_id": None, "incident_id": None}


def _monitor_that_failed_and_was_made_good() -> World:
    world = World(incidents={})
    world.fire("one", subject="monitor/run/hours", **MONITOR)
    world.tick()
    world.end("one")
    world.wait(hours=4)
    assert world.kinds == ["firing", "resolved"]
    world.wait(days=30)
    return world


def test_what_goes_on_is_told_to_a_channel_that_was_down_for_days_though_others_were_over() -> None:
    """The begin of a failure is all that an alert of the monitor knows of its hours."""
    world = _monitor_that_failed_and_was_made_good()
    world.is_down = True
    world.fire("two", subject="monitor/run/hours", **MONITOR)
    for _ in range(70):
        world.wait(hours=1)
    world.is_down = False
    world.wait(hours=1)
    assert world.kinds == ["firing", "resolved", "summary"]


def test_what_came_and_went_while_the_channel_was_down_is_told_though_others_were_over() -> None:
    world = _monitor_that_failed_and_was_made_good()
    world.is_down = True
    world.fire("two", subject="monitor/run/hours", **MONITOR)
    world.wait(hours=1)
    world.end("two")
    world.is_down = False
    assert [world.wait(hours=1) for _ in range(5)] == [[], ["resolved"], [], [], []]


def test_a_silence_of_what_is_over_is_no_news_when_it_ends() -> None:
    world = World()
    world.fire("a")
    world.tick()
    world.end("a")
    world.wait(hours=4)
    until = world.now + timedelta(hours=4)
    world.silences = [silence_of(starts_at=world.now, until=until)]
    for _ in range(60):
        world.wait(hours=1)
    assert world.kinds == ["firing", "resolved"]


def test_a_message_of_the_monitor_is_about_what_is_new_and_not_about_all_there_ever_was() -> None:
    world = _monitor_that_failed_and_was_made_good()
    world.fire("two", subject="monitor/sensor/self_check", **MONITOR)
    assert [[a.fingerprint for a in t.alerts] for m in world.plan().messages for t in m.topics] == [
        ["two"]
    ]
    world.tick()
    world.end("two")
    world.now += timedelta(hours=4)
    (planned,) = world.plan().messages
    assert planned.delivery.kind == "resolved"
    assert [alert.fingerprint for alert in planned.topics[0].shown] == ["two"]


# ------------------------------------------------------------------------- silent parts, and nights


def test_what_goes_on_in_silence_is_not_called_over() -> None:
    world = World()
    world.fire("a")
    world.fire("b", feature_id="search")
    world.tick()
    world.silences = [silence_of()]  # of chat
    world.end("b")
    for _ in range(24 * 3 - 1):
        world.fire("a")
        world.wait(hours=1)
    assert world.kinds == ["firing"]
    world.end("a")
    world.wait(hours=4)
    assert world.kinds[-1] == "resolved"


NIGHT: dict[str, Any] = {"quiet_hours": {"start": "22:00", "end": "07:00"}, "digest": None}


def test_a_night_does_not_make_a_channel_that_is_down_look_well() -> None:
    world = World(settings=settings_of(notifications=NIGHT))
    world.is_down = True
    world.fire("t", severity="ticket")
    while world.now.hour < 23:
        world.wait(minutes=30)
    (row,) = world.deliveries.values()
    assert row.status == "failed"


def test_the_digest_waits_for_the_morning() -> None:
    sleepers = {"start": "22:00", "end": "07:00", "timezone": "America/New_York"}
    world = World(settings=settings_of(notifications={"quiet_hours": sleepers}), incidents={})
    world.wait(hours=1)
    world.now = MONDAY + timedelta(days=7) - timedelta(hours=4)  # the digest is due at 08:00 UTC
    assert world.tick() == []
    assert world.wait(hours=3) == ["digest"]  # 07:00 there


# -------------------------------------------------------------------------------- one that sticks


def test_a_message_that_fails_again_and_again_holds_up_no_page_behind_it() -> None:
    """A receiver that answers 500 to one message alone looks like one that is down."""
    world = World(incidents={f"i-{i}": incident_of(f"i-{i}") for i in range(3)})
    world.refuses = {"i-0"}
    for i in range(3):
        world.fire(f"a{i}", incident_id=f"i-{i}")
        world.wait(minutes=1)
    for _ in range(60):
        world.wait(minutes=1)
    assert sorted(names for _, _, names in world.heard) == [("i-1",), ("i-2",)]


def test_attempts_of_what_was_given_up_are_not_those_of_the_next_time() -> None:
    world = World()
    world.incidents["i-1"] = incident_of(acknowledged_at=MONDAY, acknowledged_by="Ada",
                                         triage_due_at=MONDAY + timedelta(days=9),
                                         scope_due_at=MONDAY + timedelta(days=9),
                                         isolate_due_at=MONDAY + timedelta(days=9))  # fmt: skip
    world.fire("a")
    world.tick()
    for days in (1, 3):
        world.end("a")
        world.is_down = True
        world.now = MONDAY + timedelta(days=days)
        world.tick()
        (failed,) = [row for row in world.deliveries.values() if row.status == "failed"]
        assert (failed.attempts, failed.due_at) == (1, world.now)
        world.is_down = False
        world.fire("a")
        world.tick()


# ----------------------------------------------------------------------------- the daily message


def test_one_that_somebody_took_is_not_in_the_daily_message_of_others() -> None:
    far = MONDAY + timedelta(days=9)
    taken = {"acknowledged_at": MONDAY, "acknowledged_by": "Ada", "triage_due_at": far,
             "scope_due_at": far, "isolate_due_at": far}  # fmt: skip
    world = World(incidents={"i-1": incident_of("i-1", **taken), "i-2": incident_of("i-2")})
    for _ in range(30):
        world.fire("a", incident_id="i-1")
        world.fire("b", incident_id="i-2")
        world.wait(hours=1)
    assert [names for _, kind, names in world.heard if kind == "repeated"] == [("i-2",)]


def test_one_that_becomes_worse_is_told_by_itself_and_not_in_the_daily_message_too() -> None:
    world = World(incidents={f"i-{i}": incident_of(f"i-{i}") for i in range(3)})
    for hour in range(25):
        world.fire("a", incident_id="i-1")
        world.fire("b", incident_id="i-2")
        world.fire("c", incident_id="i-0", severity="ticket")
        if hour < 24:
            world.wait(hours=1)
    world.now += timedelta(hours=1)
    world.fire("c", incident_id="i-0", severity="page", severity_at=world.now)
    world.tick()
    assert [(kind, names) for _, kind, names in world.heard[3:]] == [
        ("worse", ("i-0",)),
        ("repeated", ("i-1", "i-2")),
    ]


# ------------------------------------------------------------------------------------- anything

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["fire a", "fire b", "end a", "end b", "down", "up", "nothing"]),
        st.sampled_from([1, 10, 60, 180, 600]),
    ),
    max_size=40,
)


@settings(max_examples=300, deadline=None)
@given(STEPS)
def test_whatever_happens_news_come_in_order_and_the_last_word_is_true(
    steps: list[tuple[str, int]],
) -> None:
    world = World()
    for what, minutes in steps:
        match what.split():
            case ["fire", name]:
                world.fire(name)
            case ["end", name] if name in world.alerts:
                world.end(name)
            case ["down"]:
                world.is_down = True
            case ["up"]:
                world.is_down = False
        world.wait(minutes=minutes)
    world.is_down = False
    for _ in range(120):
        for name, alert in world.alerts.items():
            if alert.status == "firing":
                world.fire(name)
        world.wait(minutes=30)
    _check_order(world.heard)
    alive = any(alert.status == "firing" for alert in world.alerts.values())
    if world.kinds and world.kinds[-1] != "summary":  # which says how each of its topics stands
        assert (world.kinds[-1] != "resolved") == alive
    days = (world.now - MONDAY) / timedelta(days=1)
    assert len(world.heard) <= 4 + 3 * days


def _check_order(heard: list[tuple[datetime, str, tuple[str, ...]]]) -> None:
    open_now = False
    for _, kind, _ in heard:
        if kind in ("worse", "repeated"):
            assert open_now
        open_now = kind in ("firing", "worse", "repeated", "summary")

"""Channels in trouble, over a real lake and real HTTP: the newest state once, and in order."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from llm_monitoring.adapters.channels import Message, Refusal, deliver
from llm_monitoring.hours import HOUR, hour_key
from llm_monitoring.lake import Lake
from llm_monitoring.pipeline.alerts import notify as pipeline
from llm_monitoring.pipeline.alerts.notify import is_news_due, notify
from llm_monitoring.records import Delivery
from llm_monitoring.settings import Settings
from llm_monitoring.settings.notifying import ChannelSettings
from llm_monitoring_tests.alerts.listening import MONDAY, alert_of, incident_of, settings_of
from llm_monitoring_tests.conftest import REPOSITORY
from llm_monitoring_tests.lake.examples import window

DOCUMENT = REPOSITORY / "docs" / "alerts.md"
HOOK = {"name": "hook", "kind": "webhook", "url_env": "HOOK", "timeout_seconds": 2}


class Receiver(ThreadingHTTPServer):
    """A webhook on loopback that answers by script."""

    daemon_threads = True

    def __init__(self) -> None:
        self.mood = "ok"
        self.taken: list[dict[str, Any]] = []  # answered with 200
        self.asked: list[dict[str, Any]] = []  # every request
        self.closing = threading.Event()
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def kinds(self) -> list[str]:
        return [message["kind"] for message in self.taken]


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        mood, server = self.server.mood, self.server
        if mood == "down":
            self.close_connection = True
            return
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server.asked.append(body)
        if mood == "hangs":
            server.closing.wait(30)
            return
        if mood == "slow":  # two thirds of what the channel is waited for, as 40 s are of 60
            server.closing.wait(1.3)
        status = {"500": 500, "429": 429, "400": 400}.get(mood, 200)
        if status == 200:
            server.taken.append(body)
        self.send_response(status)
        if status == 429:
            self.send_header("Retry-After", "1800")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("HOOK", f"http://127.0.0.1:{server.server_address[1]}/T0PSECRET")
    yield server
    server.closing.set()
    server.shutdown()
    server.server_close()
    thread.join()


@dataclass
class Town:
    """A lake with alerts, the receiver, and a clock."""

    lake: Lake
    settings: Settings
    receiver: Receiver
    now: datetime = MONDAY

    def fire(self, name: str = "a", **changes: Any) -> None:
        known = self.lake.rows("alerts", fingerprint=name)
        hour = hour_key(self.now - HOUR)
        if known:
            row = replace(known[0], status="firing", last_hour=hour, **changes)
        else:
            row = alert_of(name, self.now - HOUR, created_at=self.now, severity_at=self.now,
                           **changes)  # fmt: skip
        self.lake.upsert("alerts", [row])

    def end(self, name: str = "a") -> None:
        (row,) = self.lake.rows("alerts", fingerprint=name)
        self.lake.upsert("alerts", [replace(row, status="resolved")])

    def tick(self) -> None:
        """What the sensor does: the alerts are run where there is something to tell."""
        if is_news_due(self.lake, self.settings, self.now):
            notify(self.lake, self.settings, self.now)

    def live(self, minutes: int, every: int = 5) -> None:
        for _ in range(minutes // every):
            self.now += timedelta(minutes=every)
            self.tick()

    def rows(self) -> list[Delivery]:
        rows: list[Delivery] = self.lake.rows("deliveries")
        return rows


@pytest.fixture
def town(tmp_path: Path, receiver: Receiver) -> Town:
    lake = Lake(str(tmp_path / "lake"))
    hour = hour_key(MONDAY)
    lake.replace_hours("window_metrics", [window(hour, 1.0)], hour, hour)
    lake.upsert("incidents", [incident_of()])
    return Town(lake, settings_of(channels=[HOOK]), receiver)


# What happens to the channel -> what it hears. The second column is what docs/alerts.md promises.
SCENARIOS: dict[str, tuple[str, Callable[[Town], None], list[str]]] = {}


def scenario(what: str, hears: str, kinds: list[str]) -> Callable[[Any], Any]:
    def add(play: Callable[[Town], None]) -> Callable[[Town], None]:
        SCENARIOS[what] = (hears, play, kinds)
        return play

    return add


@scenario("it answers 500 for ten minutes", "the alert, once", ["firing"])
def _answers_500(town: Town) -> None:
    town.receiver.mood = "500"
    town.fire()
    town.live(10, 1)
    assert [row.error for row in town.rows()] == ["webhook answered 500"]
    town.receiver.mood = "ok"
    town.live(30)


@scenario("it answers 429, Retry-After half an hour", "nothing for half an hour, then the alert",
          ["firing"])  # fmt: skip
def _answers_429(town: Town) -> None:
    town.receiver.mood = "429"
    town.fire()
    town.live(5)
    town.receiver.mood = "ok"
    town.live(25)
    assert len(town.receiver.asked) == 1
    town.live(10)


@scenario("it answers after 40 of its 60 seconds", "the alert, once", ["firing"])
def _answers_late(town: Town) -> None:
    town.receiver.mood = "slow"
    town.fire()
    town.live(30)
    assert len(town.receiver.asked) == 1


@scenario("it takes a message and never answers",
          "the same message again, with the same `delivery_id`", ["firing"])  # fmt: skip
def _never_answers(town: Town) -> None:
    town.settings = settings_of(channels=[HOOK | {"timeout_seconds": 0.5}])
    town.receiver.mood = "hangs"
    town.fire()
    town.live(10)
    town.receiver.mood = "ok"
    town.live(30, 10)
    assert len({message["delivery_id"] for message in town.receiver.asked}) == 1


@scenario("it is down for a minute", "the alert, a minute or two later", ["firing"])
def _down_for_a_minute(town: Town) -> None:
    town.receiver.mood = "down"
    town.fire()
    town.live(1, 1)
    town.receiver.mood = "ok"
    town.live(2, 1)


@scenario("it is down for an hour, and the alert goes on", "the alert, once", ["firing"])
def _down_for_an_hour(town: Town) -> None:
    town.receiver.mood = "down"
    town.fire()
    town.live(60, 10)
    town.receiver.mood = "ok"
    town.live(60, 20)


@scenario("it is down for three hours, and the alert ends before it is back",
          "that it was, once, when it has been quiet", ["resolved"])  # fmt: skip
def _ends_meanwhile(town: Town) -> None:
    town.receiver.mood = "down"
    town.fire()
    town.live(180, 30)
    town.end()
    town.receiver.mood = "ok"
    town.live(300, 30)


@scenario("it is down for three hours, and a ticket becomes a page",
          "the page, once", ["firing"])  # fmt: skip
def _rises_meanwhile(town: Town) -> None:
    town.receiver.mood = "down"
    town.fire(severity="ticket")
    town.live(60, 20)
    town.fire(severity="page", severity_at=town.now)
    town.live(120, 30)
    town.receiver.mood = "ok"
    town.live(60, 20)
    assert town.receiver.taken[0]["severity"] == "page"


@scenario("it is down for a day, with five incidents", "one summary of the five", ["summary"])
def _down_for_a_day(town: Town) -> None:
    town.receiver.mood = "down"
    for i in range(5):
        town.lake.upsert("incidents", [incident_of(f"i-{i}")])
        town.fire(f"a{i}", incident_id=f"i-{i}")
        town.live(330, 110)
    town.receiver.mood = "ok"
    town.live(60, 15)
    assert len(town.receiver.taken[0]["topics"]) == 5


@scenario("it refuses one message (400)", "every other message", ["firing"])
def _refuses_one(town: Town) -> None:
    town.receiver.mood = "400"
    town.fire()
    town.live(1, 1)
    town.receiver.mood = "ok"
    town.lake.upsert("incidents", [incident_of("i-2")])
    town.fire("b", incident_id="i-2")
    town.tick()
    assert town.receiver.taken[0]["incident_id"] == "i-2"


def _parameter(what: str) -> Any:
    """Hours of trouble take many seconds."""
    is_long = "three hours" in what or "day" in what
    return pytest.param(what, marks=[pytest.mark.slow] if is_long else [])


@pytest.mark.parametrize("what", [_parameter(what) for what in SCENARIOS])
def test_a_channel_in_trouble_hears_the_newest_state_once(town: Town, what: str) -> None:
    _, play, kinds = SCENARIOS[what]
    play(town)
    assert town.receiver.kinds == kinds
    assert Counter(row.status for row in town.rows())["sending"] == 0


def test_the_page_says_what_a_channel_in_trouble_hears() -> None:
    page = DOCUMENT.read_text(encoding="utf-8")
    missing = [
        row
        for what, (hears, _, _) in SCENARIOS.items()
        if (row := f"| {what} | {hears} |") not in page
    ]
    assert missing == []


# --------------------------------------------------------------------------- senders in trouble


def test_one_that_was_killed_after_sending_sends_the_same_message_again(town: Town) -> None:
    def killed(channel: ChannelSettings, message: Message) -> Refusal | None:
        deliver(channel, message)
        raise SystemExit

    town.fire()
    with pytest.raises(SystemExit):
        notify(town.lake, town.settings, town.now, killed)
    town.live(9, 1)
    assert town.receiver.kinds == ["firing"]
    town.live(2, 1)
    assert town.receiver.kinds == ["firing", "firing"]
    assert len({message["delivery_id"] for message in town.receiver.taken}) == 1
    town.live(60)
    assert len(town.receiver.taken) == 2


def test_of_many_that_send_at_once_each_message_is_sent_by_one(town: Town) -> None:
    for i in range(4):
        town.lake.upsert("incidents", [incident_of(f"i-{i}")])
        town.fire(f"a{i}", incident_id=f"i-{i}")
    at_once = threading.Barrier(4)

    def run() -> None:
        at_once.wait()
        notify(Lake(town.lake.uri), town.settings, town.now)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sent = Counter(message["delivery_id"] for message in town.receiver.asked)
    assert sorted(sent.values()) == [1, 1, 1, 1]
    assert {row.status for row in town.rows()} == {"delivered"}


def test_where_a_result_cannot_be_stored_nothing_more_is_sent(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    for i in range(4):
        town.lake.upsert("incidents", [incident_of(f"i-{i}")])
        town.fire(f"a{i}", incident_id=f"i-{i}")

    def full(name: str, rows: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(town.lake, "upsert", full)
    with pytest.raises(OSError, match="No space"):
        notify(town.lake, town.settings, town.now)
    assert len(town.receiver.asked) == 1


def test_where_a_message_cannot_be_claimed_it_is_not_sent(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    town.fire()

    def full(*_: Any) -> bool:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(town.lake, "claim", full)
    with pytest.raises(OSError, match="No space"):
        notify(town.lake, town.settings, town.now)
    assert town.receiver.asked == []


def test_a_channel_that_hangs_delays_no_other(town: Town) -> None:
    other = {"name": "quick", "kind": "log"}
    town.settings = settings_of(channels=[HOOK, other])
    town.receiver.mood = "hangs"
    town.fire()
    heard = threading.Event()

    def send(channel: ChannelSettings, message: Message) -> Refusal | None:
        if channel.name == "quick":
            heard.set()
            return None
        assert heard.wait(10)  # the other has heard while this one hangs
        return deliver(channel, message)

    told = notify(town.lake, town.settings, town.now, send)
    assert (told.delivered, told.failed) == (1, 1)


@pytest.mark.parametrize(
    "address", ["http://.../x", "no address", "http://[::1/", "ftp://x/y", "http://127.0.0.1:1/x"]
)
def test_a_mistyped_address_is_the_channels_failure_and_not_the_runs(
    town: Town, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("HOOK", address)
    town.fire()
    assert notify(town.lake, town.settings, town.now).failed == 1
    (row,) = town.rows()
    assert row.status == "failed"
    assert row.error
    assert address not in row.error


def test_a_channel_that_was_taken_out_is_given_up(town: Town) -> None:
    town.receiver.mood = "500"
    town.fire()
    town.live(5)
    town.settings = settings_of(channels=[{"name": "log", "kind": "log"}])
    town.live(5)
    rows = {row.channel: (row.status, row.error) for row in town.rows()}
    assert rows["hook"] == ("dropped", "its channel is no longer configured")
    assert rows["log"] == ("delivered", None)


@pytest.mark.slow
def test_a_channel_that_keeps_failing_is_named_and_then_no_more(town: Town) -> None:
    town.receiver.mood = "500"
    town.fire()
    town.live(60)
    told = notify(town.lake, town.settings, town.now)
    assert [(c.channel, c.error) for c in told.failing] == [("hook", "webhook answered 500")]
    town.receiver.mood = "ok"
    town.live(20)
    assert notify(town.lake, town.settings, town.now).failing == []


def test_rows_of_an_earlier_version_are_left_alone(town: Town) -> None:
    old = {"delivery_id": "d", "channel": "hook", "status": "failed", "kind": "firing"}
    import pyarrow as pa

    from llm_monitoring.lake import TABLES

    schema = TABLES["deliveries"].schema
    row = pa.table({name: [old.get(name)] for name in schema.names}, schema=schema)
    town.lake.append("deliveries", row)
    town.fire()
    town.live(5)
    assert town.receiver.kinds == ["firing"]


# ------------------------------------------------------------------------------------- messages


def test_a_message_can_be_acted_on(town: Town) -> None:
    town.fire(n=1240, chance_hours=11088.0)
    town.tick()
    (message,) = town.receiver.taken
    assert message["text"].splitlines() == [
        "[page] new: Acme shop: Flagged responses of chat rose: 1.0% -> 8.0% since "
        "Mon 19 Oct 11:00 UTC",
        "Still going on: last seen in the hour of Mon 2026-10-19 11:00 UTC.",
        "- page: flag rate of chat up from 1.0 % to 8.0 % (a)",
        "1,240 requests in the windows concerned.",
        "Incident: i-1",
        "Report: http://127.0.0.1:3001/i-1.html",
        "Take it: llm-monitoring incidents ack i-1",
    ]
    assert message["features"] == ["chat"]
    assert message["incident_id"] == "i-1"
    assert message["requests"] == 1240
    assert message["status"] == "firing"


def test_people_are_called_as_they_are_called(town: Town) -> None:
    town.fire()
    town.tick()
    town.lake.upsert(
        "incidents",
        [incident_of(status="resolved", resolved_by="Ada <b> Lovelace", verdict="false_positive")],
    )
    town.live(5)
    assert "Closed by Ada ?b? Lovelace: false positive." in town.receiver.taken[-1]["text"]


def test_only_what_was_called_over_is_called_back(town: Town) -> None:
    town.lake.upsert("alerts", [alert_of("old", MONDAY - timedelta(days=9))])
    town.tick()
    town.now += timedelta(hours=1)
    town.fire()
    town.tick()
    town.end("old")
    town.end()
    town.live(300, 60)
    town.fire("b")
    town.tick()
    assert town.receiver.kinds == ["summary", "firing", "resolved", "firing"]
    assert ["It is back" in message["text"] for message in town.receiver.taken] == [
        False, False, False, True,
    ]  # fmt: skip


@contextmanager
def nobody_sends() -> Iterator[Callable[[ChannelSettings, Message], Refusal | None]]:
    def send(channel: ChannelSettings, message: Message) -> Refusal | None:
        raise AssertionError(f"{channel.name} was sent {message.title}")

    yield send


def test_a_quiet_lake_sends_nothing(town: Town) -> None:
    with nobody_sends() as send:
        told = notify(town.lake, town.settings, town.now, send)
    assert (told.delivered, told.failed, told.failing) == (0, 0, [])


def test_names_in_a_title_carry_no_markup_mention_or_link(town: Town) -> None:
    """A title names features, models and segments as they were logged."""
    name = "<!channel> @all [click](https://evil.example) <https://evil.example|x> www.evil.example"
    town.lake.upsert("incidents", [incident_of(title=f"Quality of {name} fell: mean 4.8 -> 4.0")])
    town.fire()
    town.tick()
    (message,) = town.receiver.taken
    assert message["title"] == message["text"].splitlines()[0]
    assert "mean 4.8 -> 4.0" in message["title"]
    for sign in ("<", "@", "](", "https://", "|", "www."):
        assert sign not in message["title"]
        assert sign not in message["headline"]


def test_a_page_whose_incident_is_not_in_the_lake_is_told_all_the_same(town: Town) -> None:
    town.fire(incident_id="deleted-by-hand")
    town.live(60)
    assert town.receiver.kinds == ["firing"]
    assert "flag rate of chat up" in town.receiver.taken[0]["title"]


# ------------------------------------------------------------------------------------- refreshing

PAGER = {"name": "am", "kind": "alertmanager", "url_env": "HOOK"}


def _refused(channel: ChannelSettings, what: Any) -> Refusal | None:
    return Refusal(reason="alertmanager answered 500")


def _taken(channel: ChannelSettings, what: Any) -> Refusal | None:
    return None


def test_a_refresh_that_failed_is_forgotten_when_nothing_goes_on_any_more(town: Town) -> None:
    town.settings = settings_of(channels=[PAGER])
    town.fire()
    notify(town.lake, town.settings, town.now, _taken, _taken)
    for _ in range(6):
        town.now += timedelta(minutes=20)
        told = notify(town.lake, town.settings, town.now, _taken, _refused)
    assert [channel.channel for channel in told.failing] == ["am"]
    town.end()
    town.now += timedelta(hours=4)
    told = notify(town.lake, town.settings, town.now, _taken, _refused)
    assert told.failing == []


def test_a_channel_that_is_left_alone_is_not_refreshed_either(town: Town) -> None:
    town.settings = settings_of(channels=[PAGER])
    town.fire()
    notify(town.lake, town.settings, town.now, _taken, _taken)
    asked: list[datetime] = []

    def ask(channel: ChannelSettings, what: Any) -> Refusal | None:
        asked.append(town.now)
        return Refusal(reason="alertmanager answered 429", retry_after_seconds=1800)

    for _ in range(6):
        town.now += timedelta(minutes=10)
        notify(town.lake, town.settings, town.now, ask, ask)
    assert len(asked) == 2


def test_what_another_process_has_sent_meanwhile_is_not_given_up(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    town.receiver.mood = "500"
    town.fire()
    town.tick()
    (failed,) = town.rows()
    town.end()
    town.now += timedelta(hours=5)
    other = replace(failed, status="delivered", updated_at=town.now)
    read = pipeline.read_situation

    def read_before(lake: Lake, now: datetime) -> Any:
        situation = read(lake, now)
        lake.upsert("deliveries", [other])
        return situation

    monkeypatch.setattr(pipeline, "read_situation", read_before)
    town.receiver.mood = "ok"
    notify(town.lake, town.settings, town.now)
    assert other in town.rows()

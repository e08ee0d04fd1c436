"""A real Alertmanager on loopback hears of a topic once, however often it is posted."""

import base64
import contextlib
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from llm_monitoring.adapters.channels import Refusal, deliver, refresh
from llm_monitoring.settings.notifying import ChannelSettings
from llm_monitoring_tests.adapters.channels.examples import (
    SECRET,
    TEXT,
    TITLE,
    Answering,
    channel,
    closed_port,
    message,
)
from llm_monitoring_tests.receiver import Receiver

PROGRAM = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
real = pytest.mark.skipif(PROGRAM is None, reason="there is no Alertmanager on this machine")

BEGAN = datetime.now(UTC) - timedelta(hours=2)
CONFIG = """\
route:
  receiver: hook
  group_by: [product, topic]
  group_wait: 0s
  group_interval: 1s
  repeat_interval: 1h
receivers:
  - name: hook
    webhook_configs: [{url: "%s", send_resolved: true}]
"""


@dataclass
class Manager:
    """An Alertmanager, and what it tells."""

    port: int
    receiver: Receiver

    @property
    def channel(self) -> ChannelSettings:
        return channel("alertmanager", f"http://127.0.0.1:{self.port}")

    def active(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = httpx.get(
            f"http://127.0.0.1:{self.port}/api/v2/alerts"
        ).json()
        return found

    def severities(self) -> list[str]:
        return sorted(alert["labels"]["severity"] for alert in self.active())

    def told(self) -> list[list[tuple[str, str]]]:
        """For each of its messages: status and severity of the alerts in it."""
        return [
            sorted((a["status"], a["labels"]["severity"]) for a in sent["alerts"])
            for sent in self.receiver.messages
        ]

    def soon(self, is_so: Callable[[], bool]) -> None:
        """Wait until it is so."""
        end = time.monotonic() + 15
        while not is_so():
            assert time.monotonic() < end, self.told()
            time.sleep(0.05)


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    port = closed_port()
    config = tmp_path / "alertmanager.yml"
    with Receiver() as receiver, (tmp_path / "output").open("wb") as output:
        config.write_text(CONFIG % receiver.address)
        process = subprocess.Popen(
            [
                str(PROGRAM),
                f"--config.file={config}",
                f"--storage.path={tmp_path / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--cluster.listen-address=",
            ],
            stdout=output,
            stderr=output,
        )
        manager = Manager(port, receiver)
        try:
            manager.soon(lambda: is_ready(port))
            yield manager
        finally:
            process.kill()
            process.wait()


def is_ready(port: int) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(f"http://127.0.0.1:{port}/-/ready").is_success
    return False


def going_on(**changed: Any) -> Any:
    return message(starts_at=BEGAN, **changed)


@real
def test_a_topic_is_told_once_while_it_goes_on_and_once_when_it_is_over(manager: Manager) -> None:
    assert deliver(manager.channel, going_on()) is None
    manager.soon(lambda: manager.told() == [[("firing", "page")]])
    (alert,) = manager.receiver.messages[0]["alerts"]
    assert alert["labels"] == {
        "alertname": "llm_monitoring", "product": "Shop", "topic": "inc-1", "severity": "page",
    }  # fmt: skip
    assert alert["annotations"] == {
        "summary": TITLE, "description": TEXT, "kind": "firing",
        "features": "support_chat, search", "requests": "120",
    }  # fmt: skip
    assert alert["generatorURL"] == "http://127.0.0.1:3001/inc-1.html"
    ends = [manager.active()[0]["endsAt"]]
    for requests in (130, 140):  # the values change, the alert stays the same
        grown = going_on(kind="repeated", payload={"requests": requests})
        assert refresh(manager.channel, [grown]) is None
        ends.append(manager.active()[0]["endsAt"])
    assert ends == sorted(set(ends))
    assert manager.active()[0]["annotations"]["requests"] == "140"
    over = going_on(kind="resolved", ends_at=BEGAN + timedelta(hours=1))
    assert deliver(manager.channel, over) is None
    assert deliver(manager.channel, over) is None
    manager.soon(lambda: len(manager.told()) > 1)
    assert manager.told() == [[("firing", "page")], [("resolved", "page")]]
    assert manager.active() == []


@real
def test_a_severity_that_rises_leaves_one_alert(manager: Manager) -> None:
    assert deliver(manager.channel, going_on(severity="ticket")) is None
    assert deliver(manager.channel, going_on(topic="inc-2", severity="ticket")) is None
    manager.soon(lambda: len(manager.told()) == 2)
    assert deliver(manager.channel, going_on(kind="worse", severity="page")) is None
    assert manager.severities() == ["page", "ticket"]  # the other topic's
    manager.soon(lambda: len(manager.told()) == 3)
    assert manager.told()[-1] == [("firing", "page"), ("resolved", "ticket")]
    both = [going_on(kind="repeated"), going_on(kind="repeated", topic="inc-2", severity="info")]
    assert refresh(manager.channel, both) is None
    assert manager.severities() == ["info", "page"]
    over = going_on(kind="resolved", severity="info", ends_at=None)  # whatever it was told as
    assert deliver(manager.channel, over) is None
    assert manager.severities() == ["info"]


@real
def test_what_nobody_confirms_and_nobody_ends_is_gone_by_itself(manager: Manager) -> None:
    assert refresh(manager.channel, [going_on()], timedelta(seconds=1)) is None
    manager.soon(lambda: manager.active() == [])
    manager.soon(lambda: manager.told() == [[("firing", "page")], [("resolved", "page")]])
    over = going_on(kind="resolved", ends_at=BEGAN + timedelta(hours=1))  # found again
    assert deliver(manager.channel, over) is None
    assert manager.active() == []


@real
def test_what_was_over_before_it_was_told_is_no_news(manager: Manager) -> None:
    over = going_on(kind="resolved", topic="old", ends_at=BEGAN)
    assert deliver(manager.channel, over) is None
    assert deliver(manager.channel, going_on()) is None
    manager.soon(lambda: bool(manager.told()))
    assert manager.told() == [[("firing", "page")]]


@real
def test_many_topics_are_one_request_and_odd_words_are_taken(manager: Manager) -> None:
    odd = {"why not": 1, "ünits": "µ", "deep": {"a": [1]}, "empty": None, "text": "x", "9": 0}
    many = [going_on(topic=f"inc-{n} \"'{{}}\\", payload=odd) for n in range(50)]
    assert refresh(manager.channel, many) is None
    assert len(manager.active()) == 50


@real
def test_an_address_with_the_path_and_one_with_another_are_told_apart(manager: Manager) -> None:
    there = f"http://127.0.0.1:{manager.port}"
    for address in (f"{there}/", f"{there}/api/v2/alerts"):
        assert deliver(channel("alertmanager", address), going_on()) is None
    refusal = deliver(channel("alertmanager", f"{there}/elsewhere"), going_on())
    assert refusal == Refusal(reason="alertmanager answered 404")


def posted(server: Answering) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.documents[-1]
    return found


def test_basic_authentication_of_the_address_is_used(server: Answering) -> None:
    address = f"http://user:p%40ss{SECRET}@127.0.0.1:{server.port}/prefix/"
    assert deliver(channel("alertmanager", address), going_on()) is None
    expected = base64.b64encode(f"user:p@ss{SECRET}".encode()).decode()
    assert server.headers[0]["authorization"] == f"Basic {expected}"
    assert server.paths == ["/prefix/api/v2/alerts"]


def test_an_end_is_never_in_the_future_nor_before_the_start(server: Answering) -> None:
    there = channel("alertmanager", f"http://127.0.0.1:{server.port}")
    now = datetime.now(UTC)
    for starts_at, ends_at in (
        (now - timedelta(hours=1), now + timedelta(hours=5)),
        (now + timedelta(hours=1), now + timedelta(hours=5)),
        (now - timedelta(hours=1), now - timedelta(hours=2)),
        (now + timedelta(hours=1), None),
    ):
        over = message(kind="resolved", starts_at=starts_at, ends_at=ends_at, link="a/path.html")
        assert deliver(there, over) is None
        (alert,) = posted(server)
        start, end = (datetime.fromisoformat(alert[name]) for name in ("startsAt", "endsAt"))
        assert start <= end <= datetime.now(UTC)
        assert "generatorURL" not in alert


def test_one_that_does_not_tell_what_it_holds_is_told_of_every_twin_of_what_got_worse(
    server: Answering,
) -> None:
    there = channel("alertmanager", f"http://127.0.0.1:{server.port}")
    assert deliver(there, going_on(severity="ticket")) is None
    assert len(posted(server)) == 1
    assert deliver(there, going_on(kind="worse")) is None
    assert [alert["labels"]["severity"] for alert in posted(server)] == ["page", "info", "ticket"]


@pytest.mark.parametrize("answer", [b"{}", b"[1]", b"[{}]", b"not json", b"[" * 100_000])
def test_an_answer_that_is_no_list_of_alerts_stops_nothing(
    server: Answering, answer: bytes
) -> None:
    server.holds = answer
    there = channel("alertmanager", f"http://127.0.0.1:{server.port}")
    assert deliver(there, going_on()) is None
    assert len(posted(server)) == 1

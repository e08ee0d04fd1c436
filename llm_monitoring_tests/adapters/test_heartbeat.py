"""The heartbeat against a real HTTP server on loopback."""

import logging
import socket
from collections.abc import Iterator

import pytest
import stamina

from llm_monitoring.adapters.heartbeat import beat
from llm_monitoring.settings.notifying import HeartbeatSettings
from llm_monitoring_tests.receiver import Receiver

SETTINGS = HeartbeatSettings(url_env="TEST_HEARTBEAT")
SECRET = "T0PSECRET"


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with Receiver() as receiver, stamina.set_testing(True, attempts=3):
        monkeypatch.setenv("TEST_HEARTBEAT", receiver.address)
        yield receiver


def test_it_is_a_get_of_the_address_and_of_fail_below_it(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert beat(SETTINGS) is None
    assert beat(SETTINGS, failed=True) is None
    monkeypatch.setenv("TEST_HEARTBEAT", receiver.address + "/?token=1")
    assert beat(SETTINGS, failed=True) is None
    ping = f"/ping/{SECRET}"
    assert receiver.paths == [ping, f"{ping}/fail", f"{ping}/fail?token=1"]


def test_without_an_address_nothing_is_sent(receiver: Receiver) -> None:
    assert beat(HeartbeatSettings()) is None
    assert receiver.paths == []


@pytest.mark.parametrize(("status", "attempts"), [(503, 3), (429, 3), (404, 1), (302, 1)])
def test_an_answer_that_is_no_success_is_told_and_tried_again_if_it_may_pass(
    receiver: Receiver, status: int, attempts: int
) -> None:
    receiver.status = status
    assert beat(SETTINGS) == f"heartbeat was answered {status}"
    assert len(receiver.paths) == attempts


def test_the_address_is_in_no_error_and_in_no_log(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    told = []
    for address in (
        receiver.address,
        f"http://127.0.0.1:{port}/{SECRET}",
        f"ftp://host/{SECRET}",
        f"http://[{SECRET}",
        f"http://{SECRET}\x00/",
        SECRET,
    ):
        monkeypatch.setenv("TEST_HEARTBEAT", address.replace("\x00", "\x01"))
        told.append(beat(SETTINGS, failed=True))
    monkeypatch.delenv("TEST_HEARTBEAT")
    told.append(beat(SETTINGS))
    assert told[0] is None
    assert all(told[1:])
    written = [str(record.__dict__) + record.getMessage() for record in caplog.records]
    assert not [line for line in [*map(str, told), *written] if SECRET in line]

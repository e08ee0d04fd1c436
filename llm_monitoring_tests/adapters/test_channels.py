"""Channels against a real HTTP server on loopback."""

import json
import logging
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, get_args

import pytest
import stamina

from llm_monitoring.adapters.channels import CHANNELS, WebhookChannel, deliver
from llm_monitoring.settings.models import ChannelSettings

# Loading apprise's plugins imports a library for signed mail that uses a deprecated module.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

SECRET = "T0PSECRET"
PAYLOAD = {"fingerprint": "f1", "severity": "page", "delivery_id": "d1"}


class Receiver:
    """Answers with the statuses it is given, then 200; keeps what it was sent."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.bodies: list[dict[str, Any]] = []
        self.paths: list[str] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.bodies.append(json.loads(body))
                receiver.paths.append(self.path)
                status = receiver.statuses.pop(0) if receiver.statuses else 200
                self.send_response(status)
                self.send_header("Content-Length", "0")
                if status in (301, 302):
                    self.send_header("Location", f"/{SECRET}/elsewhere")
                self.end_headers()

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    thread = threading.Thread(target=receiver.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def _retries_do_not_wait() -> Iterator[None]:
    with stamina.set_testing(True, attempts=3):
        yield


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _channel(monkeypatch: pytest.MonkeyPatch, kind: str, address: str) -> ChannelSettings:
    monkeypatch.setenv("ALERT_ADDRESS", address)
    return ChannelSettings(name="x", kind=kind, url_env="ALERT_ADDRESS")  # type: ignore[arg-type]


def _webhook(monkeypatch: pytest.MonkeyPatch, port: int) -> ChannelSettings:
    return _channel(monkeypatch, "webhook", f"http://127.0.0.1:{port}/hook/{SECRET}?key={SECRET}")


def _apprise(monkeypatch: pytest.MonkeyPatch, port: int) -> ChannelSettings:
    return _channel(monkeypatch, "apprise", f"json://127.0.0.1:{port}/{SECRET}")


def test_every_kind_in_the_settings_is_in_the_catalogue() -> None:
    assert set(CHANNELS) == set(get_args(ChannelSettings.model_fields["kind"].annotation))


@pytest.mark.parametrize(
    ("severity", "level"), [("page", "ERROR"), ("ticket", "WARNING"), ("info", "INFO")]
)
def test_the_log_channel_writes_at_the_level_of_the_severity(
    caplog: pytest.LogCaptureFixture, severity: str, level: str
) -> None:
    caplog.set_level(logging.INFO, "llm_monitoring.alerts")
    log = ChannelSettings(name="log", kind="log")
    assert deliver(log, "100 % of it", {"severity": severity}) is None
    assert [(r.levelname, r.getMessage()) for r in caplog.records] == [(level, "100 % of it")]


def test_a_webhook_gets_the_payload_and_the_text(
    monkeypatch: pytest.MonkeyPatch, receiver: Receiver
) -> None:
    assert deliver(_webhook(monkeypatch, receiver.port), "it broke", PAYLOAD) is None
    assert receiver.bodies == [{**PAYLOAD, "text": "it broke"}]
    assert receiver.paths == [f"/hook/{SECRET}?key={SECRET}"]


def test_a_webhook_that_stumbles_is_tried_again_at_once(
    monkeypatch: pytest.MonkeyPatch, receiver: Receiver
) -> None:
    receiver.statuses = [503, 429]
    assert deliver(_webhook(monkeypatch, receiver.port), "it broke", PAYLOAD) is None
    assert len(receiver.bodies) == 3


def test_a_webhook_that_is_down_and_then_up_gets_the_next_attempt(
    monkeypatch: pytest.MonkeyPatch, receiver: Receiver
) -> None:
    channel = _webhook(monkeypatch, receiver.port)
    receiver.statuses = [500, 502, 503]
    assert deliver(channel, "it broke", PAYLOAD) == "webhook answered 503"
    assert deliver(channel, "it broke", PAYLOAD) is None


@pytest.mark.parametrize("status", [302, 400, 401, 404, 410])
def test_a_webhook_that_refuses_is_not_asked_again(
    monkeypatch: pytest.MonkeyPatch, receiver: Receiver, status: int
) -> None:
    receiver.statuses = [status]
    error = deliver(_webhook(monkeypatch, receiver.port), "it broke", PAYLOAD)
    assert error == f"webhook answered {status}"
    assert len(receiver.bodies) == 1


def test_a_webhook_nobody_answers_is_an_error_not_a_crash(
    monkeypatch: pytest.MonkeyPatch, closed_port: int
) -> None:
    error = deliver(_webhook(monkeypatch, closed_port), "it broke", PAYLOAD)
    assert error == "webhook not reached: ConnectError"


def test_a_webhook_that_never_answers_times_out() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(Exception, match="webhook not reached: ReadTimeout"):
            WebhookChannel(address, timeout_seconds=0.05).send("it broke", PAYLOAD)


def test_apprise_delivers_the_text(monkeypatch: pytest.MonkeyPatch, receiver: Receiver) -> None:
    text = "[page] firing: flag rate of a_b up from 2.0 % to 9.0 %"
    assert deliver(_apprise(monkeypatch, receiver.port), text, PAYLOAD) is None
    (body,) = receiver.bodies
    assert (body["message"], body["type"]) == (text, "failure")


def test_apprise_that_cannot_deliver_is_an_error(
    monkeypatch: pytest.MonkeyPatch, receiver: Receiver, closed_port: int
) -> None:
    receiver.statuses = [500]
    for port in (receiver.port, closed_port):
        error = deliver(_apprise(monkeypatch, port), "it broke", PAYLOAD)
        assert error == "apprise could not deliver the message"


@pytest.mark.parametrize(
    ("kind", "address", "error"),
    [
        ("webhook", f"hooks.example/{SECRET}", "webhook address is not a http(s) URL"),
        ("webhook", f"http://hooks.example:{SECRET}/", "webhook address is not a http(s) URL"),
        ("apprise", f"nonsense://{SECRET}", "apprise does not understand the address"),
        ("apprise", SECRET, "apprise does not understand the address"),
    ],
)
def test_an_address_that_is_none_is_told_without_the_address(
    monkeypatch: pytest.MonkeyPatch, kind: str, address: str, error: str
) -> None:
    assert deliver(_channel(monkeypatch, kind, address), "it broke", PAYLOAD) == error


def test_an_address_that_is_not_set_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    channel = _webhook(monkeypatch, 1)
    monkeypatch.delenv("ALERT_ADDRESS")
    error = deliver(channel, "it broke", PAYLOAD)
    assert error is not None
    assert "ALERT_ADDRESS is not set" in error


@pytest.mark.parametrize("statuses", [[], [500, 500, 500], [302], [404]])
def test_an_address_is_in_no_log_and_in_no_error(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    receiver: Receiver,
    closed_port: int,
    statuses: list[int],
) -> None:
    caplog.set_level(logging.DEBUG)
    errors = []
    for make in (_webhook, _apprise):
        for port in (receiver.port, closed_port):
            receiver.statuses = list(statuses)
            errors.append(deliver(make(monkeypatch, port), "it broke", PAYLOAD))
    errors.append(deliver(_channel(monkeypatch, "apprise", f"x://{SECRET}"), "it", PAYLOAD))
    written = [str(record.__dict__) + record.getMessage() for record in caplog.records]
    assert not [line for line in [*written, str(errors)] if SECRET in line]


def test_logs_of_others_are_back_after_a_delivery(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, receiver: Receiver
) -> None:
    caplog.set_level(logging.INFO)
    deliver(_webhook(monkeypatch, receiver.port), "it broke", PAYLOAD)
    logging.getLogger("httpx").info("of others")
    assert "of others" in caplog.text

"""Messages, channels, and servers on loopback that misbehave by script."""

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from llm_monitoring.adapters.channels import Message
from llm_monitoring.settings.notifying import ChannelSettings

SECRET = "T0PSECRET"
TITLE = "[page] firing: error rate of support_chat up from 0.5 % to <8 %>"
TEXT = f"{TITLE}\nSince Tue *14:00* UTC, 120 requests.\nhttp://127.0.0.1:3001/inc-1.html"


def message(**changed: Any) -> Message:
    values = {
        "delivery_id": "d1",
        "product": "Shop",
        "topic": "inc-1",
        "kind": "firing",
        "severity": "page",
        "title": TITLE,
        "text": TEXT,
        "sent_at": datetime(2026, 10, 20, 18, tzinfo=UTC),
        "starts_at": datetime(2026, 10, 20, 14, tzinfo=UTC),
        "ends_at": None,
        "link": "http://127.0.0.1:3001/inc-1.html",
        "payload": {"features": ["support_chat", "search"], "requests": 120, "model": None},
    }
    return Message(**(values | changed))


def channel(kind: str, address: str | None = None, **more: Any) -> ChannelSettings:
    """A channel whose address stands in the environment for the rest of the test."""
    if address is not None:
        os.environ["ALERT_ADDRESS"] = address
        more["url_env"] = "ALERT_ADDRESS"
    return ChannelSettings.model_validate({"name": "x", "kind": kind, **more})


class Answering:
    """HTTP server that answers with the statuses and headers it is given, then with 200."""

    def __init__(self) -> None:
        self.answers: list[int | tuple[int, dict[str, str]]] = []
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.holds: bytes | None = None  # what it answers to GET; None: that it does not know GET
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(501 if server.holds is None else 200)
                self.send_header("Content-Length", str(len(server.holds or b"")))
                self.end_headers()
                self.wfile.write(server.holds or b"")

            def do_POST(self) -> None:
                server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
                server.headers.append({k.lower(): v for k, v in self.headers.items()})
                server.paths.append(self.path)
                answer = server.answers.pop(0) if server.answers else 200
                status, headers = answer if isinstance(answer, tuple) else (answer, {})
                self.send_response(status)
                for name, value in {"Content-Length": "0", **headers}.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}
        )
        self.port = self._server.server_address[1]
        self.hook = f"http://127.0.0.1:{self.port}/hook/{SECRET}?key={SECRET}"
        self.json = f"json://127.0.0.1:{self.port}/{SECRET}"

    @property
    def documents(self) -> list[Any]:
        return [json.loads(body) for body in self.bodies]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def talking(talk: Callable[[socket.socket, threading.Event], None]) -> Iterator[int]:
    """Port of a server that says to each caller what `talk` says, until the event is set."""
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            try:
                caller, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=converse, args=(caller,), daemon=True).start()

    def converse(caller: socket.socket) -> None:
        with caller, suppress(OSError):
            talk(caller, over)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            over.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def silence(caller: socket.socket, over: threading.Event) -> None:
    """Takes the call and says nothing."""
    over.wait(30)


def slow_headers(caller: socket.socket, over: threading.Event) -> None:
    """A byte every few milliseconds: no timeout between bytes ever passes."""
    caller.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while not over.wait(0.02):
        caller.sendall(b"x")


def endless_body(caller: socket.socket, over: threading.Event) -> None:
    """An answer that is fine, and a body without an end."""
    caller.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
    while not over.wait(0.001):
        caller.sendall(b"x" * 4096)


def endless_refusal(caller: socket.socket, over: threading.Event) -> None:
    """The same with a refusal."""
    caller.sendall(b"HTTP/1.1 503 No\r\nRetry-After: 7\r\n\r\n")
    while not over.wait(0.001):
        caller.sendall(b"x" * 4096)


def nonsense(caller: socket.socket, over: threading.Event) -> None:
    """Something that is not HTTP."""
    caller.recv(1)
    caller.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")


def hangs_up(caller: socket.socket, over: threading.Event) -> None:
    """Ends the call at once."""


def closed_port() -> int:
    """Nobody listens there."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])

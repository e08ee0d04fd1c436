"""A chat-completions server of our own, on a free loopback port, that answers by script.

The judged text names the behaviour: an answer that holds `[[prose]]` is answered with prose, one
that holds `[[score=2]]` with twos, and so on through `BEHAVIOURS`. Where several are named, call k
for that text gets the k-th, and the last one stays: `[[429]] [[score=4]]` is refused once.
"""

import asyncio
import json
import re
import socket
import threading
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

NAMED = re.compile(r"\[\[(\w+)(?:=([^\]]*))?\]\]")


class ScriptedServer:
    """Context manager; `bodies` holds every request body that arrived, `headers` its headers."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.calls: Counter[str] = Counter()  # by judged text
        self.in_flight = 0
        self.most_in_flight = 0
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.base_url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        routes = [Route("/v1/chat/completions", self._complete, methods=["POST"])]
        config = uvicorn.Config(
            Starlette(routes=routes), log_level="critical", lifespan="off", ws="none"
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=10)
        if self._thread.is_alive():
            raise RuntimeError("the scripted server did not stop")
        self._socket.close()

    async def _complete(self, request: Request) -> Response:
        body = await request.json()
        text = body["messages"][-1]["content"]
        self.bodies.append(body)
        self.headers.append(dict(request.headers))
        self.calls[text] += 1
        script = NAMED.findall(text) or [("score", "5")]
        name, argument = script[min(self.calls[text], len(script)) - 1]
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            if name == "silent":
                await _until_disconnected(request)
            while name == "together" and self.most_in_flight < int(argument):
                await asyncio.sleep(0)  # answers once so many calls have been in flight at once
            return BEHAVIOURS[name](argument)
        finally:
            self.in_flight -= 1


async def _until_disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def completion(text: str | None, finish_reason: str = "stop", **message: Any) -> Response:
    """A well-formed chat completion."""
    return JSONResponse(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "model": "judge-2026-01-01",
            "system_fingerprint": "fp_1",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": text, **message},
                    "finish_reason": finish_reason,
                }
            ],
            "usage": {"prompt_tokens": 200, "completion_tokens": 40, "total_tokens": 240},
        }
    )


def scores(correctness: Any, completeness: Any, tone: Any, reason: str = "as scripted") -> str:
    """A judge's reply as JSON."""
    reply = {"reason": reason, "correctness": correctness, "completeness": completeness}
    return json.dumps(reply | {"tone": tone})


def _score(argument: str) -> Response:
    values = argument.split(",")
    correctness, completeness, tone = map(int, values if len(values) == 3 else values * 3)
    return completion(scores(correctness, completeness, tone))


def _failure(status: int, message: str = "", **headers: str) -> Response:
    return JSONResponse({"error": {"message": message}}, status_code=status, headers=headers)


BEHAVIOURS: dict[str, Callable[[str], Response]] = {
    "score": _score,  # one number for all dimensions, or three
    "429": lambda seconds: _failure(429, "slow down", **{"Retry-After": seconds or "0"}),
    "500": lambda _: _failure(500, "internal error"),
    "503": lambda _: _failure(503, "overloaded"),
    "400": lambda message: _failure(400, message or "bad request"),
    "401": lambda key: _failure(401, f"wrong key {key}"),
    "silent": lambda _: completion("too late"),
    "together": lambda _: completion(scores(5, 5, 5)),
    "html": lambda _: HTMLResponse("<html><body>Maintenance</body></html>"),
    "no_json": lambda _: Response("{", media_type="application/json"),
    "no_choices": lambda _: JSONResponse({"error": {"message": "out of credits"}}),
    "broken": lambda _: completion('{"reason": "ok", "correctness": 5, "completen'),
    "prose": lambda _: completion("I would give this answer a solid 4 out of 5."),
    "refusal": lambda _: completion(None, refusal="I can't help with that."),
    "filtered": lambda _: completion("", finish_reason="content_filter"),
    "truncated": lambda _: completion('{"reason": "The ans', finish_reason="length"),
    "empty": lambda _: completion(""),
    "out_of_range": lambda _: completion(scores(5, 9, 5)),
    "zero": lambda _: completion(scores(0, 1, 1)),
    "words": lambda _: completion(scores("good", 4, 4)),
    "missing": lambda _: completion('{"reason": "ok", "correctness": 4, "tone": 4}'),
}

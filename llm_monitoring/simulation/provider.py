"""The make-believe provider: an OpenAI-compatible server on loopback, for the probes.

The partition is the clock, so the week stands in the path: `{base_url}/week/20261019` answers as of
that week. The server knows what its models would say, never how a probe is checked.
"""

import hashlib
import socket
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import uvicorn
import yaml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from llm_monitoring.hours import hour_start, week_start
from llm_monitoring.simulation.faults import Fault
from llm_monitoring.simulation.product import FEATURES, Model
from llm_monitoring.simulation.traffic import CHARACTERS_PER_TOKEN

UNKNOWN = "I am not sure what you mean. Could you tell me more?"
DEFAULT_OUTPUT_TOKENS = 1000


@contextmanager
def serve_provider(seed: int, faults: Iterable[Fault] = ()) -> Iterator[str]:
    """Run the provider on a free port of 127.0.0.1 until the block ends.

    Args:
        seed: which of a model's usual wordings comes when.
        faults: a provider_swap among them swaps the model in the weeks it touches.

    Yields:
        Address without a week: a caller adds `/week/{yyyymmdd}` and gets the base URL of a model.
    """
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)  # callers wait for the server to start instead of being refused
        config = uvicorn.Config(
            provider_app(seed, faults), log_level="error", lifespan="off", ws="none"
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def provider_app(seed: int, faults: Iterable[Fault] = ()) -> Starlette:
    """The server's application; `POST /week/{yyyymmdd}/v1/chat/completions`."""
    faults = tuple(faults)
    calls: Counter[tuple[int, str]] = Counter()

    async def complete(request: Request) -> Response:
        week = int(request.path_params["week"])
        body = await request.json()
        model = MODELS.get(str(body.get("model")))
        if model is None:
            return _no_such_model(body.get("model"))
        asked = str(body["messages"][-1]["content"])
        calls[week, asked] += 1
        is_swapped = model_is_swapped(model, week, faults)
        texts = texts_for(asked, is_swapped=is_swapped)
        text = texts[_draw(seed, week, asked, calls[week, asked]) % len(texts)]
        return JSONResponse(_completion(body, model, text, week, is_swapped))

    return Starlette(
        routes=[Route("/week/{week:int}/v1/chat/completions", complete, methods=["POST"])]
    )


def model_is_swapped(model: Model, week: int, faults: Iterable[Fault]) -> bool:
    """A provider swap touches a feature that uses the model, in some hour of the week."""
    start = week_start(week)
    end = start + timedelta(weeks=1)
    return any(
        fault.name == "provider_swap"
        and hour_start(fault.first_hour) < end
        and hour_start(fault.last_hour) >= start
        and any(model == used for used, _ in FEATURES[fault.feature_id].models)
        for fault in faults
    )


def texts_for(asked: str, *, is_swapped: bool) -> tuple[str, ...]:
    """What a model may answer to an input."""
    words = " ".join(asked.lower().split())
    for answer in _answers():
        if all(phrase in words for phrase in answer.asks):
            return answer.swapped if is_swapped else answer.usual
    return (UNKNOWN,)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    asks: tuple[str, ...]
    usual: tuple[str, ...]
    swapped: tuple[str, ...]


@cache
def _answers() -> tuple[_Answer, ...]:
    rows = yaml.safe_load(Path(__file__).with_name("provider.yaml").read_text())
    return tuple(
        _Answer(
            asks=tuple(row["asks"]),
            usual=tuple(row["answers"]),
            swapped=tuple(row.get("swapped", row["answers"][:1])),
        )
        for row in rows
    )


def _draw(seed: int, week: int, asked: str, call: int) -> int:
    """A number that depends on nothing but what is asked, when, and how often before."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{week}/{call}/{asked}".encode()).digest()[:8])


def _completion(
    body: Mapping[str, Any], model: Model, text: str, week: int, is_swapped: bool
) -> dict[str, Any]:
    limit = body.get("max_completion_tokens", body.get("max_tokens", DEFAULT_OUTPUT_TOKENS))
    asked = sum(len(str(message["content"])) for message in body["messages"])
    is_cut = _tokens(len(text)) > limit
    text = text[: int(limit * CHARACTERS_PER_TOKEN)] if is_cut else text
    usage = {"prompt_tokens": _tokens(asked), "completion_tokens": _tokens(len(text))}
    return {
        "id": f"chatcmpl-simulated-{week}",
        "object": "chat.completion",
        "created": int(week_start(week).timestamp()),
        "model": model.name,
        "system_fingerprint": model.swapped_fingerprint if is_swapped else model.fingerprint,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text, "refusal": None},
                "finish_reason": "length" if is_cut else "stop",
            }
        ],
        "usage": usage | {"total_tokens": sum(usage.values())},
    }


def _tokens(characters: int) -> int:
    return max(1, round(characters / CHARACTERS_PER_TOKEN))


def _no_such_model(name: object) -> Response:
    message = f"The model {name!r} does not exist; there are {', '.join(sorted(MODELS))}."
    error = {"message": message, "type": "invalid_request_error", "code": "model_not_found"}
    return JSONResponse({"error": error}, status_code=404)


_SERVED = {model for feature in FEATURES.values() for model, _ in feature.models}
MODELS: dict[str, Model] = {
    name: model for model in _SERVED for name in (model.name, model.requested)
}

"""The one place that calls chat models: any endpoint with `/v1/chat/completions`."""

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Self

import httpx
import stamina
from aiolimiter import AsyncLimiter
from pydantic import BaseModel, Field, ValidationError

from llm_monitoring.settings.judging import ModelSettings
from llm_monitoring.settings.strict import secret

RETRIED_STATUSES = frozenset({408, 409, 425, 429})  # and every 5xx
EXCERPT_CHARACTERS = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """One answer of a chat model."""

    text: str  # "" where the model gave none
    finish_reason: str | None  # as the provider gave it
    response_model: str | None  # model that says it answered
    system_fingerprint: str | None
    input_tokens: int | None  # None: not reported
    output_tokens: int | None
    latency_ms: float  # of the attempt that succeeded
    refusal: str | None  # the provider's refusal message


class ModelUnavailable(ConnectionError):  # noqa: N818 - a state of the endpoint, not our error
    """No usable completion: retries are exhausted, or retrying would not help."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Waits between attempts, seconds: initial * 2^k + jitter, at most `maximum`.

    A Retry-After header is waited for instead, up to `maximum`, plus jitter.
    """

    initial: float = 0.5
    maximum: float = 60.0
    jitter: float = 1.0


class ChatClient:
    """Calls one model; an async context manager, used inside one event loop.

    At most `max_in_flight` calls run at once and a call that backs off keeps its place, so a
    struggling endpoint is asked less, not more. 408, 409, 425, 429, 5xx, timeouts, broken
    connections and replies that are no chat completion (a gateway's HTML page with status 200) are
    tried again, `attempts` times in all; any other status is final. One attempt takes at most
    `timeout_seconds` from first byte sent to last byte read, so a call ends within
    attempts * (timeout_seconds + backoff.maximum + backoff.jitter).

    Raises:
        LookupError: the environment variable of the key is not set.
    """

    def __init__(self, settings: ModelSettings, *, backoff: Backoff | None = None) -> None:
        self._settings = settings
        self._backoff = backoff or Backoff()
        self._key = secret(settings.api_key_env)
        self._url = f"{settings.base_url.rstrip('/').removesuffix('/v1')}/v1/chat/completions"

    async def __aenter__(self) -> Self:
        headers = {} if self._key is None else {"Authorization": f"Bearer {self._key}"}
        # Connections wait for the semaphore, never for the pool.
        limits = httpx.Limits(max_connections=None)
        self._http = httpx.AsyncClient(headers=headers, limits=limits, timeout=None)
        self._places = asyncio.Semaphore(self._settings.max_in_flight)
        per_minute = self._settings.requests_per_minute
        # One at a time and evenly: a bucket of a minute's requests would let two minutes' through
        # in the first.
        self._limiter = None if per_minute is None else AsyncLimiter(1, 60 / per_minute)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def complete(
        self,
        messages: Sequence[Mapping[str, str]],
        *,
        max_output_tokens: int,
        response_format: Mapping[str, Any] | None = None,
        temperature: float | None = None,
        seed: int | None = None,
    ) -> Completion:
        """One completion; parameters that are None are not sent.

        Raises:
            ModelUnavailable: with the last attempt's reason. It never holds the key.
        """
        optional = {"response_format": response_format, "temperature": temperature, "seed": seed}
        body = {
            "model": self._settings.model,
            "messages": list(messages),
            self._settings.output_limit_parameter: max_output_tokens,
            **{name: value for name, value in optional.items() if value is not None},
        }
        async with self._places:
            async for attempt in self._attempts():
                with attempt:
                    return await self._attempt(body)
        raise AssertionError("stamina re-raises the last error")  # pragma: no cover

    def _attempts(self) -> Any:
        return stamina.retry_context(
            on=self._wait_before_retry,
            attempts=self._settings.attempts,
            timeout=None,
            wait_initial=self._backoff.initial,
            wait_max=self._backoff.maximum,
            wait_jitter=self._backoff.jitter,
        )

    def _wait_before_retry(self, error: Exception) -> bool | float:
        """False: do not; True: exponential back-off; seconds: what the endpoint asked for."""
        if not isinstance(error, _Retryable):
            return False
        if error.retry_after is None:
            return True
        # Jitter decides nothing that is stored: it only keeps callers from returning together.
        return min(error.retry_after, self._backoff.maximum) + random.uniform(
            0, self._backoff.jitter
        )

    async def _attempt(self, body: Mapping[str, Any]) -> Completion:
        if self._limiter is not None:
            await self._limiter.acquire()
        started = time.perf_counter()
        try:
            async with asyncio.timeout(self._settings.timeout_seconds):
                response = await self._http.post(self._url, json=body)
        except TimeoutError as error:
            reason = f"no reply within {self._settings.timeout_seconds:g} s"
            raise _Retryable(reason) from error
        except httpx.RequestError as error:
            raise _Retryable(f"connection failed ({type(error).__name__})") from error
        latency_ms = (time.perf_counter() - started) * 1000
        if response.status_code != httpx.codes.OK:
            raise self._refused(response)
        return self._completion(response, latency_ms)

    def _refused(self, response: httpx.Response) -> ModelUnavailable:
        reason = f"HTTP {response.status_code}{self._error_message(response)}"
        if response.status_code in RETRIED_STATUSES or response.is_server_error:
            return _Retryable(reason, retry_after=_retry_after(response.headers))
        return ModelUnavailable(reason)

    def _error_message(self, response: httpx.Response) -> str:
        """The error an endpoint explains in its JSON, without the key, which some repeat."""
        try:
            message = _ErrorBody.model_validate_json(response.content).error.message
        except ValidationError:
            return ""
        if self._key is not None:
            message = message.replace(self._key, "[key]")
        return f": {' '.join(message.split())[:EXCERPT_CHARACTERS]}"

    def _completion(self, response: httpx.Response, latency_ms: float) -> Completion:
        kind = response.headers.get("content-type", "").partition(";")[0] or "no content type"
        try:
            body = _Body.model_validate_json(response.content)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or kind
            raise _Retryable(f"not a chat completion ({where}: {first['msg']})"[:300]) from None
        choice, usage = body.choices[0], body.usage or _Usage()
        return Completion(
            text=choice.message.content or "",
            finish_reason=choice.finish_reason,
            response_model=body.model,
            system_fingerprint=body.system_fingerprint,
            input_tokens=usage.prompt_tokens,
            output_tokens=usage.completion_tokens,
            latency_ms=latency_ms,
            refusal=choice.message.refusal,
        )


class _Retryable(ModelUnavailable):
    """Worth another attempt; `retry_after`: seconds the endpoint asked for."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


def _retry_after(headers: httpx.Headers) -> float | None:
    """Seconds a Retry-After header asks for, as a number or as a date; None: it does not say.

    A date is read against the response's own Date, so a wrong clock here does not matter.
    """
    value = headers.get("retry-after", "").strip()
    if value.replace(".", "", 1).isdecimal() and value.isascii():
        return float(value)
    until, now = _http_date(value), _http_date(headers.get("date", ""))
    return None if until is None or now is None else max((until - now).total_seconds(), 0.0)


def _http_date(value: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Usage(BaseModel):
    prompt_tokens: int | None = Field(None, ge=0)
    completion_tokens: int | None = Field(None, ge=0)


class _Body(BaseModel):
    choices: list[_Choice] = Field(min_length=1)
    model: str | None = None
    system_fingerprint: str | None = None
    usage: _Usage | None = None


class _Error(BaseModel):
    message: str


class _ErrorBody(BaseModel):
    error: _Error

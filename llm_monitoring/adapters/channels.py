"""Channels: where alerts go. An address is a secret: it appears in no error and in no log."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import httpx
import stamina

from llm_monitoring.adapters.addresses import addresses_unlogged
from llm_monitoring.settings.models import ChannelSettings, secret

LOGGER = logging.getLogger("llm_monitoring.alerts")
LEVELS = {"info": logging.INFO, "ticket": logging.WARNING, "page": logging.ERROR}


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What a channel is handed: the same words for people and fields for machines."""

    delivery_id: str  # the same at every attempt: who must not act twice compares it
    product: str
    topic: str  # what it is about: an incident, or a part of the monitor; the same until it is over
    kind: str  # firing, worse, repeated, resolved, summary or digest
    severity: str  # page, ticket or info
    title: str  # one line
    text: str  # all of it, several lines of plain text; begins with the title
    starts_at: datetime
    ends_at: datetime | None  # None: still going on
    link: str | None  # page of the incident
    payload: Mapping[str, Any]  # the fields, ready for JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a channel did not take a message."""

    reason: str  # without secrets
    retry_after_seconds: float | None = None  # as the channel asked; None: it did not
    of_message: bool = False  # it refuses this message only (400, 413, 422): others may go


class DeliveryError(Exception):
    """A channel did not take the message; the reason holds no secret."""


class _PassingError(DeliveryError):
    """Worth another try at once."""


class Channel(Protocol):
    """A way to reach people."""

    def __init__(self, address: str | None) -> None: ...

    def send(self, text: str, payload: Mapping[str, Any]) -> None:
        """Deliver one message.

        Raises:
            DeliveryError: it was not taken.
        """


class LogChannel:
    """Python logging, at a level that follows the severity."""

    def __init__(self, address: str | None) -> None:
        del address  # the log needs none

    def send(self, text: str, payload: Mapping[str, Any]) -> None:
        LOGGER.log(LEVELS.get(str(payload.get("severity")), logging.WARNING), "%s", text)


class WebhookChannel:
    """POST of the payload and the text as JSON; any 2xx is success."""

    def __init__(self, address: str | None, timeout_seconds: float = 10) -> None:
        self.address = address or ""
        self.timeout_seconds = timeout_seconds

    def send(self, text: str, payload: Mapping[str, Any]) -> None:
        for attempt in stamina.retry_context(on=_PassingError, attempts=3, timeout=20, wait_max=2):
            with attempt:
                self._post({**payload, "text": text})

    def _post(self, body: Mapping[str, Any]) -> None:
        try:
            response = httpx.post(self.address, json=body, timeout=self.timeout_seconds)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol):
            raise DeliveryError("webhook address is not a http(s) URL") from None
        except httpx.HTTPError as error:
            # The name only: messages of httpx may hold the address.
            raise _PassingError(f"webhook not reached: {type(error).__name__}") from None
        if response.is_success:
            return
        status = response.status_code
        passing = status in (408, 425, 429) or response.is_server_error
        raise (_PassingError if passing else DeliveryError)(f"webhook answered {status}")


class AppriseChannel:
    """Anything apprise can reach: mail, chat, SMS and a hundred others."""

    def __init__(self, address: str | None) -> None:
        self.address = address or ""

    def send(self, text: str, payload: Mapping[str, Any]) -> None:
        import apprise  # noqa: PLC0415 a fifth of a second, for those who use it

        services = apprise.Apprise()
        if not services.add(self.address):
            raise DeliveryError("apprise does not understand the address")
        severity = str(payload.get("severity"))
        # Text, so that apprise escapes it for services that take HTML or Markdown.
        sent = services.notify(
            body=text,
            notify_type=apprise.NotifyType(NOTIFY_TYPES.get(severity, "warning")),
            body_format=apprise.NotifyFormat.TEXT,
        )
        if not sent:
            raise DeliveryError("apprise could not deliver the message")


def deliver(channel: ChannelSettings, text: str, payload: Mapping[str, Any]) -> str | None:
    """Send one message to one channel.

    Args:
        channel: as in monitoring.yaml; its address is read from the environment now.
        text: one line a person reads.
        payload: what a machine reads, ready for JSON.

    Returns:
        None: delivered. Else why not, without secrets; the outbox tries again.
    """
    try:
        address = secret(channel.url_env)
    except LookupError as error:
        return str(error)
    try:
        with addresses_unlogged():
            CHANNELS[channel.kind](address).send(text, payload)
    except DeliveryError as error:
        return str(error)
    return None


NOTIFY_TYPES = {"info": "info", "ticket": "warning", "page": "failure"}  # apprise's words
CHANNELS: dict[str, type[Channel]] = {
    "log": LogChannel,
    "webhook": WebhookChannel,
    "apprise": AppriseChannel,
}

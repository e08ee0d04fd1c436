"""Alertmanager's API v2: labels are the identity of an alert, values stand in annotations.

Alertmanager forgets what nobody posts again. What goes on is posted with an end some hours ahead,
again and again; if we die, or its end is lost on the way, it ends by itself.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from llm_monitoring.adapters.channels.http import post, url_mistake
from llm_monitoring.adapters.channels.messages import Message, Refusal
from llm_monitoring.settings.notifying import ChannelSettings
from llm_monitoring.settings.strict import secret
from llm_monitoring.severity import SEVERITIES

NAME = "llm_monitoring"
GOING_ON = timedelta(hours=3)  # how long it believes what nobody confirms
PATH = "/api/v2/alerts"
LONGEST_ANSWER_BYTES = 8_000_000

Alert = dict[str, Any]  # as its API takes it


def mistake(channel: ChannelSettings) -> str | None:
    """What is wrong with the address.

    Raises:
        LookupError: the variable is not set.
    """
    found = url_mistake(secret(channel.url_env) or "")
    return None if found is None else f"its address is not a http(s) URL: {found}"


def send(channel: ChannelSettings, message: Message) -> Refusal | None:
    """Post one alert."""
    return post_alerts(channel, [message])


def post_alerts(
    channel: ChannelSettings, messages: Sequence[Message], lasts: timedelta = GOING_ON
) -> Refusal | None:
    """Post alerts, and the end of those whose severity has become another, in one request.

    Args:
        channel: its address may hold a name and a password.
        messages: of different topics.
        lasts: what goes on is believed for this long.
    """
    address = _alerts_address(secret(channel.url_env) or "")
    now = datetime.now(UTC)
    alerts = [_alert(message, now, lasts) for message in messages]
    standing = _standing(address, channel.timeout_seconds / 4)  # most of it is for the post
    if standing is None:
        standing = [twin for m in messages if m.kind == "worse" for twin in _twins(m, now)]
    body = json.dumps([*alerts, *_ended(standing, alerts, now)]).encode()
    return post("alertmanager", str(address), body, {}, channel.timeout_seconds)


def _alerts_address(address: str) -> httpx.URL:
    """Where alerts go: people write the address with the path, and without."""
    url = httpx.URL(address)
    return url.copy_with(path=url.path.rstrip("/").removesuffix(PATH) + PATH)


def _alert(message: Message, now: datetime, lasts: timedelta) -> Alert:
    starts_at = min(message.starts_at, now)
    ends_at = max(starts_at, min(message.ends_at or now, now)) if message.is_over else now + lasts
    return {
        "labels": _labels(message, message.severity),
        "annotations": _annotations(message),
        "startsAt": _time(starts_at),
        "endsAt": _time(ends_at),
        **({"generatorURL": message.web_link} if message.web_link else {}),
    }


def _labels(message: Message, severity: str) -> dict[str, str]:
    return {
        "alertname": NAME,
        "product": message.product,
        "topic": message.topic,
        "severity": severity,
    }


def _annotations(message: Message) -> dict[str, str]:
    """Values: they may change from post to post, and the alert stays the same."""
    named = {
        re.sub(r"^(?=\d)|\W", "_", name, flags=re.ASCII): _text(value)
        for name, value in message.payload.items()
        if value not in (None, "", [])
    }
    # The first two are what Alertmanager's own templates show.
    return named | {
        "summary": message.title,
        "description": message.text,
        "kind": message.kind,
    }


def _text(value: object) -> str:
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    return value if isinstance(value, str) else json.dumps(value)


def _standing(address: httpx.URL, timeout_seconds: float) -> list[Alert] | None:
    """Our alerts that Alertmanager holds for going on; None: it does not tell.

    To end a twin that was never there would be news: receivers hear of what is resolved.
    """
    asked = {"filter": f'alertname="{NAME}"'}
    try:
        with httpx.stream("GET", address, params=asked, timeout=timeout_seconds) as response:
            if not response.is_success:
                return None
            found = json.loads(_bounded(response))
            return [alert for alert in found if isinstance(alert["labels"], dict)]
    # Whatever it answers, the alert is posted: that tells what is wrong.
    except (httpx.HTTPError, ValueError, TypeError, KeyError, RecursionError):
        return None


def _bounded(response: httpx.Response) -> bytes:
    content = bytearray()
    for piece in response.iter_bytes():
        content += piece
        if len(content) > LONGEST_ANSWER_BYTES:
            raise ValueError("a longer answer than anybody needs")
    return bytes(content)


def _twins(message: Message, now: datetime) -> list[Alert]:
    """The same topic with each of the other severities."""
    others = [severity for severity in SEVERITIES if severity != message.severity]
    began = _time(min(message.starts_at, now))
    return [{"labels": _labels(message, severity), "startsAt": began} for severity in others]


def _ended(standing: Iterable[Alert], posted: Iterable[Alert], now: datetime) -> list[Alert]:
    """Ends of alerts that are posted with another severity now."""
    severity_of = {_identity(alert): alert["labels"]["severity"] for alert in posted}
    return [
        {
            "labels": alert["labels"],
            "annotations": alert.get("annotations", {}),
            "startsAt": alert.get("startsAt", _time(now)),
            "endsAt": _time(now),
        }
        for alert in standing
        if severity_of.get(_identity(alert)) not in (None, alert["labels"].get("severity"))
    ]


def _identity(alert: Mapping[str, Any]) -> tuple[object, object]:
    return alert["labels"].get("product"), alert["labels"].get("topic")


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")

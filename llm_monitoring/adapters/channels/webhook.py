"""A POST of JSON to an address, signed on demand by the scheme of Standard Webhooks."""

import base64
import binascii
import hashlib
import hmac
import json
import time

from llm_monitoring.adapters.channels.http import post, url_mistake
from llm_monitoring.adapters.channels.messages import Message, Refusal
from llm_monitoring.settings.notifying import ChannelSettings
from llm_monitoring.settings.strict import secret

BASE64_PREFIX = "whsec_"


def mistake(channel: ChannelSettings) -> str | None:
    """What is wrong with the address or the key.

    Raises:
        LookupError: a variable is not set.
    """
    found = url_mistake(secret(channel.url_env) or "")
    if found is not None:
        return f"its address is not a http(s) URL: {found}"
    try:
        _key(secret(channel.secret_env) or "")
    except ValueError:
        return f"what follows {BASE64_PREFIX} in {channel.secret_env} is not base64"
    return None


def send(channel: ChannelSettings, message: Message) -> Refusal | None:
    """POST of the payload with the message's own fields."""
    fields = ("delivery_id", "topic", "kind", "severity", "title", "text")
    own = {name: getattr(message, name) for name in fields}
    body = json.dumps({**message.payload, **own}).encode()
    headers = {"webhook-id": message.delivery_id}
    key = secret(channel.secret_env)
    if key is not None:
        headers |= signed(body, message.delivery_id, int(time.time()), key)
    address = secret(channel.url_env) or ""
    return post("webhook", address, body, headers, channel.timeout_seconds)


def signed(body: bytes, delivery_id: str, timestamp: int, key: str) -> dict[str, str]:
    """Headers by which a receiver knows who sent a body, and when.

    Source: Standard Webhooks, `webhook-signature` version 1 (HMAC-SHA256).
    """
    content = f"{delivery_id}.{timestamp}.".encode() + body
    signature = base64.b64encode(hmac.digest(_key(key), content, hashlib.sha256)).decode()
    return {"webhook-timestamp": str(timestamp), "webhook-signature": f"v1,{signature}"}


def _key(text: str) -> bytes:
    """Bytes of a key: base64 behind the prefix, else the text itself."""
    if not text.startswith(BASE64_PREFIX):
        return text.encode()
    try:
        return base64.b64decode(text.removeprefix(BASE64_PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error

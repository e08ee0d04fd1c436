"""The webhook: what is posted, and a signature that a receiver can verify."""

import base64
import hashlib
import hmac
import os
import re
import time
from pathlib import Path

import pytest

from llm_monitoring.adapters.channels import Refusal, deliver, mistake_in
from llm_monitoring_tests.adapters.channels.examples import (
    SECRET,
    TEXT,
    TITLE,
    Answering,
    channel,
    message,
)

ALERTS_PAGE = Path(__file__).resolve().parents[3] / "docs/alerts.md"


def test_a_webhook_gets_the_payload_and_the_fields_of_the_message(server: Answering) -> None:
    payload = {"requests": 120, "kind": "of an alert"}
    assert deliver(channel("webhook", server.hook), message(payload=payload)) is None
    assert server.documents == [
        {
            "requests": 120,
            "delivery_id": "d1",
            "topic": "inc-1",
            "kind": "firing",
            "severity": "page",
            "title": TITLE,
            "text": TEXT,
        }
    ]
    assert server.paths == [f"/hook/{SECRET}?key={SECRET}"]
    (headers,) = server.headers
    assert headers["content-type"] == "application/json"
    assert headers["webhook-id"] == "d1"
    assert "webhook-signature" not in headers


@pytest.mark.parametrize(
    ("key", "raw"), [(SECRET, SECRET.encode()), ("whsec_AP8ga2V5", b"\x00\xff key")]
)
def test_a_receiver_verifies_the_signature(server: Answering, key: str, raw: bytes) -> None:
    os.environ["SIGNING_KEY"] = key
    signed = channel("webhook", server.hook, secret_env="SIGNING_KEY")
    assert deliver(signed, message()) is None
    (headers,), (body,) = server.headers, server.bodies
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    content = b"d1." + headers["webhook-timestamp"].encode() + b"." + body
    digest = hmac.new(raw, content, hashlib.sha256).digest()
    assert headers["webhook-signature"] == "v1," + base64.b64encode(digest).decode()


def test_the_receiver_of_the_documentation_knows_what_is_ours(server: Answering) -> None:
    os.environ["SIGNING_KEY"] = SECRET
    deliver(channel("webhook", server.hook, secret_env="SIGNING_KEY"), message())
    (headers,), (body,) = server.headers, server.bodies
    (code,) = re.findall(r"```python\n(def is_ours.*?)```", ALERTS_PAGE.read_text(), re.DOTALL)
    names = {"base64": base64, "hmac": hmac, "time": time}
    exec(code, names)
    is_ours = names["is_ours"]
    assert is_ours(headers, body, SECRET.encode())  # type: ignore[operator]
    assert not is_ours(headers, body + b" ", SECRET.encode())  # type: ignore[operator]
    assert not is_ours(headers, body, b"another")  # type: ignore[operator]
    late = headers | {"webhook-timestamp": str(int(time.time()) - 600)}
    assert not is_ours(late, body, SECRET.encode())  # type: ignore[operator]


def test_a_known_signature() -> None:
    from llm_monitoring.adapters.channels.webhook import signed

    # The example of the specification, https://www.standardwebhooks.com.
    headers = signed(
        b'{"test": 2432232314}',
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_key_that_is_missing_or_none_is_named_without_it(server: Answering) -> None:
    signed = channel("webhook", server.hook, secret_env="SIGNING_KEY")
    told = "environment variable SIGNING_KEY is not set (monitoring.yaml names it)"
    assert mistake_in(signed) == told
    os.environ["SIGNING_KEY"] = f"whsec_{SECRET}!"
    told = "what follows whsec_ in SIGNING_KEY is not base64"
    assert mistake_in(signed) == told
    assert deliver(signed, message()) == Refusal(reason=f"webhook: {told}")
    assert server.bodies == []

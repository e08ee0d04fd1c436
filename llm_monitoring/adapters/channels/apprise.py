"""Anything apprise can reach: mail, chat, SMS and a hundred others; and PagerDuty.

apprise writes addresses into its log: whoever calls this keeps that log silent.
"""

import logging
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from llm_monitoring.adapters.channels.http import LAST_PORT
from llm_monitoring.adapters.channels.messages import OF_MESSAGE, Message, Refusal
from llm_monitoring.settings.notifying import ChannelSettings
from llm_monitoring.settings.strict import secret

UNKNOWN = "apprise does not understand its address"
SUMMARY_CHARACTERS = 1024  # PagerDuty's limit; all of the text is in the details
ACTIVE, ESCAPED = re.compile(r"([\\`*_\[\]<>~|]|^#)", re.MULTILINE), r"\\\1"  # in Markdown
BARE_KEY = re.compile(r"[A-Za-z0-9]{20,64}")  # a PagerDuty integration key alone


def mistake(channel: ChannelSettings) -> str | None:
    """What is wrong with the address; nothing is sent.

    Raises:
        LookupError: the variable is not set.
    """
    services = _services(channel)
    if any(service.port and not 0 < service.port <= LAST_PORT for service in services):
        return f"its port is not between 1 and {LAST_PORT}"
    return None if services else UNKNOWN


def send(channel: ChannelSettings, message: Message) -> Refusal | None:
    """Title and text, to each service in the address."""
    rest = message.text.removeprefix(message.title).strip()
    title, body = (message.title, rest) if rest else ("", message.title)
    return _notify(channel, message, _services(channel), title, body)


def send_to_pagerduty(channel: ChannelSettings, message: Message) -> Refusal | None:
    """One incident for each topic, which `resolved` resolves."""
    about: dict[str, Any] = {
        "action": "map",  # success resolves, everything else triggers
        "dedup": dedup_key(message),
        "click": message.web_link,
        "details": {**message.payload, "text": message.text},
        "overflow": "truncate",
    }
    services = _services(channel, source=message.product, **about)
    return _notify(channel, message, services, "", message.title[:SUMMARY_CHARACTERS])


def dedup_key(message: Message) -> str:
    """By which PagerDuty knows that messages are about one thing; 255 characters at most."""
    return f"{message.product}/{message.topic}"[-255:]


def _notify(
    channel: ChannelSettings, message: Message, services: list[Any], title: str, body: str
) -> Refusal | None:
    import apprise  # noqa: PLC0415 a fifth of a second, for those who use it

    if not services:
        return Refusal(reason=UNKNOWN)
    with _statuses() as heard:
        taken = [
            apprise.Apprise(service).notify(
                title=title,
                notify_type=apprise.NotifyType(notify_type(message)),
                **_form(service, body),
            )
            for service in services
        ]
    if all(taken):
        return None
    if not heard:
        return Refusal(reason=f"{channel.kind} could not deliver the message")
    return Refusal(
        reason=f"{channel.kind} was answered {heard[-1]}", of_message=set(heard) <= OF_MESSAGE
    )


def _form(service: Any, body: str) -> dict[str, Any]:
    """The body as text, or as Markdown where a service takes nothing else.

    Text is escaped by apprise for whom it concerns. As Markdown it would lose the ends of its
    lines, and its links with them: Teams knows links in brackets only.
    """
    from apprise import NotifyFormat  # noqa: PLC0415

    if service.resolve_format(NotifyFormat.TEXT) != NotifyFormat.MARKDOWN:
        return {"body": body, "body_format": NotifyFormat.TEXT}
    return {"body": as_markdown(body), "body_format": NotifyFormat.MARKDOWN}


def as_markdown(text: str) -> str:
    """Each line a paragraph, addresses as links, everything else as it stands."""
    parts = re.split(r"(https?://[^\s()\[\]<>]+)", text.strip().replace("\n", "\n\n"))
    escaped = [
        f"[{ACTIVE.sub(ESCAPED, part)}]({part})" if at % 2 else ACTIVE.sub(ESCAPED, part)
        for at, part in enumerate(parts)
    ]
    return "".join(escaped)


def notify_type(message: Message) -> str:
    """apprise's word, which gives a message its colour, and PagerDuty its severity."""
    if message.kind in ("summary", "digest"):
        return "info"
    return "success" if message.kind == "resolved" else NOTIFY_TYPES[message.severity]


def _services(channel: ChannelSettings, **about: Any) -> list[Any]:
    """What the address names, ready to send; none if any of it is not understood."""
    import apprise  # noqa: PLC0415 a fifth of a second, for those who use it
    from apprise.plugins import url_to_dict  # noqa: PLC0415
    from apprise.utils.parse import parse_urls  # noqa: PLC0415

    address = secret(channel.url_env) or ""
    if channel.kind == "pagerduty" and BARE_KEY.fullmatch(address.strip()):
        address = f"pagerduty://{address.strip()}@{address.strip()}"
    asset = apprise.AppriseAsset(
        app_id="llm-monitoring",
        app_desc="llm-monitoring",
        app_url="",
        http_redirects=False,
        async_mode=False,  # in this thread, whose time is limited already
        service_timeout=0,
    )
    split: Callable[[str], list[str]] = parse_urls  # one variable may hold several addresses
    parse: Callable[[str], dict[str, Any] | None] = url_to_dict
    made = []
    for url in split(address):
        named = parse(url)
        if not named or (channel.kind == "pagerduty" and named["schema"] != "pagerduty"):
            return []
        choices = {**_defaults(named, channel.timeout_seconds), **about}
        made.append(apprise.Apprise.instantiate(named | choices, asset=asset))
    return [] if None in made else made


def _defaults(named: dict[str, Any], timeout_seconds: float) -> dict[str, Any]:
    """What we choose where the address says nothing: no picture, long texts in several messages."""
    ours = {"overflow": "split", "cto": timeout_seconds, "rto": timeout_seconds}
    chosen = {name: value for name, value in ours.items() if name not in named}
    # Plugins that show none take no notice.
    return chosen if "image" in named.get("qsd", {}) else {**chosen, "include_image": False}


@contextmanager
def _statuses() -> Iterator[list[int]]:
    """Statuses that services answered: apprise says them in its log and nowhere else."""
    heard: list[int] = []
    here = threading.get_ident()

    def listen(record: logging.LogRecord) -> bool:
        found = re.search(r"\berror=(\d{3})\b", record.getMessage())
        if found and record.thread == here:
            heard.append(int(found[1]))
        return True

    logger = logging.getLogger("apprise")
    # In front of the filter that drops everything.
    logger.filters.insert(0, listen)
    try:
        yield heard
    finally:
        logger.removeFilter(listen)


NOTIFY_TYPES = {"info": "info", "ticket": "warning", "page": "failure"}

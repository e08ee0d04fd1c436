"""What `llm-monitoring channels test` does: a sample message through each channel."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from llm_monitoring.adapters.channels import Message, Refusal, deliver, refresh
from llm_monitoring.cli.terminal import say
from llm_monitoring.settings import Settings
from llm_monitoring.settings.notifying import ChannelSettings

TITLE = "[test] sample message of llm-monitoring: nothing is wrong"
# Alertmanager waits a little before it tells of an alert, and never tells of one that is over.
SAMPLE_LASTS = timedelta(minutes=5)


def send_samples(settings: Settings, names: Sequence[str]) -> bool:
    """Send a sample through the named channels, or through all, and print a line for each.

    Returns:
        Every one of them took it.

    Raises:
        ValueError: there is no channel by that name.
    """
    known = {channel.name: channel for channel in settings.channels}
    unknown = sorted(set(names) - known.keys())
    if unknown:
        raise ValueError(
            f"no channel {', '.join(unknown)}; there is {', '.join(known) or 'none at all'}"
        )
    asked = [known[name] for name in dict.fromkeys(names)] or settings.channels
    taken = [_try(channel, settings.product) for channel in asked]
    return all(taken)


def _try(channel: ChannelSettings, product: str) -> bool:
    refusal = _send(channel, _sample(channel, product))
    if refusal is None:
        say(f"ok    channel {channel.name} ({channel.kind}){AFTERWARDS.get(channel.kind, '')}")
    else:
        say(f"error channel {channel.name}: {refusal.reason}")
    return refusal is None


def _send(channel: ChannelSettings, sample: Message) -> Refusal | None:
    """Nothing stays open."""
    if channel.kind == "alertmanager":
        return refresh(channel, [sample], SAMPLE_LASTS)
    refusal = deliver(channel, sample)
    if refusal is not None or channel.kind != "pagerduty":
        return refusal
    return deliver(channel, replace(sample, kind="resolved", ends_at=datetime.now(UTC)))


def _sample(channel: ChannelSettings, product: str) -> Message:
    text = f"Somebody asked whether channel {channel.name} of {product} works. It does."
    return Message(
        delivery_id=f"test-{uuid4().hex}",
        product=product,
        topic="test",
        kind="firing",
        severity=channel.minimum_severity,
        title=TITLE,
        text=f"{TITLE}\n{text}",
        sent_at=datetime.now(UTC),
        starts_at=datetime.now(UTC),
        ends_at=None,
        link=None,
        payload={"test": True, "product": product},
    )


AFTERWARDS = {
    "alertmanager": ": taken; it ends by itself in 5 minutes",
    "pagerduty": ": triggered and resolved",
}

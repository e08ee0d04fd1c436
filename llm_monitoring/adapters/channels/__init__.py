"""Channels: where alerts go. An address is a secret: it appears in no error and in no log.

Nothing that the world does is raised here; each message is tried once, and whoever has it
delivered decides when it is tried again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from llm_monitoring.adapters.addresses import addresses_unlogged
from llm_monitoring.adapters.channels import alertmanager, apprise, log, webhook
from llm_monitoring.adapters.channels.deadline import within
from llm_monitoring.adapters.channels.messages import Message, Refusal
from llm_monitoring.plain_text import one_line, visible
from llm_monitoring.settings.notifying import ChannelSettings

__all__ = ["CHANNELS", "Message", "Refusal", "deliver", "mistake_in", "refresh"]


@dataclass(frozen=True, slots=True)
class Way:
    """How a kind of channel reaches people."""

    send: Callable[[ChannelSettings, Message], Refusal | None]  # None: taken
    mistake: Callable[[ChannelSettings], str | None]  # in its settings; nothing is sent


def deliver(channel: ChannelSettings, message: Message) -> Refusal | None:
    """Send one message to one channel, once.

    Args:
        channel: as in monitoring.yaml; its address is read from the environment now.
        message: what people read and machines read.

    Returns:
        None: it was taken. Else why not, without secrets.
    """
    clean = _clean(message)
    return _try(channel, lambda: CHANNELS[channel.kind].send(channel, clean))


def refresh(
    channel: ChannelSettings,
    messages: Sequence[Message],
    lasts: timedelta = alertmanager.GOING_ON,
) -> Refusal | None:
    """Say again what goes on, where that must be said again and again: in Alertmanager.

    Args:
        channel: others than Alertmanager are not called.
        messages: the newest of each topic.
        lasts: Alertmanager believes it for this long.

    Returns:
        None: it was taken, or there is nothing to say. Else why not, without secrets.
    """
    if channel.kind != "alertmanager" or not messages:
        return None
    clean = [_clean(message) for message in messages]
    return _try(channel, lambda: alertmanager.post_alerts(channel, clean, lasts))


def mistake_in(channel: ChannelSettings) -> str | None:
    """Why nothing could ever be sent to a channel, found without sending; None: nothing."""
    try:
        with addresses_unlogged():
            return CHANNELS[channel.kind].mistake(channel)
    except LookupError as error:  # a variable that is not set; its name is no secret
        return str(error)
    except Exception as error:  # noqa: BLE001 - plugins raise what they like at a mistyped address
        return f"its address is not understood ({type(error).__name__})"


def _try(channel: ChannelSettings, send: Callable[[], Refusal | None]) -> Refusal | None:
    mistake = mistake_in(channel)
    if mistake is not None:
        return Refusal(reason=f"{channel.kind}: {mistake}")

    def quietly() -> Refusal | None:
        with addresses_unlogged():
            return send()

    try:
        return within(channel.timeout_seconds, quietly)
    except TimeoutError:
        reason = f"{channel.kind}: no answer within {channel.timeout_seconds:g} s"
    except Exception as error:  # noqa: BLE001 - one channel's failure must not be the run's
        reason = f"{channel.kind} failed: {type(error).__name__}"
    return Refusal(reason=reason)


def _clean(message: Message) -> Message:
    """The same words, in which nothing acts on a terminal or a page."""
    return replace(message, title=one_line(message.title), text=visible(message.text))


CHANNELS: dict[str, Way] = {
    "log": Way(log.send, log.mistake),
    "webhook": Way(webhook.send, webhook.mistake),
    "apprise": Way(apprise.send, apprise.mistake),
    "pagerduty": Way(apprise.send_to_pagerduty, apprise.mistake),
    "alertmanager": Way(alertmanager.send, alertmanager.mistake),
}

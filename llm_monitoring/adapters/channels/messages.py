"""What a channel is handed, and what it says if it does not take it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


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
    sent_at: datetime
    starts_at: datetime
    ends_at: datetime | None  # None: still going on
    link: str | None  # page of the incident
    payload: Mapping[str, Any]  # the fields, ready for JSON

    @property
    def is_over(self) -> bool:
        """It says that something ended."""
        return self.kind == "resolved" or self.ends_at is not None

    @property
    def web_link(self) -> str | None:
        """The link, where a browser elsewhere could follow it: a path is none."""
        link = self.link or ""
        return link if link.startswith(("http://", "https://")) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a channel did not take a message."""

    reason: str  # without secrets
    retry_after_seconds: float | None = None  # as the channel asked; None: it did not
    of_message: bool = False  # it refuses this message only (400, 413, 422): others may go


OF_MESSAGE = frozenset({400, 413, 422})  # statuses that are about what was sent, not of the address

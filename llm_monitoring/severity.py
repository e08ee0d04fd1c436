"""How bad something is: what an alert, an incident and a channel's threshold are ordered by."""

from collections.abc import Iterable
from typing import Literal, get_args

Severity = Literal["info", "ticket", "page"]
SEVERITIES: tuple[str, ...] = get_args(Severity)  # the mildest first


def rank(severity: str) -> int:
    """Larger is worse.

    Raises:
        ValueError: there is no such severity.
    """
    return SEVERITIES.index(severity)


def most_severe(severities: Iterable[str]) -> str:
    """The one that wakes most people.

    Raises:
        ValueError: there is none, or one that there is not.
    """
    return max(severities, key=rank)


def milder(severity: str) -> str:
    """One step milder; of the mildest itself."""
    return SEVERITIES[max(0, rank(severity) - 1)]


def at_most(severity: str, limit: str) -> str:
    """The severity, or the limit where that is milder."""
    return min(severity, limit, key=rank)

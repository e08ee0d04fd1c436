"""Times as people write them on a command line or in a file."""

import re
from datetime import UTC, datetime

from llm_monitoring.hours import HOUR, hour_key


def hour_of(text: str, *, is_end: bool) -> int:
    """Key of the hour that a date or an hour names; without a zone it is UTC.

    Args:
        text: 2026-01-31, 2026-01-31T05 or 2026-01-31 05:30.
        is_end: a date means its last hour, not its first.

    Raises:
        ValueError: the text is neither.
    """
    text = text.strip()
    is_date = len(text) <= len("2026-01-31")
    try:
        moment = datetime.fromisoformat(f"{text}T00" if is_date else text)
    except ValueError as error:
        raise ValueError(f"{text!r} is neither a date nor an hour") from error
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return hour_key(moment + 23 * HOUR if is_end and is_date else moment)


def hours_of(text: str) -> float:
    """Hours that a duration has, such as 30m, 4h, 2d or 1d12h.

    Raises:
        ValueError: the text is none.
    """
    found = re.fullmatch(r"(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?", text.strip(), re.ASCII)
    if found is None or not any(found.groups()):
        raise ValueError(f"{text[:80]!r} is no duration such as 30m, 4h or 2d")
    days, hours, minutes = (int(part or 0) for part in found.groups())
    return days * 24 + hours + minutes / 60

"""Times as people write them on a command line or in a file."""

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

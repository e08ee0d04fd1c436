"""What people write by hand: words, names and times, checked before anything follows from them."""

import difflib
import re
from collections.abc import Collection, Iterable
from datetime import UTC, datetime

from llm_monitoring.hours import HOUR, hour_key


class MistakeError(ValueError):
    """What was written is refused; the message says what is wrong and what was expected."""


def refuse_unless(condition: bool, message: str) -> None:
    """Raise a MistakeError with this message, unless."""
    if not condition:
        raise MistakeError(message)


def check_words(name: str, text: str, longest: int) -> str:
    """The text without the blanks around it.

    Args:
        name: what is written there, for the message.
        longest: most characters it may have.

    Raises:
        MistakeError: it is empty, too long, or no text that can be stored.
    """
    refuse_unless(bool(text.strip()), f"{name}: is empty")
    refuse_unless(
        len(text) <= longest, f"{name}: has {len(text):,} characters; {longest:,} is the most"
    )
    refuse_unless(not re.search("[\ud800-\udfff]", text), f"{name}: is not all valid text (UTF-8)")
    return text.strip()


def moment_of(name: str, text: str) -> datetime:
    """A time, UTC where no zone is told.

    Args:
        name: what is written there, for the message.
        text: such as 2026-10-20T14:30 or 2026-10-20T14:30+02:00.

    Raises:
        MistakeError: it is none; or a day alone, of which nobody knows whether its night is meant.
    """
    text = text.strip()
    try:
        if not re.match(r"\d{4}-\d\d-\d\d[T ]\d\d", text):
            raise ValueError(text)
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise MistakeError(
            f"{name}: expected a time such as 2026-10-20T14:30 (UTC) or "
            f"2026-10-20T14:30+02:00, got {text[:80]!r}"
        ) from error


def nearest_first(asked: str, names: Collection[str], most: int = 10) -> str:
    """Names there are, in a sentence; those like the one that was asked for before the others."""
    like = difflib.get_close_matches(asked[:200], sorted(names), n=most, cutoff=0.0)
    rest = len(names) - len(like)
    return (", ".join(like) or "none") + (f" and {rest} more" if rest else "")


def one_id(asked: str, ids: Collection[str], what: str) -> str:
    """The id that is this, or is the only one that begins so.

    Args:
        what: it is an id of, for the message.

    Raises:
        MistakeError: there is none, or there are several.
    """
    if asked in ids:
        return asked
    begin_so = [each for each in ids if asked.strip() and each.startswith(asked.strip())]
    if len(begin_so) == 1:
        return begin_so[0]
    if begin_so:
        raise MistakeError(
            f"{len(begin_so)} {what}s begin with {asked!r}: {nearest_first(asked, begin_so)}"
        )
    raise MistakeError(f"no {what} {asked[:80]!r}; there are: {nearest_first(asked, ids)}")


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


def segment_asked(parts: Iterable[str]) -> dict[str, str]:
    """Attributes that people wrote as `name=value`.

    Raises:
        MistakeError: one has no `=`, an empty side, or a name comes twice.
    """
    asked: dict[str, str] = {}
    for part in parts:
        name, value = (side.strip() for side in part.partition("=")[::2])
        refuse_unless(
            bool(name and value),
            f"segment: expected name=value such as category=returns, got {part[:80]!r}",
        )
        refuse_unless(name not in asked, f"segment: {name[:80]} is named twice")
        asked[name] = value
    return asked


def no_such(what: str, asked: str, names: Collection[str]) -> str:
    """A sentence: there is none of that name, and which are like it; else, which there are.

    Args:
        what: it was to be one of, such as metric.
    """
    there_are = ", ".join(names) if 0 < len(names) <= 12 else nearest_first(asked, names)
    hint = did_you_mean(asked, names) or f"there are: {there_are}"
    return f"there is no {what} {asked[:80]!r}; {hint}"


def did_you_mean(asked: str, names: Collection[str]) -> str | None:
    """A question: up to three names that are like the one that was asked for; None: none is."""
    like = {name.lower(): name for name in sorted(names)}
    near = difflib.get_close_matches(asked[:200].lower(), like, n=3, cutoff=0.55)
    return f"did you mean {' or '.join(like[name] for name in near)}?" if near else None

"""What people write by hand: words, names and times, checked before anything follows from them."""

import difflib
import re
from collections.abc import Collection
from datetime import UTC, datetime


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

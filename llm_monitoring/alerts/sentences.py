"""Sentences a person reads. Only our own words, numbers and cleaned names: never logged text."""

import hashlib
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from llm_monitoring import hours

# Not strftime's %a: it follows the machine's locale.
# A long word with a digit in it may be a key.
KEY = r"(?=[\w-]*\d)[\w-]{20,}"
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True, slots=True)
class Unit:
    """How numbers of a unit are written."""

    decimals: int
    significant: int = 1
    scale: float = 1.0
    prefix: str = ""
    suffix: str = ""

    def text(self, value: float, more: int = 0) -> str:
        """The number with its unit; `more` digits than usual after the point."""
        scaled = value * self.scale
        digits = self.decimals
        if scaled:
            # Small numbers keep their leading digits: a cost of $0.0004 is not $0.00.
            digits = max(digits, self.significant - 1 - math.floor(math.log10(abs(scaled))))
        return f"{self.prefix}{scaled:,.{digits + more}f}{self.suffix}"


def name_text(name: str, longest: int = 80) -> str:
    """A logged name as it may go out: no markup, mention or link survives in it."""
    return re.sub(r"[^\w.:/+-]|:(?=//)|(?<=www)\.", "?", name, flags=re.IGNORECASE)[:longest]


def label_text(value: str, longest: int = 80) -> str:
    """The value of an attribute as it may go out: as a name, and blanks between its words stay.

    Where a sign is replaced, a few digits of its hash keep it apart from others.
    """
    parts = " ".join(name_text(word, longest) for word in value.split())
    if parts == value:
        return parts[:longest]
    return f"{parts[:longest]} ({hashlib.sha256(value.encode()).hexdigest()[:4]})"


def title_text(title: str, longest: int = 300) -> str:
    """A title with logged names in it as it may go out: no markup, mention or link survives."""
    signs = r"(?<!-)>|[^\w .,:;/()=+%$>-]|:(?=//)|(?<=www)\."
    return re.sub(signs, "?", title, flags=re.IGNORECASE)[:longest]


def error_text(message: str, longest: int = 160) -> str:
    """First line of an error as it may go out: quoted text, addresses and keys are left out."""
    lines = message.strip().splitlines()
    text = re.sub(r"\[Errno \d+\] ", "", lines[0]) if lines else ""
    for pattern in (r"\S+://\S+", r"'[^']*'|\"[^\"]*\"|`[^`]*`", r"\S+@\S+", KEY):
        text = re.sub(pattern, "...", text)
    return re.sub(r"[^\w .,:;/()=+%-]", "?", text, flags=re.ASCII)[:longest] or "no reason given"


def value_text(value: float, unit: str) -> str:
    """One measurement, such as `0.8 %`, `$0.0042` or `1,240 ms`."""
    return UNITS[unit].text(value)


def change_text(before: float, after: float, unit: str) -> str:
    """From one measurement to another."""
    one, other = apart_texts(before, after, unit)
    return f"from {one} to {other}"


def apart_texts(one: float, other: float, unit: str) -> tuple[str, str]:
    """Two measurements, with as many digits as it takes to tell them apart (at most 3 more)."""
    for more in range(4):
        texts = UNITS[unit].text(one, more), UNITS[unit].text(other, more)
        if texts[0] != texts[1]:
            break
    return texts


def hour_text(hour: int) -> str:
    """First instant of a window, such as `Tue 2026-10-20 14:00 UTC`."""
    return moment_text(hours.hour_start(hour))


def moment_text(moment: datetime) -> str:
    """A time, such as `Tue 2026-10-20 14:05 UTC`."""
    moment = moment.astimezone(UTC)
    return f"{DAYS[moment.weekday()]} {moment:%Y-%m-%d %H:%M} UTC"


def since_text(change_hour: int | None, first_hour: int) -> str:
    """When it changed and when the alarm came: `since .. (alarm at 18:00, 4 h later)`."""
    if change_hour is None or change_hour >= first_hour:
        return f"since {hour_text(first_hour)}"
    same_day = change_hour // 100 == first_hour // 100
    alarm = f"{hours.hour_start(first_hour):%H:%M}" if same_day else hour_text(first_hour)
    delay = hours.hours_between(change_hour, first_hour)
    return f"since {hour_text(change_hour)} (alarm at {alarm}, {delay} h later)"


def until_text(last_hour: int) -> str:
    """End of the last window of something that is over."""
    return f"until {hour_text(hours.shift(last_hour, 1))}"


def chance_text(windows: float) -> str:
    """How often chance alone brings such an alarm: `by chance once in 66 weeks`."""
    for unit, size in (("weeks", 168), ("days", 24)):
        if windows >= 2 * size:
            return f"by chance once in {windows / size:,.0f} {unit}"
    return f"by chance once in {windows:,.0f} hours"


def listed(names: Iterable[str]) -> str:
    """Names in a row, of many the first and how many more."""
    every = list(names)
    shown, more = ", ".join(every[:SHOWN_NAMES]), len(every) - SHOWN_NAMES
    return f"{shown} and {more} more" if more > 0 else shown


def sentence(parts: Iterable[str], simulated: bool) -> str:
    """Parts joined to one sentence, which says so if the data are make-believe."""
    return ", ".join(parts) + (" (simulated)" if simulated else "")


def expected_by_chance(false_alarms_per_week: float, charts: int) -> str:
    """What the false-alarm budget means, in words.

    Args:
        false_alarms_per_week: the budget, over all charts together, > 0.
        charts: charts that share it.

    Raises:
        ValueError: there is no chart to share the budget.
    """
    if charts < 1:
        raise ValueError("the false-alarm budget needs at least one chart")
    weeks = charts / false_alarms_per_week
    return (
        f"Expected by chance: at most {false_alarms_per_week:g} false alarms a week over all "
        f"{charts} charts together, so one in {weeks:,.0f} weeks on a chart of its own."
    )


SHOWN_NAMES = 8
UNITS: dict[str, Unit] = {
    "ratio": Unit(1, scale=100, suffix=" %"),
    "usd": Unit(2, significant=2, prefix="$"),
    "ms": Unit(0, suffix=" ms"),
    "tokens": Unit(0, significant=2, suffix=" tokens"),
    "score": Unit(2),
    "requests": Unit(0, significant=2, suffix=" requests"),
    "characters": Unit(0, suffix=" characters"),
    "flag": Unit(0),
}

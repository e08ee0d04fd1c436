"""Baseline of silence: the hours of the day in which a source always has rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from llm_monitoring.stats.baselines.reading import Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceBaseline:
    """When a source is normally silent.

    Args:
        busy: for each hour of the day, whether every Phase I window had rows.
        windows: windows it was learned from.
    """

    kind: Literal["silence"] = "silence"
    busy: tuple[bool, ...]
    windows: int

    def expected(self, t: int) -> float:
        """1 where rows are expected, else 0."""
        return float(self.busy[t % 24])


def learn_silence(readings: Sequence[Reading]) -> SilenceBaseline:
    """Hours of the day that always had rows; an hour never seen is not expected to have any."""
    seen: dict[int, list[bool]] = {hour: [] for hour in range(24)}
    for reading in readings:
        seen[reading.t % 24].append(reading.n > 0)
    busy = tuple(bool(seen[hour]) and all(seen[hour]) for hour in range(24))
    return SilenceBaseline(busy=busy, windows=len(readings))

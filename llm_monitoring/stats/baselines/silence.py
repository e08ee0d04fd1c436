"""Baseline of silence: how many rows a source always has at an hour of the day."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from llm_monitoring.stats.baselines.reading import Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceBaseline:
    """When a source is normally silent.

    Args:
        fewest: for each hour of the day, the fewest rows a Phase I window had.
        windows: windows it was learned from.
    """

    kind: Literal["silence"] = "silence"
    fewest: tuple[int, ...]
    windows: int

    def expected(self, t: int) -> float:
        """Rows that are expected at least."""
        return float(self.fewest[t % 24])


def learn_silence(readings: Sequence[Reading]) -> SilenceBaseline:
    """Fewest rows at each hour of the day; an hour never seen is not expected to have any."""
    seen: dict[int, list[int]] = {hour: [] for hour in range(24)}
    for reading in readings:
        seen[reading.t % 24].append(reading.n)
    fewest = tuple(min(seen[hour], default=0) for hour in range(24))
    return SilenceBaseline(fewest=fewest, windows=len(readings))

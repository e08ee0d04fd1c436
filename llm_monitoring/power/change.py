"""The change that is to be noticed."""

from dataclasses import dataclass

from llm_monitoring.metrics import Metric


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A lasting change for the worse, in the words of each kind of metric.

    Args:
        drop: of a mean score, points, > 0.
        relative_rise: of anything else, > 0: .5 is half as much again. What is bad when low falls
            by as much; a rate, as if its other outcome had risen so.
        hours: within which it is to be noticed, >= 1.
    """

    drop: float = 0.2
    relative_rise: float = 0.5
    hours: float = 24.0

    def after(self, metric: Metric, before: float) -> float:
        """Value of a metric after the change."""
        if metric.kind == "mean":
            return before - self.drop
        factor = 1 + self.relative_rise
        if metric.kind != "proportion":
            return before * factor if "up" in metric.bad else before / factor
        return _risen(before, factor) if "up" in metric.bad else 1 - _risen(1 - before, factor)


def _risen(rate: float, factor: float) -> float:
    """A rate times a factor; near 1 the rest is divided by it instead, so that it stays a rate."""
    return min(rate * factor, 1 - (1 - rate) / factor)

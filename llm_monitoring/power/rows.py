"""How many rows a series has, and how many of a feature's requests are judged."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from llm_monitoring.metrics import Metric
from llm_monitoring.records import WindowMetric
from llm_monitoring.stats.baselines import LevelBaseline, ProportionBaseline


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Rows of a series.

    Args:
        per_window: of a window that is charted, on average; 0: none is.
        charted_share: of the windows, those that have rows enough to be charted.
    """

    per_window: float
    charted_share: float = 1.0

    @property
    def per_hour(self) -> float:
        """Rows an hour that count."""
        return self.per_window * self.charted_share


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How a feature's answers are judged.

    Args:
        requests_per_hour: all of the feature's requests.
        sampled_per_hour: those that the judge is to see.
        usd_per_judgement: 0: the judge is free; None: unpriced.
    """

    requests_per_hour: float
    sampled_per_hour: float
    usd_per_judgement: float | None

    @property
    def rate(self) -> float:
        """Share of the requests that the judge is to see."""
        return min(1.0, self.sampled_per_hour / max(self.requests_per_hour, 1e-9))

    def usd_per_day(self, factor: float = 1.0) -> float | None:
        """What the judge costs, or would at another rate; None: unpriced."""
        if self.usd_per_judgement is None:
            return None
        return 24 * factor * self.sampled_per_hour * self.usd_per_judgement


def rows_of(metric: Metric, windows: Sequence[WindowMetric]) -> Rows:
    """Rows of a series in some of its windows."""
    charted = [w.n for w in windows if w.value is not None and w.n >= max(metric.minimum_n, 1)]
    if not charted:
        return Rows(per_window=0.0, charted_share=0.0)
    return Rows(per_window=fmean(charted), charted_share=len(charted) / len(windows))


def typical_rows(baseline: LevelBaseline | ProportionBaseline) -> Rows:
    """Rows of a typical window of Phase I, where the windows themselves are not at hand."""
    n = baseline.typical_n
    if isinstance(baseline, ProportionBaseline):
        # It remembers the independent rows that they were worth.
        n *= (1 - baseline.correlation) / max(1 - n * baseline.correlation, 1e-9)
    return Rows(per_window=n)

"""Which of the stored baselines of a series is in force."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from llm_monitoring.records import Baseline


def by_series(baselines: Iterable[Baseline]) -> dict[str, list[Baseline]]:
    """Baselines of each series, whichever of its charts learned them: they learn the same.

    Those of silence are left out: they say nothing of a level.
    """
    grouped: dict[str, list[Baseline]] = defaultdict(list)
    for baseline in baselines:
        series, _, chart = baseline.chart_id.rpartition("/")
        if chart != "missing":
            grouped[series].append(baseline)
    return grouped


def of_feature(
    grouped: Mapping[str, Sequence[Baseline]], feature_id: str, metric: str
) -> list[Baseline]:
    """Baselines of a metric of a feature, of all its models together, in whatever epoch."""
    return [
        baseline
        for series, baselines in grouped.items()
        if series.startswith(f"{feature_id}/*/") and series.endswith(f"/{metric}")
        for baseline in baselines
    ]


def in_force(baselines: Iterable[Baseline]) -> Baseline | None:
    """The one learned last; None: there is none."""
    return max(baselines, key=lambda baseline: (baseline.last_hour, baseline.windows), default=None)

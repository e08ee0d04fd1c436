"""Which of the stored baselines of a series is in force."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields

from llm_monitoring.records import Baseline
from llm_monitoring.stats.baselines import BASELINES
from llm_monitoring.stats.charts import SILENCE


def by_series(baselines: Iterable[Baseline]) -> dict[str, list[Baseline]]:
    """Baselines of each series, whichever of its charts learned them: they learn the same.

    Those of silence are left out: they say nothing of a level.
    """
    grouped: dict[str, list[Baseline]] = defaultdict(list)
    for baseline in baselines:
        series, _, chart = baseline.chart_id.rpartition("/")
        if chart != SILENCE:
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
    """The one learned last that can still be read; None: there is none.

    A lake outlives its program: what another version has learned may say other things.
    """
    latest = sorted(baselines, key=lambda b: (b.last_hour, b.windows), reverse=True)
    return next(filter(_is_readable, latest), None)


def _is_readable(baseline: Baseline) -> bool:
    parameters = json.loads(baseline.parameters)
    kind = BASELINES.get(str(parameters.get("kind")))
    return kind is not None and {field.name for field in fields(kind)} == set(parameters)

"""Phase I: what is normal for one series, learned once from its first quiet windows and frozen.

Each kind of series has a baseline of its own that turns a window into *evidence*: a standard
score, or a count against an expected rate. What a series needs (a season, a logarithm, whitening,
heavier tails, overdispersion, tempering) is chosen from its own Phase I, and stored.
"""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any, TypeVar

import numpy as np

from llm_monitoring.stats.baselines.level import (
    LevelBaseline,
    learn_count,
    learn_mean,
    learn_positive,
    relevel_level,
)
from llm_monitoring.stats.baselines.proportion import (
    ProportionBaseline,
    learn_proportion,
    relevel_rate,
)
from llm_monitoring.stats.baselines.reading import Array, Reading, Row
from llm_monitoring.stats.baselines.silence import SilenceBaseline, learn_silence

PROVISIONAL_WINDOWS = 48
ESTABLISHED_WINDOWS = 336

AnyBaseline = LevelBaseline | ProportionBaseline | SilenceBaseline
BASELINES: dict[str, type[AnyBaseline]] = {
    "level": LevelBaseline,
    "proportion": ProportionBaseline,
    "silence": SilenceBaseline,
}
Same = TypeVar("Same", LevelBaseline, ProportionBaseline, SilenceBaseline)


def relevel(
    baseline: LevelBaseline | ProportionBaseline, readings: Sequence[Reading]
) -> LevelBaseline | ProportionBaseline:
    """The baseline at the level of some windows; its season, scatter and memory are kept."""
    if isinstance(baseline, ProportionBaseline):
        return relevel_rate(baseline, readings)
    return relevel_level(baseline, readings)


def stack(baselines: Sequence[Same]) -> Same:
    """Baselines of many charts as one whose numbers are arrays [charts].

    Raises:
        ValueError: they are of more than one kind, or transformed differently.
    """
    first = baselines[0]
    transforms = {getattr(b, "transform", None) for b in baselines}
    if {type(b) for b in baselines} != {type(first)} or len(transforms) > 1:
        raise ValueError("only baselines of one kind and one transform can be stacked")
    stacked: dict[str, Any] = {}
    for field in fields(first):
        values = [getattr(b, field.name) for b in baselines]
        if not isinstance(values[0], str):
            stacked[field.name] = np.array(values).T.copy()
    return replace(first, **stacked)


__all__ = [
    "BASELINES",
    "ESTABLISHED_WINDOWS",
    "PROVISIONAL_WINDOWS",
    "AnyBaseline",
    "Array",
    "LevelBaseline",
    "ProportionBaseline",
    "Reading",
    "Row",
    "SilenceBaseline",
    "learn_count",
    "learn_mean",
    "learn_positive",
    "learn_proportion",
    "learn_silence",
    "relevel",
    "stack",
]

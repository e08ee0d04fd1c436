"""Baselines to tell the power of."""

from typing import Any

from llm_monitoring.stats.baselines import LevelBaseline, ProportionBaseline


def level(center: float = 4.0, **known: Any) -> LevelBaseline:
    """A mean of scores that scatter by 1, and hourly means by .05 more."""
    fields: dict[str, Any] = {
        "transform": "identity",
        "season": "none",
        "centers": (center,) * 48,
        "within": 1.0,
        "between": 0.05,
        "inflation": 1.0,
        "phi": 0.0,
        "tail_degrees": 1000.0,
        "typical_n": 25.0,
        "windows": 336,
    }
    return LevelBaseline(**(fields | known))


def rate(p: float = 0.02, **known: Any) -> ProportionBaseline:
    """A rate of 200 requests an hour."""
    fields: dict[str, Any] = {
        "rate": p,
        "rows": 336 * 200.0,
        "correlation": 0.0,
        "season": "none",
        "offsets": (0.0,) * 48,
        "typical_n": 200.0,
        "windows": 336,
    }
    return ProportionBaseline(**(fields | known))

"""One window of one chart in words."""

from llm_monitoring.alerts.sentences import (
    change_text,
    error_text,
    label_text,
    name_text,
    value_text,
)
from llm_monitoring.metrics import ALL_FEATURES, OTHER_FEATURES
from llm_monitoring.records import ChartPoint
from llm_monitoring.segments import segment_text
from llm_monitoring.stats.charts import LINE, SILENCE

ACCEPTED = "accepted as the new normal by the policy for volumes"


def point_text(point: ChartPoint, unit: str, *, accepted: bool = False) -> str:
    """One window of one chart in words.

    Args:
        unit: the metric's.
        accepted: with this window the policy has taken the new level as the baseline.
    """
    metric = point.metric.replace("_", " ").removesuffix(" ms").removesuffix(" usd")
    if point.failure is not None:
        what = f"{metric} of {place(point)} ({point.chart})"
        return f"{what} cannot be computed: {error_text(point.failure)}"
    if point.chart == SILENCE:
        return f"no requests of {place(point)}"
    text = f"{metric} of {place(point)} {movement(point, unit)}"
    return f"{text}, {ACCEPTED}" if accepted else text


def movement(row: ChartPoint, unit: str) -> str:
    """From where to where, such as `up from 0.5 % to 0.8 %`."""
    level, expected = _level(row), _expected(row)
    side = row.direction or "out of control"
    if level is None:
        return side
    if expected is None:
        return f"{side} at {value_text(level, unit)}"
    if row.chart == LINE:
        return f"at {value_text(level, unit)}, beyond the line at {value_text(expected, unit)}"
    # The numbers decide the word, so that a sentence never contradicts itself.
    return f"{'up' if level > expected else 'down'} {change_text(expected, level, unit)}"


def place(row: ChartPoint) -> str:
    """Feature and segment."""
    return feature_text(row.feature_id) + segment_text(row.segment, label_text)


def feature_text(feature_id: str) -> str:
    """A feature's name as it may go out; what is measured over several of them has none."""
    several = {ALL_FEATURES: "all features", OTHER_FEATURES: "other features"}
    return several.get(feature_id) or name_text(feature_id)


def levels(row: ChartPoint) -> tuple[float | None, float | None]:
    """What is usual there (or the static line), and the level now."""
    return _expected(row), _level(row)


def departure(row: ChartPoint) -> float:
    """How far the level is from what it is held against; -1: not known."""
    level, expected = _level(row), _expected(row)
    return -1.0 if level is None or expected is None else abs(level - expected)


def _level(row: ChartPoint) -> float | None:
    return row.value if row.level is None else row.level


def _expected(row: ChartPoint) -> float | None:
    """What the level is held against: the center, or the static line."""
    return row.limit if row.chart == LINE else row.center

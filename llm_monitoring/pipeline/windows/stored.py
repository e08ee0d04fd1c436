"""What the lake holds so far."""

from llm_monitoring.control import Series
from llm_monitoring.hours import LAST_HOUR, shift
from llm_monitoring.lake import Lake

RECENT_HOURS = 14 * 24


def newest_hour(lake: Lake) -> int | None:
    """Newest window that has metrics; None: the lake is empty."""
    span = lake.span("window_metrics")
    return None if span is None else span[1]


def known_series(lake: Lake) -> dict[Series, int]:
    """Every series that was measured, and its first window."""
    rows = lake.query("series_before", first=LAST_HOUR).to_pylist()
    return {
        Series(row["feature_id"], row["segment"], row["epoch"], row["metric"]): row["first_hour"]
        for row in rows
    }


def models_of_feature(lake: Lake, newest: int) -> dict[str, set[str]]:
    """Models of each feature in the last two weeks, by the names asked for and answered with."""
    hours = (shift(newest, -RECENT_HOURS), newest)
    rows = lake.query("models_of_features", hours=hours, first=hours[0], last=hours[1]).to_pylist()
    models: dict[str, set[str]] = {}
    for row in rows:
        named = {row["model_id"], row["requested_model"]} - {None}
        models.setdefault(row["feature_id"], set()).update(named)
    return models

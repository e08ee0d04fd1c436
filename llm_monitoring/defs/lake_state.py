"""What the lake holds so far."""

from llm_monitoring.lake import Lake


def newest_hour(lake: Lake) -> int | None:
    """Newest window that has metrics; None: the lake is empty."""
    newest = lake.run("select max(hour) as hour from window_metrics")["hour"][0].as_py()
    return None if newest is None else int(newest)


def measured_hours(lake: Lake) -> set[int]:
    """Hours that have metrics."""
    return set(lake.run("select distinct hour from window_metrics")["hour"].to_pylist())


def models_of_feature(lake: Lake) -> dict[str, set[str]]:
    """Models that answered each feature, by the name they answered with."""
    rows = lake.run(
        "select feature_id, model_id from window_metrics where model_id is not null group by all"
    ).to_pylist()
    models: dict[str, set[str]] = {}
    for row in rows:
        models.setdefault(row["feature_id"], set()).add(row["model_id"])
    return models

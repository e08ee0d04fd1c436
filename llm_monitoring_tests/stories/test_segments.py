"""What only a part of the traffic shows: a category that collapses while the whole improves, and a
tenant that is a fiftieth of the traffic.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from llm_monitoring.defs.resources import Monitoring
from llm_monitoring.hours import hour_range, hour_start, hours_between, shift
from llm_monitoring.lake import TABLES
from llm_monitoring.segments import EVERYTHING, segment_of
from llm_monitoring_tests.stories.watching import (
    PHASE_ONE,
    START,
    new_monitoring,
    raise_alerts,
    watch,
)

FEATURE = "support_chat"
CHANGE = shift(START, PHASE_ONE + 24)
AFTER = 72  # hours from the change on
LAST = shift(CHANGE, AFTER - 1)


def rows_of(name: str, columns: Mapping[str, Sequence[Any]]) -> pa.Table:
    """Rows of a table; what is not given is unknown, or empty."""
    schema = TABLES[name].schema
    count = len(columns["hour"])
    empty = {"source": "test", "salt": "", "judge": "heuristic", "epoch": "e1"}
    return pa.table(
        {
            field.name: pa.array(
                columns.get(field.name, [empty.get(field.name)] * count), field.type
            )
            for field in schema
        },
        schema=schema,
    )


def store(monitoring: Monitoring, attribute: str, values: Sequence[str], **known: Any) -> None:
    """Requests, one for each value, with what is known of them."""
    hours = known["hour"]
    columns = {
        "request_id": [f"r{i}" for i in range(len(values))],
        "timestamp": [hour_start(hour) for hour in hours],
        "feature_id": [FEATURE] * len(values),
        "model_id": ["lark-2"] * len(values),
        **known,
    }
    attributes = [[(attribute, value)] for value in values]
    rows = rows_of("raw_requests", {**columns, "attributes": attributes})
    monitoring.lake.replace_hours("raw_requests", rows, START, LAST)
    if "quality_mean" in known:
        judged = {**columns, "inclusion_probability": [1.0] * len(values),
                  "judged_at": columns["timestamp"]}  # fmt: skip
        monitoring.lake.replace_hours("judgements", rows_of("judgements", judged), START, LAST)


@pytest.mark.slow
def test_a_category_that_collapses_is_told_although_the_whole_improves(tmp_path: Path) -> None:
    """Returns fall from 3.4 to 2.9 while orders, at 4.2, grow from half to 85 % of the traffic."""
    monitoring = new_monitoring(
        tmp_path,
        features=[{"feature_id": FEATURE}],
        breakdowns=[{"attributes": ["category"], "metrics": ["quality_mean"]}],
    )
    rng = np.random.default_rng(3)
    hours = np.repeat(list(hour_range(START, LAST)), 80)
    changed = hours >= CHANGE
    is_order = rng.random(len(hours)) < np.where(changed, 0.85, 0.5)
    mean = np.where(is_order, 4.2, np.where(changed, 2.9, 3.4))
    scores = np.clip(rng.normal(mean, 0.5), 1, 5)
    store(monitoring, "category", np.where(is_order, "orders", "returns").tolist(),
          hour=hours.tolist(), quality_mean=scores.tolist(),
          quality_score=np.rint(scores).astype(int).tolist())  # fmt: skip
    watch(monitoring, (START, LAST), ["judgements"])
    quality = [alert for alert in raise_alerts(monitoring) if alert.metric == "quality_mean"]
    whole = [alert for alert in quality if alert.segment == EVERYTHING]
    returns = segment_of({"category": "returns"})
    (found,) = [alert for alert in quality if alert.segment == returns]
    assert all(alert.direction == "up" for alert in whole)  # it improves
    assert found.direction == "down"
    assert (
        "quality mean (1-5, heuristic judge) of support_chat with category returns" in found.summary
    )
    assert " down from 3.40 to 2." in found.summary
    assert 0 <= hours_between(CHANGE, found.first_hour) <= 12
    assert found.incident_id is not None


@pytest.mark.slow
def test_a_tenant_with_a_fiftieth_of_the_traffic_whose_errors_quadruple_is_named(
    tmp_path: Path,
) -> None:
    """Of 50 tenants one fails 8 % of its 24 requests an hour, and no longer 2 %."""
    monitoring = new_monitoring(
        tmp_path,
        features=[{"feature_id": FEATURE}],
        control={"thresholds": [], "false_alarms_per_week": 0.1},
        breakdowns=[{"attributes": ["tenant"], "top": 50, "metrics": ["error_rate"]}],
    )
    rng = np.random.default_rng(5)
    hours = np.repeat(list(hour_range(START, LAST)), 1200)
    tenants = rng.integers(0, 50, len(hours))
    rate = np.where((tenants == 17) & (hours >= CHANGE), 0.08, 0.02)
    errors = np.where(rng.random(len(hours)) < rate, "timeout", None)
    store(monitoring, "tenant", [f"tenant-{i}" for i in tenants],
          hour=hours.tolist(), error=errors.tolist())  # fmt: skip
    watch(monitoring, (START, LAST), ["requests"])
    failing = [alert for alert in raise_alerts(monitoring) if alert.metric == "error_rate"]
    assert {alert.segment for alert in failing} == {segment_of({"tenant": "tenant-17"})}
    (found,) = failing
    assert found.direction == "up"
    assert "error rate of support_chat with tenant tenant-17 up from 2." in found.summary
    assert 0 <= hours_between(CHANGE, found.first_hour) <= 48

"""Those who stay are happy. 88 % thumbs up says nothing of the 45 % who left."""

from datetime import timedelta
from pathlib import Path

import pytest

from llm_monitoring.hours import hour_start
from llm_monitoring.records import UserSignal
from llm_monitoring_tests.incidents.examples import request
from llm_monitoring_tests.stories.watching import START, new_monitoring, watch


def measured(folder: Path, *, up: int, down: int, left: int, of: int = 400) -> dict[str, float]:
    """Satisfaction of one hour: the first users rate, the last leave."""
    at = hour_start(START)
    requests = [request(f"r{i:03}", at + timedelta(seconds=i)) for i in range(of)]
    signals = ["thumbs_up"] * up + ["thumbs_down"] * down + [""] * (of - up - down - left)
    signals += ["abandoned"] * left
    rows = [
        UserSignal(
            hour=START, request_id=row.request_id, session_id=None, signal_type=signal,
            timestamp=row.timestamp + timedelta(minutes=5), metadata="{}", source="app",
        )
        for row, signal in zip(requests, signals, strict=True) if signal
    ]  # fmt: skip
    monitoring = new_monitoring(folder)
    monitoring.lake.replace_hours("raw_requests", requests, START, START)
    monitoring.lake.replace_hours("user_signals", rows, START, START)
    watch(monitoring, (START, START), ["signals"])
    windows = monitoring.lake.rows("window_metrics", feature_id="support_chat", segment="{}")
    return {row.metric: row.value for row in windows}


def test_88_percent_thumbs_up_with_45_percent_abandonment_raises_survivorship_risk(
    tmp_path: Path,
) -> None:
    found = measured(tmp_path, up=22, down=3, left=180)
    assert found["explicit_positive_rate"] == 0.88
    assert found["abandonment_rate"] == 0.45
    assert found["explicit_feedback_coverage"] == 25 / 400
    assert found["survivorship_bias_risk"] == 1


@pytest.mark.parametrize(
    ("up", "down", "left", "risk"),
    [
        (22, 3, 40, 0),  # as happy, and they stay
        (15, 10, 180, 0),  # they leave, and the ratings say so: nothing is hidden
        (2, 1, 180, 1),  # they leave, and hardly anyone rates
        (0, 0, 180, 1),  # nobody does
    ],
)
def test_the_risk_is_that_ratings_hide_who_left(
    tmp_path: Path, up: int, down: int, left: int, risk: int
) -> None:
    assert measured(tmp_path, up=up, down=down, left=left)["survivorship_bias_risk"] == risk

"""Errors rise from .5 % to 4.8 % over two months, and a line at 5 % stays silent.

How soon it can be known depends on the traffic: even a chart that knew the true .5 % would need 127
hours (median) at 125 requests an hour for this false-alarm budget, 83 at 500.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from llm_monitoring.defs.resources import Monitoring
from llm_monitoring.hours import hour_range, hours_between
from llm_monitoring.records import WindowMetric
from llm_monitoring.simulation import choose_faults
from llm_monitoring.simulation.faults import Fault, conditions_at
from llm_monitoring.simulation.product import FEATURES
from llm_monitoring.simulation.traffic import expected_requests
from llm_monitoring_tests.stories.watching import (
    DAY,
    PHASE_ONE,
    START,
    alarms,
    delay_hours,
    new_monitoring,
    watch_windows,
    window,
)

pytestmark = pytest.mark.slow

TWO_MONTHS = 1440
COPIES = 8  # the same feature again, by other chances
SEARCH = FEATURES["product_search"]


def creep() -> Fault:
    (fault,) = choose_faults("error_creep", start=START)
    return replace(fault, start_offset=PHASE_ONE, end_offset=PHASE_ONE + TWO_MONTHS)


def windows(copy: int, busier: float) -> list[WindowMetric]:
    """Error rates of the simulated feature, with so many times its usual traffic."""
    rng = np.random.default_rng([copy, round(busier * 100)])
    rows = []
    for hour in hour_range(START, creep().last_hour):
        mean = busier * expected_requests(SEARCH, hour) * rng.gamma(200, 1 / 200)
        n = int(rng.poisson(mean))
        errors = int(rng.binomial(n, conditions_at(SEARCH, hour, [creep()]).error_ratio))
        rows.append(window(hour, f"copy-{copy}", errors, n))
    return rows


def by_day(rows: Sequence[WindowMetric]) -> Iterator[WindowMetric]:
    """The rate of each day, filed under its first hour."""
    for start in range(0, len(rows), DAY):
        day = rows[start : start + DAY]
        errors = sum(round((row.value or 0) * row.n) for row in day)
        yield window(day[0].hour, day[0].feature_id, errors, sum(row.n for row in day))


def first_delays(monitoring: Monitoring, chart: str) -> list[int]:
    """Hours until each copy's first alarm of a chart, shortest first; two months: never."""
    found = {f"copy-{copy}": TWO_MONTHS for copy in range(COPIES)}
    for point in reversed(alarms(monitoring, chart=chart)):
        found[point.feature_id] = delay_hours(creep().first_hour, point.hour)
    return sorted(found.values())


@pytest.fixture(scope="module")
def busy() -> list[WindowMetric]:
    """A thousand requests an hour."""
    return [row for copy in range(COPIES) for row in windows(copy, 1000 / SEARCH.requests_per_hour)]


def test_the_two_month_creep_is_caught_within_four_days(
    busy: list[WindowMetric], tmp_path: Path
) -> None:
    monitoring = new_monitoring(tmp_path)
    watch_windows(monitoring, busy)
    delays = first_delays(monitoring, "sr_mixture")
    assert delays[0] > 0  # none before it began, so none is a false alarm
    assert delays[-1] <= 4 * DAY
    point = next(p for p in alarms(monitoring, chart="sr_mixture"))
    assert point.direction == "up"
    assert point.status == "established"
    assert 0.004 < (point.center or 0) < 0.006
    assert point.change_hour is not None
    assert hours_between(creep().first_hour, point.change_hour) >= -DAY


def test_the_line_at_five_percent_says_nothing_of_it_for_eight_weeks(
    busy: list[WindowMetric], tmp_path: Path
) -> None:
    line = {"metric": "error_rate", "above": 0.05}
    monitoring = new_monitoring(tmp_path, control={"thresholds": [line]})
    days = [
        day
        for copy in range(COPIES)
        for day in by_day([row for row in busy if row.feature_id == f"copy-{copy}"])
    ]
    watch_windows(monitoring, days)
    # In the last days it may cross by chance: the rate then is 4.8 %.
    assert first_delays(monitoring, "static_threshold")[0] > 56 * DAY


def test_with_an_eighth_of_the_traffic_it_takes_ten_days_at_most(tmp_path: Path) -> None:
    names = [f"copy-{copy}" for copy in range(COPIES)]
    monitoring = new_monitoring(tmp_path, features=[{"feature_id": name} for name in names])
    watch_windows(monitoring, [row for copy in range(COPIES) for row in windows(copy, 1.0)])
    delays = first_delays(monitoring, "sr_mixture")
    assert delays[0] > 0
    assert delays[COPIES // 2] <= 8 * DAY
    assert delays[-1] <= 10 * DAY

"""5 % or .5 % of the answers judged: what the cheaper rate costs is time, and it can be told.

Simulated scores of a feature with 600 requests an hour; the hash of the request id decides which
the judge sees, and the chart is the one that watches any judged mean.
"""

from collections.abc import Iterator
from statistics import mean

import numpy as np
import pytest

from llm_monitoring.control import series_run_length
from llm_monitoring.defs.resources import Monitoring
from llm_monitoring.hours import hour_start
from llm_monitoring.records import Judgement
from llm_monitoring.sampling import is_sampled
from llm_monitoring.stats.power import (
    hours_to_detect,
    information_needed,
    level_information,
    rows_for_level,
)
from llm_monitoring_tests.stories.watching import (
    PHASE_ONE,
    START,
    WEEK,
    alarms,
    delay_hours,
    hour_of,
    new_monitoring,
    watch,
)

pytestmark = pytest.mark.slow

RATES = {"five_percent": 0.05, "half_percent": 0.005}
COPIES = 6  # features of each rate, alike but for chance
REQUESTS, STDDEV, DRIFT, DROP = 600, 1.0, 0.05, 0.4
HOURS = PHASE_ONE + WEEK


def told(rate: float, requests: float, *, drop: float = DROP, drift: float = DRIFT) -> float:
    information = level_information(drop, rate * requests, within=STDDEV, between=drift)
    return hours_to_detect(information, 10_000)


@pytest.mark.parametrize("requests", [100, 300, 1000])
@pytest.mark.parametrize("drift", [0.05, 0.1])
def test_a_tenth_of_the_rate_takes_five_to_ten_times_as_long(requests: int, drift: float) -> None:
    ratio = told(0.005, requests, drop=0.2, drift=drift) / told(
        0.05, requests, drop=0.2, drift=drift
    )
    assert 5 <= ratio < 10  # ten times, less what no sample can take out


def test_the_hours_that_each_rate_takes_are_told() -> None:
    assert told(0.05, 600) == pytest.approx(4.4, abs=0.1)
    assert told(0.005, 600) == pytest.approx(28.7, abs=0.1)
    # To know within a day, the judge must see about four answers an hour: .6 % of them.
    information = information_needed(24, 10_000)
    needed = rows_for_level(information, DROP, within=STDDEV, between=DRIFT)
    assert needed == pytest.approx(3.7, abs=0.05)


def judgement(hour: int, feature: str, number: int, score: float, rate: float) -> Judgement:
    return Judgement(
        hour=hour, request_id=f"{feature}-{hour}-{number}", feature_id=feature, model_id="m",
        epoch="e1", judge="judge", inclusion_probability=rate, quality_score=round(score),
        quality_mean=score, correctness=score, completeness=score, tone=score,
        flagged=score <= 2, reason=None, unscored_reason=None, input_tokens=None,
        output_tokens=None, cost_usd=None, judged_at=hour_start(hour),
    )  # fmt: skip


def judgements(name: str, rate: float) -> Iterator[Judgement]:
    """Judged answers of every copy; after PHASE_ONE hours the mean score falls by DROP."""
    for copy in range(COPIES):
        feature = f"{name}-{copy}"
        rng = np.random.default_rng([copy, round(rate * 1000)])
        for offset in range(HOURS):
            hour = hour_of(offset)
            chosen = [
                number
                for number in range(REQUESTS)
                if is_sampled(f"{feature}-{hour}-{number}", rate)
            ]
            level = 3.6 + DRIFT * rng.standard_normal() - (DROP if offset >= PHASE_ONE else 0)
            scores = level + STDDEV * rng.uniform(-1, 1, len(chosen)) * 3**0.5
            for number, score in zip(chosen, scores.tolist(), strict=True):
                yield judgement(hour, feature, number, score, rate)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Monitoring:
    monitoring = new_monitoring(tmp_path_factory.mktemp("sampling"))
    hours = START, hour_of(HOURS - 1)
    rows = [row for name, rate in RATES.items() for row in judgements(name, rate)]
    monitoring.lake.replace_hours("judgements", rows, *hours)
    watch(monitoring, hours, ["judgements"])
    return monitoring


def delays(monitoring: Monitoring, name: str) -> list[int]:
    """Hours until the fall of the mean was told, of each copy."""
    found = {f"{name}-{copy}": WEEK for copy in range(COPIES)}
    for point in reversed(alarms(monitoring, metric="quality_mean", segment="{}")):
        if point.feature_id in found:
            found[point.feature_id] = delay_hours(hour_of(PHASE_ONE), point.hour)
    return sorted(found.values())


def test_the_charts_take_as_long_as_was_told(watched: Monitoring) -> None:
    for name, rate in RATES.items():
        information = level_information(DROP, rate * REQUESTS, within=STDDEV, between=DRIFT)
        expected = hours_to_detect(information, series_run_length(watched.settings, name))
        found = delays(watched, name)
        assert found[0] > 0
        assert expected / 2 < mean(found) < 2 * expected


def test_the_ratio_of_the_delays_is_of_the_order_that_was_told(watched: Monitoring) -> None:
    slow, fast = (mean(delays(watched, name)) for name in ("half_percent", "five_percent"))
    assert 4 < slow / fast < 15

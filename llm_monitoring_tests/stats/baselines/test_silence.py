"""When a source is normally silent."""

from llm_monitoring.stats.baselines import Reading, learn_silence
from llm_monitoring_tests.stats.baselines.examples import MONDAY


def test_of_each_hour_of_the_day_the_fewest_rows_of_phase_one_are_expected() -> None:
    rows = [Reading(MONDAY + i, 1.0, 0 if i in (3, 27, 29) else 5 + i) for i in range(48)]
    learned = learn_silence(rows)
    assert learned.fewest[:7] == (5, 6, 7, 0, 9, 0, 11)
    assert learned.expected(MONDAY + 3) == 0
    assert learned.expected(MONDAY + 28) == 9
    assert learned.windows == 48


def test_an_hour_that_was_never_seen_is_not_expected_to_have_rows() -> None:
    learned = learn_silence([Reading(MONDAY, 1.0, 5)])
    assert learned.fewest == (5,) + (0,) * 23


def test_rows_without_a_value_are_rows() -> None:
    assert learn_silence([Reading(MONDAY, None, 5)]).fewest[0] == 5

"""When a source is normally silent."""

from llm_monitoring.stats.baselines import Reading, learn_silence
from llm_monitoring_tests.stats.baselines.examples import MONDAY


def test_an_hour_is_busy_if_every_day_of_phase_one_had_rows_in_it() -> None:
    rows = [Reading(MONDAY + i, 1.0, 0 if i in (3, 27, 29) else 5) for i in range(48)]
    learned = learn_silence(rows)
    assert [hour for hour, busy in enumerate(learned.busy) if not busy] == [3, 5]
    assert learned.expected(MONDAY + 3) == 0
    assert learned.expected(MONDAY + 4) == 1
    assert learned.windows == 48


def test_an_hour_that_was_never_seen_is_not_expected_to_be_busy() -> None:
    learned = learn_silence([Reading(MONDAY, 1.0, 5)])
    assert learned.busy == (True,) + (False,) * 23


def test_rows_without_a_value_are_rows() -> None:
    assert learn_silence([Reading(MONDAY, None, 5)]).busy[0]

"""Work that failed is started again, less and less often, and never what goes on or was stopped."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from llm_monitoring.retries import LONGEST_WAIT, Attempt, due_again, wait_after

NOON = datetime(2026, 10, 5, 12, tzinfo=UTC)


def attempt(run_id: str, state: Any, minutes: float, work: str = "weeks 2026-10-05") -> Attempt:
    """A run that began so many minutes after noon and took one."""
    began = NOON + timedelta(minutes=minutes)
    ended = None if state == "unfinished" else began + timedelta(minutes=1)
    return Attempt(run_id=run_id, work=work, began_at=began, ended_at=ended, state=state)


def due(attempts: list[Attempt], minutes: float) -> list[str]:
    return [a.run_id for a in due_again(attempts, NOON + timedelta(minutes=minutes))]


def test_a_failed_run_is_due_a_minute_after_it_ended() -> None:
    failed = [attempt("a", "failed", 0)]
    assert due(failed, 1.9) == []
    assert due(failed, 2) == ["a"]


def test_each_failure_in_a_row_doubles_the_wait_up_to_the_longest() -> None:
    minutes = [wait_after(n) / timedelta(minutes=1) for n in range(1, 9)]
    assert minutes == [1, 2, 4, 8, 16, 30, 30, 30]
    assert wait_after(10_000) == LONGEST_WAIT
    twice = [attempt("a", "failed", 0), attempt("b", "failed", 2)]
    assert due(twice, 4.9) == []
    assert due(twice, 5) == ["b"]


def test_a_success_between_makes_the_count_begin_anew() -> None:
    tries = [attempt("a", "failed", 0), attempt("b", "succeeded", 2), attempt("c", "failed", 4)]
    assert due(tries, 6) == ["c"]


@pytest.mark.parametrize("state", ["succeeded", "unfinished", "cancelled"])
def test_what_was_made_good_goes_on_or_was_stopped_is_left_alone(state: str) -> None:
    assert due([attempt("a", "failed", 0), attempt("b", state, 2)], 600) == []


def test_work_of_its_own_waits_for_no_other() -> None:
    other = attempt("b", "succeeded", 3, work="weeks 2026-10-12")
    assert due([attempt("a", "failed", 0), other], 2) == ["a"]

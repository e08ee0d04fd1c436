"""Which hours have to be run: read from the lake and one scan of the folders."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from llm_monitoring.hours import LONGEST_RUN, hour_start, hours_between, shift
from llm_monitoring.pipeline.requests.catch_up import (
    Due,
    HoursRun,
    due_hours,
    failures_by_hour,
    pieces_newest_first,
    resting_hours,
    shorter_where_failed,
)
from llm_monitoring.settings import EndpointJudgeSettings
from llm_monitoring_tests.pipeline.small_product import START, SmallProduct, request, signal


@pytest.fixture
def product(tmp_path: Path) -> SmallProduct:
    """Six hours, run."""
    product = SmallProduct(tmp_path)
    for hour in range(6):
        product.write("requests", hour, [request(f"r{hour}", hour)])
    product.run(0, 5)
    return product


def due_at(product: SmallProduct, hours: int = 8, **known: Any) -> Due:
    """What is due so many hours after the start."""
    now = hour_start(shift(START, hours)) + timedelta(minutes=10)
    return due_hours(product.lake, product.settings, now, **known)


def changed(product: SmallProduct, hours: int = 8) -> list[int]:
    return from_start(due_at(product, hours).changed)


def from_start(hours: Iterable[int]) -> list[int]:
    return sorted(hours_between(START, hour) for hour in hours)


def run(first: int, last: int, began: datetime, *, succeeded: bool = False) -> HoursRun:
    """A run of hours, counted from the start, that took a minute."""
    return HoursRun(
        hours=(shift(START, first), shift(START, last)),
        began_at=began,
        ended_at=began + timedelta(minutes=1),
        succeeded=succeeded,
    )


def test_after_a_run_nothing_has_changed(product: SmallProduct) -> None:
    assert changed(product) == []


@pytest.mark.slow
def test_late_rows_in_a_file_of_the_next_hour_ask_for_their_own_hour(product: SmallProduct) -> None:
    product.write("requests", 4, [request("late", 3), request("r4", 4)])
    product.run(4, 4)
    assert changed(product) == [3]
    product.run(3, 3)
    assert changed(product) == []


def test_a_file_that_comes_late_asks_for_its_hours(product: SmallProduct) -> None:
    other = product.logs / f"{product.file('requests', 2).name}.part-2"
    other.write_text(product.file("requests", 2).read_text().replace("r2", "more"))
    assert changed(product) == [2]
    product.run(2, 2)
    assert changed(product) == []


def test_a_file_that_is_gone_asks_for_nothing(product: SmallProduct) -> None:
    for hour in range(6):
        product.file("requests", hour).unlink()
    assert changed(product) == []


@pytest.mark.slow
def test_a_late_file_of_signals_asks_for_its_own_hour_alone(product: SmallProduct) -> None:
    product.write("signals", 4, [signal("r1", 1), signal("r4", 4)])
    assert changed(product) == [4]
    product.run(4, 4)
    assert changed(product) == []


def test_a_file_that_is_still_written_asks_for_nothing(product: SmallProduct) -> None:
    product.write("requests", 5, [request("r5", 5), request("more", 5)])
    assert changed(product, hours=6) == []
    assert changed(product, hours=7) == [5]


def test_missing_hours_are_all_since_the_start(product: SmallProduct) -> None:
    due = due_at(product, 24 * 30)
    assert from_start(due.missing) == list(range(6, 24 * 30 - 1))


def test_hours_that_were_measured_but_never_charted_are_due(product: SmallProduct) -> None:
    assert due_at(product, 7).now == frozenset()
    product.lake.delete("control_charts", f"hour >= {shift(START, 4)}")
    assert from_start(due_at(product, 7).unfinished) == [4, 5]


def test_hours_whose_run_failed_are_due_where_they_are_monitored(product: SmallProduct) -> None:
    failed = [shift(START, hour) for hour in (-1, 2, 6, 7)]
    # Hour 6 is the newest that closed: the schedule has tried it.
    assert from_start(due_at(product, 7, failed=failed).unfinished) == [2, 6]


def test_what_is_paid_begins_with_the_first_hour_that_the_clock_ran(product: SmallProduct) -> None:
    judge = EndpointJudgeSettings(kind="endpoint", base_url="http://127.0.0.1:9", model="judge-1")
    product.settings = product.settings.model_copy(update={"judge": judge})
    product.lake.delete("window_metrics", f"hour > {START}")  # one old hour, run by a person
    due = due_at(product, began=shift(START, 4), failed=[shift(START, 1)])
    assert from_start(due.waiting) == [1, 2, 3]
    assert from_start(due.now) == [4, 5, 6]
    assert from_start(due_at(product).waiting) == [1, 2, 3, 4, 5, 6]


def test_an_hour_stays_undone_until_a_run_that_began_later_succeeds_in_it() -> None:
    noon = datetime(2026, 10, 5, 12, tzinfo=UTC)
    later = noon + timedelta(minutes=5)
    failed = run(0, 3, noon)
    others = [run(1, 2, later, succeeded=True), run(3, 3, noon, succeeded=True)]
    undone = failures_by_hour([failed, *others])
    assert undone == {START: [failed], shift(START, 3): [failed]}


def test_pieces_are_short_and_shorter_where_a_run_failed() -> None:
    hours = [shift(START, hour) for hour in range(100)]
    pieces = list(pieces_newest_first(hours))
    assert [hours_between(*piece) + 1 for piece in pieces] == [LONGEST_RUN, LONGEST_RUN, 4]
    assert pieces[0][1] == hours[-1]
    noon = datetime(2026, 10, 5, 12, tzinfo=UTC)
    failed = failures_by_hour([run(52, 99, noon), run(88, 99, noon)])
    lengths = [
        hours_between(*piece) + 1
        for piece in pieces_newest_first(hours[52:], shorter_where_failed(failed))
    ]
    assert lengths == [3, 3, 3, 3, 12, 12, 12]
    alone = shorter_where_failed(failures_by_hour([run(9, 9, noon)]))
    assert list(pieces_newest_first(hours[8:10], alone)) == [(hours[9],) * 2, (hours[8],) * 2]


def test_pieces_of_a_long_run_that_failed_are_no_longer_than_others() -> None:
    failed = failures_by_hour([run(0, 2399, datetime(2026, 10, 5, 12, tzinfo=UTC))])
    assert shorter_where_failed(failed)(shift(START, 5)) == LONGEST_RUN


def test_hours_that_failed_rest_for_longer_each_time_and_are_then_due_again() -> None:
    noon = datetime(2026, 10, 5, 12, tzinfo=UTC)
    first, second, third = (shift(START, hour) for hour in (0, 1, 2))
    minute = timedelta(minutes=1)
    failed = failures_by_hour([run(0, 1, noon - minute), run(1, 2, noon)])
    after = [resting_hours(failed, noon + m * minute) for m in (0.9, 1.5, 2.5, 3)]
    assert after == [{first, second, third}, {second, third}, {second}, set()]

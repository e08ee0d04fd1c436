"""Which hours have to be run: read from the lake and one scan of the folders."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from llm_monitoring.hours import hour_start, hours_between, shift
from llm_monitoring.pipeline.catch_up import (
    LONGEST,
    due_hours,
    pieces_newest_first,
    resting_hours,
    shorter_where_failed,
)
from llm_monitoring_tests.pipeline.small_product import START, SmallProduct, request, signal


@pytest.fixture
def product(tmp_path: Path) -> SmallProduct:
    """Six hours, run."""
    product = SmallProduct(tmp_path)
    for hour in range(6):
        product.write("requests", hour, [request(f"r{hour}", hour)])
    product.run(0, 5)
    return product


def changed(product: SmallProduct, hours: int = 8) -> list[int]:
    """Hours from the start, so many hours after it."""
    now = hour_start(shift(START, hours)) + timedelta(minutes=10)
    due = due_hours(product.lake, product.settings, now)
    return sorted(hours_between(START, hour) for hour in due.changed)


def test_after_a_run_nothing_has_changed(product: SmallProduct) -> None:
    assert changed(product) == []


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
    now = hour_start(shift(START, 24 * 30)) + timedelta(minutes=10)
    due = due_hours(product.lake, product.settings, now)
    assert sorted(hours_between(START, hour) for hour in due.missing) == list(range(6, 24 * 30 - 1))


def test_pieces_are_short_and_shorter_where_a_run_failed() -> None:
    hours = [shift(START, hour) for hour in range(100)]
    pieces = list(pieces_newest_first(hours))
    assert [hours_between(*piece) + 1 for piece in pieces] == [LONGEST, LONGEST, 4]
    assert pieces[0][1] == hours[-1]
    failed = [(hours[52], hours[99]), (hours[88], hours[99])]
    lengths = [
        hours_between(*piece) + 1
        for piece in pieces_newest_first(hours[52:], shorter_where_failed(failed))
    ]
    assert lengths == [3, 3, 3, 3, 12, 12, 12]
    alone = shorter_where_failed([(hours[9], hours[9])])
    assert list(pieces_newest_first(hours[8:10], alone)) == [(hours[9],) * 2, (hours[8],) * 2]


def test_hours_that_failed_rest_for_longer_each_time_and_are_then_due_again() -> None:
    noon = datetime(2026, 10, 5, 12, tzinfo=UTC)
    first, second, third = (shift(START, hour) for hour in (0, 1, 2))
    failed = [((first, second), noon), ((second, third), noon + timedelta(minutes=1))]
    after = [resting_hours(failed, noon + timedelta(minutes=m)) for m in (0.9, 1.5, 2.5, 3)]
    assert after == [{first, second, third}, {second, third}, {second}, set()]

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_monitoring.hours import (
    LONGEST_RUN,
    hour_at,
    hour_index,
    hour_key,
    hour_range,
    hour_start,
    hours_between,
    pieces,
    shift,
    week_key,
    week_start,
)

MOMENTS = st.datetimes(
    min_value=datetime(1971, 1, 1),  # noqa: DTZ001 (the timezone is drawn beside it)
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.timezones(),
)
KEYS = MOMENTS.map(hour_key)


def test_an_hour_is_named_by_its_utc_time() -> None:
    berlin = timezone(timedelta(hours=2))
    assert hour_key(datetime(2026, 10, 5, 1, 59, 59, tzinfo=berlin)) == 2026100423


def test_half_hour_timezones_fall_into_whole_utc_hours() -> None:
    india = timezone(timedelta(hours=5, minutes=30))
    assert hour_key(datetime(2026, 10, 5, 6, 0, tzinfo=india)) == 2026100500
    assert hour_key(datetime(2026, 10, 5, 5, 29, tzinfo=india)) == 2026100423


def test_a_moment_without_a_timezone_is_an_error() -> None:
    moment = datetime(2026, 10, 5, 1)  # noqa: DTZ001
    with pytest.raises(ValueError, match="no timezone"):
        hour_key(moment)
    with pytest.raises(ValueError, match="no timezone"):
        week_key(moment)


@given(MOMENTS)
def test_a_window_is_half_open_and_holds_its_moment(moment: datetime) -> None:
    start = hour_start(hour_key(moment))
    assert start <= moment < start + timedelta(hours=1)


@given(KEYS, st.integers(-50_000, 50_000))
def test_shifting_and_counting_agree(key: int, hours: int) -> None:
    other = shift(key, hours)
    assert hours_between(key, other) == hours == hour_index(other) - hour_index(key)
    assert shift(other, -hours) == key
    assert hour_at(hour_index(other)) == other


@given(KEYS, KEYS)
def test_keys_are_ordered_like_time(one: int, other: int) -> None:
    assert (one < other) == (hour_start(one) < hour_start(other))


def test_a_range_crosses_day_month_year_and_leap_day() -> None:
    assert list(hour_range(2027123122, 2028010101)) == [
        2027123122,
        2027123123,
        2028010100,
        2028010101,
    ]
    assert 2028022900 in set(hour_range(2028022823, 2028030100))
    assert list(hour_range(2026100500, 2026100500)) == [2026100500]
    assert list(hour_range(2026100501, 2026100500)) == []


def test_index_zero_is_the_start_of_1970_so_that_the_remainder_is_the_hour_of_day() -> None:
    assert hour_at(0) == 1970010100
    assert hour_index(2026100517) % 24 == 17


def test_a_week_starts_on_its_monday_utc() -> None:
    monday = 20261005
    assert week_key(datetime(2026, 10, 5, tzinfo=UTC)) == monday
    assert week_key(datetime(2026, 10, 4, 23, 59, 59, tzinfo=UTC)) == 20260928
    assert week_key(datetime(2026, 10, 11, 23, 59, 59, 999_999, tzinfo=UTC)) == monday
    assert week_key(datetime(2026, 10, 12, tzinfo=UTC)) == 20261012
    east = timezone(timedelta(hours=9))
    assert week_key(datetime(2026, 10, 12, 8, 0, tzinfo=east)) == monday
    assert week_start(monday) == datetime(2026, 10, 5, tzinfo=UTC)


@pytest.mark.parametrize("longest", [1, 5, LONGEST_RUN])
@pytest.mark.parametrize("count", [1, LONGEST_RUN - 1, LONGEST_RUN, LONGEST_RUN + 1, 149])
def test_pieces_cover_every_hour_once(longest: int, count: int) -> None:
    last = shift(2026100500, count - 1)
    found = list(pieces(2026100500, last, longest))
    hours = [hour for piece in found for hour in hour_range(*piece)]
    assert hours == list(hour_range(2026100500, last))
    assert max(hours_between(*piece) + 1 for piece in found) == min(longest, count)

import pytest

from llm_monitoring.written import hour_of


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2026-01-31", 2026013100, 2026013123),
        ("2026-01-31T05", 2026013105, 2026013105),
        (" 2026-01-31 05:59 ", 2026013105, 2026013105),
        ("2026-01-31T05:30:00Z", 2026013105, 2026013105),
        ("2026-01-31T23:30:00-02:00", 2026020101, 2026020101),
    ],
)
def test_a_date_is_all_of_its_hours_and_a_time_is_its_hour(
    text: str, first: int, last: int
) -> None:
    assert hour_of(text, is_end=False) == first
    assert hour_of(text, is_end=True) == last


@pytest.mark.parametrize("text", ["", "last week", "2026-13-01", "2026-01-31T25", "31.1.2026"])
def test_what_is_neither_a_date_nor_an_hour_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="neither a date nor an hour"):
        hour_of(text, is_end=False)

"""Numbers, hours and names as people read them."""

import pytest

from llm_monitoring.alerts.sentences import (
    UNITS,
    chance_text,
    change_text,
    expected_by_chance,
    hour_text,
    name_text,
    since_text,
    until_text,
    value_text,
)
from llm_monitoring.metrics import METRICS


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.005, "ratio", "0.5 %"),
        (0.0004, "ratio", "0.04 %"),
        (0.984, "ratio", "98.4 %"),
        (0.0, "ratio", "0.0 %"),
        (12.4, "usd", "$12.40"),
        (1234.5, "usd", "$1,234.50"),
        (0.00042, "usd", "$0.00042"),
        (1240.4, "ms", "1,240 ms"),
        (640.2, "tokens", "640 tokens"),
        (3.615, "score", "3.62"),
    ],
)
def test_a_number_is_written_in_its_unit(value: float, unit: str, text: str) -> None:
    assert value_text(value, unit) == text


def test_every_unit_of_the_catalogue_can_be_written() -> None:
    assert {metric.unit for metric in METRICS} <= set(UNITS)


def test_two_different_numbers_never_read_the_same() -> None:
    assert change_text(0.0052, 0.0054, "ratio") == "from 0.52 % to 0.54 %"
    assert change_text(0.005, 0.008, "ratio") == "from 0.5 % to 0.8 %"


def test_equal_numbers_are_written_without_end_of_digits() -> None:
    assert change_text(0.005, 0.005, "ratio") == "from 0.5000 % to 0.5000 %"


def test_an_hour_names_its_day_in_english() -> None:
    assert hour_text(2026102014) == "Tue 2026-10-20 14:00 UTC"
    assert until_text(2026102023) == "until Wed 2026-10-21 00:00 UTC"


def test_the_delay_from_change_to_alarm_is_told() -> None:
    same_day = "since Tue 2026-10-20 14:00 UTC (alarm at 18:00, 4 h later)"
    assert since_text(2026102014, 2026102018) == same_day
    assert since_text(2026102023, 2026102101) == (
        "since Tue 2026-10-20 23:00 UTC (alarm at Wed 2026-10-21 01:00 UTC, 2 h later)"
    )


def test_an_unknown_change_time_leaves_the_alarm_hour() -> None:
    assert since_text(None, 2026102018) == "since Tue 2026-10-20 18:00 UTC"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("product_search", "product_search"),
        ("org/model-1.5:free", "org/model-1.5:free"),
        ("<b>x</b>", "?b?x?/b?"),
        ("[click](https://evil.example)", "?click??https?//evil.example?"),
        ("@everyone `*_*`", "?everyone???_??"),
        ("a\nb", "a?b"),
    ],
)
def test_a_logged_name_cannot_carry_markup_links_or_mentions(name: str, text: str) -> None:
    assert name_text(name) == text


def test_a_logged_name_cannot_be_endless() -> None:
    assert len(name_text("x" * 10_000)) == 80


@pytest.mark.parametrize(
    ("windows", "text"),
    [
        (66 * 168, "66 weeks"),
        (13_440.0, "80 weeks"),
        (10_000 * 168, "10,000 weeks"),
        (335, "14 days"),
        (47, "47 hours"),
    ],
)
def test_chance_is_told_in_units_a_person_can_picture(windows: float, text: str) -> None:
    assert chance_text(windows) == f"by chance once in {text}"


def test_the_budget_is_told_for_all_charts_and_for_one() -> None:
    text = expected_by_chance(1.0, 300)
    assert "at most 1 false alarms a week over all 300 charts" in text
    assert "one in 300 weeks" in text


def test_a_budget_without_charts_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one chart"):
        expected_by_chance(1.0, 0)

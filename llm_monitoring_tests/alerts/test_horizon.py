from hypothesis import given
from hypothesis import strategies as st

from llm_monitoring.alerts.horizon import first_hour_needed, is_settled
from llm_monitoring.hours import hour_at, hour_index, shift
from llm_monitoring.records import Alert
from llm_monitoring_tests.incidents.examples import alert

NEWEST = 2026123123
LONG_AGO = 2026010100


def spell(first: int, hours: int, **fields: object) -> Alert:
    fields = {"status": "resolved", **fields}
    return alert(f"{first}", first_hour=first, last_hour=shift(first, hours), **fields)


SPELLS = st.builds(
    spell,
    st.integers(hour_index(LONG_AGO), hour_index(NEWEST) - 400).map(hour_at),
    st.integers(0, 400),
    status=st.sampled_from(["resolved", "resolved", "resolved", "firing"]),
)


def test_without_a_change_only_the_last_week_is_needed() -> None:
    assert first_hour_needed([], None, NEWEST) == shift(NEWEST, -168)


def test_what_changed_long_ago_is_needed_and_everything_where_nothing_is_known() -> None:
    assert first_hour_needed([], LONG_AGO, NEWEST) == LONG_AGO
    assert first_hour_needed([spell(LONG_AGO, 3)], 0, NEWEST) == 0


def test_an_open_alert_is_needed_from_its_first_hour_on() -> None:
    firing = spell(LONG_AGO, 3, status="firing")
    assert first_hour_needed([firing], None, NEWEST) == LONG_AGO
    assert not is_settled(firing, LONG_AGO)


def test_an_alert_that_was_over_long_before_is_settled() -> None:
    over = spell(LONG_AGO, 3)
    since = first_hour_needed([over], None, NEWEST)
    assert is_settled(over, since)


def test_alerts_that_come_all_the_time_do_not_lead_back_to_the_first_one() -> None:
    for days in (5, 1):
        known = [spell(shift(NEWEST, -24 * days * i), 3) for i in range(365 // days)]
        assert first_hour_needed(known, None, NEWEST) >= shift(NEWEST, -15 * 24)


def test_alerts_that_overlap_are_needed_together() -> None:
    known = [spell(shift(NEWEST, -24 * (days + 5)), 5 * 24) for days in (0, 8, 12, 16, 30)]
    assert first_hour_needed(known, None, NEWEST) == shift(NEWEST, -21 * 24)


def test_what_is_read_weekly_or_of_the_monitor_is_never_settled() -> None:
    for layer in ("provider", "monitor"):
        assert not is_settled(spell(LONG_AGO, 3, layer=layer), NEWEST)


@given(known=st.lists(SPELLS, max_size=12), changed=st.none() | st.just(2026080100))
def test_no_alert_lies_on_both_sides_and_none_of_the_settled_is_near(
    known: list[Alert], changed: int | None
) -> None:
    since = first_hour_needed(known, changed, NEWEST)
    read = min(changed or NEWEST, shift(NEWEST, -168))
    assert since <= read
    for one in known:
        if is_settled(one, since):
            assert one.status == "resolved"
            assert one.last_hour < min(since, shift(read, -168))
        else:
            assert one.first_hour >= since

from datetime import UTC, datetime, timedelta

from llm_monitoring.alerts.failures import (
    RunFact,
    Seen,
    TickFact,
    last_due,
    uncharted_hours,
    update_failures,
)
from llm_monitoring.records import Failure

NOW = datetime(2026, 10, 20, 12, 30, tzinfo=UTC)


def at(hour: float) -> datetime:
    return datetime(2026, 10, 20, tzinfo=UTC) + timedelta(hours=hour)


def run(status: str, when: float, hours: tuple[int, int] | None = None, **how: str) -> RunFact:
    values = {"run_id": f"{status} at {when}", "name": "hours", "reason": "OSError"} | how
    return RunFact(
        run_id=values["run_id"], name=values["name"], partition=how.get("partition"),
        hours=hours, status=status, at=at(when), reason=values["reason"],
    )  # fmt: skip


def hour(clock: int) -> int:
    return 2026102000 + clock


def found(seen: Seen, known: list[Failure] | None = None, now: datetime = NOW) -> list[Failure]:
    return update_failures(known or [], seen, now)


# ---------------------------------------------------------------------------------------- runs


def test_a_failed_run_is_a_failure_with_its_hours_and_reason() -> None:
    (row,) = found(Seen(runs=[run("failed", 10.1, (hour(8), hour(9)))]))
    assert (row.kind, row.name, row.first_hour, row.last_hour) == ("run", "hours", hour(8), hour(9))
    assert (row.reason, row.failed_at, row.mended_at) == ("OSError", at(10.1), None)


def test_a_known_failure_is_not_found_again() -> None:
    seen = Seen(runs=[run("failed", 10.1)])
    assert found(seen, found(seen)) == []


def test_a_later_run_that_covers_the_newest_hour_makes_it_good() -> None:
    failed = run("failed", 10.1, (hour(8), hour(9)))
    known = found(Seen(runs=[failed]))
    (row,) = found(Seen(runs=[run("succeeded", 11.1, (hour(9), hour(10)))]), known)
    assert (row.failure_id, row.mended_at) == (failed.run_id, NOW)


def test_other_hours_another_job_or_an_earlier_success_make_nothing_good() -> None:
    known = found(Seen(runs=[run("failed", 10.1, (hour(8), hour(9)))]))
    others = [
        run("succeeded", 11.1, (hour(10), hour(11))),
        run("succeeded", 9.1, (hour(8), hour(9))),
        run("succeeded", 11.2, name="maintenance"),
        run("succeeded", 11.3, (hour(8), hour(9)), name="raw_requests"),
        run("under_way", 11.4, (hour(8), hour(9))),
    ]
    assert found(Seen(runs=others), known) == []


def test_a_run_of_the_hours_makes_assets_of_its_hours_good() -> None:
    known = found(Seen(runs=[run("failed", 10, (hour(9), hour(9)), name="raw_requests")]))
    (row,) = found(Seen(runs=[run("succeeded", 11, (hour(9), hour(9)))]), known)
    assert row.mended_at == NOW


def test_a_run_without_hours_is_made_good_by_the_same_job_and_partition() -> None:
    failed = run("failed", 10, name="weeks", partition="2026-10-12")
    known = found(Seen(runs=[failed]))
    other = run("succeeded", 11, name="weeks", partition="2026-10-19")
    assert found(Seen(runs=[other]), known) == []
    same = run("succeeded", 11, name="weeks", partition="2026-10-12")
    assert [row.mended_at for row in found(Seen(runs=[same]), known)] == [NOW]


def test_what_was_made_good_before_anybody_looked_is_no_failure() -> None:
    assert found(Seen(runs=[run("failed", 10), run("succeeded", 11)])) == []


# ----------------------------------------------------------------------- sensors and schedules


def test_a_sensor_has_five_minutes_a_schedule_none() -> None:
    for kind, minutes, count in (("sensor", 4, 0), ("sensor", 5, 1), ("schedule", 0, 1)):
        tick = TickFact(kind=kind, name="x", failing_since=NOW - timedelta(minutes=minutes))
        assert len(found(Seen(ticks=[tick]))) == count


def test_a_sensor_that_works_again_or_is_gone_is_made_good() -> None:
    failing = TickFact(kind="sensor", name="x", failing_since=at(10), reason="KeyError")
    known = found(Seen(ticks=[failing]))
    assert found(Seen(ticks=[failing]), known) == []
    works = TickFact(kind="sensor", name="x", failing_since=None)
    for ticks in ([works], []):
        (row,) = found(Seen(ticks=ticks), known)
        assert row.mended_at == NOW


# --------------------------------------------------------------------------------- missing hours


def test_hours_that_are_missing_are_one_failure_a_range() -> None:
    rows = found(Seen(missing=[hour(1), hour(2), hour(5)]))
    assert [(r.kind, r.first_hour, r.last_hour) for r in rows] == [
        ("missing", hour(1), hour(2)), ("missing", hour(5), hour(5)),
    ]  # fmt: skip


def test_only_hours_that_no_failure_names_are_added() -> None:
    known = [
        *found(Seen(missing=[hour(1), hour(2)])),
        *found(Seen(runs=[run("failed", 5, (hour(4), hour(4)))])),
    ]
    rows = found(Seen(missing=[hour(1), hour(2), hour(3), hour(4)]), known)
    assert [(r.first_hour, r.last_hour) for r in rows] == [(hour(3), hour(3))]


def test_missing_hours_are_made_good_once_all_of_them_have_charts() -> None:
    known = found(Seen(missing=[hour(1), hour(2)]))
    assert found(Seen(missing=[hour(2)]), known) == []
    assert found(Seen(missing=None), known) == []
    assert [row.mended_at for row in found(Seen(missing=[]), known)] == [NOW]


def test_hours_that_a_run_is_on_wait_for_it_but_not_for_ever() -> None:
    waiting = run("under_way", 11, (hour(1), hour(3)))
    assert found(Seen(missing=[hour(2)], runs=[waiting])) == []
    assert len(found(Seen(missing=[hour(2)], runs=[waiting]), now=at(13))) == 1


def test_nothing_is_missing_just_after_a_break() -> None:
    assert found(Seen(missing=[hour(1)], just_back=True)) == []


def test_hours_are_due_from_the_first_charted_one_to_the_newest_that_had_its_time() -> None:
    assert last_due(at(12.1), 2, None) == hour(9)
    assert last_due(at(11.9), 2, None) == hour(8)
    assert last_due(at(12.1), 2, at(6)) == hour(5)
    assert uncharted_hours({hour(3), hour(5)}, hour(6), hour(1)) == [hour(4), hour(6)]
    assert uncharted_hours({hour(7)}, hour(6), hour(1)) == []


def test_where_none_is_charted_hours_are_due_from_when_they_are_expected() -> None:
    assert uncharted_hours(set(), hour(6), hour(5)) == [hour(5), hour(6)]
    assert uncharted_hours(set(), hour(6), hour(7)) == []
    assert uncharted_hours(set(), hour(6), None) == []

"""Who is forgotten is recognised again, and nobody else is."""

from dataclasses import replace

from llm_monitoring.forgetting import Memory, beginnings
from llm_monitoring.hours import hour_start
from llm_monitoring.records import Forgotten, RejectedRow
from llm_monitoring_tests.lake.examples import FIRST, request, signal

NOW = hour_start(FIRST)


def remembered(kind: str, *values: str, key: bytes = b"") -> list[Forgotten]:
    return Memory([], key).new(kind, values, NOW)


def test_what_is_stored_does_not_tell_who() -> None:
    rows = remembered("user", "jane")
    assert "jane" not in str(rows)
    assert rows[0].digest != remembered("user", "jane")[0].digest  # another salt


def test_a_row_about_a_forgotten_user_session_or_request_is_recognised() -> None:
    users = Memory(remembered("user", "jane"))
    assert users.is_about(request("r1", user_id="jane"))
    assert not users.is_about(request("r1", user_id="joe"))
    assert not users.is_about(request("jane", session_id="jane"))
    assert not users.is_about(request("r1"))
    sessions = Memory(remembered("session", "s1"))
    assert sessions.is_about(replace(signal("r1", "thumbs_up"), session_id="s1"))
    assert Memory(remembered("request", "r1")).is_about(signal("r1", "thumbs_up"))


def test_a_rejected_row_that_names_the_user_is_recognised() -> None:
    row = RejectedRow(
        hour=FIRST, table="raw_requests", source="app", file="a", line=1, reason="",
        excerpt='{"request_id": "r1", "user_id": "jane", "lat',
    )  # fmt: skip
    memory = Memory(remembered("user", "jane"))
    assert memory.is_in(row)
    assert not memory.is_in(replace(row, excerpt='{"user_id": "joe"'))


def test_one_salt_serves_the_lake_and_nobody_is_remembered_twice() -> None:
    first = remembered("user", "jane")
    more = Memory(first).new("user", ["jane", "joe"], NOW)
    assert [row.salt for row in more] == [first[0].salt]
    assert Memory([*first, *more]).knows("user", "joe")


def test_with_another_key_nobody_is_recognised() -> None:
    rows = remembered("user", "jane", key=b"one")
    assert Memory(rows, b"one").knows("user", "jane")
    assert not Memory(rows, b"two").knows("user", "jane")


def test_short_texts_are_no_trace_of_anybody() -> None:
    assert beginnings([None, "", "yes", "Where is my parcel, please? It is late."]) == {
        "Where is my parcel, please? It i"
    }

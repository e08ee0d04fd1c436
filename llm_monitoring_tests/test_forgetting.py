"""Who is forgotten is recognised again, and nobody else is."""

from llm_monitoring.forgetting import Memory, beginnings
from llm_monitoring.hours import hour_start
from llm_monitoring.records import Forgotten
from llm_monitoring_tests.lake.examples import FIRST

NOW = hour_start(FIRST)


def remembered(kind: str, *values: str) -> list[Forgotten]:
    return Memory([]).new(kind, values, NOW)


def test_what_is_stored_does_not_tell_who() -> None:
    rows = remembered("user", "jane")
    assert "jane" not in str(rows)
    assert rows[0].digest != remembered("user", "jane")[0].digest  # another salt


def test_a_row_about_a_forgotten_user_session_or_request_is_recognised() -> None:
    users = Memory(remembered("user", "jane"))
    assert users.is_about("r1", None, "jane")
    assert not users.is_about("r1", None, "joe")
    assert not users.is_about("jane", "jane")
    assert not users.is_about("r1", None)
    sessions = Memory(remembered("session", "s1"))
    assert sessions.is_about("r1", "s1")
    assert Memory(remembered("request", "r1")).is_about("r1", None)


def test_a_line_that_names_the_user_is_recognised() -> None:
    memory = Memory(remembered("user", "jane"))
    assert memory.is_in('{"request_id": "r1", "user_id": "jane", "lat')
    assert not memory.is_in('{"user_id": "joe"')


def test_one_salt_serves_the_lake_and_nobody_is_remembered_twice() -> None:
    first = remembered("user", "jane")
    more = Memory(first).new("user", ["jane", "joe"], NOW)
    assert [row.salt for row in more] == [first[0].salt]
    assert Memory([*first, *more]).knows("user", "joe")


def test_of_two_that_began_with_a_salt_each_both_are_recognised() -> None:
    memory = Memory([*remembered("user", "jane"), *remembered("user", "joe")])
    assert memory.knows("user", "jane")
    assert memory.knows("user", "joe")


def test_short_texts_are_no_trace_of_anybody() -> None:
    assert beginnings([None, "", "yes", "Where is my parcel, please? It is late."]) == {
        "Where is my parcel, please? It i"
    }

"""Under which name a silent feature goes on."""

from llm_monitoring.control.renaming import NewName, Traffic, new_names, probable_name
from llm_monitoring.hours import shift

SILENT = 2026102010  # Tuesday


def traffic(first: int, last: int, count: int = 100, *models: str) -> Traffic:
    """So many requests an hour; hours are counted from the silence."""
    counts = {shift(SILENT, hour): count for hour in range(first, last + 1)}
    return Traffic(counts=counts, models=frozenset(models or {"gpt-4o"}))


OLD = traffic(-600, -1)


def test_a_feature_with_a_similar_name_that_began_then_is_its_new_name() -> None:
    new = traffic(-1, 5, 120, "other-model")
    found = probable_name("support_chat", SILENT, {"support_chat": OLD, "support_chat_v2": new})
    first = shift(SILENT, -1)
    assert found == NewName(feature_id="support_chat_v2", first_hour=first, per_hour=120)


def test_a_feature_with_its_traffic_and_its_model_is_its_new_name_whatever_it_is_called() -> None:
    assert probable_name("chat", SILENT, {"chat": OLD, "assistant": traffic(0, 2, 80)})
    assert not probable_name("chat", SILENT, {"chat": OLD, "assistant": traffic(0, 2, 8)})
    other = traffic(0, 2, 80, "other-model")
    assert not probable_name("chat", SILENT, {"chat": OLD, "assistant": other})


def test_a_similar_name_that_hardly_has_a_request_is_none() -> None:
    assert not probable_name("chat", SILENT, {"chat": OLD, "chat_test": traffic(0, 2, 2)})


def test_a_feature_that_was_there_before_or_began_much_later_is_no_new_name() -> None:
    for new in (traffic(-30, 5), traffic(20, 30), OLD):
        assert not probable_name("chat", SILENT, {"chat": OLD, "chat_v2": new})


def test_of_several_the_likest_is_named() -> None:
    known = {"chat": OLD, "search_v2": traffic(0, 2), "chat_v2": traffic(0, 2)}
    found = probable_name("chat", SILENT, known)
    assert found is not None
    assert found.feature_id == "chat_v2"


def test_the_volume_is_held_against_the_same_hours_of_the_day() -> None:
    """At night there are fewer requests than on average, under any name."""
    counts = {hour: 10 if hour % 100 < 8 else 400 for hour in OLD.counts}
    night = shift(SILENT, -7)
    old = Traffic(counts={h: n for h, n in counts.items() if h < night}, models=OLD.models)
    new = Traffic(counts={shift(night, i): 12 for i in range(3)}, models=OLD.models)
    assert probable_name("chat", night, {"chat": old, "assistant": new})


def test_in_its_first_hour_the_new_name_is_found_already() -> None:
    found = probable_name("chat", SILENT, {"chat": OLD, "chat_v2": traffic(0, 0, 40)})
    assert found == NewName(feature_id="chat_v2", first_hour=SILENT, per_hour=40)


def test_what_no_request_is_known_of_has_no_new_name() -> None:
    known = {"chat_v2": traffic(0, 2)}
    assert new_names([("chat", SILENT)], known) == {}

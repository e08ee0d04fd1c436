"""Ids by their beginning, and names that are misspelt."""

import pytest

from llm_monitoring.written import MistakeError, nearest_first, no_such, one_id, segment_asked

IDS = ["2026-10-20T10-chat-quality", "2026-10-20T10-chat-quality-2", "2026-10-21T03-search-cost"]


@pytest.mark.parametrize(
    ("asked", "found"),
    [("2026-10-21", 2), (" 2026-10-21 ", 2), (IDS[0], 0), (IDS[1], 1), (f"{IDS[0]}-", 1)],
)
def test_the_beginning_of_an_id_is_enough_where_one_begins_so(asked: str, found: int) -> None:
    assert one_id(asked, IDS, "incident") == IDS[found]


def test_a_beginning_of_two_ids_names_both() -> None:
    with pytest.raises(MistakeError, match="2 incidents begin with '2026-10-20'") as refused:
        one_id("2026-10-20", IDS, "incident")
    assert IDS[0] in str(refused.value)
    assert IDS[2] not in str(refused.value)


@pytest.mark.parametrize("asked", ["search", "", " ", "x" * 100_000, "\x1b[2J"])
def test_an_unknown_id_is_told_with_those_there_are(asked: str) -> None:
    with pytest.raises(MistakeError, match=r"no incident .*; there are: ") as refused:
        one_id(asked, IDS, "incident")
    assert all(each in str(refused.value) for each in IDS)
    assert len(str(refused.value)) < 300


def test_those_like_the_one_asked_for_come_first() -> None:
    names = {"error_rate", "cost_usd", "quality_mean"} | {f"other_{i}" for i in range(20)}
    told = nearest_first("eror_rate", names)
    assert told.startswith("error_rate, ")
    assert told.endswith(" and 13 more")
    assert nearest_first("anything", []) == "none"


def test_what_there_is_not_is_told_with_the_nearest_words_or_all_of_them() -> None:
    names = ("error_rate", "refusal_rate", "request_count")
    assert no_such("metric", "eror_rate", names).startswith(
        "there is no metric 'eror_rate'; did you mean error_rate"
    )
    assert no_such("language", "EN", ("de", "en")) == (
        "there is no language 'EN'; did you mean en?"
    )
    assert no_such("metric", "zzz", names).endswith(
        "there are: error_rate, refusal_rate, request_count"
    )
    assert no_such("owner", "ada", ()).endswith("there are: none")
    assert len(no_such("owner", "x" * 10_000, ())) < 200


def test_blanks_around_an_attribute_name_no_other_segment() -> None:
    assert segment_asked([" category = returns "]) == {"category": "returns"}

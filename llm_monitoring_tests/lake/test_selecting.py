"""What is wanted of a table, said by its columns."""

from pathlib import Path
from typing import Any

import pytest

from llm_monitoring.hours import shift
from llm_monitoring.lake import Lake
from llm_monitoring_tests.lake.examples import FIRST, request

SECOND = shift(FIRST, 1)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(str(tmp_path))
    rows = [
        request("a", model_id="x"),
        request("b", model_id="it's; drop", error="timeout"),
        request("c", SECOND, model_id="x", error="refused"),
    ]
    lake.replace_hours("raw_requests", rows, FIRST, SECOND)
    return lake


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, "abc"),
        ({"model_id": "x"}, "ac"),
        ({"model_id": "it's; drop"}, "b"),
        ({"error": None}, "a"),
        ({"request_id": ["a", "c", "none"]}, "ac"),
        ({"request_id": ("a", "c"), "error": None}, "a"),
        ({"request_id": []}, ""),
        ({"input_tokens": 10, "hours": (SECOND, SECOND)}, "c"),
        ({"hours": (FIRST, FIRST)}, "ab"),
    ],
)
def test_rows_are_wanted_by_column_and_value(
    lake: Lake, wanted: dict[str, Any], found: str
) -> None:
    rows = lake.rows("raw_requests", **wanted)
    assert [row.request_id for row in rows] == list(found)
    assert lake.count("raw_requests", **wanted) == len(found)
    assert lake.distinct("raw_requests", "request_id", **wanted) == set(found)
    columns = lake.columns("raw_requests", ["request_id"], **wanted)
    assert columns.to_pydict() == {"request_id": list(found)}


def test_the_span_of_a_table_is_its_first_and_last_hour(lake: Lake) -> None:
    assert lake.span("raw_requests") == (FIRST, SECOND)
    assert lake.span("raw_requests", error=None) == (FIRST, FIRST)
    assert lake.span("raw_requests", hours=(SECOND, SECOND)) == (SECOND, SECOND)
    assert lake.span("window_metrics") is None


@pytest.mark.parametrize("verb", ["rows", "count", "span"])
def test_a_column_that_is_none_is_refused(lake: Lake, verb: str) -> None:
    with pytest.raises(ValueError, match="raw_requests has no column modell"):
        getattr(lake, verb)("raw_requests", modell="x")


def test_a_column_named_like_a_keyword_can_be_asked_for(lake: Lake) -> None:
    assert lake.rows("log_files", table="raw_requests") == []


def test_rows_of_earlier_hours_are_deleted(lake: Lake) -> None:
    lake.delete_before("raw_requests", SECOND)
    assert lake.distinct("raw_requests", "request_id") == {"c"}

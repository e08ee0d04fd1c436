"""How answers are written."""

import csv
import io
import json

import pyarrow as pa
import pytest

from llm_monitoring.cli.query import print_table

TWICE = pa.table([[1, 2], ["y", "z"], ["p", "q"]], names=["hour", "feature_id", "feature_id"])


def test_of_two_columns_with_one_name_each_keeps_its_values(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_table(TWICE, "csv")
    rows = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert rows == [["hour", "feature_id", "feature_id"], ["1", "y", "p"], ["2", "z", "q"]]
    print_table(TWICE, "json")
    assert json.loads(capsys.readouterr().out) == [
        {"hour": 1, "feature_id": "y", "feature_id_2": "p"},
        {"hour": 2, "feature_id": "z", "feature_id_2": "q"},
    ]
    print_table(TWICE, "table")
    assert "y          │ p" in capsys.readouterr().out


def test_a_map_is_an_object(capsys: pytest.CaptureFixture[str]) -> None:
    kind = pa.map_(pa.string(), pa.string())
    column = pa.array([{"tenant": "acme"}, None], kind)
    print_table(pa.table({"attributes": column}), "json")
    expected = [{"attributes": {"tenant": "acme"}}, {"attributes": None}]
    assert json.loads(capsys.readouterr().out) == expected
    pairs = pa.array([[(1, "a")]], pa.map_(pa.int64(), pa.string()))
    print_table(pa.table({"m": pairs}), "json")
    assert json.loads(capsys.readouterr().out) == [{"m": [[1, "a"]]}]

import os
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from llm_monitoring.hours import hour_range, hour_start, shift
from llm_monitoring.lake import TABLES, Lake
from llm_monitoring.lake.layout import stamp
from llm_monitoring.records import Baseline, Change, InputReference
from llm_monitoring_tests.lake.examples import FIRST, request, window

JANUARY, FEBRUARY = 2026013123, 2026020100


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def baseline(chart_id: str, status: str = "provisional") -> Baseline:
    return Baseline(
        chart_id=chart_id,
        baseline_id="b",
        status=status,
        first_hour=FIRST,
        last_hour=FIRST,
        windows=48,
        parameters="{}",
        diagnostics="{}",
    )


def ids(lake: Lake, **how: Any) -> list[str]:
    return [row.request_id for row in lake.rows("raw_requests", **how)]


def values(lake: Lake) -> dict[int, float | None]:
    return {row.hour: row.value for row in lake.rows("window_metrics")}


# ------------------------------------------------------------------- writing


def test_replacing_an_hour_leaves_the_others_alone_and_a_repeat_changes_nothing(lake: Lake) -> None:
    hours = list(hour_range(FIRST, shift(FIRST, 2)))
    lake.replace_hours("raw_requests", [request(f"r{h}", h) for h in hours], hours[0], hours[2])
    for _ in range(2):
        lake.replace_hours("raw_requests", [request("new", hours[1])], hours[1], hours[1])
        assert ids(lake) == sorted(["new", f"r{hours[0]}", f"r{hours[2]}"])


def test_replacing_a_range_removes_what_the_new_rows_do_not_hold(lake: Lake) -> None:
    hours = list(hour_range(FIRST, shift(FIRST, 4)))
    lake.replace_hours("raw_requests", [request(f"r{h}", h) for h in hours], hours[0], hours[-1])
    lake.replace_hours("raw_requests", [], hours[1], hours[3])
    assert ids(lake) == [f"r{hours[0]}", f"r{hours[4]}"]


@pytest.mark.parametrize("name", ["raw_requests", "window_metrics"])
def test_a_replacement_is_one_commit(lake: Lake, name: str) -> None:
    make = {"raw_requests": lambda h: request(f"r{h}", h), "window_metrics": lambda h: window(h, 1)}
    hours = list(hour_range(JANUARY, shift(FEBRUARY, 1)))
    rows = [make[name](hour) for hour in hours]
    first = lake.replace_hours(name, rows, hours[0], hours[-1])
    assert lake.replace_hours(name, rows, hours[0], hours[-1]) == first + 1
    assert lake.version(name) == first + 1


def test_a_month_partitioned_table_is_replaced_across_the_border_of_a_month(lake: Lake) -> None:
    hours = list(hour_range(shift(JANUARY, -2), shift(FEBRUARY, 2)))
    lake.replace_hours("window_metrics", [window(h, 0.0) for h in hours], hours[0], hours[-1])
    lake.replace_hours(
        "window_metrics", [window(h, 1.0) for h in (JANUARY, FEBRUARY)], JANUARY, FEBRUARY
    )
    expected = {h: 1.0 if h in (JANUARY, FEBRUARY) else 0.0 for h in hours}
    assert values(lake) == expected
    months = {Path(f).parent.name for f in DeltaTable(f"{lake.uri}/window_metrics").file_uris()}
    assert months == {"month=202601", "month=202602"}


def test_rows_outside_the_range_are_refused_and_nothing_is_written(lake: Lake) -> None:
    lake.replace_hours("raw_requests", [request("old")], FIRST, FIRST)
    with pytest.raises(ValueError, match=r"1 rows for raw_requests lie outside hours"):
        lake.replace_hours(
            "raw_requests", [request("a"), request("b", shift(FIRST, 1))], FIRST, FIRST
        )
    assert ids(lake) == ["old"]


def test_a_table_without_time_cannot_be_replaced_by_hours(lake: Lake) -> None:
    with pytest.raises(ValueError, match="alerts is not partitioned by time"):
        lake.replace_hours("alerts", [], FIRST, FIRST)


def test_rows_with_other_values_of_an_only_column_stay(lake: Lake) -> None:
    tricky = "it's; drop"
    rows = [window(FIRST, 0.0, feature_id=name) for name in ("one", "two", tricky)]
    lake.replace_hours("window_metrics", rows, FIRST, FIRST)
    new = [window(FIRST, 1.0, feature_id=name) for name in ("one", tricky)]
    lake.replace_hours("window_metrics", new, FIRST, FIRST, {"feature_id": ["one", tricky]})
    found = {row.feature_id: row.value for row in lake.rows("window_metrics")}
    assert found == {"one": 1.0, "two": 0.0, tricky: 1.0}


def test_a_window_written_is_read_back_as_it_was(lake: Lake) -> None:
    rows = [window(FIRST, 1 / 3, stddev=0.1), window(FIRST, None, metric="x", n=0, epoch="e")]
    lake.replace_hours("window_metrics", rows, FIRST, FIRST)
    assert lake.rows("window_metrics", metric="x") == rows[1:]
    assert lake.rows("window_metrics", metric="error_rate") == rows[:1]


def test_infinite_state_survives_storage(lake: Lake) -> None:
    state = [-float("inf"), 0.1 + 0.2, 5e-324]
    row = InputReference(
        feature_id="f", embedder="e", request_id="r", hour=FIRST, split="reference",
        embedding=state, cut=0.5,
    )  # fmt: skip
    lake.append("input_references", [row])
    assert lake.rows("input_references") == [row]


def test_an_upsert_inserts_new_keys_and_replaces_known_ones(lake: Lake) -> None:
    lake.upsert("baselines", [baseline("a"), baseline("b")])
    lake.upsert("baselines", [baseline("b", "established"), baseline("c")])
    found = {row.chart_id: row.status for row in lake.rows("baselines")}
    assert found == {"a": "provisional", "b": "established", "c": "provisional"}


def test_an_update_takes_over_some_columns_of_rows_that_are_there(lake: Lake) -> None:
    lake.upsert("baselines", [baseline("a")])
    changed = replace(baseline("a", "established"), diagnostics="changed")
    lake.update("baselines", [changed, baseline("b")], ["diagnostics"])
    assert lake.rows("baselines") == [replace(baseline("a"), diagnostics="changed")]


def test_replace_all_makes_the_rows_all_there_is(lake: Lake) -> None:
    lake.append("baselines", [baseline("a"), baseline("b")])
    lake.replace_all("baselines", [baseline("c")])
    assert [row.chart_id for row in lake.rows("baselines")] == ["c"]


# ------------------------------------------------------------------- reading


def test_a_table_nobody_has_written_is_empty(lake: Lake) -> None:
    assert lake.version("raw_requests") is None
    assert lake.rows("raw_requests") == []


def test_a_query_reads_only_the_files_of_the_hours_asked_for(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    hours = list(hour_range(FIRST, shift(FIRST, 9)))
    lake.replace_hours("raw_requests", [request(f"r{h}", h) for h in hours], hours[0], hours[-1])
    views: list[str] = []
    execute = duckdb.DuckDBPyConnection.execute

    class Listening:
        def __init__(self) -> None:
            self.connection = duckdb.connect(":memory:")

        def __enter__(self) -> "Listening":
            return self

        def __exit__(self, *error: object) -> None:
            self.connection.close()

        def execute(self, statement: str) -> Any:
            views.append(statement)
            return execute(self.connection, statement)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.connection, name)

    lake.connect = Listening  # type: ignore[assignment]
    assert ids(lake, hours=(hours[3], hours[5])) == [f"r{h}" for h in hours[3:6]]
    (view,) = [statement for statement in views if "create view" in statement]
    assert view.count(".parquet") == 3
    assert all(f"hour={hour}/" in view for hour in hours[3:6])


def test_pruning_by_month_keeps_every_month_of_the_range(lake: Lake) -> None:
    hours = list(hour_range(shift(JANUARY, -1), shift(FEBRUARY, 1)))
    lake.replace_hours("window_metrics", [window(h, 1.0) for h in hours], hours[0], hours[-1])
    read = lake.rows("window_metrics", hours=(JANUARY, FEBRUARY))
    assert [row.hour for row in read] == [JANUARY, FEBRUARY]


@pytest.mark.parametrize(
    "statement",
    [
        "insert into baselines select * from baselines",
        "copy baselines to '/dev/null'",
        "attach ':memory:' as other",
        "create table t as select 1",
        "drop view baselines",
        "set memory_limit = '1GB'",
        "install httpfs",
        "delete from baselines",
        "select 1; select 2",
        "select 1; drop view baselines",
        "",
    ],
)
def test_anything_but_one_select_is_refused(lake: Lake, statement: str) -> None:
    lake.append("baselines", [baseline("a")])
    with pytest.raises(ValueError, match="exactly one SELECT"):
        lake.run(statement)
    assert len(lake.rows("baselines")) == 1


def test_a_value_with_quotes_is_a_value(lake: Lake) -> None:
    name = "o'hara\"; drop view baselines; --"
    lake.append("baselines", [baseline(name), baseline("b")])
    assert len(lake.rows("baselines", chart_id=name)) == 1


def test_the_connection_is_closed_when_a_query_fails(lake: Lake) -> None:
    opened: list[duckdb.DuckDBPyConnection] = []
    from llm_monitoring.lake import connect_in_memory

    class Kept:
        def __enter__(self) -> duckdb.DuckDBPyConnection:
            self.context = connect_in_memory()
            opened.append(self.context.__enter__())
            return opened[-1]

        def __exit__(self, *error: Any) -> None:
            self.context.__exit__(*error)

    lake.connect = Kept  # type: ignore[assignment]
    with pytest.raises(duckdb.Error):
        lake.run("select nothing_of_this_name from baselines")
    with pytest.raises(duckdb.ConnectionException):
        opened[0].execute("select 1")


def test_a_folder_with_spaces_quotes_and_accents_can_hold_a_lake(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "a lake's café #1"))
    lake.replace_hours("raw_requests", [request("r")], FIRST, FIRST)
    assert ids(lake, hours=(FIRST, FIRST)) == ["r"]


@pytest.mark.parametrize("name", ["lake [1]", "a%20b", "hour=3"])
def test_a_folder_whose_name_would_be_misread_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="cannot have"):
        Lake(str(tmp_path / name))


# --------------------------------------------------------------- maintaining


def everything(lake: Lake) -> dict[str, pa.Table]:
    return {name: lake.rows(name) for name in ("raw_requests", "window_metrics", "baselines")}


def test_maintaining_compacts_checkpoints_and_vacuums_and_changes_no_row(lake: Lake) -> None:
    for hour in hour_range(FIRST, shift(FIRST, 11)):
        lake.replace_hours("raw_requests", [request(f"r{hour}", hour)], hour, hour)
        lake.replace_hours("window_metrics", [window(hour, 0.5)], hour, hour)
        lake.upsert("baselines", [baseline(f"c{hour}")])
    before = everything(lake)
    done = lake.maintain(keep_hours=0)
    assert done["window_metrics"]["files_after"] == 1
    assert done["window_metrics"]["deleted"] > 0
    assert done["raw_requests"]["files_after"] == 12  # an hour is a folder of its own
    logs = Path(lake.uri) / "window_metrics" / "_delta_log"
    assert list(logs.glob("*.checkpoint.parquet"))
    stored = list((Path(lake.uri) / "window_metrics").rglob("part-*.parquet"))
    assert len(stored) == 1
    assert everything(lake) == before


def test_files_replaced_lately_are_kept_for_those_who_read_them(lake: Lake) -> None:
    for value in (1.0, 2.0):
        lake.replace_hours("window_metrics", [window(FIRST, value)], FIRST, FIRST)
    assert lake.maintain(keep_hours=1)["window_metrics"]["deleted"] == 0


def test_maintaining_removes_what_a_killed_writer_left_once_it_is_a_day_old(lake: Lake) -> None:
    lake.replace_hours("window_metrics", [window(FIRST, 1.0)], FIRST, FIRST)
    (file,) = (Path(lake.uri) / "window_metrics").rglob("part-*.parquet")
    old, young = (file.with_name(f"part-00000-{n}-c000.snappy.parquet") for n in "ab")
    for left, age in ((old, 2 * 86_400), (young, 60)):
        shutil.copy(file, left)
        os.utime(left, (time.time() - age,) * 2)
    lake.maintain(keep_hours=0)
    assert not old.exists()
    assert young.exists()  # its writer may be about to commit it
    assert values(lake) == {FIRST: 1.0}


def test_maintaining_waits_for_a_writer_that_gets_in_between(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    for hour in hour_range(FIRST, shift(FIRST, 3)):
        lake.replace_hours("window_metrics", [window(hour, 0.5)], hour, hour)
    writes = iter([8.0, 9.0])

    def open_then_write(name: str) -> DeltaTable | None:
        table = Lake.open(lake, name)
        if name == "window_metrics" and (value := next(writes, None)):
            Lake(lake.uri).replace_hours(name, [window(FIRST, value)], FIRST, FIRST)
        return table

    monkeypatch.setattr(lake, "open", open_then_write)
    assert lake.maintain(keep_hours=0)["window_metrics"]["files_after"] == 1
    assert values(Lake(lake.uri))[FIRST] == 9.0


def test_a_table_that_cannot_be_maintained_is_told_and_the_others_are(lake: Lake) -> None:
    for hour in hour_range(FIRST, shift(FIRST, 3)):
        lake.replace_hours("raw_requests", [request(f"r{hour}", hour)], hour, hour)
        lake.upsert("baselines", [baseline(f"c{hour}")])
        lake.replace_hours("window_metrics", [window(hour, 0.5)], hour, hour)
    for file in (Path(lake.uri) / "baselines").glob("part-*.parquet"):
        file.write_bytes(b"not parquet")
    done = lake.maintain(keep_hours=0)
    assert "error" in done["baselines"]
    assert done["window_metrics"]["files_after"] == 1


def test_expiring_deletes_old_hours_of_the_big_tables_only(lake: Lake) -> None:
    hours = list(hour_range(FIRST, shift(FIRST, 3)))
    lake.replace_hours("raw_requests", [request(f"r{h}", h) for h in hours], hours[0], hours[-1])
    lake.replace_hours("window_metrics", [window(h, 1.0) for h in hours], hours[0], hours[-1])
    versions = lake.expire(hours[2])
    assert set(versions) == {"raw_requests"}
    assert ids(lake) == [f"r{h}" for h in hours[2:]]
    assert len(lake.rows("window_metrics")) == 4


def test_every_table_can_be_created_and_read(lake: Lake) -> None:
    for name in TABLES:
        lake.append(name, [])
        assert lake.rows(name) == []


def test_a_table_of_an_earlier_version_reads_new_columns_as_unknown_and_gains_them(
    tmp_path: Path,
) -> None:
    table = TABLES["raw_requests"]
    earlier = table.to_arrow([request("r1")]).drop_columns(["user_id", "source"])
    write_deltalake(str(tmp_path / "raw_requests"), earlier, partition_by=["hour"])
    stamp(DeltaTable(str(tmp_path / "raw_requests")))
    stamp(DeltaTable(str(tmp_path / "raw_requests")))
    lake = Lake(str(tmp_path))
    assert [(row.request_id, row.source) for row in lake.rows("raw_requests")] == [("r1", None)]
    following = FIRST + 1
    lake.replace_hours("raw_requests", [request("r2", hour=following)], following, following)
    sources = {row.request_id: row.source for row in lake.rows("raw_requests")}
    assert sources == {"r1": None, "r2": "requests"}
    # Of the hours asked for no file has the column.
    assert lake.rows("raw_requests", hours=(FIRST, FIRST))[0].source is None


def test_attributes_come_back_as_they_were_stored_and_earlier_rows_have_none(
    tmp_path: Path,
) -> None:
    table = TABLES["raw_requests"]
    earlier = table.to_arrow([request("r1")]).drop_columns(["attributes"])
    write_deltalake(str(tmp_path / "raw_requests"), earlier, partition_by=["hour"])
    stamp(DeltaTable(str(tmp_path / "raw_requests")))
    lake = Lake(str(tmp_path))
    rows = [
        request("r2", FIRST + 1, attributes={"category": "returns", "tenant": "it's"}),
        request("r3", FIRST + 1),
    ]
    assert lake.rows("raw_requests") == [request("r1")]
    lake.replace_hours("raw_requests", rows, FIRST + 1, FIRST + 1)
    assert lake.rows("raw_requests") == [request("r1"), *rows]
    assert lake.rows("raw_requests", hours=(FIRST, FIRST)) == [request("r1")]
    found = [
        row for row in lake.rows("raw_requests") if row.attributes.get("category") == "returns"
    ]
    assert found == rows[:1]
    lake.maintain()
    assert lake.rows("raw_requests") == [request("r1"), *rows]


def test_an_upsert_into_a_table_of_an_earlier_version_gains_its_columns(tmp_path: Path) -> None:
    table = TABLES["changes"]
    change = Change(
        change_id="c1", changed_at=hour_start(FIRST), kind="prompt", feature_id=None,
        model_id=None, description="shorter", author="ann",
    )  # fmt: skip
    write_deltalake(str(tmp_path / "changes"), table.to_arrow([change]).drop_columns(["author"]))
    stamp(DeltaTable(str(tmp_path / "changes")))
    stamp(DeltaTable(str(tmp_path / "changes")))
    lake = Lake(str(tmp_path))
    lake.upsert("changes", [replace(change, change_id="c2")])
    assert [(row.change_id, row.author) for row in lake.rows("changes")] == [
        ("c1", None),
        ("c2", "ann"),
    ]

"""A statement that a person wrote reads the lake, and nothing else."""

from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from llm_monitoring.lake import TABLES, Lake
from llm_monitoring_tests.lake.examples import FIRST, request


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(str(tmp_path / "lake"))
    lake.append("raw_requests", [request("a"), request("b")])
    return lake


@pytest.mark.parametrize(
    "source",
    [
        "read_csv('{file}')", "read_text('{file}')", "read_blob('{file}')", "'{file}'",
        "read_json('{file}')", "sniff_csv('{file}')", "glob('{folder}/*')",
        "read_parquet('{parquet}')", "parquet_metadata('{parquet}')", "'{parquet}'",
        "read_parquet('s3://bucket/key.parquet')", "read_csv('http://127.0.0.1:9/x.csv')",
        "read_duckdb('{file}')", "delta_scan('{folder}/lake/raw_requests')",
        "sqlite_scan('{file}', 'x')", "frame", "duckdb_extensions()",
    ],
)  # fmt: skip
def test_files_network_extensions_and_variables_are_shut(
    lake: Lake, tmp_path: Path, source: str
) -> None:
    file, parquet = tmp_path / "secret.csv", tmp_path / "secret.parquet"
    file.write_text("secret\n1\n")
    frame = pa.table({"secret": [1]})
    duckdb.from_arrow(frame).write_parquet(str(parquet))
    source = source.format(file=file, parquet=parquet, folder=tmp_path)
    for statement in (f"from {source}", f"select * from raw_requests, {source}"):
        for reads in (lake.ask, lake.run):
            with pytest.raises(duckdb.Error):
                reads(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "copy (select 1) to '{file}'", "copy raw_requests to '{file}' (format parquet)",
        "export database '{file}'", "attach '{file}'", "install httpfs", "load httpfs",
        "pragma version", "call pragma_version()", "set memory_limit = '9GB'", "reset threads",
        "create table x as select 1", "create secret (type s3)", "checkpoint", "vacuum",
        "explain analyze copy (select 1) to '{file}'", "prepare x as select 1", "begin",
        "delete from raw_requests", "select 1; select 2", "select 1\0; copy (select 1) to '{file}'",
    ],
)  # fmt: skip
def test_anything_but_a_select_is_refused_and_writes_nothing(
    lake: Lake, tmp_path: Path, statement: str
) -> None:
    file = tmp_path / "written"
    with pytest.raises(ValueError, match="SELECT"):
        lake.ask(statement.format(file=file))
    assert not file.exists()


def test_neither_environment_nor_secrets_can_be_read(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLM_KEY", "hush")
    with pytest.raises(duckdb.Error):
        lake.ask("select getenv('LLM_KEY')")
    assert lake.ask("from duckdb_secrets()").num_rows == 0


@pytest.mark.parametrize(
    "statement",
    [
        "from raw_requests limit 5", "table raw_requests", "describe raw_requests",
        "select count(*) as query, (1 + 1) as n from RAW_REQUESTS", 'from "raw_requests"',
        "with r as (from raw_requests) select upper(feature_id) from r",
        "summarize raw_requests", "from query/**/('from raw_' || 'requests')",
        "select [1, 2], {'a': 1}, now(), '1' || strftime(now(), '%d')",
    ],
)  # fmt: skip
def test_what_reads_the_lake_works(lake: Lake, statement: str) -> None:
    assert lake.ask(statement).num_rows > 0


def test_show_tables_names_every_table_and_nothing_else(lake: Lake) -> None:
    assert lake.ask("show tables")["name"].to_pylist() == sorted(TABLES)
    assert lake.ask("describe alerts").num_rows == len(TABLES["alerts"].schema)


@pytest.mark.parametrize(
    ("statement", "hint"),
    [
        ("from raw_request", "raw_requests"),
        ("from raw_requests join control_chart using (hour)", "control_charts"),
        ("select featureid from raw_requests", "feature_id"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(
    lake: Lake, statement: str, hint: str
) -> None:
    with pytest.raises(duckdb.Error, match=f'"{hint}"'):
        lake.ask(statement)


def test_a_statement_that_takes_too_long_is_interrupted(lake: Lake) -> None:
    for endless in (
        "select count(*) from range(1e15::bigint) t(i) where hash(i) % 7 = 1",
        "select i from range(1e15::bigint) t(i)",
    ):
        with pytest.raises(ValueError, match=r"took over 0\.2 s"):
            lake.ask(endless, seconds=0.2, largest_bytes=10**15)


def test_what_cannot_be_interrupted_is_refused_once_it_is_done(lake: Lake) -> None:
    with pytest.raises(ValueError, match=r"took over 0\.01 s"):
        lake.ask("select len(range(2_000_000))", seconds=0.01)


def test_an_answer_that_does_not_fit_is_refused(lake: Lake) -> None:
    with pytest.raises(ValueError, match="larger than 1 MB"):
        lake.ask("from range(1e15::bigint)", largest_bytes=1_000_000)
    with pytest.raises(duckdb.OutOfMemoryException):
        lake.ask("select list(repeat('x', 1000) || i) from range(90_000) t(i)", memory="20MB")


def test_a_lake_reached_through_a_link_or_a_folder_with_a_quote_is_read(tmp_path: Path) -> None:
    (tmp_path / "it's").mkdir()
    lake = Lake(str(tmp_path / "it's" / "lake"))
    lake.append("raw_requests", [request("a")])
    (tmp_path / "link").symlink_to(tmp_path / "it's")
    for uri in (lake.uri, str(tmp_path / "link" / "lake")):
        assert Lake(uri).ask("from raw_requests").num_rows == 1
        assert len(Lake(uri).rows("raw_requests", hours=(FIRST, FIRST))) == 1

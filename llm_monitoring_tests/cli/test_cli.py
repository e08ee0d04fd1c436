"""The commands as a shell runs them."""

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from click.testing import CliRunner, Result

from llm_monitoring.cli import main
from llm_monitoring.hours import hour_range
from llm_monitoring.plain_text import UNSAFE, visible
from llm_monitoring_tests.product import Product, copy_product
from llm_monitoring_tests.scripted_server import ScriptedServer


def call(*arguments: str, **how: Any) -> Result:
    return CliRunner().invoke(main, list(arguments), **how)


@pytest.fixture
def config(monitored: Product) -> str:
    return str(monitored.folder / "monitoring.yaml")


def changed(folder: Path, name: str, **settings: Any) -> str:
    """A monitoring.yaml beside another one that says something else."""
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump({"extends": "monitoring.yaml", **settings}))
    return str(file)


# ---------------------------------------------------------------------------------------- check


def test_check_tells_what_it_looked_at_and_passes(config: str) -> None:
    result = call("check", "--config", config)
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert "ok    configuration of Larkspur Outfitters (simulated): 3 features" in lines
    assert "ok    source requests: 60 files" in lines
    assert any(line.startswith("ok    lake ") and "at version" in line for line in lines)
    assert "ok    judge: heuristic (scores breakage, not quality)" in lines
    assert any("share 1 false alarms a week" in line for line in lines)


def test_check_warns_of_a_model_named_by_an_alias(config: str) -> None:
    warnings = [line for line in call("check", "--config", config).output.splitlines()
                if line.startswith("warn")]  # fmt: skip
    assert any("gpt-4.1-mini" in line for line in warnings)


@pytest.mark.parametrize(
    ("text", "line", "complaint"),
    [
        ("product: Shop\nstart: 2026-01-01\nfeeatures: []\n", 3, "feeatures"),
        ("product: Shop\nstart: yesterday\nfeatures: [{feature_id: a}]\n", 2, "start"),
        ("product: Shop\nfeatures:\n  - feature_id: a\n    sample_rate: 2\n", 4, "sample_rate"),
        ("product: [\n", 2, "not YAML"),
        (
            "product: Shop\nstart: 2026-01-01\nfeatures: [{feature_id: a}]\n"
            "control:\n  chart: outage\n",
            5,
            "'single_window'",
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "command",
    [
        ["check"],
        ["sql", "select 1"],
        ["dev"],
        ["power"],
        ["backtest", "--from", "2026-01-01", "--to", "2026-01-02"],
    ],
)
def test_a_mistake_is_told_with_file_and_line(
    tmp_path: Path, text: str, line: int, complaint: str, command: list[str]
) -> None:
    file = tmp_path / "monitoring.yaml"
    file.write_text(text)
    result = call(*command, "--config", str(file))
    assert result.exit_code == 1
    assert f"{file}:{line}:" in result.output
    assert complaint in result.output
    assert "Traceback" not in result.output


def test_a_missing_file_is_told_by_its_name(tmp_path: Path) -> None:
    result = call("check", "--config", str(tmp_path / "none.yaml"))
    assert result.exit_code == 1
    assert f"{tmp_path / 'none.yaml'}: No such file" in result.output


def test_check_fails_on_what_no_run_could_work_with(monitored: Product, tmp_path: Path) -> None:
    copy_product(monitored.folder, tmp_path / "p", only_logs=True)
    file = changed(
        tmp_path / "p", "wrong",
        sources={"requests": []},
        channels=[{"name": "hook", "kind": "webhook", "url_env": "NOT_SET_ANYWHERE"}],
    )  # fmt: skip
    result = call("check", "--config", file)
    assert result.exit_code == 1
    errors = [line for line in result.output.splitlines() if line.startswith("error")]
    assert len(errors) == 2
    for part in ("sources.requests is empty", "NOT_SET_ANYWHERE"):
        assert part in "\n".join(errors)


def test_check_warns_of_a_chart_that_cannot_alarm(monitored: Product, tmp_path: Path) -> None:
    copy_product(monitored.folder, tmp_path / "p", only_logs=True)
    file = changed(tmp_path / "p", "mute", control={"chart": "reference_ewma"})
    assert (
        "warn  control.chart: reference_ewma cannot alarm" in call("check", "--config", file).output
    )


def test_check_calls_the_judge_once_and_says_who_answered(
    monitored: Product, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_product(monitored.folder, tmp_path / "p", only_logs=True)
    monkeypatch.setenv("TEST_JUDGE_KEY", "s3cret")
    with ScriptedServer() as server:
        judge = {"kind": "endpoint", "base_url": server.base_url, "model": "judge-2026-01-01",
                 "api_key_env": "TEST_JUDGE_KEY"}  # fmt: skip
        file = changed(tmp_path / "p", "endpoint", judge=judge)
        result = call("check", "--config", file)
        assert "ok    judge judge-2026-01-01: answered as judge-2026-01-01" in result.output
        assert len(server.bodies) == 1
        assert server.headers[0]["authorization"] == "Bearer s3cret"
        call("check", "--offline", "--config", file)
        assert len(server.bodies) == 1
    gone = call("check", "--config", file)
    assert gone.exit_code == 1
    assert "error judge judge-2026-01-01 at" in gone.output
    monkeypatch.delenv("TEST_JUDGE_KEY")
    keyless = call("check", "--config", file)
    assert "environment variable TEST_JUDGE_KEY is not set" in keyless.output
    assert "s3cret" not in result.output + gone.output + keyless.output


# ------------------------------------------------------------------------------------------ sql

COUNTS = "select feature_id, count(*) as requests from raw_requests group by feature_id order by 1"


def test_sql_answers_as_a_table_by_default(config: str) -> None:
    result = call("sql", "--config", config, COUNTS)
    assert result.exit_code == 0
    assert "feature_id" in result.output
    assert "order_summary" in result.output


def test_sql_json_and_csv_hold_the_same_rows(config: str) -> None:
    as_json = json.loads(call("sql", "--config", config, "--format", "json", COUNTS).output)
    text = call("sql", "--config", config, "--format", "csv", COUNTS).output
    as_csv = list(csv.DictReader(io.StringIO(text)))
    features = ["order_summary", "product_search", "support_chat"]
    assert [row["feature_id"] for row in as_json] == features
    assert [{**row, "requests": str(row["requests"])} for row in as_json] == as_csv


def test_numbers_beside_nulls_stay_whole_numbers_and_times_keep_their_zone(config: str) -> None:
    values = "(1, timestamptz '2026-10-05 12:00:00+00'), (null, null)"
    statement = f"select * from (values {values}) as t(n, moment)"
    as_json = json.loads(call("sql", "--config", config, "--format", "json", statement).output)
    assert isinstance(as_json[0]["n"], int)
    assert datetime.fromisoformat(as_json[0]["moment"]) == datetime(2026, 10, 5, 12, tzinfo=UTC)
    assert as_json[1] == {"n": None, "moment": None}
    text = call("sql", "--config", config, "--format", "csv", statement).output
    assert text.splitlines()[1].startswith("1,")


def test_a_text_with_any_kind_of_line_end_stays_one_csv_cell(config: str) -> None:
    statement = "select 'a' || chr(13) || 'b' || chr(10) || 'c,\"d' as cell, 1 as n"
    output = call("sql", "--config", config, "--format", "csv", statement).output
    (row,) = csv.DictReader(io.StringIO(output, newline=""))
    assert row == {"cell": 'a\rb\nc,"d', "n": "1"}


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1+1", "@sum(a1)", "\tx", "\rx"])
def test_a_csv_cell_that_begins_like_a_formula_is_text(config: str, text: str) -> None:
    statement = f"select '{text}' as cell, 'a=b' as harmless, -3 as number, null as nothing"
    output = call("sql", "--config", config, "--format", "csv", statement).output
    (row,) = csv.DictReader(io.StringIO(output, newline=""))
    assert row["cell"] == "'" + text
    assert (row["harmless"], row["number"], row["nothing"]) == ("a=b", "-3", "")


def test_a_heading_that_begins_like_a_formula_is_text_too(config: str) -> None:
    output = call("sql", "--config", config, "--format", "csv", 'select 1 as "=1+1"').output
    assert output.splitlines()[0] == '"\'=1+1"'


def test_sql_shows_markup_as_it_stands(config: str) -> None:
    output = call("sql", "--config", config, "select '[bold] :x:' as \":key:\"").output
    assert "[bold] :x:" in output
    assert ":key:" in output


HOSTILE = "\x1b]0;owned\x07\x1b[31m:x:\u202e\x9b2J"


@pytest.mark.parametrize("style", ["table", "json", "csv"])
def test_a_terminal_does_nothing_that_was_logged(config: str, style: str) -> None:
    text = "||".join(f"chr({ord(character)})" for character in HOSTILE)
    output = call("sql", "--config", config, "--format", style, f"select {text} as cell").output
    assert not UNSAFE.search(output)
    if style == "json":
        assert json.loads(output) == [{"cell": HOSTILE}]
    else:
        assert visible(HOSTILE) in output


def test_an_error_that_quotes_the_data_does_nothing_either(config: str) -> None:
    result = call("sql", "--config", config, "select cast(chr(27) || '[31m' as int)")
    assert result.exit_code == 1
    assert "'␛[31m'" in result.output


def test_sql_tells_which_tables_there_are(config: str) -> None:
    assert "window_metrics" in call("sql", "--config", config, "show tables").output
    assert "Did you mean \"raw_requests\"?" in call(
        "sql", "--config", config, "from raw_request"
    ).output  # fmt: skip


def test_sql_takes_the_time_it_is_given(config: str) -> None:
    endless = "select count(*) from range(1e15::bigint) t(i) where hash(i) % 7 = 1"
    result = call("sql", "--config", config, "--seconds", "0.1", endless)
    assert result.exit_code == 1
    assert result.output == "Error: interrupted: the statement took over 0.1 s\n"


@pytest.mark.parametrize(
    "statement",
    [
        "drop table raw_requests",
        "delete from raw_requests",
        "insert into raw_requests select * from raw_requests",
        "copy (select 1) to '/tmp/never-written.csv'",
        "attach 'other.db'",
        "install httpfs",
        "set memory_limit = '1GB'",
        "select 1; drop table raw_requests",
        "",
    ],
)
def test_sql_refuses_what_is_not_one_select(config: str, statement: str) -> None:
    result = call("sql", "--config", config, statement)
    assert result.exit_code == 1
    assert "expected exactly one SELECT statement" in result.output


def test_sql_reads_a_statement_from_standard_input(config: str) -> None:
    result = call("sql", "--config", config, "--format", "csv", "-", input="select 41 + 1 as n")
    assert result.output == '"n"\n42\n'


def test_a_wrong_statement_is_explained_without_a_traceback(config: str) -> None:
    result = call("sql", "--config", config, "select nothing_like_it from raw_requests")
    assert result.exit_code == 1
    assert "nothing_like_it" in result.output
    assert "Traceback" not in result.output


# ------------------------------------------------------------------------------------- backfill


def test_a_backfill_fills_its_hours_and_shows_its_progress_on_stderr(
    monitored: Product, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "p"
    copy_product(monitored.folder, folder, only_logs=True)
    file = folder / "monitoring.yaml"
    monkeypatch.setenv("DAGSTER_HOME", str(folder / ".dagster"))
    # The definitions are loaded already, with the demo's start; a shell loads them anew.
    monkeypatch.setenv("LLM_MONITORING_CONFIG", str(file))
    _use(monkeypatch, file)
    result = call(
        "backfill", "--config", str(file), "--from", "2026-10-05T10", "--to", "2026-10-05T12"
    )
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    assert "3/3" in result.stderr
    statement = "select distinct hour from window_metrics order by hour"
    measured = json.loads(call("sql", "--config", str(file), "--format", "json", statement).output)
    assert [row["hour"] for row in measured] == list(hour_range(2026100510, 2026100512))
    changes = call("sql", "--config", str(file), "--format", "csv", "select count(*) from changes")
    assert int(changes.output.split()[1]) > 0


def _use(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    """Let the definitions of this process work on another monitoring.yaml."""
    from llm_monitoring.cli.running import backfill
    from llm_monitoring.defs.resources import monitoring_resource

    known = backfill.defs
    monkeypatch.setattr(
        backfill,
        "defs",
        dg.Definitions(
            assets=known.assets,
            asset_checks=known.asset_checks,
            jobs=known.jobs,
            executor=known.executor,
            resources={**(known.resources or {}), "monitoring": monitoring_resource(file)},
        ),
    )


@pytest.mark.parametrize(
    ("first", "last", "complaint"),
    [
        ("2026-10-06", "2026-10-05", "lies after"),
        ("2026-10-01", "2026-10-05", "are not all monitored and closed"),
        ("2026-10-05", "2026-10-30", "are not all monitored and closed"),
        ("last week", "2026-10-05", "neither a date nor an hour"),
    ],
)
def test_a_range_that_cannot_be_run_is_refused(
    config: str, first: str, last: str, complaint: str
) -> None:
    result = call("backfill", "--config", config, "--from", first, "--to", last)
    assert result.exit_code == 2
    assert complaint in result.output


def test_help_names_every_command() -> None:
    output = call("--help").output
    for command in ("check", "backfill", "sql", "backtest", "power", "demo", "dev"):
        assert command in output


def test_the_demo_empties_no_real_product(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "requests.jsonl").write_text("{}\n")
    (tmp_path / "monitoring.yaml").write_text(
        "product: Shop\nstart: 2026-10-05T00:00Z\nfeatures: [{feature_id: search}]\n"
    )
    result = CliRunner().invoke(main, ["demo", "--folder", str(tmp_path)])
    assert result.exit_code == 1
    assert "simulated: true" in result.output
    assert (tmp_path / "logs" / "requests.jsonl").exists()

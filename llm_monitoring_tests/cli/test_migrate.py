"""`migrate`, and how every other command refuses a lake that was not migrated."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from llm_monitoring.cli.main import main
from llm_monitoring.lake import Lake
from llm_monitoring.lake.layout import LAYOUT, LayoutError
from llm_monitoring.lake.migrations import oldest_layout
from llm_monitoring_tests.lake.migrations.layout_1 import SETTINGS
from llm_monitoring_tests.lake.migrations.old_lakes import unpack
from llm_monitoring_tests.product import open_product

REFUSED = f"has layout 1 and this version reads {LAYOUT}: stop what writes to it and run "
Call = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    (tmp_path / "monitoring.yaml").write_text(yaml.safe_dump(SETTINGS))
    unpack(tmp_path)
    return tmp_path


@pytest.fixture
def call(folder: Path) -> Call:
    config = str(folder / "monitoring.yaml")
    return lambda *words: CliRunner().invoke(main, [*words, "--config", config])


def layout(folder: Path) -> int:
    return oldest_layout(Lake(str(folder / "lake")))


def daemon_was_alive(home: Path, age: timedelta) -> None:
    (home / "history").mkdir(parents=True)
    with closing(sqlite3.connect(home / "history" / "runs.db")) as connection:
        connection.execute("create table daemon_heartbeats (daemon_type text, timestamp text)")
        at = (datetime.now(UTC) - age).replace(tzinfo=None).isoformat(" ")
        rows = [("SENSOR", at), ("SCHEDULER", at)]
        connection.executemany("insert into daemon_heartbeats values (?, ?)", rows)
        connection.commit()


def test_migrate_says_what_it_did_to_each_table(folder: Path, call: Call) -> None:
    result = call("migrate")
    assert result.exit_code == 0, result.output
    assert "window_metrics: 24,588 rows, by segment in place of model; version 9 -> 10" in (
        result.output.splitlines()
    )
    assert result.output.endswith(f"/lake has layout {LAYOUT} now\n")
    assert layout(folder) == LAYOUT
    assert call("migrate").output.endswith("already: there is nothing to do\n")


def test_a_dry_run_says_what_it_would_do_and_does_nothing(folder: Path, call: Call) -> None:
    result = call("migrate", "--dry-run")
    assert result.exit_code == 0, result.output
    assert "would write silences: 2 rows, by segment in place of model" in result.output
    assert layout(folder) == 1


@pytest.mark.parametrize(
    "words",
    [
        ("sql", "select 1 from raw_requests"),
        ("incidents", "list"),
        ("incidents", "show", "2026-10-19T04-search-infrastructure"),
        ("silence", "list"),
        ("power",),
        ("backtest", "--from", "2026-10-06", "--to", "2026-10-07"),
        ("backfill", "--yes", "--from", "2026-10-06", "--to", "2026-10-06"),
        ("forget", "--user", "somebody"),
        ("dev",),
    ],
)
def test_every_command_refuses_an_older_lake_in_one_sentence(
    call: Call, words: tuple[str, ...]
) -> None:
    result = call(*words)
    assert result.exit_code == 1
    assert REFUSED in result.output
    assert "Traceback" not in result.output
    assert len(result.output.splitlines()) == 1


@pytest.mark.parametrize("command", [("status",), ("check", "--offline")])
def test_status_and_check_say_it_in_words(call: Call, command: tuple[str, ...]) -> None:
    result = call(*command)
    assert result.exit_code == 1
    told = [line for line in result.output.splitlines() if REFUSED in line]
    assert len(told) == 1
    assert told[0].startswith("error lake")


def test_nothing_is_migrated_while_the_daemon_works(folder: Path, call: Call) -> None:
    daemon_was_alive(folder / "home", timedelta(seconds=20))
    result = call("migrate")
    assert result.exit_code == 1
    assert "stop llm-monitoring dev" in result.output
    assert layout(folder) == 1


def test_a_daemon_that_was_stopped_is_no_hindrance(folder: Path, call: Call) -> None:
    daemon_was_alive(folder / "home", timedelta(minutes=3))
    assert call("migrate").exit_code == 0
    assert layout(folder) == LAYOUT


def test_a_run_of_dagster_refuses_it_in_the_same_words(folder: Path) -> None:
    with open_product(folder) as product, pytest.raises(LayoutError, match=REFUSED):
        product.run("reconcile_alerts")

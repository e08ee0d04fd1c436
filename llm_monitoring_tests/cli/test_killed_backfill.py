"""A backfill that is killed, and one beside another: the next one goes on and finishes."""

import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from llm_monitoring.defs.resources import monitoring_resource
from llm_monitoring.lake import TABLES
from llm_monitoring_tests.product import PLACES, WALL_CLOCK
from llm_monitoring_tests.simulated import new_product

COMMAND = Path(sys.executable).with_name("llm-monitoring")
RANGE = ("--from", "2026-10-05", "--to", "2026-10-05T11")
CLAIMED = "select count(*) from concurrency_slots where step_key = ? and run_id is not null"

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    new_product(tmp_path / "product")
    return tmp_path / "product"


@contextmanager
def backfill(folder: Path) -> Iterator[subprocess.Popen[str]]:
    command = [str(COMMAND), "backfill", "--config", str(folder / "monitoring.yaml"), *RANGE]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def until_it_runs(step: str, folder: Path, process: subprocess.Popen[str]) -> None:
    events = folder / ".dagster" / "history" / "runs" / "index.db"
    while process.poll() is None:
        if not events.exists():
            continue
        with closing(sqlite3.connect(f"file:{events}?mode=ro", uri=True)) as connection:
            try:
                (claimed,) = connection.execute(CLAIMED, (step,)).fetchone()
            except sqlite3.OperationalError:
                continue  # its tables are being made
        if claimed:
            return
    raise AssertionError(f"it ended before {step}: {process.communicate()[1]}")


def finish(process: subprocess.Popen[str]) -> str:
    """What a backfill told, once it has ended well."""
    told = process.communicate()[1]
    assert process.returncode == 0, told
    return " ".join(told.split())


def tables(folder: Path) -> dict[str, list[dict[str, Any]]]:
    lake = monitoring_resource(folder / "monitoring.yaml").lake
    return {
        name: [
            {column: value for column, value in row.items() if column not in WALL_CLOCK | PLACES}
            for row in lake.run(
                f"select * from {name} order by {', '.join(TABLES[name].key)}"
            ).to_pylist()
        ]
        for name in ("raw_requests", "judgements", "window_metrics", "control_charts")
    }


@pytest.mark.parametrize("step", ["judgements", "input_features", "control_charts"])
def test_after_a_kill_the_next_one_says_so_finishes_and_leaves_the_same_tables(
    folder: Path, step: str
) -> None:
    undisturbed = folder.with_name("undisturbed")
    shutil.copytree(folder, undisturbed)
    with backfill(undisturbed) as process:
        finish(process)
    with backfill(folder) as process:
        until_it_runs(step, folder, process)
        process.kill()
    with backfill(folder) as process:
        assert "of hours had died: reported as failed, its pools are free" in finish(process)
    assert tables(folder) == tables(undisturbed)


def test_beside_another_one_waits_says_for_whom_and_finishes(folder: Path) -> None:
    with backfill(folder) as first:
        until_it_runs("judgements", folder, first)
        first.send_signal(signal.SIGSTOP)
        with backfill(folder) as second:
            assert second.stderr
            told = next(line for line in second.stderr if line.startswith("waiting"))
            assert told.startswith(f"waiting for process {first.pid}, since ")
            first.send_signal(signal.SIGCONT)
            finish(second)
        finish(first)

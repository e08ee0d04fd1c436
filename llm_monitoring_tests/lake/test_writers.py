"""Several processes on one lake, and one that is killed while it writes."""

import itertools
import os
import select
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from deltalake import DeltaTable

from llm_monitoring.hours import hour_range, shift
from llm_monitoring.lake import Lake, Table
from llm_monitoring_tests.lake.examples import FIRST, window

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 60
WRITE_HOURS = """
import sys
from llm_monitoring.hours import shift
from llm_monitoring.lake import Lake
from llm_monitoring_tests.lake.examples import FIRST, request, window
lake, mine = Lake(sys.argv[1]), int(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
for i in range(mine, 16, 2):
    hour = shift(FIRST, i)
    lake.replace_hours("window_metrics", [window(hour, float(i))], hour, hour)
    lake.replace_hours("raw_requests", [request(f"r{i}", hour)], hour, hour)
"""
WRITE_FOR_EVER = """
import itertools, sys
from llm_monitoring.hours import shift
from llm_monitoring.lake import Lake
from llm_monitoring_tests.lake.examples import FIRST, window
from llm_monitoring.segments import segment_of_model
lake = Lake(sys.argv[1])
print("ready", flush=True)
for value in itertools.count(1):
    rows = [
        window(hour, float(value), metric=f"m{i}")
        for hour in (FIRST, shift(FIRST, 1))
        for i in range(500)
    ]
    lake.replace_hours("window_metrics", rows, FIRST, shift(FIRST, 1))
"""

pytestmark = pytest.mark.slow


def start(program: str, *arguments: str) -> "subprocess.Popen[str]":
    writer = subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout is not None
    assert select.select([writer.stdout], [], [], PATIENCE_SECONDS)[0], "the writer never started"
    assert writer.stdout.readline() == "ready\n"
    return writer


def test_two_processes_replacing_different_hours_lose_nothing(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"))
    writers = [start(WRITE_HOURS, lake.uri, str(mine)) for mine in (0, 1)]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=PATIENCE_SECONDS)
        assert writer.returncode == 0
    hours = list(hour_range(FIRST, shift(FIRST, 15)))
    metrics = {row.hour: row.value for row in lake.rows("window_metrics")}
    assert metrics == {hour: float(i) for i, hour in enumerate(hours)}
    requests = Counter(row.hour for row in lake.rows("raw_requests"))
    assert requests == Counter(hours)


def parquet_files(lake: Lake) -> set[str]:
    return {entry.name for entry in (Path(lake.uri) / "window_metrics").rglob("part-*.parquet")}


def wait_for_a_new_file(lake: Lake, known: set[str]) -> None:
    """Returns at the instant a data file appears: it is written, but not yet committed."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    for _ in itertools.takewhile(lambda _: time.monotonic() < deadline, itertools.count()):
        if parquet_files(lake) - known:
            return
    pytest.fail("the writer never wrote")


def test_a_writer_killed_at_any_instant_leaves_the_old_hours_or_the_new_ones(
    tmp_path: Path,
) -> None:
    lake = Lake(str(tmp_path / "lake"))
    hours = (FIRST, shift(FIRST, 1))
    rows = [window(hour, 0.0, metric=f"m{i}") for hour in hours for i in range(500)]
    lake.replace_hours("window_metrics", rows, *hours)
    for files in (1, 3):
        writer = start(WRITE_FOR_EVER, lake.uri)
        for _ in range(files):
            wait_for_a_new_file(lake, parquet_files(lake))
        writer.send_signal(signal.SIGKILL)
        writer.communicate(timeout=PATIENCE_SECONDS)
        found = Counter(row.value for row in lake.rows("window_metrics"))
        assert len(found) == 1, "rows of two writes are mixed"
        assert set(found.values()) == {1000}
    lake.replace_hours("window_metrics", rows, *hours)
    assert Counter(row.value for row in lake.rows("window_metrics")) == {0.0: 1000}


@pytest.mark.parametrize("how", ["replace_hours", "upsert", "delete"])
def test_a_writer_that_was_overtaken_commits_on_top_of_the_winner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """The other writer commits between this one's look at the table and its commit."""
    lake, other = Lake(str(tmp_path / "lake")), Lake(str(tmp_path / "lake"))
    hours = list(hour_range(FIRST, shift(FIRST, 2)))
    rows = [window(hour, 0.0, segment='{"model":"m"}', epoch="e") for hour in hours]
    lake.replace_hours("window_metrics", rows, hours[0], hours[-1])
    changed = [window(hour, 1.0, segment='{"model":"m"}', epoch="e") for hour in hours]
    looks = []

    def overtaken(table: Table) -> DeltaTable:
        looked = Lake.create(lake, table)
        looks.append(looked.version())
        if len(looks) == 1:
            other.replace_hours("window_metrics", changed[:1], hours[0], hours[0])
        return looked

    monkeypatch.setattr(lake, "create", overtaken)
    if how == "replace_hours":
        lake.replace_hours("window_metrics", changed[1:2], hours[1], hours[1])
    elif how == "upsert":
        lake.upsert("window_metrics", changed[1:2])
    else:
        lake.delete("window_metrics", f"hour = {hours[1]}")
    expected = {hours[0]: 1.0, hours[1]: 1.0, hours[2]: 0.0}
    if how == "delete":
        del expected[hours[1]]
    assert {row.hour: row.value for row in lake.rows("window_metrics")} == expected
    assert len(lake.rows("window_metrics")) == len(expected)
    assert looks[0] < looks[-1], "the writer did not look again"

"""`status` over a lake and a storage of Dagster's that are well, ill, busy or gone."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from llm_monitoring.cli.main import main
from llm_monitoring.cli.showing.status import dagster_status, status_lines
from llm_monitoring.lake import Lake
from llm_monitoring.records import Delivery, Failure, Heartbeat
from llm_monitoring_tests.alerts.examples import chart_point
from llm_monitoring_tests.lake.examples import window

NOW = datetime(2026, 10, 5, 8, 10, tzinfo=UTC)
SETTINGS = {
    "product": "Shop",
    "start": "2026-10-05T00:00:00Z",
    "features": [{"feature_id": "search"}],
    "heartbeat": {"url_env": "TEST_HEARTBEAT"},
}
BEAT = Heartbeat(
    alerts_at=NOW - timedelta(minutes=3), on_duty_since=NOW - timedelta(days=1), hour=2026100507,
    outcome="sent", reason=None,
)  # fmt: skip
FAILURE = Failure(
    failure_id="f", kind="run", name="maintenance", partition=None, first_hour=None,
    last_hour=None, reason="OSError", failed_at=NOW, mended_at=None,
)  # fmt: skip
DELIVERY = Delivery(
    delivery_id="d", topics=["i-1"], kind="firing", channel="hook", status="failed", attempts=5,
    error="webhook answered 503", updated_at=NOW - timedelta(hours=1), severity="page", places=1,
    standing=[], of_message=False, due_at=NOW - timedelta(hours=2), retry_at=NOW,
    claimed_by="p", text="words",
)  # fmt: skip


@pytest.fixture(autouse=True)
def no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "monitoring.yaml"
    file.write_text(yaml.safe_dump(SETTINGS))
    return file


@pytest.fixture
def lake(config: Path) -> Lake:
    """Eight hours that are measured and charted, and a heartbeat that was heard."""
    lake = Lake(str(config.with_name("lake")))
    hours = [2026100500 + hour for hour in range(8)]
    lake.replace_hours("window_metrics", [window(h, 0.0) for h in hours], hours[0], hours[-1])
    lake.replace_hours("control_charts", [chart_point(hour) for hour in hours], hours[0], hours[-1])
    lake.replace_all("heartbeats", [BEAT])
    return lake


def marks(config: Path, now: datetime = NOW) -> dict[str, str]:
    """Subject -> mark, of those that are not ok."""
    return {x.subject: x.mark for x in status_lines(config, now) if x.mark != "ok"}


def test_a_monitor_that_is_well_has_nothing_but_ok(config: Path, lake: Lake) -> None:
    assert marks(config) == {"dagster": "warn"}  # none has run here
    texts = {line.subject: line.text for line in status_lines(config, NOW)}
    assert texts["charted"] == "hour Mon 2026-10-05 07:00 UTC, which ended 10 min ago"
    assert texts["heartbeat"] == "sent 3 min ago"


def test_an_hour_is_late_after_two_and_with_it_everything_that_waits_for_it(
    config: Path, lake: Lake
) -> None:
    assert marks(config, NOW + timedelta(hours=1, minutes=45)) == {"dagster": "warn"}
    assert marks(config, NOW + timedelta(hours=3)) == {
        "measured": "error", "charted": "error", "missing hours": "error", "alerts": "error",
        "heartbeat": "error", "dagster": "warn",
    }  # fmt: skip


def test_a_hole_in_the_middle_is_told(config: Path, lake: Lake) -> None:
    lake.delete("control_charts", "hour = 2026100503")
    (line,) = [x for x in status_lines(config, NOW) if x.subject == "missing hours"]
    assert (line.mark, line.text.split(",")[0]) == ("error", "1 without charts")


def test_failures_messages_and_a_heartbeat_that_was_not_simply_sent_are_errors(
    config: Path, lake: Lake
) -> None:
    lake.upsert("failures", [FAILURE])
    lake.upsert("deliveries", [DELIVERY])
    lake.replace_all("heartbeats", [replace(BEAT, outcome="undelivered", reason="ConnectError")])
    assert marks(config) == {
        "failures": "error", "messages": "error", "heartbeat": "error", "dagster": "warn",
    }  # fmt: skip
    texts = {line.subject: line.text for line in status_lines(config, NOW)}
    assert texts["failures"] == "a run of the job maintenance failed (OSError)"
    assert texts["messages"] == (
        "1 failed, last tried up to 1 h 00 min ago; hook: webhook answered 503"
    )
    assert texts["heartbeat"] == "undelivered 3 min ago: ConnectError"


def test_a_job_that_keeps_failing_is_told_once(config: Path, lake: Lake) -> None:
    rows = [replace(FAILURE, failure_id=f"{i}") for i in range(100)]
    lake.upsert("failures", [*rows, replace(FAILURE, name="weeks")])
    texts = {line.subject: line.text for line in status_lines(config, NOW)}
    assert set(texts["failures"].split("; ")) == {
        "100 times a run of the job maintenance failed (OSError)",
        "a run of the job weeks failed (OSError)",
    }


def test_a_heartbeat_that_was_sent_days_ago_is_an_error(config: Path, lake: Lake) -> None:
    lake.replace_all("heartbeats", [replace(BEAT, alerts_at=NOW - timedelta(days=3))])
    assert marks(config)["heartbeat"] == "error"


def test_a_message_that_was_tried_once_is_a_warning(config: Path, lake: Lake) -> None:
    lake.upsert("deliveries", [replace(DELIVERY, attempts=1)])
    assert marks(config)["messages"] == "warn"


def test_an_empty_lake_is_an_error_once_an_hour_should_be_there(config: Path) -> None:
    assert marks(config)["measured"] == "error"
    assert "measured" not in marks(config, NOW - timedelta(hours=8))


def test_a_lake_that_cannot_be_read_is_told_for_each_subject(config: Path, lake: Lake) -> None:
    for log in config.with_name("lake").glob("*/_delta_log/*.json"):
        log.write_text("not json")
    assert set(marks(config).values()) == {"error", "warn"}
    assert "the lake cannot be read" in {
        line.text.split(":")[0] for line in status_lines(config, NOW)
    }


def test_a_mistake_in_the_configuration_is_the_status(config: Path, lake: Lake) -> None:
    config.write_text(yaml.safe_dump({**SETTINGS, "tpyo": 1}))
    (line,) = status_lines(config, NOW)
    assert (line.mark, line.subject) == ("error", "configuration")
    assert "tpyo" in line.text


def test_the_exit_code_is_the_answer_and_json_holds_the_same(config: Path, lake: Lake) -> None:
    result = CliRunner().invoke(main, ["status", "--config", str(config), "--format", "json"])
    told = json.loads(result.stdout)
    assert (result.exit_code, told["well"]) == (1, False)  # these hours are not of today
    assert {line["mark"] for line in told["subjects"]} <= {"ok", "warn", "error"}


# -------------------------------------------------------------------- Dagster's own storage


RUNS = """
create table runs (status text, create_timestamp text, start_time real);
create table daemon_heartbeats (daemon_type text, timestamp text);
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "history").mkdir()
    with closing(sqlite3.connect(tmp_path / "history" / "runs.db")) as connection:
        connection.executescript(RUNS)
    return tmp_path


def write(home: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(home / "history" / "runs.db")) as connection, connection:
        connection.execute(statement, values)


def alive(home: Path, at: datetime) -> None:
    for kind in ("SENSOR", "SCHEDULER"):
        write(home, "insert into daemon_heartbeats values (?, ?)", kind, f"{at:%Y-%m-%d %H:%M:%S}")


def told(home: Path) -> dict[str, str]:
    return {line.subject: f"{line.mark}: {line.text}" for line in dagster_status(home, NOW)}


def test_a_daemon_that_lives_and_runs_that_move_are_ok(home: Path) -> None:
    alive(home, NOW - timedelta(seconds=40))
    write(home, "insert into runs values ('QUEUED', '2026-10-05 08:00:00.25', null)")
    write(home, "insert into runs values ('STARTED', '2026-10-05 08:00:00', ?)", NOW.timestamp())
    assert told(home) == {
        "daemon": "ok: alive",
        "runs": "ok: 1 queued for up to 9 min, 1 started for up to 0 min",
    }


def test_a_dead_daemon_and_runs_that_wait_for_it_are_errors(home: Path) -> None:
    alive(home, NOW - timedelta(hours=2))
    write(home, "insert into runs values ('QUEUED', '2026-10-05 06:00:00', null)")
    assert told(home) == {
        "daemon": "error: was last alive 2 h 00 min ago",
        "runs": "error: 1 queued for up to 2 h 10 min, 0 started",
    }


def test_a_daemon_that_never_ran_is_an_error(home: Path) -> None:
    assert told(home)["daemon"].startswith("error: has never run")


def test_a_run_that_is_started_for_longer_than_any_may_take_is_stuck(home: Path) -> None:
    alive(home, NOW)
    begun = (NOW - timedelta(hours=4)).timestamp()
    write(home, "insert into runs values ('STARTED', '2026-10-05 04:00:00', ?)", begun)
    assert told(home)["runs"] == "error: 0 queued, 1 started for up to 4 h 00 min"


def test_a_storage_that_is_no_database_is_a_warning(home: Path) -> None:
    (home / "history" / "runs.db").write_bytes(b"not a database, but long enough" * 100)
    assert told(home)["dagster"].startswith("warn: its storage cannot be read now")


def test_a_storage_that_is_locked_is_a_warning(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llm_monitoring.cli.showing.status.LOCK_SECONDS", 0)
    with closing(sqlite3.connect(home / "history" / "runs.db")) as other:
        other.execute("begin exclusive")
        assert told(home)["dagster"] == ("warn: its storage cannot be read now: database is locked")


def test_another_storage_than_sqlite_is_not_looked_at(home: Path) -> None:
    (home / "dagster.yaml").write_text("storage: {postgres: {postgres_url: secret}}")
    assert told(home) == {"dagster": "ok: its storage is not SQLite: not looked at"}


def test_the_status_loads_no_dagster() -> None:
    code = "import sys, llm_monitoring.cli.showing.status; print('dagster' in sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True
    )
    assert answer.stdout.strip() == "False"


def test_the_columns_are_those_of_dagster(tmp_path: Path) -> None:
    import dagster as dg

    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        assert [line.mark for line in dagster_status(tmp_path, NOW)] == ["error", "ok"]
        assert instance.get_runs() == []

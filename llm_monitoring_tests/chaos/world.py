"""A small product under a live `llm-monitoring dev`, whose processes can be found and killed."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import dagster as dg
import psutil
import yaml

from llm_monitoring.hours import HOUR, hour_key, hour_start, shift
from llm_monitoring.lake import TABLES, Lake
from llm_monitoring.pipeline.alerts.alert_reading import has_unread_charts
from llm_monitoring.simulation import choose_faults, write_logs
from llm_monitoring_tests.simulated import SETTINGS

HOURS = 60
OUTAGE = 52  # hours from the start
COMMAND = str(Path(sys.executable).with_name("llm-monitoring"))
PATIENCE_SECONDS = 600
# Which process is which, by its command line.
KINDS: dict[str, Callable[[str], bool]] = {
    "run": lambda line: "multiprocessing.spawn" in line and "spawn_main" in line,
    "daemon": lambda line: "dagster._daemon" in line or "dagster-daemon" in line,
    "code server": lambda line: "dagster api grpc" in line or "code-server" in line,
    "backfill": lambda line: "llm-monitoring backfill" in line,
}
UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


@dataclass(frozen=True)
class World:
    """A folder with logs, monitoring.yaml, lake and DAGSTER_HOME, and what runs over it.

    Args:
        folder: where all of it lies.
        start: first hour, yyyymmddhh; HOURS of them are monitored, all of them closed.
        webhook: address of the receiver.
    """

    folder: Path
    start: int
    webhook: str

    @property
    def config(self) -> Path:
        return self.folder / "monitoring.yaml"

    @property
    def home(self) -> Path:
        return self.folder / ".dagster"

    @property
    def lake(self) -> Lake:
        return Lake(str(self.folder / "lake"))

    @property
    def last(self) -> int:
        return shift(self.start, HOURS - 1)

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "DAGSTER_HOME": str(self.home),
            "LLM_MONITORING_CONFIG": str(self.config),
            "CHAOS_WEBHOOK": self.webhook,
        }

    def backfill(self, first: int, last: int) -> subprocess.Popen[bytes]:
        """`llm-monitoring backfill` over some hours, counted from the start."""
        days = [f"{hour_start(shift(self.start, hour)):%Y-%m-%dT%H}" for hour in (first, last)]
        return self._command("backfill", "--from", days[0], "--to", days[1])

    def _command(self, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{arguments[0]}.log").open("ab") as log:
            return subprocess.Popen(
                [COMMAND, *arguments, "--config", str(self.config)],
                cwd=self.folder, env=self.environment, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    @contextmanager
    def live(self) -> Iterator["Live"]:
        """A live `dev`, started again whenever it ends: as a supervisor would."""
        live = Live(self)
        try:
            yield live
        finally:
            live.end()

    def processes(self) -> Iterator[psutil.Process]:
        """Everything that works on this folder."""
        for process in psutil.process_iter():
            try:
                mine = process.environ().get("LLM_MONITORING_CONFIG") == str(self.config)
            except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
                continue
            if mine:
                yield process

    def of_kind(self, kind: str) -> list[psutil.Process]:
        """Processes of one kind, in the order of their process ids."""
        found = []
        for process in self.processes():
            try:
                line = " ".join(process.cmdline())
            except (psutil.NoSuchProcess, psutil.ZombieProcess):
                continue
            if KINDS[kind](line):
                found.append(process)
        return sorted(found, key=lambda process: process.pid)

    @contextmanager
    def instance(self) -> Iterator[dg.DagsterInstance]:
        """The instance the runs are recorded in."""
        home = patch.dict(os.environ, DAGSTER_HOME=str(self.home))
        with home, dg.DagsterInstance.from_config(str(self.home)) as instance:
            yield instance

    def unfinished(self, asked_before: datetime | None = None) -> list[tuple[str, str]]:
        """Runs that are queued or under way: job and status."""
        asked = dg.RunsFilter(statuses=UNFINISHED, created_before=asked_before)
        with self.instance() as instance:
            runs = instance.get_runs(asked)
        return [(run.job_name, run.status.value) for run in runs]

    def held_slots(self) -> dict[str, int]:
        """Pool -> steps that hold or wait for a slot of it."""
        with self.instance() as instance:
            storage = instance.event_log_storage
            counts = {
                pool: len(storage.get_concurrency_info(pool).claimed_slots)
                + len(storage.get_concurrency_info(pool).pending_steps)
                for pool in storage.get_concurrency_keys()
            }
        return {pool: count for pool, count in counts.items() if count}

    def table(self, name: str) -> list[dict[str, Any]]:
        """All rows of a table, in the order of its key, without what the wall clock decides."""
        key = ", ".join(f'"{column}"' for column in TABLES[name].key)
        rows = self.lake.run(f"select * from {name} order by {key}").to_pylist()
        return [
            {k: self._without_folder(v) for k, v in row.items() if k not in WALL_CLOCK}
            for row in rows
        ]

    def _without_folder(self, value: Any) -> Any:
        return value.replace(str(self.folder), "") if isinstance(value, str) else value

    def is_at_rest(self) -> bool:
        """Every hour is charted, every alert delivered and investigated, no run under way."""
        query = "select count(distinct hour) as n from {}"
        done = [
            self.lake.run(query.format(name))["n"][0].as_py()
            for name in ("window_metrics", "control_charts")
        ]
        if done != [HOURS, HOURS] or has_unread_charts(self.lake):
            return False
        untold = ("sending", "failed")
        waiting = [row for row in self.table("deliveries") if row["status"] in untold]
        investigated = all(row["report_path"] for row in self.table("incidents"))
        return not waiting and investigated and not self.unfinished()

    def alerts(self) -> list[tuple[Any, ...]]:
        """What is out of control: alerts that the recomputed history still shows."""
        return sorted(
            (row["subject"], row["last_hour"], row["severity"], row["status"], row["windows"])
            for row in self.table("alerts")
            if not row["summary"].startswith("withdrawn") and not _is_about_runs(row)
        )


def _is_about_runs(alert: Mapping[str, Any]) -> bool:
    """Killed runs are told too, where they were not made good in time; that is not history."""
    return alert["layer"] == "monitor"


class Live:
    """`llm-monitoring dev` over a world, kept alive."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.ports = free_ports(2)
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        port, reports_port = map(str, self.ports)
        return self.world._command("dev", "--port", port, "--reports-port", reports_port)

    def keep_alive(self) -> None:
        """Start it again if it has ended."""
        if self.process.poll() is not None:
            self.process = self._start()

    def wait(self, done: Callable[[], bool], what: str, seconds: float = PATIENCE_SECONDS) -> None:
        """Keep it alive until something is true.

        Raises:
            AssertionError: it never came true.
        """
        end = time.monotonic() + seconds
        while not done():
            self.keep_alive()
            if time.monotonic() > end:
                raise AssertionError(f"waited {seconds:.0f} s in vain: {what}")
            time.sleep(1)

    def end(self) -> None:
        """End it and everything else that works on the folder."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for process in list(self.world.processes()):
            process.kill()


def new_world(folder: Path, webhook: str, settings: Mapping[str, Any] | None = None) -> World:
    """Write logs and monitoring.yaml; the last monitored hour closed three hours ago."""
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - 2 * HOUR
    start = hour_key(end - timedelta(hours=HOURS))
    outage = choose_faults("outage", start=start)[0]
    faults = [replace(outage, start_offset=OUTAGE, end_offset=OUTAGE + 3)]
    folder.mkdir(parents=True, exist_ok=True)
    write_logs(folder / "logs", start, HOURS, seed=7, faults=faults)
    own = {
        "start": hour_start(start).isoformat(),
        "end": end.isoformat(),
        "probes": {"models": []},
        "channels": [
            {"name": "people", "kind": "webhook", "url_env": "CHAOS_WEBHOOK",
             "minimum_severity": "info"}
        ],
    }  # fmt: skip
    tree = {**SETTINGS, **own, **(settings or {})}
    (folder / "monitoring.yaml").write_text(yaml.safe_dump(tree))
    return World(folder, start, webhook)


def free_ports(count: int) -> list[int]:
    """Ports of the loopback interface that nobody uses now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


# Times and attempts differ from run to run; what was measured does not.
COMPARED = (
    "raw_requests", "user_signals", "rejected_rows", "source_reads", "changes", "sampled_requests",
    "judgements", "input_references", "input_features", "window_metrics", "baselines",
    "control_charts",
)  # fmt: skip
WALL_CLOCK = ("judged_at", "created_at", "updated_at", "probed_at", "read_at")

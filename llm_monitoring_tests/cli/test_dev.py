"""`llm-monitoring dev`: ports are had before anything starts; what dies is started again."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import stamina
from click.testing import CliRunner

from llm_monitoring.cli import main
from llm_monitoring.cli.running.processes import MOST_STARTS, Process, Supervisor

CONFIG = """
product: Shop
start: 2026-11-24
features: [{feature_id: chat}]
lake: {uri: lake}
reports: reports
sources: {requests: [{name: requests, path: "logs/{date}-{hour}.jsonl"}]}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "monitoring.yaml"
    file.write_text(CONFIG)
    return file


@pytest.mark.parametrize("option", ["--port", "--reports-port"])
def test_a_taken_port_is_an_error_before_anything_starts(config: Path, option: str) -> None:
    free = "--reports-port" if option == "--port" else "--port"
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        arguments = ["dev", "--config", str(config), option, str(port), free, "0"]
        result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1
    assert f"port {port} cannot be had (Address already in use)" in result.output
    assert option in result.output
    assert "http://" not in result.output
    assert [path.name for path in config.parent.iterdir()] == ["monitoring.yaml"]


def test_ports_come_from_the_environment_too(config: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        result = CliRunner().invoke(
            main,
            ["dev", "--config", str(config)],
            env={"LLM_MONITORING_PORT": "0", "LLM_MONITORING_REPORTS_PORT": port},
        )
    assert f"port {port} cannot be had" in result.output


def process(name: str, *code: str) -> Process:
    """One that runs a line of Python: `timeit` is a module that does."""
    return Process(name, ["timeit", "-n", "1", "-r", "1", *code], dict(os.environ))


def test_what_ends_is_started_again_until_it_is_hopeless(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "starts"
    ending = process("pages", f"open({str(log)!r}, 'a').write('x')")
    staying = process("daemon", "import time; time.sleep(600)")
    assert Supervisor([staying, ending]).run() == 1
    assert len(log.read_text()) == MOST_STARTS
    assert f"the pages ended {MOST_STARTS} times" in capsys.readouterr().out
    assert staying.exit_code() is not None


def test_one_is_started_once_the_one_before_serves(tmp_path: Path) -> None:
    served, seen = tmp_path / "served", tmp_path / "seen"
    first = process("first", f"import time; open({str(served)!r}, 'w').close(); time.sleep(600)")
    first.creates = served
    second = process(
        "second",
        f"import os, signal; open({str(seen)!r}, 'w').write(str(os.path.exists({str(served)!r})))"
        f"; os.kill({os.getpid()}, signal.SIGTERM)",
    )
    before = signal.getsignal(signal.SIGTERM)
    assert Supervisor([first, second]).run() == 0
    assert seen.read_text() == "True"
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process of its parent")
def test_processes_end_when_the_one_that_started_them_is_killed(tmp_path: Path) -> None:
    fifo = tmp_path / "held"
    os.mkfifo(fifo)
    program = (
        "import os; from llm_monitoring.cli.running.processes import Process, Supervisor;"
        f"held = \"import time; f = open({str(fifo)!r}, 'w'); f.write('x'); f.flush();"
        ' time.sleep(600)";'
        "arguments = ['timeit', '-n', '1', '-r', '1', held];"
        "Supervisor([Process('child', arguments, dict(os.environ))]).run()"
    )
    parent = subprocess.Popen([sys.executable, "-c", program])
    with fifo.open() as held:
        assert held.read(1) == "x"
        parent.kill()
        parent.wait()
        # The end of the file: nobody has it open any more.
        assert held.read() == ""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process of its parent")
def test_dev_serves_from_any_folder_mends_what_dies_and_leaves_nothing(config: Path) -> None:
    elsewhere = config.parent / "elsewhere"
    elsewhere.mkdir()
    dev = subprocess.Popen(
        [sys.executable, "-c", "from llm_monitoring.cli import main; main()", "dev",
         "--config", str(config), "--port", "0", "--reports-port", "0"],
        cwd=elsewhere, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert dev.stdout is not None
        dagster, reports = re.findall(r"http://127\.0\.0\.1:\d+", dev.stdout.readline())
        with httpx.Client(timeout=120) as client:
            until(lambda: "RepositoryLocation" in location(client, dagster))
            for address in (dagster, reports):
                assert client.get(address).status_code == 200
                assert client.get(address, headers={"host": "evil.example"}).status_code == 403
                assert client.get(address, headers={"origin": "null"}).status_code == 403
            assert client.get(f"{dagster}/graphql?query={{version}}").status_code == 405
            first = children(dev.pid)
            assert len(first) == 3
            for child in first:
                os.kill(child, signal.SIGKILL)
            until(lambda: len(children(dev.pid) - first) == 3)
            until(lambda: "RepositoryLocation" in location(client, dagster))
    finally:
        last = children(dev.pid)
        dev.kill()
        dev.communicate()
        until(lambda: not any(Path(f"/proc/{child}").exists() for child in last))
    assert not list(elsewhere.iterdir())


def location(client: httpx.Client, dagster: str) -> str:
    """What Dagster's pages know of our definitions."""
    entries = "locationEntries { locationOrLoadError { __typename } }"
    query = f"{{ workspaceOrError {{ ... on Workspace {{ {entries} }} }} }}"
    return client.post(f"{dagster}/graphql", json={"query": query}).text


def until(is_so: Callable[[], bool]) -> None:
    """Wait for what other processes do."""
    for attempt in stamina.retry_context(on=AssertionError, attempts=None, timeout=120, wait_max=1):
        with attempt:
            assert is_so()


def children(pid: int) -> set[int]:
    """Processes that a process started and that run."""
    found = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False
    )
    return set(map(int, found.stdout.split()))

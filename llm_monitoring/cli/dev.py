"""Dagster's user interface, and beside it the incident reports it links to."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

from llm_monitoring.cli.instance import dagster_home
from llm_monitoring.private_files import make_private
from llm_monitoring.settings import Settings

HOST = "127.0.0.1"
PATIENCE_SECONDS = 10


def run_dev(config: Path, settings: Settings, port: int, reports_port: int) -> int:
    """Run `dagster dev` until it ends; returns its exit code.

    Reports are pages, and a browser follows no link from a web page to a file: so they are served.
    """
    home = dagster_home(config)
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(home),
        "LLM_MONITORING_CONFIG": str(config),
    }
    make_private(settings.reports)
    served = [sys.executable, "-m", "http.server", str(reports_port), "--bind", HOST]
    reports = subprocess.Popen(
        [*served, "--directory", str(settings.reports)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    dagster = subprocess.Popen(
        [
            str(Path(sys.executable).with_name("dagster")),
            "dev",
            "--host",
            HOST,
            "--port",
            str(port),
        ],
        env=environment,
        start_new_session=True,  # so that everything it starts can be ended with it
    )
    print(f"{settings.product}: http://{HOST}:{port}, reports on http://{HOST}:{reports_port}")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return dagster.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        reports.terminate()
        _end_group(dagster)


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """Ask the process and all it started to end; make them, where they do not.

    In the background `dagster dev` may take no notice of being asked.
    """
    for kind in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, kind)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE_SECONDS)
    process.wait()

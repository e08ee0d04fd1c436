"""Dagster's user interface, and beside it the incident reports it links to."""

import os
import subprocess
import sys
from pathlib import Path

from llm_monitoring.cli.instance import dagster_home
from llm_monitoring.settings import Settings

HOST = "127.0.0.1"


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
    settings.reports.mkdir(parents=True, exist_ok=True)
    reports = subprocess.Popen(
        [sys.executable, "-m", "http.server", str(reports_port), "--bind", HOST,
         "--directory", str(settings.reports)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    print(f"{settings.product}: http://{HOST}:{port}, reports on http://{HOST}:{reports_port}")
    try:
        dagster = Path(sys.executable).with_name("dagster")
        return subprocess.call(
            [str(dagster), "dev", "--host", HOST, "--port", str(port)], env=environment
        )
    except KeyboardInterrupt:
        return 0
    finally:
        reports.terminate()
        reports.wait()

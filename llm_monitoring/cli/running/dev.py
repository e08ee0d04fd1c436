"""Dagster's user interface, and beside it the incident reports it links to."""

import os
import socket
import tempfile
from collections.abc import Collection
from pathlib import Path
from urllib.parse import urlsplit

import click
import yaml

from llm_monitoring.cli.running.home import EVENT_BATCH, dagster_home
from llm_monitoring.cli.running.processes import Process, Supervisor
from llm_monitoring.cli.terminal import say
from llm_monitoring.private_files import make_private
from llm_monitoring.settings import Settings

HOST = "127.0.0.1"
DEFINITIONS = "llm_monitoring.definitions"  # module with `defs`
LOCATION = "llm_monitoring"  # sensors and schedules are remembered by it


def run_dev(
    config: Path,
    settings: Settings,
    *,
    port: int,
    reports_port: int,
    allowed_hosts: Collection[str] = (),
    definitions: str = DEFINITIONS,
) -> int:
    """Run code server, daemon and pages until interrupted; returns the exit code.

    Args:
        definitions: module whose `defs` are served.

    Reports are pages, and a browser follows no link from a web page to a file: so they are served.

    Raises:
        ClickException: a port is taken; nothing was started.
    """
    with (
        _listen(port, "--port") as dagster,
        _listen(reports_port, "--reports-port") as reports,
        tempfile.TemporaryDirectory() as folder,
    ):
        environment = {
            **os.environ,
            "DAGSTER_HOME": str(dagster_home(config)),
            "DAGSTER_EVENT_BATCH_SIZE": EVENT_BATCH,
            "DAGSTER_IS_DEV_CLI": "1",
            "LLM_MONITORING_CONFIG": str(config),
            # Links that the settings do not set follow the ports.
            "LLM_MONITORING_PORT": str(dagster.getsockname()[1]),
            "LLM_MONITORING_REPORTS_PORT": str(reports.getsockname()[1]),
        }
        code_server, workspace = Path(folder) / "code", Path(folder) / "workspace.yaml"
        location = {"socket": str(code_server), "location_name": LOCATION}
        workspace.write_text(yaml.safe_dump({"load_from": [{"grpc_server": location}]}))
        make_private(settings.reports)
        web = [
            "llm_monitoring.web", "--workspace", str(workspace),
            "--dagster-socket", str(dagster.fileno()), "--reports-socket", str(reports.fileno()),
            "--reports", str(settings.reports),
            *(f"--allowed-host={host}" for host in allowed_hosts),
        ]  # fmt: skip
        processes = [
            Process(
                "code server",
                _code_server(code_server, definitions),
                environment,
                creates=code_server,
            ),
            Process("daemon", ["dagster._daemon", "run", "-w", str(workspace)], environment),
            Process("pages", web, environment, (dagster.fileno(), reports.fileno())),
        ]
        addresses = [f"http://{HOST}:{each.getsockname()[1]}" for each in (dagster, reports)]
        say(f"{settings.product}: {addresses[0]}, reports on {addresses[1]}")
        for key, address in zip(("dagster_url", "reports_url"), addresses, strict=True):
            if key in settings.model_fields_set:
                _compare(key, getattr(settings, key), address)
        return Supervisor(processes).run()


def _code_server(path: Path, definitions: str) -> list[str]:
    return [
        "dagster", "api", "grpc", "--socket", str(path), "--lazy-load-user-code",
        "--module-name", definitions, "--attribute", "defs",
        "--location-name", LOCATION, "--use-python-environment-entry-point",
        "--inject-env-vars-from-instance", "--log-level", "warning",
    ]  # fmt: skip


def _compare(key: str, told: str | None, address: str) -> None:
    """Say so where the links in Dagster and in alerts lead to another port than is served."""
    link, served = urlsplit(told or ""), urlsplit(address)
    if link.hostname in (HOST, "localhost") and link.port != served.port:
        say(f"{key} is {told}: links lead there, not to {address}")


def _listen(port: int, option: str) -> socket.socket:
    """A socket that listens, so that nobody else can take the port until it is served.

    Raises:
        ClickException: somebody has it.
    """
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        raise click.ClickException(
            f"port {port} cannot be had ({os.strerror(error.errno or 0)}): "
            f"choose another with {option}"
        ) from error

"""Serve Dagster and the reports on two sockets that are listening already."""

import argparse
import contextlib
import socket
from collections.abc import Mapping
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from llm_monitoring.web.dagster_ui import dagster_app
from llm_monitoring.web.guard import Guard
from llm_monitoring.web.reports import reports_app


class ByPort:
    """The application of the port that a request came in by."""

    def __init__(self, apps: Mapping[int, ASGIApp]) -> None:
        self.apps = apps

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on."""
        await self.apps[scope["server"][1]](scope, receive, send)


def main() -> None:
    """What `llm-monitoring dev` starts."""
    parser = argparse.ArgumentParser(prog="python -m llm_monitoring.web", description=__doc__)
    parser.add_argument("--dagster-socket", type=int, required=True, help="File descriptor.")
    parser.add_argument("--reports-socket", type=int, required=True, help="File descriptor.")
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--reports", type=Path, required=True)
    parser.add_argument("--allowed-host", action="append", default=[])
    asked = parser.parse_args()
    sockets = [
        socket.socket(fileno=asked.dagster_socket),
        socket.socket(fileno=asked.reports_socket),
    ]
    ports = [each.getsockname()[1] for each in sockets]
    with dagster_app(asked.workspace) as dagster:
        apps = [Guard(app, asked.allowed_host) for app in (dagster, reports_app(asked.reports))]
        config = uvicorn.Config(
            ByPort(dict(zip(ports, apps, strict=True))),
            lifespan="off", log_level="warning", proxy_headers=False, server_header=False,
        )  # fmt: skip
        # It ends as asked, and then tells of the asking once more.
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets)


if __name__ == "__main__":
    main()

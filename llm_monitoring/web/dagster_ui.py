"""Dagster's own pages, as an application: its command line has no place for a guard."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster_webserver.app import create_app_from_workspace_process_context
from dagster_webserver.cli import (
    DEFAULT_DB_STATEMENT_TIMEOUT,
    DEFAULT_POOL_MAX_OVERFLOW,
    DEFAULT_POOL_RECYCLE,
)
from dagster_webserver.version import __version__
from starlette.datastructures import Headers, QueryParams
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

POLL_MILLISECONDS = 2000  # as often `dagster dev` lets its pages ask for news


@contextmanager
def dagster_app(workspace: Path) -> Iterator[ASGIApp]:
    """The application for the instance in DAGSTER_HOME.

    Args:
        workspace: file that names the code server; definitions are never loaded here.
    """
    with dg.DagsterInstance.get() as instance:
        instance.optimize_for_webserver(
            DEFAULT_DB_STATEMENT_TIMEOUT, DEFAULT_POOL_RECYCLE, DEFAULT_POOL_MAX_OVERFLOW
        )
        target = WorkspaceFileTarget([str(workspace)])
        with WorkspaceProcessContext(
            instance, workspace_load_target=target, version=__version__
        ) as context:
            yield OnlyPosts(
                create_app_from_workspace_process_context(
                    context, live_data_poll_rate=POLL_MILLISECONDS
                )
            )


class OnlyPosts:
    """Refuses GraphQL in an address: Dagster would run a mutation that a link or a picture asks.

    The page to write GraphQL in is still served.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on all but GraphQL in an address."""
        if scope["type"] == "http" and scope["path"].rstrip("/") == "/graphql":
            is_page = scope["method"] == "GET" and "text/html" in Headers(scope=scope).get(
                "accept", ""
            )
            # The pages themselves put the name of what they ask into the address.
            in_address = "query" in QueryParams(scope["query_string"])
            if in_address or not (is_page or scope["method"] == "POST"):
                refusal = PlainTextResponse("GraphQL is taken by POST, from its body only\n", 405)
                await refusal(scope, receive, send)
                return
        await self.app(scope, receive, send)

"""The incident reports, and nothing beside them."""

from html import escape
from pathlib import Path
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route

MEDIA = {".html": "text/html", ".jsonl": "text/plain"}
# The pages need no script; which style they may use, they say themselves.
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
        "form-action 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def reports_app(folder: Path) -> Starlette:
    """`/` lists the reports, newest first; `/{name}` is one of them.

    Args:
        folder: of the reports; files in folders below are not served.
    """

    def index(_: Request) -> Response:
        links = (
            f'<li><a href="{quote(name)}">{escape(name)}</a></li>'
            for name in sorted(_served(folder), reverse=True)
        )
        return HTMLResponse(
            f"<!doctype html><meta charset=utf-8><title>Reports</title><ul>{''.join(links)}</ul>",
            headers=HEADERS,
        )

    def report(request: Request) -> Response:
        # Looked up among the names that are there: no path is made of what was asked for.
        path = _served(folder).get(request.path_params["name"])
        if path is None:
            raise HTTPException(404)
        return FileResponse(path, media_type=MEDIA[path.suffix], headers=HEADERS)

    return Starlette(routes=[Route("/", index), Route("/{name}", report)])


def _served(folder: Path) -> dict[str, Path]:
    return {
        path.name: path
        for path in (folder.iterdir() if folder.exists() else ())
        if path.suffix in MEDIA and path.is_file() and not path.is_symlink()
    }

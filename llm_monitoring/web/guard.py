"""Only pages that were served here may ask for anything here.

Without it, any page that somebody has open in the same browser could drive Dagster or read the
reports: by a name of its own that leads to 127.0.0.1, by a form, a picture or a web socket.
"""

from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")


class Guard:
    """Refuses foreign hosts and requests that other sites make.

    Following a link from elsewhere works; what a program other than a browser asks does, too.

    Args:
        app: what is guarded.
        allowed_hosts: names that people reach it by besides the local ones, such as
            `monitoring.example.org` or `monitoring.example.org:8443`.
    """

    def __init__(self, app: ASGIApp, allowed_hosts: Collection[str] = ()) -> None:
        self.app = app
        self.allowed_hosts = {host.lower() for host in allowed_hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on what is allowed."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        refusal = self.refusal(scope)
        if refusal is None:
            await self.app(scope, receive, _unframed(send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": refusal})
        else:
            await PlainTextResponse(f"{refusal}\n", 403)(scope, receive, send)

    def refusal(self, scope: Scope) -> str | None:
        """Why a request is refused; None: it is not."""
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._is_ours(hosts[0].lower(), scope):
            return "this host is not served here: see --allowed-host"
        host = hosts[0].lower()
        if any(origin.lower().partition("://")[2] != host for origin in headers.getlist("origin")):
            return "requests from other origins are refused"
        if _is_from_another_site(headers) and not _is_followed_link(headers, scope):
            return "requests from other sites are refused"
        return None

    def _is_ours(self, host: str, scope: Scope) -> bool:
        port = scope["server"][1]
        local = {f"{name}:{port}" for name in LOCAL_NAMES}
        if port == 80:
            local |= set(LOCAL_NAMES)
        name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
        return host in local or not {host, name}.isdisjoint(self.allowed_hosts)


def _is_from_another_site(headers: Headers) -> bool:
    # Another port of this machine is the same site, and another origin.
    return headers.get("sec-fetch-site") in ("cross-site", "same-site")


def _is_followed_link(headers: Headers, scope: Scope) -> bool:
    return (
        scope["type"] == "http"
        and scope["method"] in ("GET", "HEAD")
        and headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-dest") == "document"
    )


def _unframed(send: Send) -> Send:
    """No page of another origin may show ours in a frame of its own, or use it in any other way."""

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", []), *HEADERS]
        await send(message)

    return send_with_headers


HEADERS = (
    (b"content-security-policy", b"frame-ancestors 'self'"),
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)

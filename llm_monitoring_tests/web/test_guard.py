"""Only pages served here, and programs that are no browser, may ask."""

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from llm_monitoring.web.guard import Guard

OURS, TALK = "http://127.0.0.1:3000", "ws://127.0.0.1:3000/talk"


def answer(_: Request) -> Response:
    return PlainTextResponse("served")


async def talk(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text("served")
    await socket.close()


APP = Starlette(routes=[Route("/", answer, methods=["GET", "POST"]), WebSocketRoute("/talk", talk)])


def client(*allowed_hosts: str, address: str = OURS) -> TestClient:
    return TestClient(Guard(APP, allowed_hosts), base_url=address)


@pytest.mark.parametrize(
    "address", [OURS, "http://localhost:3000", "http://LOCALHOST:3000", "http://[::1]:3000"]
)
def test_local_names_at_the_port_are_served(address: str) -> None:
    assert client(address=address).get("/").text == "served"


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "evil.example:3000", "127.0.0.1", "127.0.0.1:3001", "localhost", "[::1]",
        "127.0.0.1:3000.evil.example", "127.0.0.1:3000:80", "localhost.evil.example:3000", "",
        "user@127.0.0.1:3000", "0.0.0.0:3000", "127.1:3000", "2130706433:3000",
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_another_host_is_refused(host: str, method: str) -> None:
    response = client().request(method, "/", headers={"host": host})
    assert response.status_code == 403
    assert "served here" in response.text


def test_a_request_with_two_hosts_or_none_is_refused() -> None:
    guard = Guard(APP)
    for hosts in ([], [b"127.0.0.1:3000", b"evil.example"]):
        scope = {
            "type": "http", "method": "GET", "server": ("127.0.0.1", 3000),
            "headers": [(b"host", host) for host in hosts],
        }  # fmt: skip
        assert guard.refusal(scope) is not None


@pytest.mark.parametrize("host", ["monitoring.example.org", "monitoring.example.org:8443"])
def test_a_host_that_is_allowed_is_served(host: str) -> None:
    allowed = client("Monitoring.example.org")
    assert allowed.get("/", headers={"host": host}).text == "served"
    origin = {"host": host, "origin": f"https://{host}"}
    assert allowed.post("/", headers=origin).text == "served"
    assert client(host).get("/", headers={"host": "example.org"}).status_code == 403


@pytest.mark.parametrize(
    "origin",
    [
        "null", "http://evil.example", "http://127.0.0.1:3001", "http://localhost:3000", "",
        "http://127.0.0.1:3000.evil.example", "https://127.0.0.1",
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_another_origin_is_refused(origin: str, method: str) -> None:
    response = client().request(method, "/", headers={"origin": origin})
    assert response.status_code == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize(
    ("mode", "destination"),
    [("no-cors", "image"), ("no-cors", "script"), ("navigate", "iframe"), ("cors", "empty")],
)
def test_what_another_page_loads_is_refused(site: str, mode: str, destination: str) -> None:
    fetch = {"sec-fetch-site": site, "sec-fetch-mode": mode, "sec-fetch-dest": destination}
    assert client().get("/", headers=fetch).status_code == 403


def test_a_link_from_another_page_is_followed_and_a_form_is_not() -> None:
    link = {
        "sec-fetch-site": "cross-site",
        "sec-fetch-mode": "navigate",
        "sec-fetch-dest": "document",
    }
    assert client().get("/", headers=link).text == "served"
    assert client().post("/", headers=link).status_code == 403


@pytest.mark.parametrize("site", ["none", "same-origin"])
def test_our_own_pages_and_the_address_bar_are_served(site: str) -> None:
    assert client().get("/", headers={"sec-fetch-site": site, "origin": OURS}).text == "served"


def test_a_web_socket_of_another_page_is_refused() -> None:
    with client().websocket_connect(TALK, headers={"origin": OURS}) as socket:
        assert socket.receive_text() == "served"
    for headers in ({"origin": "http://evil.example"}, {"host": "evil.example:3000"}):
        with (
            pytest.raises(WebSocketDisconnect),
            client().websocket_connect(TALK, headers=headers),
        ):
            pass


def test_no_other_page_may_show_ours_in_a_frame() -> None:
    headers = client().get("/").headers
    assert headers["content-security-policy"] == "frame-ancestors 'self'"
    assert headers["x-frame-options"] == "SAMEORIGIN"

"""What holds for every channel: nothing is raised, nothing is told, nothing waits for ever."""

import logging
import time
from collections.abc import Callable
from typing import Any, get_args

import apprise
import pytest

from llm_monitoring.adapters.channels import CHANNELS, Refusal, deliver, mistake_in, refresh
from llm_monitoring.settings.notifying import KEYED, ChannelSettings
from llm_monitoring_tests.adapters.channels.examples import (
    SECRET,
    Answering,
    channel,
    closed_port,
    endless_body,
    endless_refusal,
    hangs_up,
    message,
    nonsense,
    silence,
    slow_headers,
    talking,
)

# Loading apprise's plugins imports a library for signed mail that uses a deprecated module.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

SPEAKING_HTTP = ("webhook", "alertmanager")


def test_every_kind_in_the_settings_is_in_the_catalogue() -> None:
    kinds = get_args(ChannelSettings.model_fields["kind"].annotation)
    assert set(CHANNELS) == set(kinds) > set(KEYED)


@pytest.mark.parametrize("kind", SPEAKING_HTTP)
@pytest.mark.parametrize(
    ("address", "told"),
    [
        (f"hooks.example/{SECRET}", "no http:// or https:// at its beginning"),
        (f"ftp://hooks.example/{SECRET}", "no http:// or https:// at its beginning"),
        (f"http:///{SECRET}", "no host"),
        (f"http://.../{SECRET}", "its host is not a name"),
        (f"http://a..b/{SECRET}", "its host is not a name"),
        (f"http://{SECRET * 30}.example/", "its host is not a name"),
        (f"http://xn--a/{SECRET}", "its host is not a name"),
        (f"http://\N{SNOWMAN}.example/{SECRET}", "its host is not a name"),
        (f"http://[::1/{SECRET}", "its port is no number"),
        (f"http://hooks.example:{SECRET}/", "its port is no number"),
        (f"http://hooks.example:99999/{SECRET}", "its port is not between 1 and 65535"),
        (f"http://hooks.example:0/{SECRET}", "its port is not between 1 and 65535"),
        (f"http://hooks example/{SECRET}", "a blank in it"),
        (f"https://hooks.example/{SECRET}\n", "a blank in it"),
    ],
)
def test_a_mistyped_address_is_named_without_the_address(
    kind: str, address: str, told: str
) -> None:
    mistyped = channel(kind, address)
    assert mistake_in(mistyped) == f"its address is not a http(s) URL: {told}"
    refusal = deliver(mistyped, message())
    assert refusal == Refusal(reason=f"{kind}: its address is not a http(s) URL: {told}")


@pytest.mark.parametrize(
    "address",
    ["https://user:p%40ss@hooks.example:9093/x?a=b#c", "http://[::1]:80/", "http://a_b/",
     "https://m\N{LATIN SMALL LETTER U WITH DIAERESIS}nchen.example", "http://127.0.0.1"],
)  # fmt: skip
def test_an_address_that_could_be_one_is_no_mistake(address: str) -> None:
    assert mistake_in(channel("webhook", address)) is None


@pytest.mark.parametrize("kind", [kind for kind in CHANNELS if kind != "log"])
def test_an_address_that_is_not_set_names_the_variable(kind: str) -> None:
    unset = channel(kind, url_env="NOT_SET_ANYWHERE")
    told = "environment variable NOT_SET_ANYWHERE is not set (monitoring.yaml names it)"
    assert mistake_in(unset) == told
    assert deliver(unset, message()) == Refusal(reason=f"{kind}: {told}")


@pytest.mark.parametrize("kind", SPEAKING_HTTP)
def test_any_2xx_is_success_and_one_attempt_is_made(kind: str, server: Answering) -> None:
    there = channel(kind, f"http://127.0.0.1:{server.port}")
    server.answers = [202, 503]
    assert deliver(there, message()) is None
    assert deliver(there, message()) == Refusal(reason=f"{kind} answered 503")
    assert len(server.bodies) == 2


@pytest.mark.parametrize("kind", SPEAKING_HTTP)
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed_and_said(kind: str, status: int, server: Answering) -> None:
    server.answers = [(status, {"Location": f"/{SECRET}/elsewhere"})]
    refusal = deliver(channel(kind, f"http://127.0.0.1:{server.port}"), message())
    assert refusal == Refusal(reason=f"{kind} answered {status}: redirects are not followed")
    assert len(server.bodies) == 1


@pytest.mark.parametrize("kind", SPEAKING_HTTP)
@pytest.mark.parametrize("status", [400, 401, 404, 410, 413, 422, 500])
def test_some_statuses_speak_of_the_message(kind: str, status: int, server: Answering) -> None:
    server.answers = [status]
    refusal = deliver(channel(kind, f"http://127.0.0.1:{server.port}"), message())
    of_message = status in (400, 413, 422)
    assert refusal == Refusal(reason=f"{kind} answered {status}", of_message=of_message)


def test_nobody_who_answers_is_a_refusal(server: Answering) -> None:
    for kind in SPEAKING_HTTP:
        refusal = deliver(channel(kind, f"http://127.0.0.1:{closed_port()}"), message())
        assert refusal == Refusal(reason=f"{kind} not reached: connection refused")
        refusal = deliver(channel(kind, f"https://127.0.0.1:{server.port}"), message())
        assert refusal == Refusal(reason=f"{kind} not reached: its TLS and ours do not fit")


def test_a_host_nobody_knows_is_a_refusal() -> None:
    refusal = deliver(channel("webhook", f"http://{SECRET}.invalid/"), message())
    assert refusal == Refusal(reason="webhook not reached: its host was not found")


@pytest.mark.parametrize("talk", [nonsense, hangs_up])
def test_an_answer_that_is_none_is_a_refusal(talk: Callable[..., None]) -> None:
    with talking(talk) as port:
        refusal = deliver(channel("webhook", f"http://127.0.0.1:{port}"), message())
    assert refusal is not None
    assert refusal.reason.startswith("webhook not reached: ")


@pytest.mark.parametrize("talk", [silence, slow_headers])
@pytest.mark.parametrize("kind", ["webhook", "alertmanager", "apprise"])
def test_who_never_comes_to_an_end_is_given_up_in_time(
    kind: str, talk: Callable[..., None]
) -> None:
    with talking(talk) as port:
        scheme = "json" if kind == "apprise" else "http"
        slow = channel(kind, f"{scheme}://127.0.0.1:{port}/{SECRET}", timeout_seconds=0.3)
        began = time.monotonic()
        refusal = deliver(slow, message())
        assert time.monotonic() - began < 3
    assert refusal is not None
    assert SECRET not in refusal.reason


def test_the_body_of_an_answer_is_not_waited_for() -> None:
    with talking(endless_body) as port:
        assert deliver(channel("webhook", f"http://127.0.0.1:{port}"), message()) is None
    with talking(endless_refusal) as port:
        refusal = deliver(channel("webhook", f"http://127.0.0.1:{port}"), message())
    assert refusal == Refusal(reason="webhook answered 503", retry_after_seconds=7)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "120"}, 120),
        ({"Retry-After": "0"}, 0),
        ({"Retry-After": "9" * 5000}, 86_400),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "\N{SUPERSCRIPT TWO}"}, None),
        ({"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}, 86_400),
        ({"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0),
        ({"Retry-After": "Tue, 99 Oct 2026 25:00:00 GMT"}, None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_a_wait_that_is_asked_for_is_told_up_to_a_day(
    server: Answering, status: int, headers: dict[str, str], seconds: float | None
) -> None:
    server.answers = [(status, headers)]
    refusal = deliver(channel("webhook", server.hook), message())
    assert refusal == Refusal(reason=f"webhook answered {status}", retry_after_seconds=seconds)


def test_a_date_to_wait_for_is_read_by_the_clock_of_who_sets_it(server: Answering) -> None:
    from llm_monitoring.adapters.channels.http import retry_after

    date = {"date": "Tue, 20 Oct 2026 14:00:00 GMT"}
    assert retry_after({**date, "retry-after": "Tue, 20 Oct 2026 14:05:00 GMT"}) == 300
    server.answers = [(500, {"Retry-After": "60"})]
    refusal = deliver(channel("webhook", server.hook), message())
    assert refusal is not None
    assert refusal.retry_after_seconds is None


@pytest.mark.parametrize("answers", [[], [500], [302], [404], [400]])
def test_an_address_is_in_no_log_and_in_no_refusal(
    caplog: pytest.LogCaptureFixture, server: Answering, answers: list[int]
) -> None:
    caplog.set_level(1)
    told: list[Any] = []
    for port in (server.port, closed_port()):
        for kind, address in (
            ("webhook", f"http://127.0.0.1:{port}/{SECRET}"),
            ("alertmanager", f"http://{SECRET}:{SECRET}@127.0.0.1:{port}/{SECRET}"),
            ("apprise", f"json://{SECRET}:{SECRET}@127.0.0.1:{port}/{SECRET}"),
        ):
            server.answers = [(status, {"Location": f"/{SECRET}"}) for status in answers]
            told.append(deliver(channel(kind, address), message()))
    for mistyped in (f"x://{SECRET}", f"slack://{SECRET}", f"pagerduty://{SECRET}", SECRET):
        told.append(deliver(channel("apprise", mistyped), message()))
        told.append(mistake_in(channel("pagerduty", f"x{mistyped}")))
    written = [str(record.__dict__) + record.getMessage() for record in caplog.records]
    assert not [line for line in [*written, str(told)] if SECRET in line]


def test_logs_of_others_are_back_after_a_delivery(
    caplog: pytest.LogCaptureFixture, server: Answering
) -> None:
    caplog.set_level(logging.INFO)
    deliver(channel("webhook", server.hook), message())
    logging.getLogger("httpx").info("of others")
    assert "of others" in caplog.text


def test_a_mistake_of_ours_or_of_a_plugin_is_a_refusal(
    monkeypatch: pytest.MonkeyPatch, server: Answering
) -> None:
    def broken(*arguments: object, **named: object) -> None:
        raise RuntimeError(SECRET)

    refusal = deliver(channel("webhook", server.hook), message(payload={"x": object()}))
    assert refusal == Refusal(reason="webhook failed: TypeError")
    monkeypatch.setattr(apprise.Apprise, "notify", broken)
    refusal = deliver(channel("apprise", server.json), message())
    assert refusal == Refusal(reason="apprise failed: RuntimeError")
    monkeypatch.setattr(apprise.Apprise, "instantiate", broken)
    assert mistake_in(channel("apprise", server.json)) == (
        "its address is not understood (RuntimeError)"
    )


def test_words_that_would_act_on_a_terminal_are_made_harmless(server: Answering) -> None:
    acting = "\x1b[2J\u202egone"
    deliver(channel("webhook", server.hook), message(title=f"{acting}\nx", text=f"{acting}\nx"))
    (document,) = server.documents
    assert document["title"] == "\u241b[2J[U+202E]gone x"
    assert document["text"] == "\u241b[2J[U+202E]gone\nx"


def test_only_alertmanager_is_told_again_what_goes_on(server: Answering) -> None:
    assert refresh(channel("webhook", server.hook), [message()]) is None
    assert refresh(channel("alertmanager", server.hook), []) is None
    assert server.bodies == []
    assert refresh(channel("alertmanager", f"http://127.0.0.1:{server.port}"), [message()]) is None
    assert len(server.bodies) == 1

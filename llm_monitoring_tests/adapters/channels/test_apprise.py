"""apprise and PagerDuty: what is posted to whom."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests

from llm_monitoring.adapters.channels import Refusal, deliver, mistake_in
from llm_monitoring_tests.adapters.channels.examples import (
    TEXT,
    TITLE,
    Answering,
    channel,
    closed_port,
    message,
)

# Loading apprise's plugins imports a library for signed mail that uses a deprecated module.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

SLACK = "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7"
INVOKE = (
    "triggers/manual/paths/invoke?api-version=1&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=S3cr-et"
)
WORKFLOW = f"https://prod-12.westus.logic.azure.com:443/workflows/abcdef0123456789/{INVOKE}"
AUTOMATE = (
    "https://default01.ab.environment.api.powerplatform.com:443/powerautomate/automations/direct"
    f"/workflows/abcdef0123456789/{INVOKE}"
)
KEY = "0123456789abcdef0123456789abcdef"
BODY = TEXT.removeprefix(TITLE).strip()


@dataclass
class Posted:
    """What plugins post, instead of the internet."""

    addresses: list[str] = field(default_factory=list)
    documents: list[Any] = field(default_factory=list)
    how: list[dict[str, Any]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    def post(self, url: str, data: str, **how: Any) -> requests.Response:
        self.addresses.append(url)
        self.documents.append(json.loads(data))
        self.how.append(how)
        answer = requests.Response()
        answer.status_code = self.statuses.pop(0) if self.statuses else 202
        if "slack" in url and answer.status_code == 202:
            answer.status_code, answer._content = 200, b"ok"
        return answer


@pytest.fixture
def posted(monkeypatch: pytest.MonkeyPatch) -> Posted:
    posted = Posted()
    monkeypatch.setattr(requests, "post", posted.post)
    monkeypatch.setattr(requests, "request", lambda _, url, **how: posted.post(url, **how))
    return posted


@pytest.mark.parametrize(
    ("kind", "severity", "word"),
    [
        ("firing", "page", "failure"),
        ("worse", "page", "failure"),
        ("repeated", "ticket", "warning"),
        ("firing", "info", "info"),
        ("resolved", "page", "success"),
        ("summary", "page", "info"),
        ("digest", "ticket", "info"),
    ],
)
def test_title_and_text_are_separate_and_the_type_follows_kind_and_severity(
    server: Answering, kind: str, severity: str, word: str
) -> None:
    told = message(kind=kind, severity=severity)
    assert deliver(channel("apprise", server.json), told) is None
    (document,) = server.documents
    assert (document["title"], document["message"], document["type"]) == (TITLE, BODY, word)


def test_a_message_of_one_line_has_no_title(server: Answering) -> None:
    assert deliver(channel("apprise", server.json), message(text=TITLE)) is None
    (document,) = server.documents
    assert (document["title"], document["message"]) == ("", TITLE)


def test_several_addresses_in_one_variable_each_get_it(server: Answering) -> None:
    both = f"{server.json}/a, {server.json}/b"
    assert deliver(channel("apprise", both), message()) is None
    assert [path[-2:] for path in server.paths] == ["/a", "/b"]
    server.answers = [500]
    refusal = deliver(channel("apprise", both), message())
    assert refusal == Refusal(reason="apprise was answered 500")
    assert len(server.paths) == 4


@pytest.mark.parametrize("status", [400, 404, 413, 429, 500])
def test_a_refusal_tells_the_status(server: Answering, status: int) -> None:
    server.answers = [status]
    refusal = deliver(channel("apprise", server.json), message())
    of_message = status in (400, 413)
    assert refusal == Refusal(reason=f"apprise was answered {status}", of_message=of_message)


def test_a_service_nobody_answers_for_is_a_refusal() -> None:
    refusal = deliver(channel("apprise", f"json://127.0.0.1:{closed_port()}"), message())
    assert refusal == Refusal(reason="apprise could not deliver the message")


def test_a_redirect_is_not_followed(server: Answering) -> None:
    server.answers = [(307, {"Location": "/elsewhere"})]
    refusal = deliver(channel("apprise", server.json), message())
    assert refusal == Refusal(reason="apprise was answered 307")
    assert len(server.paths) == 1


def test_slack_gets_its_text_escaped_and_no_picture(posted: Posted) -> None:
    assert deliver(channel("apprise", SLACK, timeout_seconds=7), message()) is None
    (document,), (how,) = posted.documents, posted.how
    assert posted.addresses == [SLACK]
    (shown,) = document["attachments"]
    assert shown["title"] == TITLE.replace("<", "&lt;").replace(">", "&gt;")
    assert (shown["text"], shown["footer"]) == (BODY, "llm-monitoring")
    assert "icon_url" not in document
    assert "footer_icon" not in shown
    assert (how["timeout"], how["allow_redirects"]) == ((7.0, 7.0), False)


@pytest.mark.parametrize("address", [WORKFLOW, AUTOMATE])
def test_teams_gets_a_card_with_paragraphs_and_a_link(posted: Posted, address: str) -> None:
    assert deliver(channel("apprise", address), message()) is None
    assert posted.addresses == [address.partition("?")[0]]
    assert posted.how[0]["params"]["sig"] == "S3cr-et"
    (shown,) = posted.documents[0]["attachments"]
    title, body = shown["content"]["body"]
    link = "http://127.0.0.1:3001/inc-1.html"
    assert title["text"] == TITLE
    assert body["text"] == f"Since Tue \\*14:00\\* UTC, 120 requests.\n\n[{link}]({link})"


def test_nobody_is_mentioned_by_a_text(posted: Posted) -> None:
    text = f"{TITLE}\n<!channel> <at>all</at> [x](http://a)"
    deliver(channel("apprise", SLACK), message(text=text))
    deliver(channel("apprise", WORKFLOW), message(text=text))
    slack, teams = posted.documents
    assert "&lt;!channel&gt;" in slack["attachments"][0]["text"]
    content = teams["attachments"][0]["content"]
    assert content["msteams"] == {"width": "full"}
    assert content["body"][1]["text"].startswith(r"\<!channel\> \<at\>all\</at\> \[x\](")


def test_a_long_text_comes_in_several_messages(
    posted: Posted, monkeypatch: pytest.MonkeyPatch
) -> None:
    from apprise.plugins.workflows import NotifyWorkflows

    monkeypatch.setattr(NotifyWorkflows, "request_rate_per_sec", 0)
    words = [f"word{number}" for number in range(400)]
    assert (
        deliver(channel("apprise", WORKFLOW), message(text=f"{TITLE}\n{' '.join(words)}")) is None
    )
    cards = [document["attachments"][0]["content"]["body"] for document in posted.documents]
    assert len(cards) > 2
    assert " ".join(card[-1]["text"] for card in cards).split() == words


def test_what_the_address_says_goes_before_what_we_choose(posted: Posted) -> None:
    address = SLACK.replace("https://hooks.slack.com/services", "slack:/") + "/?image=yes&rto=2"
    assert deliver(channel("apprise", address), message()) is None
    assert "icon_url" in posted.documents[0]
    assert posted.how[0]["timeout"] == (60.0, 2.0)


@pytest.mark.parametrize(
    "address",
    ["nonsense://x", "x", "slack://x", "json://.../x", "https://hooks.example/x", f"{SLACK}, x://"],
)
def test_an_address_that_apprise_does_not_understand_is_named(address: str) -> None:
    told = "apprise does not understand its address"
    assert mistake_in(channel("apprise", address)) == told
    assert deliver(channel("apprise", address), message()) == Refusal(reason=f"apprise: {told}")


def test_a_port_that_is_none_is_named() -> None:
    told = mistake_in(channel("apprise", "json://127.0.0.1:99999/x"))
    assert told == "its port is not between 1 and 65535"


@pytest.mark.parametrize(
    ("address", "region"),
    [(KEY, ""), (f"pagerduty://{KEY}@{KEY}", ""), (f"pagerduty://{KEY}@{KEY}?region=eu", "eu.")],
)
def test_pagerduty_has_one_incident_for_a_topic_and_resolves_it(
    posted: Posted, address: str, region: str
) -> None:
    pager = channel("pagerduty", address)
    assert deliver(pager, message(severity="ticket")) is None
    assert deliver(pager, message(kind="worse")) is None
    assert deliver(pager, message(kind="resolved", title="[page] resolved", text="over")) is None
    assert set(posted.addresses) == {f"https://events.{region}pagerduty.com/v2/enqueue"}
    firing, worse, resolved = posted.documents
    assert [d["event_action"] for d in posted.documents] == ["trigger", "trigger", "resolve"]
    assert {(d["routing_key"], d["dedup_key"]) for d in posted.documents} == {(KEY, "Shop/inc-1")}
    assert resolved.keys() == {"routing_key", "dedup_key", "event_action"}
    assert firing["payload"]["severity"] == "warning"
    assert worse["payload"]["severity"] == "critical"
    assert (worse["payload"]["summary"], worse["payload"]["source"]) == (TITLE, "Shop")
    assert worse["payload"]["custom_details"] == {**message().payload, "text": TEXT}
    assert worse["links"] == [{"href": message().link}]
    assert "images" not in worse


def test_topics_are_different_incidents_of_pagerduty_and_a_path_is_no_link(posted: Posted) -> None:
    pager = channel("pagerduty", KEY)
    long = message(title="t " * 2000, topic="x" * 300, link="reports/inc-1.html")
    for told in (message(), message(topic="inc-2"), message(product="Other"), long):
        assert deliver(pager, told) is None
    keys = [document["dedup_key"] for document in posted.documents]
    assert keys == ["Shop/inc-1", "Shop/inc-2", "Other/inc-1", "x" * 255]
    assert "links" not in posted.documents[-1]
    assert len(posted.documents[-1]["payload"]["summary"]) <= 1024


def test_pagerduty_that_refuses_is_told(posted: Posted) -> None:
    posted.statuses = [400, 429]
    refusal = deliver(channel("pagerduty", KEY), message())
    assert refusal == Refusal(reason="pagerduty was answered 400", of_message=True)
    refusal = deliver(channel("pagerduty", KEY), message())
    assert refusal == Refusal(reason="pagerduty was answered 429")
    assert mistake_in(channel("pagerduty", "json://127.0.0.1")) is not None

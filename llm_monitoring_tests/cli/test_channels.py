"""`check` and `channels test`: whether people would hear, before there is something to hear."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from click.testing import CliRunner, Result

from llm_monitoring.cli import main
from llm_monitoring_tests.adapters.channels.examples import SECRET, Answering, closed_port

# Loading apprise's plugins imports a library for signed mail that uses a deprecated module.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


@pytest.fixture
def server() -> Iterator[Answering]:
    with Answering() as answering:
        yield answering


def config(folder: Path, *channels: dict[str, Any]) -> str:
    file = folder / "monitoring.yaml"
    settings = {
        "product": "Shop",
        "start": "2026-10-05T00:00:00Z",
        "features": [{"feature_id": "support_chat"}],
        "channels": list(channels),
    }
    file.write_text(yaml.safe_dump(settings))
    return str(file)


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def test_a_sample_goes_through_every_channel_and_each_has_its_line(
    tmp_path: Path, server: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK", server.hook)
    monkeypatch.setenv("CHAT", server.json)
    monkeypatch.setenv("AM", f"http://127.0.0.1:{server.port}")
    monkeypatch.setenv("GONE", f"http://127.0.0.1:{closed_port()}/{SECRET}")
    file = config(
        tmp_path,
        {"name": "log", "kind": "log", "file": "alerts.log"},
        {"name": "hook", "kind": "webhook", "url_env": "HOOK"},
        {"name": "chat", "kind": "apprise", "url_env": "CHAT"},
        {"name": "am", "kind": "alertmanager", "url_env": "AM", "minimum_severity": "info"},
        {"name": "gone", "kind": "webhook", "url_env": "GONE"},
        {"name": "unset", "kind": "webhook", "url_env": "NOT_SET_ANYWHERE"},
    )
    result = call("channels", "test", "--config", file)
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        "ok    channel log (log)",
        "ok    channel hook (webhook)",
        "ok    channel chat (apprise)",
        "ok    channel am (alertmanager): taken; it ends by itself in 5 minutes",
        "error channel gone: webhook not reached: connection refused",
        "error channel unset: webhook: environment variable NOT_SET_ANYWHERE is not set "
        "(monitoring.yaml names it)",
    ]
    hook, chat, (alert,) = server.documents
    assert "nothing is wrong" in hook["title"]
    assert "channel chat of Shop" in chat["message"]
    assert alert["labels"]["severity"] == "info"
    assert "nothing is wrong" in (tmp_path / "alerts.log").read_text()


def test_named_channels_only_and_a_name_nobody_has_is_told(
    tmp_path: Path, server: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK", server.hook)
    channels = [{"name": name, "kind": "webhook", "url_env": "HOOK"} for name in ("a", "b", "c")]
    file = config(tmp_path, *channels)
    result = call("channels", "test", "--config", file, "c", "a")
    assert (result.exit_code, len(server.bodies)) == (0, 2)
    assert result.output == "ok    channel c (webhook)\nok    channel a (webhook)\n"
    result = call("channels", "test", "--config", file, "a", "d")
    assert (result.exit_code, len(server.bodies)) == (1, 2)
    assert "no channel d; there is a, b, c" in result.output
    assert "Traceback" not in result.output


def test_nothing_stays_open_at_pagerduty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []

    def post(url: str, data: str, **how: Any) -> requests.Response:
        sent.append(data)
        answer = requests.Response()
        answer.status_code = 202
        return answer

    monkeypatch.setattr(requests, "post", post)
    monkeypatch.setenv("PAGER", "0123456789abcdef0123456789abcdef")
    file = config(tmp_path, {"name": "pager", "kind": "pagerduty", "url_env": "PAGER"})
    result = call("channels", "test", "--config", file)
    assert result.output == "ok    channel pager (pagerduty): triggered and resolved\n"
    assert ['"trigger"' in data for data in sent] == [True, False]
    assert '"resolve"' in sent[1]


def test_check_names_channels_that_cannot_work_and_sends_nothing(
    tmp_path: Path, server: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINE", server.hook)
    monkeypatch.setenv("HOST", f"http://.../{SECRET}")
    monkeypatch.setenv("CHAT", f"slack://{SECRET}")
    file = config(
        tmp_path,
        {"name": "fine", "kind": "webhook", "url_env": "FINE"},
        {"name": "host", "kind": "webhook", "url_env": "HOST"},
        {"name": "chat", "kind": "apprise", "url_env": "CHAT"},
        {"name": "unset", "kind": "alertmanager", "url_env": "NOT_SET_ANYWHERE"},
    )
    result = call("check", "--offline", "--config", file)
    assert result.exit_code == 1
    assert [line for line in result.output.splitlines() if line.startswith("error channel")] == [
        "error channel host: its address is not a http(s) URL: its host is not a name",
        "error channel chat: apprise does not understand its address",
        "error channel unset: environment variable NOT_SET_ANYWHERE is not set "
        "(monitoring.yaml names it)",
    ]
    assert SECRET not in result.output
    assert server.bodies == []

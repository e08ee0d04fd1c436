"""Silences on the command line: made, listed, shown, ended, refused."""

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from llm_monitoring.alerts.silences import is_silenced
from llm_monitoring.cli.people import silences
from llm_monitoring.configuration import load_settings
from llm_monitoring.pipeline.upkeep.status import lake_status
from llm_monitoring.plain_text import UNSAFE
from llm_monitoring.records import Silence
from llm_monitoring.segments import segment_of_model
from llm_monitoring.written import hours_of
from llm_monitoring_tests.cli.shop import Shop, open_shop

WHY = ("--who", "Ada", "--why", "new index")
HOUR = timedelta(hours=1)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    shop = open_shop(tmp_path, monkeypatch)
    path = str(tmp_path / "reports" / f"{shop.name}.html")
    shop.lake.update("incidents", [replace(shop.incident, report_path=path)], ["report_path"])
    return shop


def stored(shop: Shop) -> list[Silence]:
    rows: list[Silence] = shop.lake.rows("silences")
    return rows


def page(shop: Shop) -> str:
    return Path(shop.incident.report_path or "").read_text()


def status(shop: Shop) -> tuple[str, str]:
    lines = lake_status(shop.lake, load_settings(shop.config), datetime.now(UTC))
    return next((line.mark, line.text) for line in lines if line.subject == "silences")


def test_a_silence_is_recorded_shown_and_ended_and_the_alerts_stay(shop: Shop) -> None:
    alerts = shop.lake.rows("alerts")
    done = shop.call("silence", "add", "--feature", "support_chat", "--for", "4h", *WHY)
    assert done.exit_code == 0, done.output
    (row,) = stored(shop)
    assert (row.feature_id, row.who, row.why) == ("support_chat", "Ada", "new index")
    assert row.until - row.starts_at == 4 * HOUR
    assert done.stdout.startswith(
        f"silence {row.silence_id}: feature support_chat, until {row.until:%Y-%m-%dT%H:%MZ} "
        "(2 of the alerts that are firing now)\n"
        f"to end it: llm-monitoring silence end {row.silence_id} --config "
    )
    assert shop.call("silence", "list").output.splitlines() == [
        f"{row.silence_id}  feature support_chat, until {row.until:%Y-%m-%dT%H:%MZ}",
        f"  Ada, {row.decided_at:%Y-%m-%dT%H:%MZ}: new index",
    ]
    assert (
        f"until {row.until:%Y-%m-%d %H:%M} UTC: Ada, new index"
        in shop.call("incidents", "show", shop.name).output
    )
    assert "Silent until" in page(shop)
    assert "new index" in page(shop)
    assert status(shop) == (
        "ok", f"1 open: feature support_chat until {row.until:%Y-%m-%d %H:%M} UTC"
    )  # fmt: skip

    ended = shop.call("silence", "end", row.silence_id[:4], "--who", "Bob")
    assert ended.output == (
        f"silence {row.silence_id} of feature support_chat is over; what still goes on will be "
        "reported\n"
    )
    (over,) = stored(shop)
    assert over.until < datetime.now(UTC)
    assert over.why == "new index (ended early by Bob)"
    assert "Silent until" not in page(shop)
    assert status(shop) == ("ok", "none")
    assert shop.call("silence", "list").output == "no silence is in force\n"
    assert shop.lake.rows("alerts") == alerts
    again = shop.call("silence", "end", row.silence_id)
    assert again.exit_code == 1
    assert f"Error: silence {row.silence_id} was over at " in again.output


def test_an_incident_is_silenced_by_the_beginning_of_its_id(shop: Shop) -> None:
    until = (datetime.now(UTC) + timedelta(days=2)).strftime("%Y-%m-%dT%H:%M+00:00")
    done = shop.call("silence", "add", "--incident", "2026", "--until", until, *WHY)
    assert done.exit_code == 0, done.output
    (row,) = stored(shop)
    assert row.incident_id == shop.name
    alert, _ = shop.lake.rows("alerts")
    assert is_silenced(alert, [row], datetime.now(UTC))
    assert not is_silenced(replace(alert, incident_id=None), [row], datetime.now(UTC))


@pytest.mark.parametrize("metric", ["unpriced", "missing_windows", "pass_rate"])
def test_what_no_alert_was_about_yet_is_silenced(shop: Shop, metric: str) -> None:
    done = shop.call("silence", "add", "--metric", metric, "--for", "4h", *WHY)
    assert done.exit_code == 0, done.output


def test_what_fits_no_alert_is_told(shop: Shop) -> None:
    done = shop.call("silence", "add", "--model", "lark-99", "--for", "30m", *WHY)
    assert "model lark-99, until " in done.stdout
    assert "(none of the alerts that are firing now)" in done.stdout
    assert not (shop.config.parent / "reports").exists()  # no page tells of it


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--for", "4h"], "say what to silence"),
        (["--everything", "--layer", "cost", "--for", "4h"], "not both"),
        (["--everything"], "say until when, or for how many hours"),
        (["--everything", "--for", "4h", "--until", "2099-01-01T00"], "one of them"),
        (["--everything", "--for", "4 hours"], "'4 hours' is no duration such as 30m, 4h or 2d"),
        (["--everything", "--for", "0m"], "hours: expected more than 0"),
        (["--everything", "--for", "91d"], "at most 90 days, got 2184"),
        (["--everything", "--until", "2020-01-01T00"], "is not in the future; now is 20"),
        (["--feature", "serch", "--for", "4h"], "there is no 'serch'; there are: search, "),
        (["--metric", "eror_rate", "--for", "4h"], "there is no 'eror_rate'; there are: error_"),
        (["--incident", "nope", "--for", "4h"], "no incident 'nope'; there are: 2026-10-20T10"),
    ],
)
def test_a_refusal_is_one_line_and_no_run(shop: Shop, words: list[str], complaint: str) -> None:
    result = shop.call("silence", "add", *words, *WHY)
    assert result.exit_code == 1
    assert complaint in result.output
    assert result.output.count("\n") == 1
    assert stored(shop) == []
    assert not (shop.config.parent / "home").exists()


def test_without_a_reason_there_is_no_silence(shop: Shop) -> None:
    add = ("silence", "add", "--everything", "--for", "1h")
    assert shop.call(*add).exit_code == 2
    assert "--why: is empty" in shop.call(*add, "--why", " ").output
    assert "2,000 is the most" in shop.call(*add, "--why", "x" * 100_000).output


def test_a_lake_of_an_earlier_version_has_no_silences(shop: Shop) -> None:
    assert shop.lake.version("silences") is None
    assert shop.call("silence", "list").output == "no silence is in force\n"
    assert shop.call("silence", "list", "--all").output == "there was no silence yet\n"
    assert shop.call("silence", "list", "--format", "json").output == "[]\n"
    refused = shop.call("silence", "end", "abc")
    assert (refused.exit_code, refused.output) == (1, "Error: no silence 'abc'; there are: none\n")
    assert status(shop) == ("ok", "none")


def test_the_list_shows_hostile_words_and_does_nothing(shop: Shop) -> None:
    now = datetime.now(UTC)
    hostile = "<b>[red]x[/red]\x1b[2J\u202e\n:boom:"
    rows = [
        Silence(
            silence_id=f"{i:012d}", incident_id=None, feature_id=None,
            segment=segment_of_model(hostile), metric=None, layer=None,
            starts_at=now - HOUR, until=now + i * HOUR, who="=1+1",
            why=hostile, decided_at=now - HOUR,
        )
        for i in range(6)
    ]  # fmt: skip
    shop.lake.upsert("silences", rows)
    for style in ("table", "json", "csv"):
        shown = shop.call("silence", "list", "--all", "--format", style).output
        assert not UNSAFE.search(shown)
        assert all(row.silence_id in shown for row in rows)
    table = shop.call("silence", "list", "--all", "--format", "csv").output
    states = [row["state"] for row in csv.DictReader(io.StringIO(table))]
    assert states == ["open"] * 5 + ["over"]
    first, *_ = json.loads(shop.call("silence", "list", "--format", "json").output)
    assert (first["id"], first["who"]) == ("0" * 11 + "1", "=1+1")
    mark, text = status(shop)
    assert mark == "ok"
    assert text.startswith("5 open: model <b>[red]x")
    assert text.endswith("; 2 more")
    assert not UNSAFE.search(text)
    assert "\n" not in text


def test_of_two_who_end_it_at_once_the_second_is_told(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.call("silence", "add", "--layer", "quality", "--for", "1h", *WHY)
    (row,) = stored(shop)
    decide = silences.decide

    def later(*words: str, **values: object) -> None:
        """Bob's end is stored after Ada's command had looked."""
        now = datetime.now(UTC)
        shop.lake.update("silences", [replace(row, until=now, why="by Bob")], ["until", "why"])
        decide(*words, **values)  # type: ignore[arg-type]

    monkeypatch.setattr(silences, "decide", later)
    refused = shop.call("silence", "end", row.silence_id, "--who", "Ada")
    assert refused.exit_code == 1
    assert "was over at" in refused.output
    assert stored(shop)[0].why == "by Bob"


@pytest.mark.parametrize(
    ("text", "hours"), [("30m", 0.5), ("4h", 4), ("2d", 48), ("1d12h", 36), (" 90m ", 1.5)]
)
def test_a_duration_is_read(text: str, hours: float) -> None:
    assert hours_of(text) == hours


@pytest.mark.parametrize("text", ["", "4", "h", "-4h", "1.5h", "4h30", "4m4h", "9999999d", "٤h"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration"):
        hours_of(text)
